//! What a reply looks like.

use serde_json::json;
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use telegram_sim::rights::AdminRights;

use crate::bot::{TestResult, start};
use crate::hook::{Answer, Hook};
use crate::place::{Place, place, place_with};
use crate::wire;

#[tokio::test]
async fn a_success_has_ok_and_result_and_sometimes_a_description() -> TestResult {
    let (sim, bot) = start().await?;
    let text = bot.http.get(format!("{}/getMyCommands", bot.base)).send().await?.text().await?;
    assert_eq!(text, r#"{"ok":true,"result":[]}"#);
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let set = bot.call("setWebhook", json!({ "url": hook.origin })).await?;
    assert_eq!(set.body, json!({ "ok": true, "result": true, "description": "Webhook was set" }));
    Ok(())
}

#[tokio::test]
async fn the_http_status_is_the_error_code() -> TestResult {
    let Place { bot, sim, world, group, .. } = place().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    bot.ok("setWebhook", json!({ "url": hook.origin })).await?;
    let elsewhere = world.group("Elsewhere", world.person("Eve"));
    world.add_bot(elsewhere, AdminRights::MODERATOR);
    world.remove_bot(elsewhere);
    for (method, args, status) in [
        ("getChat", json!({}), 400),
        ("sendMessage", json!({ "chat_id": elsewhere, "text": "x" }), 403),
        ("noSuchMethod", json!({ "chat_id": group }), 404),
        ("getUpdates", json!({}), 409),
    ] {
        let reply = bot.call(method, args).await?;
        assert_eq!(
            (reply.status, &reply.body["error_code"], &reply.body["ok"]),
            (status, &json!(status), &json!(false))
        );
        assert!(reply.body["description"].is_string(), "{reply:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_is_429_with_the_wait_in_the_text_the_parameters_and_a_header() -> TestResult {
    let floods = FloodLimits { group_per_minute: Some(1), ..FloodLimits::off() };
    let Place { bot, group, .. } =
        place_with(SimConfig { floods, ..SimConfig::default() }, AdminRights::MODERATOR).await?;
    let send = json!({ "chat_id": group, "text": "x" });
    bot.ok("sendMessage", send.clone()).await?;
    let reply = bot.call("sendMessage", send).await?;
    let wait = reply.body["parameters"]["retry_after"].as_i64().unwrap_or_default();
    assert!(wait > 0, "{reply:?}");
    assert_eq!((reply.status, reply.retry_after.as_deref()), (429, Some(wait.to_string().as_str())));
    assert_eq!(reply.body["description"], format!("Too Many Requests: retry after {wait}"));
    Ok(())
}

#[tokio::test]
async fn the_headers_say_json_its_length_and_whether_the_connection_stays() -> TestResult {
    let (sim, bot) = start().await?;
    for url in [format!("{}/getMe", bot.base), format!("{}/nothing", bot.base), sim.api_url()] {
        let response = bot.http.get(&url).send().await?;
        let headers = response.headers().clone();
        assert_eq!(
            (&headers["content-type"], &headers["connection"]),
            (&"application/json".parse()?, &"keep-alive".parse()?)
        );
        assert_eq!(headers["content-length"].to_str()?, response.text().await?.len().to_string(), "{url}");
    }
    let closed = wire::post(&sim, "getMe", "", b"").await?;
    assert!(closed.headers.contains("connection: close") && closed.body.starts_with(r#"{"ok":true"#), "{closed:?}");
    Ok(())
}
