//! Whether a chat in which far too much is said slows down the others: how long a non-subscriber's message stands in quiet chats, first alone
//! and then beside a chat that has as much in the queue as one chat may have, all in one shard.
//!
//! `cargo build --release -p gateway -p worker` and then `cargo bench -p system-tests --bench hot_chat`, about half a minute. The simulated
//! Telegram runs in this process and takes 10 ms for each message of the hot chat; gateway and worker are processes, NATS, Postgres and Redis real.
#![expect(clippy::print_stdout, reason = "figures are what this program is for")]

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Context as _;
use system_tests::{
    figures::{Spread, Times},
    load::stood::{Message, deletions},
    split::{Split, UNLIMITED, stored},
    wait::wait_for,
};
use telegram_sim::{faults::Fault, rights::AdminRights, world::seeding::SeededGroup};

/// What each message of the hot chat costs at Telegram.
const SLOW: Duration = Duration::from_millis(10);
/// So many of them are deleted by one call, which takes as long as if each had had its own.
const BATCH: u32 = 100;
const COLD_CHATS: usize = 40;
/// In one part, spread over the cold chats.
const MESSAGES: usize = 200;
const EVERY: Duration = Duration::from_millis(50);
/// What one chat may have in the queue.
const FULL: u64 = 1000;
/// More than is handled during the second part, so that Telegram fills up what is taken.
const HOT_MESSAGES: usize = 4000;
const GOAL: f64 = 3.0;
/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<ExitCode> {
    // Cargo says this for `cargo bench`. Started in another way, as among all targets of `cargo test`, it has no work.
    if std::env::args().all(|argument| argument != "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> anyhow::Result<ExitCode> {
    let split = UNLIMITED.iter().fold(Split::prepare().await?, |split, (name, value)| split.worker_env(name, value));
    let (mut gateway, mut worker) =
        (split.gateway().env("SHARDS", "1").spawn()?, split.worker().env("SHARDS", "1").spawn()?);
    gateway.ready().await?;
    worker.ready().await?;
    let owner = split.world.person("Olga");
    let channel = split.world.channel("Daily News", Some("daily_news"), owner);
    split.world.add_bot(channel, AdminRights::INVITE_USERS);
    let cold = split.world.seed(COLD_CHATS, 2 * MESSAGES / COLD_CHATS, AdminRights::MODERATOR);
    let hot = split.world.seed(1, HOT_MESSAGES, AdminRights::MODERATOR).pop().context("a group")?;
    let all = cold.iter().chain([&hot]).map(|place| (place.group, place.owner));
    split.protect(channel, &all.collect::<Vec<_>>()).await?;
    split.sim.fault(Fault::latency(SLOW * BATCH).on("deleteMessages").in_chat(hot.group));
    split.sim.fault(Fault::latency(SLOW).on("restrictChatMember").in_chat(hot.group));

    let quiet = part(&split, &cold, 0).await?;
    println!("quiet chats alone:       {quiet}");
    for member in &hot.members {
        split.world.say(hot.group, *member, "Buy this!")?;
    }
    let jetstream = split.jetstream().await?;
    wait_for("the hot chat to be full", PATIENCE, async || match stored(&jetstream, "UPD").await {
        Ok(stored) if stored >= FULL => Ok(()),
        other => Err(format!("{other:?} of {FULL} are stored, {} at Telegram", split.sim.pending_updates())),
    })
    .await?;
    let busy = part(&split, &cold, 1).await?;
    println!("beside the hot chat:     {busy}");
    let left = stored(&jetstream, "UPD").await?;
    let handled = split.sim.calls().of("restrictChatMember").in_chat(hot.group).len();
    println!("the hot chat afterwards: {handled} of {HOT_MESSAGES} muted, {left} in the queue");
    let ratio = busy.p50 / quiet.p50.max(1.0);
    let verdict = if ratio <= GOAL { "reached" } else { "MISSED" };
    println!("p50 beside it / alone:   {ratio:.1} (goal: at most {GOAL}) {verdict}");
    anyhow::ensure!(left > 0, "the hot chat was not hot to the end: nothing was measured");
    Ok(if ratio <= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everybody who has not written yet in an earlier part writes once.
async fn part(split: &Split, cold: &[SeededGroup], number: usize) -> anyhow::Result<Spread> {
    let each = MESSAGES / COLD_CHATS;
    let began = split.sim.last_call();
    let mut said: BTreeMap<Message, i64> = BTreeMap::new();
    let mut pace = tokio::time::interval(EVERY);
    for n in number * each..(number + 1) * each {
        for place in cold {
            pace.tick().await;
            let now_ms = split.sim.clock().now_ms();
            let message = split.world.say(place.group, place.members[n], "Buy this!")?;
            said.insert((place.group, message), now_ms);
        }
    }
    let stood = async || {
        let deleted = deletions(&split.sim.calls_after(began));
        let stood = said.iter().filter_map(|(message, said)| i32::try_from(deleted.get(message)? - said).ok());
        let stood: Vec<f64> = stood.map(f64::from).collect();
        if stood.len() == said.len() { Ok(stood) } else { Err(format!("{} of {} are", stood.len(), said.len())) }
    };
    let stood = wait_for("all of them to be deleted", PATIENCE, stood).await?;
    Ok(stood.into_iter().collect::<Times>().spread())
}
