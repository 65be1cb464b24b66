//! getUpdates: waiting, confirming, conflicts.

use std::time::Instant;

use serde_json::json;

use crate::bot::{SOON, TestResult, kinds, start};
use crate::place::{Place, place};

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
async fn kinds_are_chosen_when_an_update_is_created() -> TestResult {
    let (sim, bot) = start().await?;
    let world = sim.world();
    let owner = world.person("Olga");
    let group = world.group("Readers", owner);
    world.add_bot(group, telegram_sim::rights::AdminRights::MODERATOR);
    bot.call("getUpdates", json!({ "allowed_updates": ["message"], "offset": -1 })).await?;
    world.join(group, world.person("Ann"))?;
    bot.call("getUpdates", json!({ "allowed_updates": [], "offset": 3 })).await?;
    world.join(group, world.person("Ben"))?;
    let updates = bot.updates().await?;
    let ids: Vec<i64> = updates.iter().filter_map(|update| update["update_id"].as_i64()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "consecutive: {ids:?}");
    assert!(!kinds(&updates).contains(&"chat_member"), "neither chosen nor in the default");
    Ok(())
}

#[tokio::test]
async fn a_second_poll_ends_the_first_and_a_webhook_ends_both() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let poll = |offset: i64| bot.error("getUpdates", json!({ "timeout": 30, "offset": offset }));
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", target.local_addr()?);
    let then_webhook = async {
        sim.wait_for("one poll has ended the other", SOON, |calls| {
            calls.iter().any(|call| call.status == 409).then_some(())
        })
        .await?;
        bot.ok("setWebhook", json!({ "url": url })).await
    };
    let started = Instant::now();
    let (one, other, set) = tokio::join!(poll(5), poll(6), then_webhook);
    set?;
    let mut errors = [one?, other?];
    errors.sort();
    assert_eq!(
        errors,
        [
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            "Conflict: terminated by setWebhook request",
        ]
    );
    assert!(started.elapsed().as_millis() > 2000, "a second conflict soon after is answered late");
    assert_eq!(
        bot.error("getUpdates", json!({})).await?,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    );
    Ok(())
}
