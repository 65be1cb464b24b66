//! Thousands of calls from fifty callers at once: the limits hold, and whoever obeys them gets everything through.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde_json::{Value, json};
use telegram_sim::clock::Clock;
use telegram_sim::floods::FloodLimits;
use telegram_sim::ids::{ChatId, UserId};
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;

use super::{place_limited, wait_asked};
use crate::bot::{Bot, TestResult};
use crate::passing::{until, while_time_passes};
use crate::place::Place;

const CALLERS: usize = 50;
const GROUPS: usize = 60;
const MESSAGES_EACH: usize = 24;
/// Far more than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A caller that waits as it is told, and tells the others.
struct Obedient<'a> {
    bot: &'a Bot,
    clock: Clock,
    /// When a chat may be sent to again, in the world's milliseconds.
    closed: Mutex<HashMap<ChatId, i64>>,
}

impl Obedient<'_> {
    fn closed(&self) -> std::sync::MutexGuard<'_, HashMap<ChatId, i64>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls until it succeeds; any error but a flood is one.
    async fn call(&self, chat: ChatId, method: &str, args: &Value) -> anyhow::Result<Value> {
        loop {
            let opens = self.closed().get(&chat).copied().unwrap_or_default();
            until(&self.clock, opens).await;
            let reply = self.bot.call(method, args.clone()).await?;
            if reply.status == 200 {
                return Ok(reply.body["result"].clone());
            }
            let opens = self.clock.now_ms() + wait_asked(&reply) * 1000;
            let mut closed = self.closed();
            let known = closed.entry(chat).or_default();
            *known = opens.max(*known);
        }
    }

    /// One caller's share: messages, every fourth of them edited, and after each a look-up, a mute and a deletion.
    async fn work(&self, groups: &[(ChatId, UserId)], caller: usize) -> anyhow::Result<()> {
        let all = GROUPS * MESSAGES_EACH;
        for number in (caller..all).step_by(CALLERS) {
            let (chat, member) = groups[number % groups.len()];
            let send = json!({ "chat_id": chat, "text": format!("message {number}") });
            let sent = self.call(chat, "sendMessage", &send).await?;
            let id = &sent["message_id"];
            if number % 4 == 0 {
                let edit = json!({ "chat_id": chat, "message_id": id, "text": format!("edited {number}") });
                self.call(chat, "editMessageText", &edit).await?;
            }
            let about = json!({ "chat_id": chat, "user_id": member });
            self.bot.ok("getChatMember", about.clone()).await?;
            self.bot.ok("restrictChatMember", about).await?;
            if number % 3 == 0 {
                self.bot.ok("deleteMessage", json!({ "chat_id": chat, "message_id": id })).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_06_under_load_the_limits_hold_and_whoever_obeys_them_succeeds() -> TestResult {
    let started = Instant::now();
    let Place { bot, world, sim, .. } = place_limited(FloodLimits::default()).await?;
    let groups: Vec<(ChatId, UserId)> = world
        .seed(GROUPS, 1, AdminRights::MODERATOR)
        .into_iter()
        .map(|seeded| (seeded.group, seeded.members[0]))
        .collect();
    let obedient = Obedient { bot: &bot, clock: sim.clock(), closed: Mutex::default() };
    let callers = try_join_all((0..CALLERS).map(|caller| obedient.work(&groups, caller)));
    let working = while_time_passes(&obedient.clock, callers);
    tokio::time::timeout(PATIENCE, working).await.map_err(|_| anyhow::anyhow!("not done: {}", summary(&sim)))??;

    let sends = GROUPS * MESSAGES_EACH;
    assert_eq!(sim.calls().of("sendMessage").ok().len(), sends, "{}", summary(&sim));
    let mut by_chat: BTreeMap<ChatId, Vec<i64>> = BTreeMap::new();
    for call in sim.calls().ok().iter().filter(|call| call.method == "sendMessage" || call.method == "editMessageText")
    {
        let (Some(chat), Some(taken)) = (call.chat(), call.taken_ms) else {
            anyhow::bail!("a message that nobody took: {call}");
        };
        by_chat.entry(chat).or_default().push(taken);
    }
    for (chat, taken) in &mut by_chat {
        assert!(most_within(taken, 60_000) <= 20, "{chat}: {taken:?}");
    }
    let mut all: Vec<i64> = by_chat.into_values().flatten().collect();
    assert_eq!(all.len(), sends + sends / 4);
    assert!(most_within(&mut all, 1000) <= 30, "{all:?}");
    let refused = sim.calls().only(|call| call.status == 429).len();
    assert!(refused > 0, "the limits were never met: {}", summary(&sim));
    assert!(sim.calls().len() >= 3 * sends, "{}", summary(&sim));
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    Ok(())
}

/// The largest number of these times that lie in any stretch shorter than this.
fn most_within(times: &mut [i64], length_ms: i64) -> usize {
    times.sort_unstable();
    let mut first = 0;
    let mut most = 0;
    for last in 0..times.len() {
        while times[last] - times[first] >= length_ms {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

fn summary(sim: &Simulator) -> String {
    let calls = sim.calls();
    let refused = calls.only(|call| call.status == 429);
    let last: Vec<String> = refused.iter().rev().take(5).map(ToString::to_string).collect();
    format!(
        "{} calls, {} sent, {} refused, the last {last:?}",
        calls.len(),
        calls.of("sendMessage").ok().len(),
        refused.len()
    )
}
