//! The Bot API's HTTP side: from a request to a call.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode, header};

use crate::args::{Args, MAX_BYTES};
use crate::connection::Scissors;
use crate::control;
use crate::handling;
use crate::hub::Hub;
use crate::methods;
use crate::playground;
use crate::reply::{raw_response, response};

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .nest("/control", control::router())
        // A nest does not answer for its own path with a slash behind it.
        .route("/control/", get(playground::go_there))
        .merge(playground::router())
        .fallback(serve)
        .with_state(hub)
}

async fn serve(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return refuse_reading(StatusCode::NOT_IMPLEMENTED);
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BYTES).await else {
        return refuse_reading(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let method = match methods::route(head.uri.path(), &hub.config.token) {
        Ok(method) => method,
        Err(error) => return response(&Err(error)),
    };
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let args = Args::merge(head.uri.query(), content_type, &body);
    let name = if method.is_empty() { args.text("method").to_lowercase() } else { method };
    handling::handle(hub, scissors, name, args).await
}

/// Errors while reading a request have no body, and the connection ends.
fn refuse_reading(status: StatusCode) -> Response {
    let mut response = raw_response(status.as_u16(), "", Body::empty());
    response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    response
}
