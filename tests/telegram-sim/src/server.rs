//! The Bot API's HTTP side: from a request to a call, through faults and floods, to a reply in the ledger.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::map_request;
use axum::response::Response;
use axum::routing::{any, get};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};
use tower_http::decompression::RequestDecompressionLayer;

use crate::args::Args;
use crate::connection::Scissors;
use crate::control;
use crate::faults::{Fault, Harm};
use crate::hub::{Hub, lock};
use crate::ids::{ChatId, UserId};
use crate::ledger::Call;
use crate::methods::{self, Name};
use crate::playground;
use crate::reply::{ApiError, MethodResult, raw_response, response};
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
    let name = if method.is_empty() { args.text("method").to_lowercase() } else { method };
    let scissors = scissors.clone();
    Ok(Handling { hub, scissors, name, args, at_ms: 0 }.run().await)
}

/// One call on its way.
struct Handling {
    hub: Arc<Hub>,
    scissors: Scissors,
    name: String,
    args: Args,
    at_ms: i64,
}

impl Handling {
    async fn run(mut self) -> Response {
        self.at_ms = self.hub.clock.now_ms();
        let chat = Some(self.args.number("chat_id")).filter(|id| *id != 0).map(ChatId);
        let user = Some(self.args.number("user_id")).filter(|id| *id != 0).map(UserId);
        let fault = self.hub.faults(|plan, rng| plan.strike(&self.name, chat, user, rng));
        match fault {
            None => {
                let outcome = self.call().await;
                self.record(&outcome, None);
                response(&outcome)
            }
            Some(fault) => self.harmed(fault).await,
        }
    }

    async fn call(&self) -> MethodResult {
        let Some(name) = Name::from_lower(&self.name) else {
            return Err(ApiError::new(404, "Not Found: method not found"));
        };
        self.hub.schema.checked(name, methods::call(&self.hub, name, &self.args).await)
    }

    async fn harmed(self, fault: Fault) -> Response {
        let label = format!("fault: {:?}{}", fault.harm, if fault.after_effect { ", after the effect" } else { "" });
        // Nobody has to wait for the client: it may be gone when the effect comes.
        match &fault.harm {
            Harm::LatencyMs(wait) if !fault.after_effect => self.hub.clock.sleep(Duration::from_millis(*wait)).await,
            _ => {}
        }
        let has_effect = fault.after_effect || matches!(fault.harm, Harm::LatencyMs(_) | Harm::Patch { .. });
        let outcome = if has_effect { Some(self.call().await) } else { None };
        match (fault.harm, outcome) {
            (Harm::LatencyMs(wait), Some(outcome)) => {
                self.record(&outcome, Some(label));
                if fault.after_effect {
                    self.hub.clock.sleep(Duration::from_millis(wait)).await;
                }
                response(&outcome)
            }
            (Harm::Patch { remove, set }, Some(outcome)) => {
                let outcome = patched(outcome, &remove, set);
                self.record(&outcome, Some(label));
                response(&outcome)
            }
            (Harm::Error { status, error_code, description, parameters }, _) => {
                let error = ApiError { code: error_code, description, parameters };
                self.record_status(status, Some(error.description.clone()), label);
                let mut response = response(&Err(error));
                *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response
            }
            (Harm::Raw { status, content_type, body }, _) => {
                self.record_status(status, None, label);
                raw_response(status, &content_type, body)
            }
            (Harm::Html502, _) => {
                self.record_status(502, None, label);
                let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                            <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n";
                raw_response(502, "text/html", page)
            }
            (Harm::Empty500, _) => {
                self.record_status(500, None, label);
                raw_response(500, "", Body::empty())
            }
            (Harm::HangMs(wait), _) => {
                self.record_status(0, None, label);
                self.hub.clock.sleep(Duration::from_millis(wait)).await;
                self.cut()
            }
            (Harm::Cut | Harm::LatencyMs(_) | Harm::Patch { .. }, _) => {
                self.record_status(0, None, label);
                self.cut()
            }
        }
    }

    /// The response never arrives: its connection fails at the first byte.
    fn cut(&self) -> Response {
        self.scissors.cut();
        raw_response(500, "", Body::empty())
    }

    fn record(&self, outcome: &MethodResult, fault: Option<String>) {
        let mut call = self.entry(fault);
        match outcome {
            Ok(answer) => {
                call.status = 200;
                call.result = Some(answer.result.clone());
            }
            Err(error) => {
                call.status = error.code;
                call.error = Some(error.description.clone());
            }
        }
        self.keep(call);
    }

    fn record_status(&self, status: u16, error: Option<String>, fault: String) {
        let call = Call { status, error, ..self.entry(Some(fault)) };
        self.keep(call);
    }

    fn entry(&self, fault: Option<String>) -> Call {
        Call {
            number: 0,
            at_ms: self.at_ms,
            took_ms: self.hub.clock.now_ms() - self.at_ms,
            method: Name::from_lower(&self.name).map_or(self.name.clone(), |name| name.as_str().to_owned()),
            args: self.args.to_map(),
            status: 0,
            result: None,
            error: None,
            fault,
            in_webhook_reply: false,
        }
    }

    fn keep(&self, call: Call) {
        tracing::debug!(%call, "answered");
        self.hub.log(|log| log.record(call));
        self.hub.wake();
    }
}

fn patched(outcome: MethodResult, remove: &[String], set: Map<String, Value>) -> MethodResult {
    let mut answer = outcome?;
    if let Ok(Value::Object(mut object)) = serde_json::from_str(answer.result.get()) {
        object.retain(|name, _| !remove.contains(name));
        object.extend(set);
        if let Ok(raw) = to_raw_value(&object) {
            answer.result = raw;
        }
    }
    Ok(answer)
}
