//! Rule 4, getUpdates: waiting, confirming, limits, braking, and conflicts with their 3 s delay.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use telegram_sim::simulator::Simulator;

use crate::bot::{Bot, SOON, TestResult, start};
use crate::hook::{Answer, Hook};
use crate::passing::timed;
use crate::place::{Place, place};

const STEP: Duration = Duration::from_millis(100);

fn texts(updates: &Value) -> Vec<&str> {
    updates.as_array().into_iter().flatten().filter_map(|update| update["message"]["text"].as_str()).collect()
}

fn id(update: &Value) -> i64 {
    update["update_id"].as_i64().unwrap_or_default()
}

#[tokio::test]
async fn a_long_poll_is_answered_when_something_happens() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    let started = Instant::now();
    let poll = bot.ok("getUpdates", json!({ "timeout": 30, "offset": 7 }));
    let speak = async {
        tokio::task::yield_now().await;
        world.say(group, ann, "hello")
    };
    let (updates, spoken) = tokio::join!(poll, speak);
    spoken?;
    assert_eq!(updates?[0]["message"]["text"], "hello");
    assert!(started.elapsed().as_secs() < 10);
    Ok(())
}

#[tokio::test]
async fn what_comes_within_a_millisecond_of_the_first_is_given_with_it() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let poll = bot.ok("getUpdates", json!({ "timeout": 30, "offset": 8 }));
    let speak = async {
        // A poll that gives nothing and has no time-out shows that the first is being waited for, or is about to be.
        bot.ok("getUpdates", json!({ "timeout": 0, "offset": 9 })).await?;
        world.say_many(group, ann, &["one", "two", "three"])?;
        anyhow::Ok(())
    };
    let (updates, spoken) = tokio::join!(poll, speak);
    spoken?;
    assert_eq!(texts(&updates?), ["one", "two", "three"], "{}", sim.calls());
    Ok(())
}

#[tokio::test]
async fn a_poll_ends_empty_after_its_timeout_which_is_50_s_at_most() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    for (offset, timeout, waited_s) in [(11, json!(4), 4..8), (12, json!(1000), 50..58), (13, json!(-1), 0..3)] {
        let poll = bot.ok("getUpdates", json!({ "timeout": timeout, "offset": offset }));
        let (updates, took_ms) = timed(&sim.clock(), STEP, poll).await?;
        assert_eq!(updates, json!([]));
        assert!(waited_s.contains(&(took_ms / 1000)), "timeout {timeout}: {took_ms} ms");
    }
    Ok(())
}

#[tokio::test]
async fn an_offset_confirms_what_is_below_it_and_0_confirms_nothing() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    world.say_many(group, ann, &["one", "two", "three"])?;
    let all = bot.ok("getUpdates", json!({ "offset": 0 })).await?;
    assert_eq!(texts(&all), ["one", "two", "three"]);
    let from_second = json!({ "offset": id(&all[1]) });
    assert_eq!(texts(&bot.ok("getUpdates", from_second).await?), ["two", "three"]);
    assert_eq!(texts(&bot.ok("getUpdates", json!({ "offset": 0 })).await?), ["two", "three"]);
    Ok(())
}

#[tokio::test]
async fn a_negative_offset_keeps_only_the_last_so_many() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    world.say_many(group, ann, &["one", "two", "three"])?;
    assert_eq!(texts(&bot.ok("getUpdates", json!({ "offset": -2 })).await?), ["two", "three"]);
    assert_eq!(texts(&bot.ok("getUpdates", json!({ "offset": 0 })).await?), ["two", "three"]);
    Ok(())
}

#[tokio::test]
async fn an_offset_far_from_the_queue_confirms_nothing() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    world.say_many(group, ann, &["one", "two"])?;
    let all = bot.ok("getUpdates", json!({ "offset": 0 })).await?;
    let after_last = id(&all[1]) + 1;
    for offset in [after_last + 11, id(&all[0]) - 100_001] {
        assert_eq!(texts(&bot.ok("getUpdates", json!({ "offset": offset })).await?), ["one", "two"], "{offset}");
    }
    assert_eq!(bot.ok("getUpdates", json!({ "offset": after_last + 10, "timeout": 0 })).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_reply_is_cut_at_about_4_mib() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    let long = "x".repeat(400 << 10);
    for _ in 0..15 {
        world.say(group, ann, &long)?;
    }
    let reply = bot.ok("getUpdates", json!({ "offset": 0 })).await?;
    let (count, size) = (texts(&reply).len(), reply.to_string().len());
    assert!((9..=10).contains(&count) && size <= 4 << 20, "{count} updates of {size} bytes together");
    Ok(())
}

#[tokio::test]
async fn the_same_offset_again_within_3_s_waits_for_3_s() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    bot.ok("getUpdates", json!({ "offset": 21 })).await?;
    let (_, took_ms) = timed(&sim.clock(), STEP, bot.ok("getUpdates", json!({ "offset": 21 }))).await?;
    assert!((3000..6000).contains(&took_ms), "{took_ms} ms");
    sim.clock().advance(Duration::from_secs(4));
    let later = Instant::now();
    bot.ok("getUpdates", json!({ "offset": 21 })).await?;
    assert!(later.elapsed() < Duration::from_secs(3), "not so soon after: no brake");
    Ok(())
}

#[tokio::test]
async fn the_same_offset_again_within_half_a_second_gives_one_update() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    world.say_many(group, ann, &["one", "two", "three"])?;
    let poll = || bot.ok("getUpdates", json!({ "offset": 0 }));
    assert_eq!(texts(&poll().await?), ["one", "two", "three"]);
    assert_eq!(texts(&poll().await?), ["one"]);
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(texts(&poll().await?), ["one", "two", "three"]);
    Ok(())
}

#[tokio::test]
async fn allowed_updates_are_remembered() -> TestResult {
    let (_sim, bot) = start().await?;
    bot.ok("getUpdates", json!({ "allowed_updates": ["message"], "offset": 3 })).await?;
    bot.ok("getUpdates", json!({ "offset": 4 })).await?;
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["allowed_updates"], json!(["message"]));
    Ok(())
}

#[tokio::test]
async fn polling_is_refused_while_there_is_a_webhook() -> TestResult {
    let (sim, bot) = start().await?;
    let _hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(200)).await?;
    let refused = bot.call("getUpdates", json!({})).await?;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.error(),
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    );
    Ok(())
}

async fn until_one_has_failed(sim: &Simulator) -> TestResult {
    let failed = sim.wait_for("a conflict", SOON, |calls| calls.iter().any(|call| call.status == 409).then_some(()));
    Ok(failed.await?)
}

fn poll(bot: &Bot, offset: i64, timeout: i64) -> impl Future<Output = anyhow::Result<String>> {
    bot.error("getUpdates", json!({ "timeout": timeout, "offset": offset }))
}

#[tokio::test]
async fn a_second_poll_ends_the_first_and_a_webhook_ends_the_second_3_s_later() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", target.local_addr()?);
    let then_webhook = async {
        until_one_has_failed(&sim).await?;
        let conflict_ms = sim.clock().now_ms();
        bot.ok("setWebhook", json!({ "url": url })).await?;
        anyhow::Ok(conflict_ms)
    };
    let both = async { anyhow::Ok(tokio::join!(poll(&bot, 5, 50), poll(&bot, 6, 50), then_webhook)) };
    let ((one, other, set), _) = timed(&sim.clock(), Duration::from_millis(20), both).await?;
    let mut errors = [one?, other?];
    errors.sort();
    assert_eq!(
        errors,
        [
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            "Conflict: terminated by setWebhook request",
        ]
    );
    let delay_ms = sim.clock().now_ms() - set?;
    assert!(delay_ms >= 3000, "a second conflict soon after the first is answered 3 s later, not {delay_ms} ms");
    Ok(())
}

#[tokio::test]
async fn a_poll_without_timeout_or_with_something_to_give_ends_nobody() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let first = bot.ok("getUpdates", json!({ "timeout": 50, "offset": 31 }));
    let then = async {
        bot.ok("getUpdates", json!({ "timeout": 0, "offset": 32 })).await?;
        world.say(group, ann, "hello")?;
        anyhow::Ok(())
    };
    let (first, then) = tokio::join!(first, then);
    then?;
    assert_eq!(texts(&first?), ["hello"]);
    assert!(sim.calls().iter().all(|call| call.status == 200), "{}", sim.calls());
    Ok(())
}

#[tokio::test]
async fn a_conflict_long_after_the_last_is_told_at_once() -> TestResult {
    let (sim, bot) = start().await?;
    let _hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(200)).await?;
    for _ in 0..3 {
        let asked_ms = sim.clock().now_ms();
        bot.error("getUpdates", json!({})).await?;
        assert!(sim.clock().now_ms() - asked_ms < 3000);
        sim.clock().advance(Duration::from_secs(3));
    }
    bot.error("getUpdates", json!({})).await?;
    let again = async { bot.error("getUpdates", json!({})).await };
    let (_, took_ms) = timed(&sim.clock(), STEP, again).await?;
    assert!((3000..6000).contains(&took_ms), "{took_ms} ms");
    Ok(())
}
