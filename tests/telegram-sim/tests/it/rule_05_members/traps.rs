//! What a restriction does to the banned and to administrators.

use serde_json::json;
use telegram_sim::config::SimConfig;
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place, place_with};

#[tokio::test]
async fn restricting_a_banned_user_lifts_the_ban() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    for (permissions, status) in [(Permissions::none(), "restricted"), (Permissions::all(), "left")] {
        world.ban(group, owner, ann, 0)?;
        assert!(world.join(group, ann).is_err());
        let args = json!({ "chat_id": group, "user_id": ann, "permissions": permissions });
        bot.ok("restrictChatMember", args).await?;
        let member = world.member(group, ann);
        assert_eq!((member.status, member.is_present), (status, false));
        world.join(group, ann)?;
    }
    Ok(())
}

#[tokio::test]
async fn unmuting_a_new_administrator_takes_the_demote_path() -> TestResult {
    for (own, expected) in [
        (AdminRights::MODERATOR, "Bad Request: not enough rights"),
        (AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS, "Bad Request: CHAT_ADMIN_REQUIRED"),
    ] {
        let place = place_with(SimConfig::default(), own).await?;
        place.world.promote(place.group, place.owner, place.ann, AdminRights::DELETE_MESSAGES)?;
        let unmute = json!({ "chat_id": place.group, "user_id": place.ann, "permissions": Permissions::all() });
        assert_eq!(place.bot.error("restrictChatMember", unmute).await?, expected);
    }
    let rights = AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS;
    let Place { bot, group, ann, world, .. } = place_with(SimConfig::default(), rights).await?;
    let promote = json!({ "chat_id": group, "user_id": ann, "can_delete_messages": true });
    bot.ok("promoteChatMember", promote).await?;
    assert_eq!(world.member(group, ann).status, "administrator");
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    bot.ok("restrictChatMember", unmute).await?;
    assert_eq!(world.member(group, ann).status, "member", "an administrator it may edit is demoted");
    Ok(())
}

#[tokio::test]
async fn lifting_a_ban_by_a_restriction_is_told_as_such() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    world.ban(group, owner, ann, 0)?;
    bot.updates().await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_member"]);
    let change = &updates[0]["chat_member"];
    assert_eq!(change["old_chat_member"]["status"], "kicked");
    assert_eq!(change["new_chat_member"]["status"], "restricted");
    assert_eq!(change["new_chat_member"]["is_member"], false);
    Ok(())
}

#[tokio::test]
async fn the_demote_trap_was_never_tried_and_can_be_switched_off() -> TestResult {
    let config = SimConfig { demote_trap: false, ..SimConfig::default() };
    let rights = AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS;
    let Place { bot, group, ann, world, .. } = place_with(config, rights).await?;
    bot.ok("promoteChatMember", json!({ "chat_id": group, "user_id": ann, "can_delete_messages": true })).await?;
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    let error = bot.error("restrictChatMember", unmute).await?;
    assert_eq!(error, "Bad Request: user is an administrator of the chat");
    assert_eq!(world.member(group, ann).status, "administrator");
    Ok(())
}

#[tokio::test]
async fn the_bots_own_acts_come_back_to_it_unless_that_is_switched_off() -> TestResult {
    for (own_acts_make_updates, expected) in [(true, 1), (false, 0)] {
        let config = SimConfig { own_acts_make_updates, ..SimConfig::default() };
        let Place { bot, group, ann, .. } = place_with(config, AdminRights::MODERATOR).await?;
        bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
        assert_eq!(bot.updates().await?.len(), expected);
    }
    Ok(())
}
