//! What a method answers: a result, or an error in Telegram's words.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// A method's success. The result is JSON text already, so that updates are copied and not parsed again.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) result: Box<RawValue>,
    pub(crate) description: Option<&'static str>,
    /// When Telegram's core took the call, if it had to be asked. Not sent.
    pub(crate) taken_ms: Option<i64>,
}

impl Answer {
    pub(crate) fn yes() -> Self {
        Self::value(&true)
    }

    pub(crate) fn value(value: &impl Serialize) -> Self {
        // Serializing our own values cannot fail: they have string keys and finite numbers only.
        let result = to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { result, description: None, taken_ms: None }
    }

    pub(crate) fn described(description: &'static str) -> Self {
        Self { description: Some(description), ..Self::yes() }
    }
}

/// A method's failure, as sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) description: String,
    pub(crate) parameters: Option<Value>,
}

pub(crate) type MethodResult = Result<Answer, ApiError>;

impl ApiError {
    pub(crate) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    pub(crate) fn bad_request(text: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {text}"))
    }

    pub(crate) fn forbidden(text: impl std::fmt::Display) -> Self {
        Self::new(403, format!("Forbidden: {text}"))
    }

    pub(crate) fn conflict(text: impl std::fmt::Display) -> Self {
        Self::new(409, format!("Conflict: {text}"))
    }

    pub(crate) fn flood(retry_after: i64) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            parameters: Some(json!({ "retry_after": retry_after })),
        }
    }

    pub(crate) fn with_parameters(mut self, parameters: Value) -> Self {
        self.parameters = Some(parameters);
        self
    }
}

#[derive(Serialize)]
struct Success<'a> {
    ok: bool,
    result: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct Failure<'a> {
    ok: bool,
    error_code: u16,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Value>,
}

/// The HTTP response of a method's outcome: status = error code, and `Retry-After` beside `retry_after`.
pub(crate) fn response(outcome: &MethodResult) -> Response {
    match outcome {
        Ok(answer) => json_response(
            StatusCode::OK,
            &Success { ok: true, result: &answer.result, description: answer.description },
        ),
        Err(error) => {
            let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = Failure {
                ok: false,
                error_code: error.code,
                description: &error.description,
                parameters: error.parameters.as_ref(),
            };
            let mut response = json_response(status, &body);
            let retry_after = error.parameters.as_ref().and_then(|all| all["retry_after"].as_i64());
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// A response with this status and body, for faults and for what has no JSON.
pub(crate) fn raw_response(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = HeaderValue::from_str(content_type)
        && !content_type.is_empty()
    {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    raw_response(status.as_u16(), "application/json", serde_json::to_vec(body).unwrap_or_default())
}
