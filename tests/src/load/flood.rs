//! A flood of people who are not subscribed, while Telegram keeps strict limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use telegram_sim::{
    ids::{ChatId, UserId},
    ledger::{Call, Calls},
};
use tokio::time::{Instant, sleep_until};

use super::{
    options::Flood,
    report::Report,
    site::{Site, evenly, strict},
    stood::{Message, gone},
};

/// In each group; who is muted writes no more, and others go on.
const OFFENDERS: usize = 80;
/// Reads and moderation may meet Telegram's limits while the bot learns them.
const LEARNING_MS: i64 = 10_000;
/// How long what waits after the flood may take until it is counted as left.
const DRAIN: Duration = Duration::from_secs(240);

/// What shares a limit at Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Sends,
    Moderation,
    Reads,
}

pub(super) async fn run(options: &Flood, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let Flood { workers, groups, seconds, rate, redis_dies } = *options;
    let mut site = Site::open(workers, &[]).await?;
    let places = site.protected(groups, OFFENDERS, 10).await?;
    tell(&format!("{groups} groups are protected by {workers} workers"));
    site.split.sim.set_floods(strict());
    let lasts = Duration::from_secs(seconds.into());
    let (before, began_ms) = (site.split.sim.last_call(), site.split.sim.clock().now_ms());

    let writers: Vec<(ChatId, UserId)> =
        places.iter().flat_map(|(place, _)| place.members.iter().map(|member| (place.group, *member))).collect();
    let mut rng = StdRng::seed_from_u64(7);
    let mut written: Vec<Message> = Vec::new();
    let world = site.split.world.clone();
    let writing = evenly(rate, lasts, |done| {
        // Who is muted cannot write: somebody else does.
        let message = (0..writers.len()).find_map(|_| {
            let (group, person) = writers[rng.random_range(0..writers.len())];
            Some((group, world.say(group, person, "Buy this!").ok()?))
        });
        written.extend(message);
        if done % (rate * 10) == 0 {
            tell(&format!("{:>4} s: {} written", done / rate, written.len()));
        }
    });
    let dying = async {
        if redis_dies {
            sleep_until(Instant::now() + lasts / 2).await;
            site.redis.kill().await?;
            tell("Redis is killed");
        }
        anyhow::Ok(())
    };
    tokio::join!(writing, dying).1?;

    let sim = &site.split.sim;
    let begun = Instant::now();
    let mut left = usize::MAX;
    while left > 0 && begun.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let gone = gone(&sim.calls_after(before));
        left = written.iter().filter(|message| !gone.contains(message)).count();
    }
    let calls = sim.calls_after(before);
    let muted: BTreeSet<_> =
        calls.of("restrictChatMember").ok().iter().map(|call| (call.chat(), call.user())).collect();

    let mut report = Report::new(format!(
        "flood: {workers} workers, {groups} groups, {rate} messages/s for {seconds} s{}",
        if redis_dies { ", Redis killed half way" } else { "" }
    ));
    report.tell("messages written, by people", format!("{}, {}", written.len(), muted.len()));
    report.tell("calls", calls.len());
    let mut refused = BTreeMap::new();
    for kind in [Kind::Sends, Kind::Moderation, Kind::Reads] {
        let counted_from = if kind == Kind::Sends { began_ms } else { began_ms + LEARNING_MS };
        let of_kind = calls.only(|call| kind_of(call) == Some(kind) && call.at_ms >= counted_from);
        let floods = of_kind.only(|call| call.status == 429).len();
        report.tell(&format!("{kind:?}").to_lowercase(), of_kind.len());
        refused.insert(kind, (floods, of_kind.len()));
    }
    let share = |(floods, all): (usize, usize)| percent(floods, all);
    if redis_dies {
        let all = (calls.only(|call| call.status == 429).len(), calls.len());
        report.judge("429 to any call", format!("{} ({:.2} %)", all.0, share(all)), "under 1 %", share(all) < 1.0);
    } else {
        report.judge("429 to sends", refused[&Kind::Sends].0, "0", refused[&Kind::Sends].0 == 0);
        for kind in [Kind::Moderation, Kind::Reads] {
            let name = format!("429 to {} after the first 10 s", format!("{kind:?}").to_lowercase());
            let of_kind = refused[&kind];
            let value = format!("{} ({:.2} %)", of_kind.0, share(of_kind));
            report.judge(&name, value, "at most 0.1 %", share(of_kind) <= 0.1);
        }
    }
    let sends = calls.only(|call| kind_of(call) == Some(Kind::Sends));
    let in_a_minute = sends.iter().filter_map(|call| call.chat()).collect::<BTreeSet<_>>().into_iter();
    let in_a_minute = in_a_minute.map(|group| most_within(&sends.in_chat(group), 60_000)).max().unwrap_or(0);
    report.judge("most sends in any 60 s of one group", in_a_minute, "at most 20", in_a_minute <= 20);
    let in_a_second = most_within(&sends, 1_000);
    report.judge("most sends in any second", in_a_second, "at most 30", in_a_second <= 30);
    report.judge("messages that still stand 4 min after the flood", left, "0", left == 0);
    report.tell("the last one went, after the flood", format!("{} s", begun.elapsed().as_secs()));
    Ok(report)
}

/// None: nothing counts it.
fn kind_of(call: &Call) -> Option<Kind> {
    let method = call.method.as_str();
    if method.starts_with("send") || method.starts_with("edit") {
        Some(Kind::Sends)
    } else if method.starts_with("delete") || method.starts_with("restrict") || method.starts_with("ban") {
        Some(Kind::Moderation)
    } else if method.starts_with("getChat") {
        Some(Kind::Reads)
    } else {
        None
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    let [part, whole] = [part, whole].map(|n| u32::try_from(n).map_or(f64::INFINITY, f64::from));
    100.0 * part / whole.max(1.0)
}

/// The most of these calls in any window of that length.
fn most_within(calls: &Calls, window_ms: i64) -> usize {
    let mut times: Vec<i64> = calls.iter().map(|call| call.at_ms).collect();
    times.sort_unstable();
    let within = |(n, first): (usize, &i64)| times[n..].iter().take_while(|at_ms| **at_ms < first + window_ms).count();
    times.iter().enumerate().map(within).max().unwrap_or(0)
}
