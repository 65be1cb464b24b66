//! Which method a request names.

use serde_json::{Value, json};

use crate::bot::{TestResult, start};
use crate::place::{Place, place};
use crate::wire;

#[tokio::test]
async fn methods_are_found_in_any_case() -> TestResult {
    let Place { bot, .. } = place().await?;
    for name in ["getMe", "getme", "GETME", "GeTmE", "test/getMe"] {
        assert_eq!(bot.ok(name, json!({})).await?["is_bot"], true, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_method_is_taken_from_the_arguments() -> TestResult {
    let Place { bot, .. } = place().await?;
    assert_eq!(bot.ok("", json!({ "method": "getME" })).await?["is_bot"], true);
    assert_eq!(bot.error("", json!({})).await?, "Not Found: method not found");
    Ok(())
}

#[tokio::test]
async fn an_unknown_method_is_not_found() -> TestResult {
    let Place { bot, .. } = place().await?;
    assert_eq!(bot.error("noSuchMethod", json!({})).await?, "Not Found: method not found");
    Ok(())
}

#[tokio::test]
async fn a_path_without_bot_or_without_a_slash_after_the_token_is_not_found() -> TestResult {
    let (sim, bot) = start().await?;
    for path in ["/hello", "/", "/bo", "/file/bot1:x/photo.jpg", &format!("/bot{}", sim.token())] {
        let response = bot.http.get(format!("{}{path}", sim.api_url())).send().await?;
        assert_eq!(response.status().as_u16(), 404, "{path}");
        assert_eq!(response.text().await?, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_absolute_uri_in_the_request_line_is_not_found() -> TestResult {
    let (sim, _bot) = start().await?;
    let request = format!("GET {}/bot{}/getMe HTTP/1.1\r\nConnection: close\r\n\r\n", sim.api_url(), sim.token());
    let reply = wire::send(&sim, request.as_bytes()).await?;
    assert_eq!(reply.status, 404);
    let body: Value = serde_json::from_str(&reply.body)?;
    assert_eq!(body["description"], "Not Found: absolute URI is specified in the Request-Line");
    Ok(())
}
