//! What is around every answer: `ok`, the result, or an error with its parameters. Read leniently, and never quoted.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use shared::ids::ChatId;

use super::error::{Error, Outage, Refusal};

/// Longest part of a description that is kept.
const DESCRIPTION_CHARS: usize = 300;
/// Nobody waits longer for one call; what comes is not ours to trust with the arithmetic of time.
const LONGEST_RETRY_AFTER_S: u64 = 7 * 24 * 3600;

/// The result of an answer. `retry_after` is what the answer's headers say. A server that repeats the request in its error must not bring
/// the token into a log.
///
/// # Errors
/// What Telegram refused; or [`Outage::Unreadable`] when there is neither a result nor a refusal in it.
pub(super) fn open(status: u16, retry_after: Option<Duration>, body: &[u8], token: &str) -> Result<Value, Error> {
    let unreadable = || Error::Unavailable(Outage::Unreadable { status, bytes: body.len() });
    let mut reply = match serde_json::from_slice::<Value>(body) {
        Ok(reply) if reply.is_object() => reply,
        // A flood is one even where a proxy has said so in its own words.
        Ok(_) | Err(_) if status == 429 => Value::Object(serde_json::Map::new()),
        Ok(_) | Err(_) => return Err(unreadable()),
    };
    let said_no = reply["ok"] == Value::Bool(false) || reply["error_code"].is_number();
    if !said_no && (200..300).contains(&status) {
        let result = reply["result"].take();
        return if result.is_null() { Err(unreadable()) } else { Ok(result) };
    }
    let code = reply["error_code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(status);
    if code < 400 {
        // A "no" without a code is not one of Telegram's: something between has failed.
        return Err(unreadable());
    }
    let parameters = &reply["parameters"];
    Err(Error::from(Refusal {
        code,
        description: without(token, reply["description"].as_str().unwrap_or_default()),
        retry_after: parameters["retry_after"].as_u64().map(wait).or(retry_after),
        migrate_to: parameters["migrate_to_chat_id"].as_i64().map(ChatId),
    }))
}

/// The first part of a description. The whole of a token is taken out before it can be cut in two.
fn without(token: &str, description: &str) -> String {
    description.replace(token, "[token]").chars().take(DESCRIPTION_CHARS).collect()
}

/// The header that Telegram sends with a 429, equal to the parameter.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(wait)
}

fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER_S))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "123456:TEST-token-of-nobody-at-all";

    fn said(status: u16, body: &str) -> String {
        match open(status, None, body.as_bytes(), TOKEN) {
            Ok(result) => format!("result {result}"),
            Err(Error::FloodWait { retry_after, .. }) => format!("flood_wait {}", retry_after.as_secs()),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn each_form_of_reply() {
        let table = [
            (200, r#"{"ok":true,"result":true}"#, "result true"),
            (200, r#"{"ok":true,"result":{"id":1},"description":"x","new":[]}"#, r#"result {"id":1}"#),
            (200, r#"{"result":1}"#, "result 1"),
            (200, r#"{"ok":true,"result":null}"#, "unavailable"),
            (200, r#"{"ok":true}"#, "unavailable"),
            (200, r#"{"ok":"yes"}"#, "unavailable"),
            (200, r#"{"ok":false}"#, "unavailable"),
            (
                200,
                r#"{"ok":false,"result":{"id":1},"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#,
                "user_unreachable",
            ),
            (200, r#"{"ok":false,"error_code":"no","description":7,"parameters":[]}"#, "unavailable"),
            (200, r#"{"ok":false,"error_code":99999999999,"description":"?"}"#, "unavailable"),
            (200, "", "unavailable"),
            (200, "[1]", "unavailable"),
            (200, "{\"ok\":true,\"resu", "unavailable"),
            (200, "<html>hello</html>", "unavailable"),
            (302, "{}", "unavailable"),
            (500, "", "unavailable"),
            (502, "<html>Bad Gateway</html>", "unavailable"),
            (500, r#"{"ok":true,"result":true}"#, "unavailable"),
            (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: user not found"}"#, "user_unknown"),
            (400, r#"{"description":"Bad Request: user not found"}"#, "user_unknown"),
            (429, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":41}}"#, "flood_wait 41"),
            (429, r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 41"}"#, "flood_wait 5"),
            (429, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":-1}}"#, "flood_wait 5"),
            (
                429,
                r#"{"ok":false,"error_code":429,"parameters":{"retry_after":18446744073709551615}}"#,
                "flood_wait 604800",
            ),
            (429, "<html>slow down</html>", "flood_wait 5"),
            (429, "", "flood_wait 5"),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"x","parameters":{"migrate_to_chat_id":-1009}}"#,
                "migrated",
            ),
        ];
        for (status, body, expected) in table {
            assert_eq!(said(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_header_stands_in_for_a_missing_parameter() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, "7".parse().expect("a header"));
        let seven = retry_after(&headers);
        assert_eq!(seven, Some(Duration::from_secs(7)));
        let body = json!({"ok": false, "error_code": 429}).to_string();
        let error = open(429, seven, body.as_bytes(), TOKEN).expect_err("a flood");
        assert!(matches!(error, Error::FloodWait { retry_after, .. } if retry_after == Duration::from_secs(7)));
        headers.insert(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a header"));
        assert_eq!(retry_after(&headers), None);
    }

    #[test]
    fn a_body_is_never_quoted() {
        let error = open(502, None, b"<html>what a member wrote</html>", TOKEN).expect_err("not an answer");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("502") && shown.contains("32") && !shown.contains("member"), "{shown}");
    }

    #[test]
    fn a_server_that_repeats_the_request_does_not_bring_the_token_into_the_error() {
        for before in [0, DESCRIPTION_CHARS - 10] {
            let description = format!("{}/bot{TOKEN}/getMe", "x".repeat(before));
            let body = json!({"ok": false, "error_code": 400, "description": description}).to_string();
            let error = open(400, None, body.as_bytes(), TOKEN).expect_err("a refusal");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("TEST") && !shown.contains("123456"), "{shown}");
        }
    }
}
