//! The playground: the page on which people can be the people of the simulated world, served from the binary.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

use crate::hub::Hub;
use crate::reply::{ApiError, raw_response, response};

macro_rules! assets {
    ($($name:literal: $content_type:expr,)*) => {
        /// Name, content type and text of every file of the page.
        const ASSETS: &[(&str, &str, &str)] =
            &[$(($name, $content_type, include_str!(concat!("../playground/", $name))),)*];
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

assets! {
    "index.html": HTML,
    "icon.svg": SVG,
    "style.css": CSS,
    "chat.css": CSS,
    "panel.css": CSS,
    "app.js": JS,
    "api.js": JS,
    "calls.js": JS,
    "chat.js": JS,
    "chats.js": JS,
    "composer.js": JS,
    "create.js": JS,
    "dialogs.js": JS,
    "dom.js": JS,
    "format.js": JS,
    "links.js": JS,
    "live.js": JS,
    "members.js": JS,
    "message.js": JS,
    "people.js": JS,
    "settings.js": JS,
    "state.js": JS,
    "text.js": JS,
    "world.js": JS,
}

/// Nothing but our own files: what bots and people write is shown, never run or loaded.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/playground", get(page))
        .route("/playground/", get(page))
        .route("/playground/{file}", get(file))
}

/// For somebody who only remembers `/control`.
pub(crate) async fn go_there() -> Response {
    let mut response = raw_response(StatusCode::SEE_OTHER.as_u16(), "", Body::empty());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/playground"));
    response
}

async fn page() -> Response {
    asset("index.html")
}

async fn file(Path(name): Path<String>) -> Response {
    asset(&name)
}

fn asset(name: &str) -> Response {
    let Some((_, content_type, text)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return response(&Err(ApiError::new(404, "Not Found")));
    };
    let mut response = raw_response(200, content_type, *text);
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
