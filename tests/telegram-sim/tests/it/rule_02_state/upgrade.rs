//! A basic group becomes a supergroup.

use serde_json::json;
use telegram_sim::rights::AdminRights;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn an_upgraded_group_names_its_new_id_and_takes_everybody_along() -> TestResult {
    let Place { bot, world, owner, .. } = place().await?;
    let basic = world.basic_group("Old", owner);
    world.add_bot(basic, AdminRights::MODERATOR);
    let new = world.upgrade(basic)?;
    let reply = bot.call("sendMessage", json!({ "chat_id": basic, "text": "hello" })).await?;
    assert_eq!(reply.error(), "Bad Request: group chat was upgraded to a supergroup chat");
    assert_eq!(reply.body["parameters"]["migrate_to_chat_id"], new.0);
    bot.ok("getChat", json!({ "chat_id": basic })).await?;
    bot.ok("sendMessage", json!({ "chat_id": new, "text": "hello" })).await?;
    let updates = bot.updates().await?;
    let told = |field: &str| updates.iter().any(|update| update["message"][field].is_i64());
    assert!(told("migrate_to_chat_id") && told("migrate_from_chat_id"), "{updates:?}");
    assert_eq!(world.member(new, owner).status, "creator");
    Ok(())
}

#[tokio::test]
async fn an_upgrade_is_told_in_both_groups_and_moves_rights() -> TestResult {
    let Place { bot, world, owner, .. } = place().await?;
    let basic = world.basic_group("Old", owner);
    world.add_bot(basic, AdminRights::MODERATOR);
    let ben = world.person_in(basic, "Ben");
    bot.updates().await?;
    let new = world.upgrade(basic)?;
    let updates = bot.updates().await?;
    let told: Vec<_> = updates
        .iter()
        .map(|update| &update["message"])
        .map(|message| {
            (
                message["chat"]["id"].clone(),
                message["migrate_to_chat_id"].clone(),
                message["migrate_from_chat_id"].clone(),
            )
        })
        .collect();
    assert_eq!(told, [(json!(basic), json!(new), json!(null)), (json!(new), json!(null), json!(basic))]);
    bot.ok("restrictChatMember", json!({ "chat_id": new, "user_id": ben })).await?;
    assert!(!world.can_speak(new, ben), "what a basic group cannot, a supergroup can");
    assert!(world.say(basic, ben, "still here?").is_err(), "the old group is closed");
    assert!(world.upgrade(basic).is_err(), "once");
    Ok(())
}
