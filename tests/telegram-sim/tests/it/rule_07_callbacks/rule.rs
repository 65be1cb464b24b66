//! Rule 7: presses of buttons, and how long and how often they are answered.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::ids::MessageId;
use telegram_sim::rights::AdminRights;
use telegram_sim::world::buttons::Press;

use crate::bot::{SOON, TestResult};
use crate::place::{Place, place, place_with};

const TOO_OLD: &str = "Bad Request: query is too old and response timeout expired or query ID is invalid";

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

/// Ann presses; the press, and what the bot is told of it.
async fn pressed(place: &Place) -> anyhow::Result<(Press, Value)> {
    let message = with_button(place).await?;
    let press = place.world.press(place.ann, place.group, message, "Check")?;
    let asked = query(place).await?;
    assert!(asked["id"].is_string() && asked["chat_instance"].is_string(), "{asked}");
    assert_eq!(asked["message"]["message_id"], message.0);
    Ok((press, asked["id"].clone()))
}

#[tokio::test]
async fn an_answer_is_valid_for_15_s() -> TestResult {
    let place = place().await?;
    for (after_s, expected) in [(14, 200), (16, 400)] {
        let (press, id) = pressed(&place).await?;
        place.sim.clock().advance(Duration::from_secs(after_s));
        let answer = json!({ "callback_query_id": id, "text": "yes", "show_alert": true, "cache_time": 5 });
        let reply = place.bot.call("answerCallbackQuery", answer).await?;
        assert_eq!(reply.status, expected, "after {after_s} s: {reply:?}");
        if expected == 200 {
            let shown = press.answer(SOON).await?;
            assert_eq!((shown.text.as_str(), shown.show_alert, shown.cache_time), ("yes", true, 5));
        } else {
            assert_eq!(reply.error(), TOO_OLD);
        }
    }
    Ok(())
}

#[tokio::test]
async fn how_long_an_answer_is_valid_is_a_setting() -> TestResult {
    let config = SimConfig { callback_window: Duration::from_secs(60), ..SimConfig::default() };
    let place = place_with(config, AdminRights::MODERATOR).await?;
    let (_press, id) = pressed(&place).await?;
    place.sim.clock().advance(Duration::from_secs(59));
    place.bot.ok("answerCallbackQuery", json!({ "callback_query_id": id })).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_answer_is_refused_unless_the_setting_says_otherwise() -> TestResult {
    for refuse_second_answer in [true, false] {
        let config = SimConfig { refuse_second_answer, ..SimConfig::default() };
        let place = place_with(config, AdminRights::MODERATOR).await?;
        let (press, id) = pressed(&place).await?;
        let answer = |text: &str| json!({ "callback_query_id": id, "text": text });
        place.bot.ok("answerCallbackQuery", answer("first")).await?;
        let again = place.bot.call("answerCallbackQuery", answer("second")).await?;
        assert_eq!(again.status, if refuse_second_answer { 400 } else { 200 });
        if refuse_second_answer {
            assert_eq!(again.error(), TOO_OLD);
        }
        assert_eq!(press.answer(SOON).await?.text, "first", "the presser sees the first");
    }
    Ok(())
}

#[tokio::test]
async fn an_id_that_is_none_is_as_good_as_too_old() -> TestResult {
    let place = place().await?;
    for args in [json!({}), json!({ "callback_query_id": "seven" }), json!({ "callback_query_id": "7" })] {
        assert_eq!(place.bot.error("answerCallbackQuery", args).await?, TOO_OLD);
    }
    Ok(())
}

#[tokio::test]
async fn a_text_above_200_characters_is_too_long() -> TestResult {
    let place = place().await?;
    let (press, id) = pressed(&place).await?;
    let answer = |letters: usize| json!({ "callback_query_id": id, "text": "ä".repeat(letters) });
    let error = place.bot.error("answerCallbackQuery", answer(201)).await?;
    assert_eq!(error, "Bad Request: MESSAGE_TOO_LONG");
    place.bot.ok("answerCallbackQuery", answer(200)).await?;
    assert_eq!(press.answer(SOON).await?.text.chars().count(), 200, "characters, not bytes");
    Ok(())
}

#[tokio::test]
async fn a_link_leads_to_the_bot_itself_or_is_invalid() -> TestResult {
    let place = place().await?;
    let (press, id) = pressed(&place).await?;
    for url in ["https://example.org/", "https://t.me/newspaper", "https://t.me/somebody_else_bot?start=x"] {
        let error = place.bot.error("answerCallbackQuery", json!({ "callback_query_id": id, "url": url })).await?;
        assert_eq!(error, "Bad Request: URL_INVALID", "{url}");
    }
    let url = format!("https://t.me/{}?start=hello", place.sim.bot_username());
    place.bot.ok("answerCallbackQuery", json!({ "callback_query_id": id, "url": url })).await?;
    assert_eq!(press.answer(SOON).await?.url, url);
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
