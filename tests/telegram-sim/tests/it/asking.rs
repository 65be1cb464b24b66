//! What the bot asks about itself and about chats.

use serde_json::json;

use crate::bot::TestResult;
use crate::place::{Place, place};

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
