//! Members of channels.

use serde_json::json;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place};

#[tokio::test]
async fn a_channel_tells_who_came_and_went_and_restricts_nobody() -> TestResult {
    let Place { bot, channel, ann, world, owner, .. } = place().await?;
    world.join(channel, ann)?;
    world.leave(channel, ann)?;
    world.ban(channel, owner, ann, 0)?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_member"; 3], "and no service messages");
    let statuses = updates.iter().map(|update| update["chat_member"]["new_chat_member"]["status"].clone());
    assert_eq!(statuses.collect::<Vec<_>>(), ["member", "left", "kicked"]);
    assert!(world.join(channel, ann).is_err());
    Ok(())
}

#[tokio::test]
async fn a_channel_never_says_restricted() -> TestResult {
    let Place { bot, channel, ann, world, owner, .. } = place().await?;
    world.join(channel, ann)?;
    let restrict = json!({ "chat_id": channel, "user_id": ann, "permissions": {} });
    let error = bot.error("restrictChatMember", restrict).await?;
    assert_eq!(error, "Bad Request: method is available only for supergroups");
    assert!(world.restrict(channel, owner, ann, telegram_sim::rights::Permissions::none(), 0).is_err());
    let ask = json!({ "chat_id": channel, "user_id": ann });
    assert_eq!(bot.ok("getChatMember", ask).await?["status"], "member");
    Ok(())
}

#[tokio::test]
async fn an_owner_who_left_is_still_the_creator() -> TestResult {
    let Place { bot, channel, world, owner, .. } = place().await?;
    world.leave(channel, owner)?;
    let ask = json!({ "chat_id": channel, "user_id": owner });
    assert_eq!(bot.ok("getChatMember", ask).await?["status"], "creator");
    assert!(!world.member(channel, owner).is_present);
    Ok(())
}
