//! What waits for what.

use std::time::Duration;

use serde_json::json;
use telegram_sim::ids::MessageId;
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;

use crate::bot::{ALL_KINDS, SOON, TestResult, kind};
use crate::hook::{Answer, Arrival, Hook};
use crate::place::{Place, place};
use crate::rule_04_webhooks::retrying::failed;

/// Takes what says "warm" at once, so that all connections may be used, and holds everything else.
fn hold_all_but_warm(came: &Arrival, _: usize) -> Answer {
    if came.text() == "warm" { Answer::Status(200) } else { Answer::Held }
}

async fn all_is_delivered(sim: &Simulator) -> TestResult {
    Ok(sim.wait_until("all to be delivered", SOON, |_| sim.pending_updates() == 0).await?)
}

#[tokio::test]
async fn a_chats_messages_come_in_order_one_in_flight() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({}), hold_all_but_warm).await?;
    world.say_many(group, ann, &["warm", "one", "two", "three"])?;
    for (n, text) in ["one", "two", "three"].iter().enumerate() {
        let came = hook.wait_for(&sim, n + 2).await?;
        assert_eq!((came.text(), came.at_once), (*text, 1));
        hook.let_go(1);
    }
    all_is_delivered(&sim).await?;
    assert_eq!(hook.count(), 4);
    Ok(())
}

#[tokio::test]
async fn one_persons_messages_presses_and_memberships_are_queues_of_their_own() -> TestResult {
    let Place { bot, sim, world, group, ann, owner, .. } = place().await?;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Check", "callback_data": "check" }]] });
    let sent = bot.ok("sendMessage", json!({ "chat_id": group, "text": "Join", "reply_markup": keyboard })).await?;
    let button = MessageId(sent["message_id"].as_i64().unwrap_or_default());
    let other = world.group("Other", owner);
    world.add_bot(other, AdminRights::MODERATOR);
    world.set_join_by_request(other, true);
    bot.updates().await?;
    bot.updates().await?;
    let hook = Hook::set(&bot, &sim, json!({ "allowed_updates": ALL_KINDS }), hold_all_but_warm).await?;
    world.say(group, ann, "warm")?;
    all_is_delivered(&sim).await?;
    world.say(group, ann, "hello")?;
    drop(world.press(ann, group, button, "Check")?);
    world.leave(group, ann)?;
    world.request_to_join(other, ann, None)?;
    let last = hook.wait_for(&sim, 4).await?;
    assert_eq!(last.at_once, 3, "they are in flight together");
    let came = |count: usize| {
        let mut kinds: Vec<String> =
            hook.arrivals()[1..].iter().take(count).map(|came| kind(&came.update).to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(came(3), ["callback_query", "chat_member", "message"]);
    hook.let_go(10);
    all_is_delivered(&sim).await?;
    let all = came(10);
    assert!(all.contains(&"chat_join_request".to_owned()), "{all:?}");
    let order: Vec<i64> = hook
        .arrivals()
        .iter()
        .filter(|came| ["chat_member", "chat_join_request"].contains(&kind(&came.update)))
        .map(Arrival::id)
        .collect();
    assert!(order.is_sorted(), "a user's memberships and requests are one queue across chats: {order:?}");
    Ok(())
}

#[tokio::test]
async fn queues_are_delivered_in_parallel_up_to_max_connections() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({ "max_connections": 3 }), hold_all_but_warm).await?;
    world.say(group, ann, "warm")?;
    all_is_delivered(&sim).await?;
    for seeded in world.seed(6, 1, AdminRights::MODERATOR) {
        world.say(seeded.group, seeded.members[0], "hello")?;
    }
    assert_eq!(hook.wait_for(&sim, 4).await?.at_once, 3);
    hook.let_go(6);
    all_is_delivered(&sim).await?;
    assert_eq!(hook.arrivals().iter().map(|came| came.at_once).max(), Some(3));
    Ok(())
}

#[tokio::test]
async fn twice_max_connections_failing_queues_stall_all_others() -> TestResult {
    let Place { bot, sim, world, .. } = place().await?;
    let fails = |came: &Arrival, before: usize| match came.text() {
        "stuck" if before < 2 => Answer::with_header(500, "Retry-After: 600"),
        _ => Answer::Status(200),
    };
    let hook = Hook::set(&bot, &sim, json!({ "max_connections": 1 }), fails).await?;
    let groups = world.seed(3, 1, AdminRights::MODERATOR);
    for (seeded, text) in groups.iter().zip(["stuck", "stuck", "stalled"]) {
        world.say(seeded.group, seeded.members[0], text)?;
    }
    let second = hook.wait_for(&sim, 2).await?;
    failed(&sim, 2).await?;
    sim.clock().advance(Duration::from_secs(590));
    sim.clock().advance(Duration::from_secs(20));
    all_is_delivered(&sim).await?;
    assert_eq!(hook.texts(), ["stuck", "stuck", "stuck", "stalled", "stuck"]);
    assert!(hook.arrivals()[3].at_ms >= second.at_ms + 600_000, "another chat's, and it had to wait");
    Ok(())
}

#[tokio::test]
async fn a_failing_chat_holds_up_its_own_updates_and_no_others() -> TestResult {
    let Place { bot, sim, world, group, ann, owner, .. } = place().await?;
    let other = world.group("Other", owner);
    world.add_bot(other, AdminRights::MODERATOR);
    bot.updates().await?;
    bot.updates().await?;
    let fails_once = |_: &Arrival, before: usize| match before {
        0 => Answer::with_header(500, "Retry-After: 3600"),
        _ => Answer::Status(200),
    };
    let hook = Hook::set(&bot, &sim, json!({}), fails_once).await?;
    world.say(group, ann, "stuck")?;
    hook.wait_for(&sim, 1).await?;
    world.say(group, ann, "behind it")?;
    world.say(other, owner, "elsewhere")?;
    hook.wait_for(&sim, 2).await?;
    assert_eq!(hook.texts(), ["stuck", "elsewhere"]);
    failed(&sim, 1).await?;
    sim.clock().advance(Duration::from_secs(3601));
    all_is_delivered(&sim).await?;
    assert_eq!(hook.texts(), ["stuck", "elsewhere", "stuck", "behind it"]);
    Ok(())
}
