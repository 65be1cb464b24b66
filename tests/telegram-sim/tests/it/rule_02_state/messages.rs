//! Sending, editing and deleting.

use serde_json::json;
use telegram_sim::rights::AdminRights;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn what_cannot_be_sent_and_why() -> TestResult {
    let Place { bot, group, channel, .. } = place().await?;
    for (args, error) in [
        (json!({ "chat_id": group }), "message text is empty"),
        (json!({ "chat_id": group, "text": " \n" }), "text must be non-empty"),
        (json!({ "chat_id": group, "text": "x".repeat(4097) }), "message is too long"),
        (json!({ "chat_id": group, "text": "x".repeat(32_769) }), "text is too long"),
        (json!({ "chat_id": group, "text": "x", "parse_mode": "Prose" }), "unsupported parse_mode"),
        (
            json!({ "chat_id": group, "text": "<b>x", "parse_mode": "HTML" }),
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            json!({ "chat_id": group, "text": "x", "reply_parameters": { "message_id": 999 } }),
            "message to be replied not found",
        ),
        (json!({ "chat_id": channel, "text": "x" }), "need administrator rights in the channel chat"),
    ] {
        assert_eq!(bot.error("sendMessage", args.clone()).await?, format!("Bad Request: {error}"), "{args}");
    }
    let optional = json!({ "message_id": 999, "allow_sending_without_reply": true });
    bot.ok("sendMessage", json!({ "chat_id": group, "text": "x", "reply_parameters": optional })).await?;
    Ok(())
}

#[tokio::test]
async fn entities_come_back_with_the_mentioned_user() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    let entities = json!([{ "type": "text_mention", "offset": 0, "length": 3, "user": { "id": ann } }]);
    let sent =
        bot.ok("sendMessage", json!({ "chat_id": group, "text": "Ann, see t.me/x", "entities": entities })).await?;
    assert_eq!(sent["entities"][0]["user"]["first_name"], "Ann");
    assert_eq!(sent["entities"][1]["type"], "url");
    assert_eq!(world.bot_messages(group)[0].entities.len(), 2);
    Ok(())
}

#[tokio::test]
async fn edits_name_what_is_wrong() -> TestResult {
    let Place { bot, group, world, ann, .. } = place().await?;
    let sent = bot.ok("sendMessage", json!({ "chat_id": group, "text": "one" })).await?;
    let id = &sent["message_id"];
    let edited = bot.ok("editMessageText", json!({ "chat_id": group, "message_id": id, "text": "two" })).await?;
    assert_eq!(edited["text"], "two");
    let theirs = world.say(group, ann, "hello")?;
    for (message, error) in [
        (
            id.clone(),
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ),
        (json!(999), "message to edit not found"),
        (json!(theirs), "message can't be edited"),
    ] {
        let args = json!({ "chat_id": group, "message_id": message, "text": "two" });
        assert_eq!(bot.error("editMessageText", args).await?, format!("Bad Request: {error}"));
    }
    Ok(())
}

#[tokio::test]
async fn deletes_name_what_is_wrong() -> TestResult {
    let Place { bot, group, world, ann, .. } = place().await?;
    for (args, error) in [
        (json!({}), "chat identifier is not specified"),
        (json!({ "chat_id": group }), "message identifier is not specified"),
        (json!({ "chat_id": group, "message_id": 999 }), "message to delete not found"),
        (json!({ "chat_id": group, "message_id": 1 }), "message can't be deleted"),
    ] {
        assert_eq!(bot.error("deleteMessage", args).await?, format!("Bad Request: {error}"));
    }
    let fresh = world.say(group, ann, "hello")?;
    bot.ok("deleteMessage", json!({ "chat_id": group, "message_id": fresh })).await?;
    world.add_bot(group, AdminRights::RESTRICT_MEMBERS);
    let other = world.say(group, ann, "hello")?;
    let error = bot.error("deleteMessage", json!({ "chat_id": group, "message_id": other })).await?;
    assert_eq!(error, "Bad Request: message can't be deleted", "no right to");
    Ok(())
}

#[tokio::test]
async fn deleting_many_skips_the_missing_and_fails_for_one_undeletable() -> TestResult {
    let Place { bot, group, world, ann, .. } = place().await?;
    let messages = world.say_many(group, ann, &["a", "b", "c"])?;
    let ids = |more: i64| json!([messages[0], messages[1], messages[2], more]);
    let error = bot.error("deleteMessages", json!({ "chat_id": group, "message_ids": ids(1) })).await?;
    assert_eq!(error, "Bad Request: message can't be deleted");
    assert_eq!(world.messages(group).iter().filter(|seen| seen.sender == Some(ann)).count(), 3);
    bot.ok("deleteMessages", json!({ "chat_id": group, "message_ids": ids(999) })).await?;
    assert!(world.messages(group).iter().all(|seen| seen.sender != Some(ann)));
    bot.ok("deleteMessages", json!({ "chat_id": group, "message_ids": ids(999) })).await?;
    let many: Vec<i64> = (1..=101).collect();
    for (ids, error) in
        [(json!([]), "message identifiers are not specified"), (json!(many), "too many message identifiers specified")]
    {
        let args = json!({ "chat_id": group, "message_ids": ids });
        assert_eq!(bot.error("deleteMessages", args).await?, format!("Bad Request: {error}"));
    }
    Ok(())
}
