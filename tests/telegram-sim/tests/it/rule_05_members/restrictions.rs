//! Who can be restricted, how far, and until when.

use std::time::Duration;

use serde_json::json;
use telegram_sim::ids::UserId;
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::TestResult;
use crate::place::{Place, place};

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
        (group, UserId(0), "invalid user_id specified"),
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
        let until = sim.clock().now() + after_s;
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
async fn at_its_date_all_restrictions_end_those_of_a_person_too() -> TestResult {
    let Place { bot, group, ann, world, owner, sim, .. } = place().await?;
    world.restrict(group, owner, ann, Permissions::SEND_MESSAGES, 0)?;
    let until = sim.clock().now() + 60;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann, "until_date": until })).await?;
    bot.updates().await?;
    sim.clock().advance(Duration::from_secs(61));
    let member = world.member(group, ann);
    assert_eq!((member.status, member.permissions), ("member", None));
    assert!(bot.updates().await?.is_empty(), "and nobody is told");
    Ok(())
}

#[tokio::test]
async fn a_restriction_that_ends_while_they_are_away_is_over_when_they_come_back() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place().await?;
    let until = sim.clock().now() + 60;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann, "until_date": until })).await?;
    world.leave(group, ann)?;
    sim.clock().advance(Duration::from_secs(61));
    assert_eq!(bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?["status"], "left");
    world.join(group, ann)?;
    assert!(world.can_speak(group, ann));
    Ok(())
}

#[tokio::test]
async fn permissions_that_cannot_be_read_are_named() -> TestResult {
    let Place { bot, group, ann, .. } = place().await?;
    for (permissions, error) in [
        (json!("{"), "can't parse permissions JSON object"),
        (json!([]), "object expected as permissions"),
        (
            json!({ "can_send_polls": 1 }),
            "can't parse chat permissions: Field \"can_send_polls\" must be of type Boolean",
        ),
    ] {
        let args = json!({ "chat_id": group, "user_id": ann, "permissions": permissions });
        assert_eq!(bot.error("restrictChatMember", args).await?, format!("Bad Request: {error}"));
    }
    Ok(())
}

#[tokio::test]
async fn some_permissions_imply_others_unless_they_are_independent() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    for (independent, may_speak) in [(false, true), (true, false)] {
        let args = json!({
            "chat_id": group,
            "user_id": ann,
            "permissions": { "can_send_polls": true },
            "use_independent_chat_permissions": independent,
        });
        bot.ok("restrictChatMember", args).await?;
        assert_eq!(world.can_speak(group, ann), may_speak);
    }
    Ok(())
}
