//! Which chats the bot may read and write to, and what it is told where it may not.

use serde_json::{Value, json};
use telegram_sim::rights::{AdminRights, Permissions};
use telegram_sim::world::talking::Saying;

use crate::bot::TestResult;
use crate::place::{Place, place};

fn message(chat: impl Into<Value>) -> Value {
    json!({ "chat_id": chat.into(), "text": "x" })
}

#[tokio::test]
async fn every_chat_that_cannot_be_written_to_says_why() -> TestResult {
    let Place { bot, group, channel, world, owner, ann, .. } = place().await?;
    let basic = world.basic_group("Old", owner);
    world.add_bot_as_member(basic);
    let error = async |chat: i64| bot.error("sendMessage", message(chat)).await;
    assert_eq!(bot.error("sendMessage", message("")).await?, "Bad Request: chat_id is empty");
    assert_eq!(error(-100_123).await?, "Bad Request: chat not found");
    assert_eq!(error(987_654_321).await?, "Bad Request: chat not found", "never met");
    assert_eq!(bot.error("sendMessage", message("@nobody_there")).await?, "Bad Request: chat not found");
    world.leave(basic, world.bot())?;
    assert_eq!(error(basic.0).await?, "Forbidden: bot is not a member of the group chat");
    world.add_bot_as_member(basic);
    world.remove_bot(basic);
    assert_eq!(error(basic.0).await?, "Forbidden: bot was kicked from the group chat");
    world.add_bot_as_member(basic);
    world.delete_group(basic)?;
    assert_eq!(error(basic.0).await?, "Forbidden: the group chat was deleted");
    for (chat, place) in [(group, "supergroup chat"), (channel, "channel chat")] {
        world.leave(chat, world.bot())?;
        assert_eq!(error(chat.0).await?, format!("Forbidden: bot is not a member of the {place}"));
        world.remove_bot(chat);
        assert_eq!(error(chat.0).await?, format!("Forbidden: bot was kicked from the {place}"));
    }
    world.direct(ann, "/start")?;
    world.delete_account(ann);
    assert_eq!(error(ann.0).await?, "Forbidden: user is deactivated");
    Ok(())
}

#[tokio::test]
async fn a_public_chat_can_be_read_from_outside_and_a_private_one_not() -> TestResult {
    let Place { bot, channel, group, world, .. } = place().await?;
    for (chat, is_public) in [(channel, true), (group, false)] {
        world.leave(chat, world.bot())?;
        let reply = bot.call("getChat", json!({ "chat_id": chat })).await?;
        assert_eq!(reply.status == 200, is_public, "{reply:?}");
    }
    let by_name = bot.ok("getChat", json!({ "chat_id": "@NewsPaper" })).await?;
    assert_eq!(by_name["id"], channel.0, "names have no case");
    Ok(())
}

#[tokio::test]
async fn a_bot_that_may_not_speak_in_a_group_is_told_so() -> TestResult {
    let Place { bot, group, world, owner, .. } = place().await?;
    world.demote(group, owner, world.bot())?;
    world.set_permissions(group, owner, Permissions::none())?;
    let error = bot.error("sendMessage", message(group.0)).await?;
    assert_eq!(error, "Bad Request: not enough rights to send text messages to the chat");
    world.set_permissions(group, owner, Permissions::new_group())?;
    bot.ok("sendMessage", message(group.0)).await?;
    Ok(())
}

#[tokio::test]
async fn a_closed_topic_is_for_those_who_manage_topics() -> TestResult {
    let Place { bot, world, owner, .. } = place().await?;
    let forum = world.forum("Forum", owner);
    world.add_bot(forum, AdminRights::MODERATOR);
    let topic = world.topic(forum, owner, "News")?;
    let send = json!({ "chat_id": forum, "message_thread_id": topic, "text": "x" });
    world.set_topic_closed(forum, topic, true);
    let ann = world.person_in(forum, "Ann");
    let there = Saying { topic: Some(topic), reply_to: None };
    assert!(world.say_there(forum, ann, "hello", there).is_err());
    world.say_there(forum, owner, "hello", there)?;
    assert_eq!(bot.error("sendMessage", send.clone()).await?, "Bad Request: TOPIC_CLOSED");
    world.add_bot(forum, AdminRights::MANAGE_TOPICS);
    bot.ok("sendMessage", send.clone()).await?;
    world.add_bot(forum, AdminRights::MODERATOR);
    world.set_topic_closed(forum, topic, false);
    bot.ok("sendMessage", send).await?;
    Ok(())
}

#[tokio::test]
async fn buttons_that_cannot_be_sent_are_named() -> TestResult {
    let Place { bot, group, .. } = place().await?;
    for (button, error) in [
        (json!({ "text": "x", "callback_data": "d".repeat(65) }), "BUTTON_DATA_INVALID"),
        (
            json!({ "text": "x" }),
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (json!({ "text": "", "callback_data": "d" }), "inline keyboard button text must be non-empty"),
        (
            json!({ "text": "x", "url": "http://localhost" }),
            "inline keyboard button URL 'http://localhost' is invalid: Wrong HTTP URL",
        ),
    ] {
        let keyboard = json!({ "inline_keyboard": [[button]] });
        let args = json!({ "chat_id": group, "text": "x", "reply_markup": keyboard });
        assert_eq!(bot.error("sendMessage", args).await?, format!("Bad Request: {error}"));
    }
    Ok(())
}

#[tokio::test]
async fn chat_actions_are_checked_like_messages() -> TestResult {
    let Place { bot, group, world, .. } = place().await?;
    bot.ok("sendChatAction", json!({ "chat_id": group, "action": "typing" })).await?;
    let error = bot.error("sendChatAction", json!({ "chat_id": group, "action": "dancing" })).await?;
    assert_eq!(error, "Bad Request: wrong parameter action in request");
    world.remove_bot(group);
    let error = bot.error("sendChatAction", json!({ "chat_id": group, "action": "typing" })).await?;
    assert_eq!(error, "Forbidden: bot was kicked from the supergroup chat");
    Ok(())
}
