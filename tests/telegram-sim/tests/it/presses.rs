//! Buttons: pressing, forging, answering in time, late, and twice.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::ids::MessageId;

use crate::bot::{SOON, TestResult};
use crate::place::{Place, place};

async fn with_button(place: &Place) -> anyhow::Result<MessageId> {
    let keyboard = json!({ "inline_keyboard": [[
        { "text": "Join", "url": "https://t.me/newspaper" },
        { "text": "Check", "callback_data": "check" },
    ]] });
    let args = json!({ "chat_id": place.group, "text": "Join", "reply_markup": keyboard.to_string() });
    let sent = place.bot.ok("sendMessage", args).await?;
    assert_eq!(sent["reply_markup"], keyboard, "a string with JSON in it is the same as the object");
    Ok(MessageId(sent["message_id"].as_i64().unwrap_or_default()))
}

async fn query(place: &Place) -> anyhow::Result<Value> {
    let updates = place.bot.updates().await?;
    Ok(updates.last().map(|update| update["callback_query"].clone()).unwrap_or_default())
}

const TOO_OLD: &str = "Bad Request: query is too old and response timeout expired or query ID is invalid";

#[tokio::test]
async fn a_press_is_answered_once_and_in_time() -> TestResult {
    let place = place().await?;
    let message = with_button(&place).await?;
    let press = place.world.press(place.ann, place.group, message, "Check")?;
    let asked = query(&place).await?;
    assert!(asked["id"].is_string() && asked["chat_instance"].is_string(), "{asked}");
    assert_eq!(asked["message"]["message_id"], message.0);
    let answer = json!({ "callback_query_id": asked["id"], "text": "yes" });
    place.bot.ok("answerCallbackQuery", answer.clone()).await?;
    assert_eq!(press.answer(SOON).await?.text, "yes");
    assert_eq!(place.bot.error("answerCallbackQuery", answer).await?, TOO_OLD);
    let _late = place.world.press(place.ann, place.group, message, "check")?;
    let asked = query(&place).await?;
    place.sim.clock().advance(Duration::from_secs(16));
    let answer = json!({ "callback_query_id": asked["id"] });
    assert_eq!(place.bot.error("answerCallbackQuery", answer).await?, TOO_OLD);
    assert_eq!(place.bot.error("answerCallbackQuery", json!({})).await?, TOO_OLD);
    let long = json!({ "callback_query_id": asked["id"], "text": "x".repeat(201) });
    assert_eq!(place.bot.error("answerCallbackQuery", long).await?, "Bad Request: MESSAGE_TOO_LONG");
    Ok(())
}

#[tokio::test]
async fn data_can_be_forged_and_the_muted_can_press() -> TestResult {
    let place = place().await?;
    let message = with_button(&place).await?;
    place.bot.ok("restrictChatMember", json!({ "chat_id": place.group, "user_id": place.ann })).await?;
    let _press = place.world.press_forged(place.ann, place.group, message, "for somebody else")?;
    assert_eq!(query(&place).await?["data"], "for somebody else");
    place.bot.ok("deleteMessage", json!({ "chat_id": place.group, "message_id": message })).await?;
    let _press = place.world.press_forged(place.ann, place.group, message, "x")?;
    assert_eq!(query(&place).await?["message"]["date"], 0, "a message that is gone is inaccessible");
    let stranger = place.world.person("Sam");
    assert!(place.world.press_forged(stranger, place.group, message, "x").is_err(), "cannot see the group");
    assert!(place.world.press(place.ann, place.group, message, "Check").is_err(), "the message is gone");
    Ok(())
}
