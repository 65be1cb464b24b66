//! What is a failure, and when the next try comes.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::simulator::Simulator;

use crate::bot::{SOON, TestResult};
use crate::hook::{Answer, Arrival, Hook};
use crate::passing::timed;
use crate::place::{Place, place};

/// A try may come this much later than it is due: the machine is busy.
const LATE_MS: i64 = 3000;

/// A try that failed: when that was known, and why.
#[derive(Clone)]
pub(super) struct Failure {
    at_ms: i64,
    answer: String,
}

fn failures(sim: &Simulator) -> Vec<Failure> {
    let tries = sim.deliveries().into_iter().filter(|delivery| delivery.via == "webhook" && !delivery.delivered);
    tries.map(|delivery| Failure { at_ms: delivery.at_ms, answer: delivery.answer }).collect()
}

/// Waits until so many tries have failed, and the simulator knows it; gives the latest.
pub(super) async fn failed(sim: &Simulator, count: usize) -> anyhow::Result<Failure> {
    let what = format!("{count} failures");
    Ok(sim.wait(&what, SOON, || failures(sim).get(count - 1).cloned()).await?)
}

async fn all_is_done(sim: &Simulator) -> TestResult {
    Ok(sim.wait_until("the queue to be empty", SOON, |_| sim.pending_updates() == 0).await?)
}

async fn last_error(place: &Place) -> anyhow::Result<Value> {
    Ok(place.bot.ok("getWebhookInfo", json!({})).await?["last_error_message"].clone())
}

/// Lets an update fail in these ways, and checks that each next try comes after so many seconds: as soon as the world's
/// clock is there, and not before.
async fn assert_waits(answers: Vec<Answer>, waits_s: &[(i64, i64)]) -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let decide = move |_: &Arrival, before: usize| answers.get(before).cloned().unwrap_or(Answer::Status(200));
    let hook = Hook::set(&bot, &sim, json!({}), decide).await?;
    world.say(group, ann, "hello")?;
    for (n, (least_s, most_s)) in waits_s.iter().enumerate() {
        let failure = failed(&sim, n + 1).await?;
        sim.clock().advance(Duration::from_secs(least_s.unsigned_abs()));
        let next = async { hook.wait_for(&sim, n + 2).await };
        let step = if least_s == most_s { Duration::ZERO } else { Duration::from_secs(1) };
        let (next, _) = timed(&sim.clock(), step, next).await?;
        let waited_ms = next.at_ms - failure.at_ms;
        // The simulated seconds tick while the machine is slow, so that there the end is not sharp.
        let latest_ms = most_s * 1000 + if least_s == most_s { LATE_MS } else { 60_000 };
        assert!(
            (least_s * 1000..=latest_ms).contains(&waited_ms),
            "after failure {}: {waited_ms} ms, not {least_s} to {most_s} s",
            n + 1
        );
    }
    all_is_done(&sim).await?;
    assert_eq!(hook.count(), waits_s.len() + 1);
    Ok(())
}

#[tokio::test]
async fn tries_come_at_once_then_after_2_4_8_16_32_s_then_60_to_64_then_60_to_120() -> TestResult {
    let waits = [(0, 0), (2, 2), (4, 4), (8, 8), (16, 16), (32, 32), (60, 64), (60, 120), (60, 120)];
    assert_waits(vec![Answer::Status(500); waits.len()], &waits).await
}

#[tokio::test]
async fn retry_after_on_any_refusal_sets_the_wait_and_does_not_advance_the_doubling() -> TestResult {
    let after = |status: u16, wait: &str| Answer::with_header(status, &format!("Retry-After: {wait}"));
    assert_waits(
        vec![
            after(503, "7"),
            Answer::Status(500),
            after(302, "5"),
            after(404, "100"),
            Answer::Status(500),
            after(429, "1"),
            Answer::Status(500),
        ],
        &[(7, 7), (2, 2), (5, 5), (100, 100), (4, 4), (1, 1), (8, 8)],
    )
    .await
}

#[tokio::test]
async fn retry_after_is_an_hour_at_most_and_a_date_counts_as_none() -> TestResult {
    assert_waits(
        vec![
            Answer::with_header(503, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
            Answer::with_header(503, "Retry-After: 0"),
            Answer::with_header(503, "Retry-After: 86000"),
        ],
        &[(0, 0), (2, 2), (3600, 3600)],
    )
    .await
}

#[tokio::test]
async fn any_2xx_is_success() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let statuses = [200, 201, 202, 204, 206, 299];
    let hook = Hook::set(&bot, &sim, json!({}), move |_, before| Answer::Status(statuses[before % 6])).await?;
    world.say_many(group, ann, &["1", "2", "3", "4", "5", "6"])?;
    all_is_done(&sim).await?;
    assert_eq!(hook.texts(), ["1", "2", "3", "4", "5", "6"]);
    assert!(failures(&sim).is_empty());
    Ok(())
}

#[tokio::test]
async fn any_other_status_is_a_failure_and_redirects_are_not_followed() -> TestResult {
    let place = place().await?;
    let refuse = |came: &Arrival, _: usize| match came.text().parse() {
        Ok(status) => Answer::with_header(status, "Location: /elsewhere\r\nRetry-After: 3600"),
        Err(_) => Answer::Status(200),
    };
    let hook = Hook::set(&place.bot, &place.sim, json!({}), refuse).await?;
    for (n, (status, reason)) in [
        ("301", "Moved Permanently"),
        ("302", "Found"),
        ("307", "Temporary Redirect"),
        ("400", "Bad Request"),
        ("404", "Not Found"),
        ("500", "Internal Server Error"),
        ("503", "Service Unavailable"),
    ]
    .iter()
    .enumerate()
    {
        let group = place.world.group("Another", place.owner);
        place.world.add_bot(group, telegram_sim::rights::AdminRights::MODERATOR);
        place.world.say(group, place.owner, status)?;
        let failure = failed(&place.sim, n + 1).await?;
        assert_eq!(failure.answer, format!("Wrong response from the webhook: {status} {reason}"));
        assert_eq!(last_error(&place).await?, failure.answer);
    }
    assert!(hook.arrivals().iter().all(|came| came.request_line == "POST /hook HTTP/1.1"));
    Ok(())
}

#[tokio::test]
async fn a_closed_connection_is_a_failure() -> TestResult {
    let place = place().await?;
    let closes_once = |_: &Arrival, before: usize| if before == 0 { Answer::Close } else { Answer::Status(200) };
    let hook = Hook::set(&place.bot, &place.sim, json!({}), closes_once).await?;
    place.world.say(place.group, place.ann, "hello")?;
    failed(&place.sim, 1).await?;
    assert_eq!(last_error(&place).await?, "Webhook connection closed");
    let (again, _) = timed(&place.sim.clock(), Duration::from_millis(100), hook.wait_for(&place.sim, 2)).await?;
    assert_eq!((again.text(), again.connection), ("hello", 2));
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_is_not_there_any_more_is_a_failure() -> TestResult {
    let place = place().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    place.bot.ok("setWebhook", json!({ "url": url })).await?;
    drop(listener);
    place.world.say(place.group, place.ann, "hello")?;
    failed(&place.sim, 1).await?;
    let told = last_error(&place).await?;
    assert!(told == "Connection refused" || told == "Webhook connection closed", "{told}");
    Ok(())
}

#[tokio::test]
async fn sixty_seconds_without_an_answer_end_the_connection_and_the_update_is_sent_again() -> TestResult {
    let place = place().await?;
    let silent_once = |_: &Arrival, before: usize| if before == 0 { Answer::Silence } else { Answer::Status(200) };
    let hook = Hook::set(&place.bot, &place.sim, json!({}), silent_once).await?;
    place.world.say(place.group, place.ann, "hello")?;
    let first = hook.wait_for(&place.sim, 1).await?;
    place.sim.clock().advance(Duration::from_secs(60));
    let second = hook.wait_for(&place.sim, 2).await?;
    assert!(second.at_ms - first.at_ms >= 60_000);
    assert_eq!((second.text(), second.connection), ("hello", 2));
    assert_eq!(last_error(&place).await?, "Read timeout expired");
    Ok(())
}

#[tokio::test]
async fn a_press_that_only_fails_gets_7_to_9_tries_in_its_150_s_and_is_dropped() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Check", "callback_data": "check" }]] });
    let sent = bot.ok("sendMessage", json!({ "chat_id": group, "text": "Join", "reply_markup": keyboard })).await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(500)).await?;
    let button = telegram_sim::ids::MessageId(sent["message_id"].as_i64().unwrap_or_default());
    drop(world.press(ann, group, button, "Check")?);
    // The waits by the table. They are 126 s together, and the next is 60 s at least.
    let waits_s = [0, 2, 4, 8, 16, 32, 64];
    for (n, wait_s) in waits_s.into_iter().enumerate() {
        failed(&sim, n + 1).await?;
        sim.clock().advance(Duration::from_secs(wait_s));
    }
    all_is_done(&sim).await?;
    assert_eq!(hook.count(), waits_s.len() + 1);
    Ok(())
}

#[tokio::test]
async fn an_update_whose_next_try_would_be_too_late_is_dropped_and_the_next_comes() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let fails = |came: &Arrival, _: usize| match came.text() {
        "old" => Answer::with_header(503, "Retry-After: 3600"),
        _ => Answer::Status(200),
    };
    let hook = Hook::listen(&sim, fails).await?;
    world.say_many(group, ann, &["old", "behind it"])?;
    sim.clock().advance(Duration::from_secs(86_400 - 1800));
    world.say(group, ann, "young")?;
    bot.ok("setWebhook", json!({ "url": hook.origin })).await?;
    all_is_done(&sim).await?;
    assert_eq!(hook.texts(), ["old", "behind it", "young"]);
    Ok(())
}

/// Answers 410, but for the n-th time, and lets the clock go to the next try so many times.
async fn hours_of_410(but: Option<usize>, hours: usize) -> anyhow::Result<Place> {
    let place = place().await?;
    let decide = move |_: &Arrival, before: usize| match before {
        n if Some(n) == but => Answer::with_header(500, "Retry-After: 3600"),
        // A day after it was made the update would be dropped.
        n if n >= hours => Answer::Status(410),
        _ => Answer::with_header(410, "Retry-After: 3600"),
    };
    let hook = Hook::set(&place.bot, &place.sim, json!({}), decide).await?;
    place.world.say(place.group, place.ann, "hello")?;
    for hour in 0..hours {
        hook.wait_for(&place.sim, hour + 1).await?;
        failed(&place.sim, hour + 1).await?;
        let info = place.bot.ok("getWebhookInfo", json!({})).await?;
        assert_ne!(info["url"], "", "hour {hour}");
        place.sim.clock().advance(Duration::from_secs(3600));
    }
    failed(&place.sim, hours + 1).await?;
    Ok(place)
}

#[tokio::test]
async fn more_than_23_h_of_410_and_nothing_else_remove_the_webhook() -> TestResult {
    let place = hours_of_410(None, 23).await?;
    let info = place.bot.ok("getWebhookInfo", json!({})).await?;
    assert_eq!((&info["url"], &info["pending_update_count"]), (&json!(""), &json!(1)), "{info}");
    place.bot.ok("getUpdates", json!({ "offset": 5 })).await?;
    Ok(())
}

#[tokio::test]
async fn another_code_begins_the_23_h_of_410_anew() -> TestResult {
    let place = hours_of_410(Some(3), 23).await?;
    assert_ne!(place.bot.ok("getWebhookInfo", json!({})).await?["url"], "");
    Ok(())
}
