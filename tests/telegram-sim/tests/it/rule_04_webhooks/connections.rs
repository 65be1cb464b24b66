//! How connections are kept, opened anew, and restrained after failures.

use std::time::Duration;

use serde_json::json;
use telegram_sim::config::SimConfig;
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;

use crate::bot::{SOON, TestResult, roomy};
use crate::hook::{Answer, Arrival, Hook};
use crate::passing::timed;
use crate::place::{Place, place, place_with};

async fn all_is_delivered(sim: &Simulator) -> TestResult {
    Ok(sim.wait_until("all to be delivered", SOON, |_| sim.pending_updates() == 0).await?)
}

#[tokio::test]
async fn a_connection_is_kept_and_used_again() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(200)).await?;
    world.say_many(group, ann, &["one", "two", "three", "four"])?;
    all_is_delivered(&sim).await?;
    assert_eq!((hook.count(), hook.connections()), (4, 1));
    Ok(())
}

#[tokio::test]
async fn connection_close_in_an_answer_makes_it_reconnect() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::with_header(200, "Connection: close")).await?;
    world.say_many(group, ann, &["one", "two", "three"])?;
    all_is_delivered(&sim).await?;
    let connections: Vec<usize> = hook.arrivals().iter().map(|came| came.connection).collect();
    assert_eq!(connections, [1, 2, 3]);
    Ok(())
}

#[tokio::test]
async fn without_a_success_in_the_last_10_s_there_is_one_connection_and_a_new_one_every_2_s() -> TestResult {
    let Place { bot, sim, world, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Close).await?;
    for seeded in world.seed(20, 1, AdminRights::MODERATOR) {
        world.say(seeded.group, seeded.members[0], "hello")?;
    }
    timed(&sim.clock(), Duration::from_millis(50), hook.wait_for(&sim, 6)).await?;
    let came = hook.arrivals();
    for pair in came.windows(2) {
        let apart_ms = pair[1].at_ms - pair[0].at_ms;
        // The time a connection takes to open may differ between the two.
        assert!(apart_ms >= 1900, "{apart_ms} ms apart");
    }
    assert!(came.iter().all(|came| came.at_once == 1));
    Ok(())
}

#[tokio::test]
async fn after_a_success_10_connections_are_opened_in_half_a_second() -> TestResult {
    let Place { bot, sim, world, .. } = place().await?;
    let decide = |_: &Arrival, before: usize| if before == 0 { Answer::Status(200) } else { Answer::Held };
    let hook = Hook::set(&bot, &sim, json!({}), decide).await?;
    for seeded in world.seed(30, 1, AdminRights::MODERATOR) {
        world.say(seeded.group, seeded.members[0], "hello")?;
    }
    hook.wait_for(&sim, 30).await?;
    let came = hook.arrivals();
    assert_eq!(came[0].at_once, 1, "the first is alone until it has succeeded");
    // One goes on the first's connection, ten on new ones; the others come half a second later, and later still.
    for (n, later_ms) in [(12, 450), (22, 900)] {
        let apart_ms = came[n].at_ms - came[1].at_ms;
        assert!(apart_ms >= later_ms, "{apart_ms} ms between the second and the {n}th");
    }
    hook.let_go(30);
    all_is_delivered(&sim).await?;
    assert_eq!(hook.connections(), 29);
    Ok(())
}

#[tokio::test]
async fn the_slow_start_can_be_turned_off() -> TestResult {
    let config = SimConfig { webhook_starts_slowly: false, ..roomy() };
    let Place { bot, sim, world, .. } = place_with(config, AdminRights::MODERATOR).await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Held).await?;
    for seeded in world.seed(20, 1, AdminRights::MODERATOR) {
        world.say(seeded.group, seeded.members[0], "hello")?;
    }
    assert_eq!(hook.wait_for(&sim, 20).await?.at_once, 20);
    Ok(())
}
