//! The kinds of chats, the statuses of members, and what a group allows.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn there_are_private_chats_groups_supergroups_and_channels() -> TestResult {
    let Place { bot, group, channel, ann, world, owner, .. } = place().await?;
    let basic = world.basic_group("Old", owner);
    world.add_bot_as_member(basic);
    world.direct(ann, "/start")?;
    for (chat, kind, has_permissions) in [
        (ann.into(), "private", false),
        (basic, "group", true),
        (group, "supergroup", true),
        (channel, "channel", false),
    ] {
        let shown = bot.ok("getChat", json!({ "chat_id": chat })).await?;
        assert_eq!((shown["type"].as_str(), shown["id"].as_i64()), (Some(kind), Some(chat.0)));
        assert_eq!(shown["permissions"].is_object(), has_permissions, "{kind}");
    }
    assert!(basic.0 > -1_000_000_000_000 && group.0 < -1_000_000_000_000, "as their ids are written");
    Ok(())
}

#[tokio::test]
async fn members_have_each_of_the_six_statuses() -> TestResult {
    let Place { bot, group, ann, world, owner, sim, .. } = place().await?;
    let person = |name: &str| world.person_in(group, name);
    let (admin, muted, gone, banned) = (person("Adam"), person("Mia"), person("Gil"), person("Bea"));
    let until = sim.clock().now() + 3600;
    world.promote(group, owner, admin, AdminRights::DELETE_MESSAGES)?;
    world.restrict(group, owner, muted, Permissions::none(), until)?;
    world.leave(group, gone)?;
    world.ban(group, owner, banned, until)?;
    for (user, status, fields) in [
        (owner, "creator", json!({ "is_anonymous": false })),
        (admin, "administrator", json!({ "can_delete_messages": true, "can_restrict_members": false })),
        (ann, "member", json!({})),
        (muted, "restricted", json!({ "is_member": true, "until_date": until, "can_send_messages": false })),
        (gone, "left", json!({})),
        (banned, "kicked", json!({ "until_date": until })),
    ] {
        let shown = bot.ok("getChatMember", json!({ "chat_id": group, "user_id": user })).await?;
        assert_eq!((shown["status"].as_str(), shown["user"]["id"].as_i64()), (Some(status), Some(user.0)));
        for (name, value) in fields.as_object().into_iter().flatten() {
            assert_eq!(&shown[name], value, "{name} of {shown}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn default_permissions_are_shown_and_count_for_everybody_but_administrators() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    assert!(world.can_speak(group, ann));
    world.set_permissions(group, owner, Permissions::none())?;
    let shown = bot.ok("getChat", json!({ "chat_id": group })).await?;
    assert_eq!(shown["permissions"]["can_send_messages"], Value::Bool(false));
    assert!(!world.can_speak(group, ann) && world.can_speak(group, owner));
    assert_eq!(world.member(group, ann).status, "member", "it is no exception of hers");
    Ok(())
}

#[tokio::test]
async fn a_message_of_48_hours_is_too_old_for_a_bot_to_delete() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place().await?;
    let message = world.say(group, ann, "hello")?;
    let other = world.say(group, ann, "hello")?;
    sim.clock().advance(Duration::from_secs(48 * 3600 - 10));
    bot.ok("deleteMessage", json!({ "chat_id": group, "message_id": message })).await?;
    sim.clock().advance(Duration::from_secs(10));
    let error = bot.error("deleteMessage", json!({ "chat_id": group, "message_id": other })).await?;
    assert_eq!(error, "Bad Request: message can't be deleted");
    let deleted = bot.error("deleteMessage", json!({ "chat_id": group, "message_id": message })).await?;
    assert_eq!(deleted, "Bad Request: message to delete not found");
    Ok(())
}
