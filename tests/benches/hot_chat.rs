//! Whether a chat in which far too much is said slows down the others: how long a non-subscriber's message stands in quiet chats, first alone
//! and then beside a chat that has as much in the queue as one chat may have, all in one shard.
//!
//! `cargo build --release -p gateway -p worker` and then `cargo bench -p system-tests --bench hot_chat`, about half a minute. The simulated
//! Telegram runs in this process and takes 10 ms for each message of the hot chat; gateway and worker are processes, NATS, Postgres and Redis real.
#![expect(clippy::print_stdout, reason = "figures are what this program is for")]

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Context as _;
use system_tests::{
    split::{Split, stored},
    wait::wait_for,
};
use telegram_sim::{
    faults::Fault,
    ids::{ChatId, MessageId},
    ledger::Call,
    rights::AdminRights,
    world::seeding::SeededGroup,
};

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

/// So many messages a second are more than Telegram's limits let through; they are not what is measured.
const LIMITS: [(&str, &str); 4] = [
    ("LIMIT_SEND_PER_S", "2000"),
    ("LIMIT_SEND_PER_GROUP_PER_MIN", "2000"),
    ("LIMIT_READ_PER_S", "5000"),
    ("LIMIT_MODERATE_PER_S", "5000"),
];

fn main() -> anyhow::Result<ExitCode> {
    // Cargo says this for `cargo bench`. Started in another way, as among all targets of `cargo test`, it has no work.
    if std::env::args().all(|argument| argument != "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> anyhow::Result<ExitCode> {
    let split = LIMITS.iter().fold(Split::prepare().await?, |split, (name, value)| split.worker_env(name, value));
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
    let ratio = busy.p50_ms / quiet.p50_ms.max(1.0);
    let verdict = if ratio <= GOAL { "reached" } else { "MISSED" };
    println!("p50 beside it / alone:   {ratio:.1} (goal: at most {GOAL}) {verdict}");
    anyhow::ensure!(left > 0, "the hot chat was not hot to the end: nothing was measured");
    Ok(if ratio <= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long messages stood, from when they were written to when the bot's call to delete them came.
struct Stood {
    p50_ms: f64,
    p95_ms: f64,
    count: usize,
}

impl std::fmt::Display for Stood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {} ms, p95 {} ms, {} messages", self.p50_ms, self.p95_ms, self.count)
    }
}

/// Everybody who has not written yet in an earlier part writes once.
async fn part(split: &Split, cold: &[SeededGroup], number: usize) -> anyhow::Result<Stood> {
    let each = MESSAGES / COLD_CHATS;
    let began = split.sim.last_call();
    let mut said: BTreeMap<(ChatId, MessageId), i64> = BTreeMap::new();
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
        let calls = split.sim.calls_after(began);
        let deleted: BTreeMap<(ChatId, MessageId), i64> = calls.iter().flat_map(|call| deleted(call)).collect();
        let stood = said.iter().filter_map(|(message, said)| Some(deleted.get(message)? - said));
        let stood: Vec<i64> = stood.collect();
        if stood.len() == said.len() { Ok(stood) } else { Err(format!("{} of {} are", stood.len(), said.len())) }
    };
    let mut stood = wait_for("all of them to be deleted", PATIENCE, stood).await?;
    stood.sort_unstable();
    let at = |percent: usize| {
        let ms = stood.get(stood.len() * percent / 100).copied().unwrap_or_default();
        u32::try_from(ms).map_or(f64::INFINITY, f64::from)
    };
    Ok(Stood { p50_ms: at(50), p95_ms: at(95), count: stood.len() })
}

/// The messages that a call deletes, and when it came.
fn deleted(call: &Call) -> Vec<((ChatId, MessageId), i64)> {
    let (Some(chat), true) = (call.chat(), call.method.starts_with("deleteMessage")) else { return Vec::new() };
    let many = call.args.get("message_ids").and_then(|ids| ids.as_array()).into_iter().flatten();
    let ids = many.chain(call.args.get("message_id")).filter_map(|id| id.as_i64());
    ids.map(|id| ((chat, MessageId(id)), call.at_ms)).collect()
}
