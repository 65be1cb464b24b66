//! Invite links.

use std::time::Duration;

use serde_json::json;
use telegram_sim::rights::AdminRights;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn an_invite_link_is_named_when_somebody_joins_by_it() -> TestResult {
    let Place { bot, channel, world, ann, .. } = place().await?;
    let link = bot.ok("createChatInviteLink", json!({ "chat_id": channel, "name": "gate" })).await?;
    assert_eq!((link["is_primary"].as_bool(), link["is_revoked"].as_bool()), (Some(false), Some(false)));
    let url = link["invite_link"].as_str().unwrap_or_default();
    world.join_by_link(channel, ann, url)?;
    let updates = bot.updates().await?;
    assert_eq!(updates[0]["chat_member"]["invite_link"]["invite_link"], url);
    let limited = json!({ "chat_id": channel, "creates_join_request": true, "member_limit": 5 });
    let error = bot.error("createChatInviteLink", limited).await?;
    let text = "Bad Request: member limit can't be specified for links requiring administrator approval";
    assert_eq!(error, text);
    world.add_bot(channel, AdminRights::POST_MESSAGES);
    let error = bot.error("createChatInviteLink", json!({ "chat_id": channel })).await?;
    assert_eq!(error, "Bad Request: not enough rights to manage chat invite link");
    Ok(())
}

#[tokio::test]
async fn exporting_revokes_the_old_primary_link_and_creating_does_not() -> TestResult {
    let Place { bot, channel, world, ann, .. } = place().await?;
    let chat = json!({ "chat_id": channel });
    let first = bot.ok("exportChatInviteLink", chat.clone()).await?;
    assert_eq!(bot.ok("getChat", chat.clone()).await?["invite_link"], first);
    let created = bot.ok("createChatInviteLink", chat.clone()).await?;
    assert_eq!(bot.ok("getChat", chat.clone()).await?["invite_link"], first, "creating leaves it as it was");
    let second = bot.ok("exportChatInviteLink", chat.clone()).await?;
    assert_ne!(first, second);
    assert_eq!(bot.ok("getChat", chat).await?["invite_link"], second);
    let url = |link: &serde_json::Value| link.as_str().unwrap_or_default().to_owned();
    assert!(world.join_by_link(channel, ann, &url(&first)).is_err(), "the old one is revoked");
    world.join_by_link(channel, ann, &url(&created["invite_link"]))?;
    let ben = world.person("Ben");
    world.join_by_link(channel, ben, &url(&second))?;
    Ok(())
}

#[tokio::test]
async fn a_link_ends_by_its_date_and_by_its_number_of_members() -> TestResult {
    let Place { bot, channel, world, ann, sim, .. } = place().await?;
    let ben = world.person("Ben");
    let expires = sim.clock().now() + 60;
    let by_date = bot.ok("createChatInviteLink", json!({ "chat_id": channel, "expire_date": expires })).await?;
    let by_number = bot.ok("createChatInviteLink", json!({ "chat_id": channel, "member_limit": 1 })).await?;
    assert_eq!((by_date["expire_date"].as_i64(), by_number["member_limit"].as_i64()), (Some(expires), Some(1)));
    world.join_by_link(channel, ann, by_number["invite_link"].as_str().unwrap_or_default())?;
    assert!(world.join_by_link(channel, ben, by_number["invite_link"].as_str().unwrap_or_default()).is_err());
    sim.clock().advance(Duration::from_secs(61));
    assert!(world.join_by_link(channel, ben, by_date["invite_link"].as_str().unwrap_or_default()).is_err());
    Ok(())
}
