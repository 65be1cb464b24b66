//! Requests and replies: arguments four ways, names in any case, errors with their status.

use serde_json::json;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn arguments_come_by_query_form_and_json_alike() -> TestResult {
    let Place { bot, group, .. } = place().await?;
    let url = format!("{}/SENDmessage?chat_id={group}&text=one", bot.base);
    let by_query = bot.http.get(&url).send().await?;
    let form = bot.http.post(format!("{}/sendMessage", bot.base));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let by_form = form.body(format!("chat_id={group}&text=one+two")).send().await?;
    let query_first = bot.http.post(&url).header("content-type", "application/json");
    let query_first = query_first.body(json!({ "text": "two" }).to_string()).send().await?;
    for (response, text) in [(by_query, "one"), (by_form, "one two"), (query_first, "one")] {
        let body: serde_json::Value = serde_json::from_str(&response.text().await?)?;
        assert_eq!(body["result"]["text"], text, "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn null_is_a_word_and_broken_json_is_missing_arguments() -> TestResult {
    let Place { bot, group, .. } = place().await?;
    let sent = bot.ok("sendMessage", json!({ "chat_id": group.to_string(), "text": null })).await?;
    assert_eq!(sent["text"], "null");
    let broken = bot.http.post(format!("{}/sendMessage", bot.base)).header("content-type", "application/json");
    let reply = broken.body("{\"chat_id\": ").send().await?.text().await?;
    assert!(reply.contains("Bad Request: message text is empty"), "{reply}");
    Ok(())
}

#[tokio::test]
async fn wrong_methods_tokens_and_verbs_have_their_errors() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    assert_eq!(bot.error("noSuchMethod", json!({})).await?, "Not Found: method not found");
    for (path, status, body) in [
        (
            "/bot123456:TEST-token-of-some-other-bot/getMe",
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
        ),
        ("/hello", 404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#),
    ] {
        let response = bot.http.get(format!("{}{path}", sim.api_url())).send().await?;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.text().await?, body);
    }
    let put = bot.http.put(format!("{}/getMe", bot.base)).send().await?;
    assert_eq!((put.status().as_u16(), put.text().await?.as_str()), (501, ""));
    Ok(())
}

#[tokio::test]
async fn get_me_and_get_chat_are_complete() -> TestResult {
    let Place { bot, group, channel, .. } = place().await?;
    let me = bot.ok("getMe", json!({})).await?;
    for field in [
        "can_join_groups",
        "can_read_all_group_messages",
        "supports_guest_queries",
        "supports_inline_queries",
        "can_connect_to_business",
        "has_main_web_app",
        "has_topics_enabled",
        "allows_users_to_create_topics",
        "can_manage_bots",
    ] {
        assert!(me[field].is_boolean(), "{field}: {me}");
    }
    let full = bot.ok("getChat", json!({ "chat_id": group })).await?;
    assert_eq!(full["permissions"]["can_send_messages"], true);
    assert!(full["accepted_gift_types"]["unlimited_gifts"].is_boolean() && full["max_reaction_count"].is_i64());
    let full = bot.ok("getChat", json!({ "chat_id": "@newspaper" })).await?;
    assert_eq!((full["id"].as_i64(), full["active_usernames"][0].as_str()), (Some(channel.0), Some("newspaper")));
    Ok(())
}

#[tokio::test]
async fn commands_are_kept_by_scope() -> TestResult {
    let Place { bot, world, .. } = place().await?;
    let commands = json!([{ "command": "protect", "description": "Protect this group" }]);
    let scope = json!({ "type": "all_group_chats" });
    bot.ok("setMyCommands", json!({ "commands": commands, "scope": scope })).await?;
    assert_eq!(bot.ok("getMyCommands", json!({ "scope": scope })).await?, commands);
    assert_eq!(bot.ok("getMyCommands", json!({})).await?, json!([]));
    assert_eq!(world.bot_commands("all_group_chats"), commands);
    bot.ok("deleteMyCommands", json!({ "scope": scope })).await?;
    assert_eq!(bot.ok("getMyCommands", json!({ "scope": scope })).await?, json!([]));
    let wrong = json!({ "commands": [{ "command": "Not-Good", "description": "x" }] });
    assert_eq!(bot.error("setMyCommands", wrong).await?, "Bad Request: BOT_COMMAND_INVALID");
    Ok(())
}
