//! A method called by the webhook's answer.

use serde_json::json;
use telegram_sim::ledger::Call;

use crate::bot::{SOON, TestResult};
use crate::hook::{Answer, Arrival, Hook};
use crate::place::{Place, place};

fn json_answer(status: u16, body: &serde_json::Value) -> Answer {
    Answer::Full(status, "Content-Type: application/json\r\n".to_owned(), body.to_string())
}

/// Lets the webhook answer like this to the first update, and waits for the call "last" that it answers the second with.
async fn calls_after(place: &Place, first: Answer) -> anyhow::Result<Vec<Call>> {
    let chat = place.group;
    let decide = move |_: &Arrival, before: usize| match before {
        0 => first.clone(),
        1 => json_answer(200, &json!({ "method": "sendMessage", "chat_id": chat, "text": "last" })),
        _ => Answer::Status(200),
    };
    let _hook = Hook::set(&place.bot, &place.sim, json!({}), decide).await?;
    place.world.say_many(place.group, place.ann, &["one", "two"])?;
    let last = |calls: &telegram_sim::ledger::Calls| {
        let is_last = |call: &Call| call.text_arg("text") == "last";
        calls.iter().any(|call| is_last(call)).then(|| calls.only(|call| call.in_webhook_reply && !is_last(call)))
    };
    let calls = place.sim.wait_for("the last call", SOON, last).await?;
    Ok(calls.iter().map(|call| (**call).clone()).collect())
}

#[tokio::test]
async fn a_method_in_a_json_or_form_answer_is_called_and_its_result_is_thrown_away() -> TestResult {
    for (kind, body) in [
        ("application/json", r#"{"method":"SendMessage","chat_id":CHAT,"text":"by reply"}"#),
        ("application/x-www-form-urlencoded", "method=sendMessage&chat_id=CHAT&text=by+reply"),
    ] {
        let place = place().await?;
        let body = body.replace("CHAT", &place.group.to_string());
        let calls = calls_after(&place, Answer::Full(200, format!("Content-Type: {kind}\r\n"), body)).await?;
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!((calls[0].method.as_str(), calls[0].status, calls[0].result.is_none()), ("sendMessage", 200, true));
        assert!(calls[0].to_string().contains("[in a webhook reply]"));
        assert!(place.world.bot_messages(place.group).iter().any(|message| message.text == "by reply"));
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_such_a_call_is_thrown_away_too_and_the_update_is_done_with() -> TestResult {
    let place = place().await?;
    let wrong = json_answer(200, &json!({ "method": "sendMessage", "chat_id": 1, "text": "x" }));
    let calls = calls_after(&place, wrong).await?;
    assert_eq!((calls[0].status, calls[0].error.as_deref()), (400, Some("Bad Request: chat not found")));
    assert_eq!(place.bot.ok("getWebhookInfo", json!({})).await?.get("last_error_message"), None);
    Ok(())
}

#[tokio::test]
async fn webhook_methods_log_out_close_and_whatever_begins_with_get_are_not_called() -> TestResult {
    for method in ["deleteWebhook", "setWebhook", "close", "logOut", "getMe", "GETCHAT", "get"] {
        let place = place().await?;
        let calls = calls_after(&place, json_answer(200, &json!({ "method": method }))).await?;
        assert!(calls.is_empty(), "{calls:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_success_calls_nothing() -> TestResult {
    let place = place().await?;
    let body = json!({ "method": "sendMessage", "chat_id": place.group, "text": "x" });
    let calls = calls_after(&place, json_answer(500, &body)).await?;
    assert!(calls.is_empty(), "{calls:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_says_ok_calls_nothing() -> TestResult {
    for first in [
        json_answer(200, &json!({ "ok": true })),
        Answer::Full(200, "Content-Type: text/plain\r\n".to_owned(), r#"{"method":"sendMessage"}"#.to_owned()),
        Answer::Full(200, "Content-Type: application/json\r\n".to_owned(), "not JSON".to_owned()),
    ] {
        let place = place().await?;
        assert!(calls_after(&place, first).await?.is_empty());
    }
    Ok(())
}
