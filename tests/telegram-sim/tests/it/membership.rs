//! Who is what in a chat, and what follows from changes of it.

use std::time::Duration;

use serde_json::json;
use telegram_sim::rights::{AdminRights, Permissions};
use telegram_sim::simulator::Simulator;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place, place_with};

fn now(sim: &Simulator) -> i64 {
    sim.clock().now()
}

#[tokio::test]
async fn muting_the_same_way_again_is_true_without_an_update() -> TestResult {
    let Place { bot, group, ann, sim, .. } = place().await?;
    let mute = json!({ "chat_id": group, "user_id": ann, "until_date": now(&sim) + 3600 });
    for expected in [1, 0] {
        assert_eq!(bot.ok("restrictChatMember", mute.clone()).await?, true);
        let updates = bot.updates().await?;
        assert_eq!(updates.len(), expected, "{updates:?}");
        if let Some(update) = updates.first() {
            let change = &update["chat_member"];
            assert_eq!(change["from"]["id"], sim.bot_id().0);
            assert_eq!(change["old_chat_member"]["status"], "member");
            assert_eq!(change["new_chat_member"]["status"], "restricted");
            assert_eq!(change["new_chat_member"]["is_member"], true);
        }
    }
    Ok(())
}

#[tokio::test]
async fn all_permissions_fold_to_a_plain_member() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    let nearly = Permissions::all().without(Permissions::CHANGE_INFO);
    for (permissions, status) in [(nearly, "restricted"), (Permissions::all(), "member")] {
        let args = json!({ "chat_id": group, "user_id": ann, "permissions": permissions });
        bot.ok("restrictChatMember", args).await?;
        assert_eq!(world.member(group, ann).status, status);
    }
    Ok(())
}

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
        let place = place_with(telegram_sim::config::SimConfig::default(), own).await?;
        place.world.promote(place.group, place.owner, place.ann, AdminRights::DELETE_MESSAGES)?;
        let unmute = json!({ "chat_id": place.group, "user_id": place.ann, "permissions": Permissions::all() });
        assert_eq!(place.bot.error("restrictChatMember", unmute).await?, expected);
    }
    let rights = AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS;
    let Place { bot, group, ann, world, .. } = place_with(telegram_sim::config::SimConfig::default(), rights).await?;
    let promote = json!({ "chat_id": group, "user_id": ann, "can_delete_messages": true });
    bot.ok("promoteChatMember", promote).await?;
    assert_eq!(world.member(group, ann).status, "administrator");
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    bot.ok("restrictChatMember", unmute).await?;
    assert_eq!(world.member(group, ann).status, "member", "an administrator it may edit is demoted");
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_restricted_and_why() -> TestResult {
    let Place { bot, group, channel, ann, world, owner, sim, .. } = place().await?;
    let admin = world.person_in(group, "Adam");
    world.promote(group, owner, admin, AdminRights::DELETE_MESSAGES)?;
    let basic = world.basic_group("Old", owner);
    world.add_bot_as_member(basic);
    let stranger = world.person("Sam");
    for (chat, user, error) in [
        (group, owner, "can't remove chat owner"),
        (group, admin, "user is an administrator of the chat"),
        (group, sim.bot_id(), "can't restrict self"),
        (group, stranger, "member not found"),
        (group, telegram_sim::ids::UserId(0), "invalid user_id specified"),
        (channel, ann, "method is available only for supergroups"),
        (basic, ann, "method is available only for supergroups"),
    ] {
        let args = json!({ "chat_id": chat, "user_id": user, "permissions": {} });
        assert_eq!(bot.error("restrictChatMember", args).await?, format!("Bad Request: {error}"));
    }
    world.add_bot(group, AdminRights::DELETE_MESSAGES);
    let mute = json!({ "chat_id": group, "user_id": ann });
    let error = bot.error("restrictChatMember", mute).await?;
    assert_eq!(error, "Bad Request: not enough rights to restrict/unrestrict chat member");
    Ok(())
}

#[tokio::test]
async fn a_restriction_ends_by_its_date_and_too_near_a_date_is_for_ever() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place().await?;
    for (after_s, kept) in [(10, false), (367 * 86_400, false), (60, true)] {
        let until = now(&sim) + after_s;
        bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann, "until_date": until })).await?;
        let expected = if kept { until } else { 0 };
        assert_eq!(world.member(group, ann).until_date, Some(expected), "{after_s}");
        let shown = bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
        assert_eq!(shown["until_date"], expected);
    }
    assert!(!world.can_speak(group, ann));
    sim.clock().advance(Duration::from_secs(61));
    assert!(world.can_speak(group, ann));
    assert_eq!(world.member(group, ann).status, "member");
    Ok(())
}

#[tokio::test]
async fn a_restriction_survives_leaving_and_coming_back() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    world.leave(group, ann)?;
    let away = bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    assert_eq!((away["status"].as_str(), away["is_member"].as_bool()), (Some("restricted"), Some(false)));
    world.join(group, ann)?;
    assert!(!world.can_speak(group, ann));
    let stranger = world.person("Sam");
    world.direct(stranger, "hello")?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": stranger })).await?;
    let ahead = world.member(group, stranger);
    assert_eq!((ahead.status, ahead.is_present), ("restricted", false), "a non-member can be restricted ahead");
    Ok(())
}

#[tokio::test]
async fn an_exception_gives_no_more_than_the_group_allows() -> TestResult {
    let Place { group, ann, world, owner, .. } = place().await?;
    world.set_permissions(group, owner, Permissions::none())?;
    let error = world.say(group, ann, "hello").map_err(|refused| refused.0);
    assert_eq!(error, Err("the group lets nobody do that".to_owned()));
    world.set_permissions(group, owner, Permissions::new_group())?;
    world.restrict(group, owner, ann, Permissions::SEND_MESSAGES, 0)?;
    world.say(group, ann, "hello")?;
    assert!(world.album(group, ann, 2, "").is_err());
    Ok(())
}

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
async fn reading_members_needs_access_and_says_what_is_missing() -> TestResult {
    let Place { bot, group, channel, ann, world, owner, .. } = place().await?;
    let error =
        async |chat: serde_json::Value| bot.error("getChatMember", json!({ "chat_id": chat, "user_id": ann })).await;
    assert_eq!(error(json!("")).await?, "Bad Request: chat_id is empty");
    assert_eq!(error(json!(-100_123)).await?, "Bad Request: chat not found");
    let never_in = world.channel("Secret", None, owner);
    assert_eq!(error(json!(never_in)).await?, "Bad Request: chat not found");
    world.demote(channel, owner, world.bot())?;
    assert_eq!(error(json!(channel)).await?, "Bad Request: member list is inaccessible");
    world.remove_bot(channel);
    assert_eq!(error(json!(channel)).await?, "Forbidden: bot was kicked from the channel chat");
    world.leave(group, world.bot())?;
    assert_eq!(error(json!(group)).await?, "Forbidden: bot is not a member of the supergroup chat");
    world.remove_bot(group);
    assert_eq!(error(json!(group)).await?, "Forbidden: bot was kicked from the supergroup chat");
    Ok(())
}

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
async fn a_join_request_is_answered_by_the_bot() -> TestResult {
    let Place { bot, channel, world, .. } = place().await?;
    world.set_join_by_request(channel, true);
    let sam = world.person("Sam");
    assert!(world.join(channel, sam).is_err());
    world.request_to_join(channel, sam, None)?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_join_request"]);
    assert_eq!(updates[0]["chat_join_request"]["user_chat_id"], sam.0);
    bot.ok("sendMessage", json!({ "chat_id": sam, "text": "soon" })).await?;
    let request = json!({ "chat_id": channel, "user_id": sam });
    bot.ok("approveChatJoinRequest", request.clone()).await?;
    assert_eq!(world.member(channel, sam).status, "member");
    assert_eq!(bot.updates().await?[0]["chat_member"]["via_join_request"], true);
    let again = bot.error("approveChatJoinRequest", request.clone()).await?;
    assert_eq!(again, "Bad Request: USER_ALREADY_PARTICIPANT");
    world.leave(channel, sam)?;
    assert_eq!(bot.error("declineChatJoinRequest", request).await?, "Bad Request: HIDE_REQUESTER_MISSING");
    Ok(())
}

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
