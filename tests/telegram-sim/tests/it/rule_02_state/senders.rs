//! The kinds of senders, as the bot is shown them, and what it is not shown.

use serde_json::json;
use telegram_sim::world::talking::Saying;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place};

#[tokio::test]
async fn every_kind_of_sender_looks_as_telegram_shows_it() -> TestResult {
    let Place { bot, world, group, channel, owner, ann, .. } = place().await?;
    world.link(channel, group)?;
    world.say(group, ann, "plain")?;
    world.say_anonymously(group, owner, "anonymous")?;
    world.say_as_channel(group, channel, owner, "as channel")?;
    let post = world.post(channel, "post")?;
    world.forward(group, ann, channel, post)?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["message", "message", "message", "channel_post", "message", "message"]);
    let message = |index: usize| &updates[index]["message"];
    let expected = [
        (0, ann.0, false, json!(null)),
        (1, 1_087_968_824, true, json!(group)),
        (2, 136_817_688, true, json!(channel)),
        (4, 777_000, false, json!(channel)),
        (5, ann.0, false, json!(null)),
    ];
    for (index, from, is_bot, sender_chat) in expected {
        assert_eq!(message(index)["from"]["id"], from, "{}", message(index));
        assert_eq!(message(index)["from"]["is_bot"], is_bot);
        assert_eq!(message(index)["sender_chat"]["id"], sender_chat);
    }
    assert_eq!(message(4)["is_automatic_forward"], true);
    for index in [4, 5] {
        assert_eq!(message(index)["forward_origin"]["type"], "channel");
        assert_eq!(message(index)["forward_origin"]["message_id"], post.0);
    }
    assert!(updates[3]["channel_post"]["from"].is_null());
    Ok(())
}

#[tokio::test]
async fn an_album_is_several_messages_with_one_id() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    world.album(group, ann, 3, "look")?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["message"; 3]);
    let album = &updates[0]["message"]["media_group_id"];
    assert!(album.is_string() && updates.iter().all(|update| update["message"]["media_group_id"] == *album));
    assert_eq!(updates[0]["message"]["caption"], "look");
    Ok(())
}

#[tokio::test]
async fn topics_mark_their_messages_and_general_has_none() -> TestResult {
    let Place { bot, world, owner, .. } = place().await?;
    let forum = world.forum("Forum", owner);
    world.add_bot(forum, telegram_sim::rights::AdminRights::MODERATOR);
    let topic = world.topic(forum, owner, "News")?;
    bot.updates().await?;
    world.say(forum, owner, "in General")?;
    world.say_there(forum, owner, "in News", Saying { topic: Some(topic), reply_to: None })?;
    let updates = bot.updates().await?;
    assert!(updates[0]["message"]["message_thread_id"].is_null());
    assert_eq!(updates[1]["message"]["message_thread_id"], topic.0);
    assert_eq!(updates[1]["message"]["is_topic_message"], true);
    let sent = bot.ok("sendMessage", json!({ "chat_id": forum, "message_thread_id": topic, "text": "x" })).await?;
    assert_eq!(sent["message_thread_id"], topic.0);
    let error = bot.error("sendMessage", json!({ "chat_id": forum, "message_thread_id": 1, "text": "x" })).await?;
    assert_eq!(error, "Bad Request: message thread not found");
    Ok(())
}

#[tokio::test]
async fn edits_are_told_only_when_something_changed() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    let message = world.say(group, ann, "one")?;
    assert!(!world.edit(group, ann, message, "one")?);
    assert!(world.edit(group, ann, message, "two")?);
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["message", "edited_message"]);
    assert_eq!(updates[1]["edited_message"]["text"], "two");
    assert!(updates[1]["edited_message"]["edit_date"].is_i64());
    Ok(())
}

#[tokio::test]
async fn privacy_mode_hides_what_does_not_concern_a_plain_member_bot() -> TestResult {
    let Place { bot, world, owner, sim, .. } = place().await?;
    let group = world.group("Private", owner);
    world.say(group, owner, "before it came")?;
    world.add_bot_as_member(group);
    bot.updates().await?;
    world.say(group, owner, "nothing to see")?;
    world.say(group, owner, "/help")?;
    world.say(group, owner, &format!("hello @{}", sim.bot_username()))?;
    let updates = bot.updates().await?;
    let texts: Vec<_> = updates.iter().filter_map(|update| update["message"]["text"].as_str()).collect();
    assert_eq!(texts, ["/help", "hello @gatekeeper_test_bot"]);
    assert_eq!(updates[0]["message"]["entities"][0]["type"], "bot_command");
    Ok(())
}

#[tokio::test]
async fn joins_and_leaves_make_service_messages_in_small_groups() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    let ben = world.person("Ben");
    world.join_by(group, ben, ann)?;
    world.leave(group, ben)?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_member", "message", "chat_member", "message"]);
    assert_eq!(updates[1]["message"]["new_chat_members"][0]["id"], ben.0);
    assert_eq!(updates[1]["message"]["from"]["id"], ann.0);
    assert_eq!(updates[3]["message"]["left_chat_member"]["id"], ben.0);
    Ok(())
}

#[tokio::test]
async fn blocking_the_bot_is_told_as_its_own_membership() -> TestResult {
    let Place { bot, world, ann, .. } = place().await?;
    let send = json!({ "chat_id": ann, "text": "x" });
    let error = bot.error("sendMessage", send.clone()).await?;
    assert_eq!(error, "Forbidden: bot can't initiate conversation with a user");
    world.direct(ann, "/start")?;
    bot.ok("sendMessage", send.clone()).await?;
    world.block_bot(ann);
    assert_eq!(bot.error("sendMessage", send.clone()).await?, "Forbidden: bot was blocked by the user");
    world.unblock_bot(ann);
    bot.ok("sendMessage", send).await?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["message", "my_chat_member", "my_chat_member"]);
    assert_eq!(updates[1]["my_chat_member"]["new_chat_member"]["status"], "kicked");
    assert_eq!(updates[2]["my_chat_member"]["new_chat_member"]["status"], "member");
    Ok(())
}
