//! One POST of one update, and what its answer means.

use bytes::Bytes;
use http::header;
use reqwest::{Client, Response};

use crate::args::leading_number;
use crate::delivery::plan::Outcome;
use crate::state::webhook::Target;

const LONGEST_RETRY_AFTER_S: i64 = 3600;
const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

pub(super) async fn post(client: &Client, target: &Target, body: Bytes) -> Outcome {
    let mut request = client
        .post(&target.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "keep-alive")
        .header(header::ACCEPT_ENCODING, "gzip, deflate")
        .body(body);
    if !target.secret.is_empty() {
        request = request.header(SECRET_HEADER, &target.secret);
    }
    match request.send().await {
        Ok(response) => judge(response).await,
        Err(error) => Outcome::Failed { error: reason(&error), retry_after_s: None, is_gone: false },
    }
}

async fn judge(response: Response) -> Outcome {
    let status = response.status();
    let retry_after_s = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(|text| {
        // A date is not understood: it counts as 0.
        if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
            leading_number(text).clamp(0, LONGEST_RETRY_AFTER_S)
        } else {
            0
        }
    });
    // Read to its end, so that the connection can be used again.
    if let Err(error) = response.bytes().await {
        return Outcome::Failed { error: reason(&error), retry_after_s: None, is_gone: false };
    }
    if status.is_success() {
        return Outcome::Delivered { status: status.as_u16() };
    }
    Outcome::Failed {
        error: format!(
            "Wrong response from the webhook: {} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        ),
        retry_after_s,
        is_gone: status == http::StatusCode::GONE,
    }
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "Read timeout expired".to_owned()
    } else if error.is_connect() {
        "Connection refused".to_owned()
    } else {
        "Webhook connection closed".to_owned()
    }
}
