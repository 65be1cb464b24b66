//! The Bot API's HTTP side: from a request to a call.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::map_request;
use axum::response::Response;
use axum::routing::{any, get};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tower_http::decompression::RequestDecompressionLayer;

use crate::connection::Scissors;
use crate::control;
use crate::handling;
use crate::hub::{Hub, lock};
use crate::playground;
use crate::reply::{ApiError, raw_response, response};
use crate::request::{self, Unreadable};
use crate::route::route;

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    let opening = RequestDecompressionLayer::new().pass_through_unaccepted(true);
    Router::new()
        .nest("/control", control::router())
        // A nest does not answer for its own path with a slash behind it.
        .route("/control/", get(playground::go_there))
        .merge(playground::router())
        .fallback(any(serve).layer(opening).layer(map_request(in_lower_case)))
        .with_state(hub)
}

/// Encodings may be written in any case; the layer that opens them knows one.
async fn in_lower_case(mut request: Request) -> Request {
    if let Some(encoding) = request.headers_mut().get_mut(header::CONTENT_ENCODING)
        && let Ok(lower) = HeaderValue::from_bytes(&encoding.as_bytes().to_ascii_lowercase())
    {
        *encoding = lower;
    }
    request
}

async fn serve(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let version = request.version();
    let asks_to_close = has_word(request.headers(), header::CONNECTION, "close");
    let keeps = !asks_to_close
        && (version != Version::HTTP_10 || has_word(request.headers(), header::CONNECTION, "keep-alive"));
    let (mut response, keeps) = match answer(hub, &scissors, request).await {
        Ok(response) => {
            scissors.answered();
            (response, keeps)
        }
        // Errors while reading a request have no body, and the connection ends.
        Err(status) => (raw_response(status.as_u16(), "", Body::empty()), false),
    };
    let connection = HeaderValue::from_static(if keeps { "keep-alive" } else { "close" });
    response.headers_mut().insert(header::CONNECTION, connection);
    response
}

fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.eq_ignore_ascii_case(word))
}

async fn answer(hub: Arc<Hub>, scissors: &Scissors, request: Request) -> Result<Response, Unreadable> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let (head, body) = request.into_parts();
    // What is opened here on the way in does not name its encoding any more.
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let args = request::arguments(head.uri.query(), content_type, body).await?;
    if head.uri.scheme().is_some() {
        let error = ApiError::new(404, "Not Found: absolute URI is specified in the Request-Line");
        return Ok(response(&Err(error)));
    }
    let routed = route(head.uri.path(), &hub.config.token, &mut lock(&hub.tokens), hub.clock.now_ms());
    let method = match routed {
        Ok(method) => method,
        Err(error) => return Ok(response(&Err(error))),
    };
    let name = if method.is_empty() { args.text("method").to_owned() } else { method };
    Ok(handling::handle(hub, scissors.clone(), name, args).await)
}
