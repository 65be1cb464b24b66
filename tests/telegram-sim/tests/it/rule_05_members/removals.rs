//! Bans, their end, and leaving: banChatMember, unbanChatMember, leaveChat.

use std::time::Duration;

use serde_json::json;
use telegram_sim::faults::Fault;
use telegram_sim::rights::AdminRights;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place};

#[tokio::test]
async fn a_ban_takes_them_out_and_keeps_them_out_until_its_date() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place().await?;
    let until = sim.clock().now() + 3600;
    bot.ok("banChatMember", json!({ "chat_id": group, "user_id": ann, "until_date": until })).await?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_member"]);
    assert_eq!(updates[0]["chat_member"]["new_chat_member"]["status"], "kicked");
    assert_eq!(updates[0]["chat_member"]["new_chat_member"]["until_date"], until);
    let service = world.messages(group).into_iter().next_back();
    let service = service.map(|message| (message.is_service, message.is_from_bot));
    assert_eq!(service, Some((true, true)), "the service message is there, but as the bot's own it is not told of it");
    assert!(world.join(group, ann).is_err());
    sim.clock().advance(Duration::from_secs(3601));
    assert_eq!(bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?["status"], "left");
    world.join(group, ann)?;
    Ok(())
}

#[tokio::test]
async fn a_ban_ending_too_soon_or_too_late_is_for_ever() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place().await?;
    for after_s in [10, 367 * 86_400] {
        let until = sim.clock().now() + after_s;
        bot.ok("banChatMember", json!({ "chat_id": group, "user_id": ann, "until_date": until })).await?;
        assert_eq!(world.member(group, ann).until_date, Some(0));
    }
    Ok(())
}

#[tokio::test]
async fn unbanning_lets_them_come_back_and_takes_out_who_is_in() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    let user = json!({ "chat_id": group, "user_id": ann });
    bot.ok("banChatMember", user.clone()).await?;
    bot.ok("unbanChatMember", user.clone()).await?;
    assert_eq!(world.member(group, ann).status, "left");
    world.join(group, ann)?;
    let only_if_banned = json!({ "chat_id": group, "user_id": ann, "only_if_banned": true });
    bot.ok("unbanChatMember", only_if_banned).await?;
    assert!(world.member(group, ann).is_present);
    bot.ok("unbanChatMember", user).await?;
    assert!(!world.member(group, ann).is_present, "without that word a member is taken out");
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_banned_and_why() -> TestResult {
    let Place { bot, group, ann, world, owner, sim, .. } = place().await?;
    let admin = world.person_in(group, "Adam");
    world.promote(group, owner, admin, AdminRights::DELETE_MESSAGES)?;
    for (user, error) in [
        (owner, "can't remove chat owner"),
        (admin, "user is an administrator of the chat"),
        (sim.bot_id(), "can't restrict self"),
    ] {
        let args = json!({ "chat_id": group, "user_id": user });
        assert_eq!(bot.error("banChatMember", args).await?, format!("Bad Request: {error}"));
    }
    world.add_bot(group, AdminRights::DELETE_MESSAGES);
    let error = bot.error("banChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    assert_eq!(error, "Bad Request: not enough rights to restrict/unrestrict chat member");
    Ok(())
}

#[tokio::test]
async fn leaving_ends_the_bots_access_and_may_report_an_error_though_it_worked() -> TestResult {
    let Place { bot, group, channel, sim, world, .. } = place().await?;
    bot.ok("leaveChat", json!({ "chat_id": group })).await?;
    let updates = bot.updates().await?;
    assert_eq!(updates[0]["my_chat_member"]["new_chat_member"]["status"], "left");
    let error = bot.error("leaveChat", json!({ "chat_id": group })).await?;
    assert_eq!(error, "Forbidden: bot is not a member of the supergroup chat");
    sim.fault(Fault::error(400, "Bad Request: CHAT_INVALID").on("leaveChat").after_effect().next(1));
    let error = bot.error("leaveChat", json!({ "chat_id": channel })).await?;
    assert_eq!(error, "Bad Request: CHAT_INVALID");
    assert!(!world.member(channel, sim.bot_id()).is_present);
    Ok(())
}
