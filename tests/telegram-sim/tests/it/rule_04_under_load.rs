//! Rule 4 under load: 10,000 updates over 500 chats to a webhook that fails for 5 % of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;

use crate::bot::TestResult;
use crate::hook::{Answer, Arrival, Hook};
use crate::passing::timed;
use crate::place::{Place, place};

const CHATS: usize = 500;
const UPDATES: usize = 10_000;
const MAX_CONNECTIONS: usize = 40;
const FAILING: f64 = 0.05;
/// A run takes seconds; this is for a machine with much else to do.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Status500,
    RetryAfter(i64),
    Closed,
}

/// How each update fares: these failures, one after another, and then 200. All of it follows from the seed.
fn troubles(seed: u64) -> HashMap<String, Vec<Failure>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut troubles = HashMap::new();
    for n in 0..UPDATES {
        if !rng.random_bool(FAILING) {
            continue;
        }
        let failures = (0..rng.random_range(1..=4)).map(|_| match rng.random_range(0..3) {
            0 => Failure::Status500,
            1 => Failure::RetryAfter(rng.random_range(1..=5)),
            _ => Failure::Closed,
        });
        troubles.insert(n.to_string(), failures.collect());
    }
    troubles
}

fn answer(failure: Option<&Failure>) -> Answer {
    match failure {
        None => Answer::Slow,
        Some(Failure::Status500) => Answer::Status(500),
        Some(Failure::RetryAfter(seconds)) => Answer::with_header(503, &format!("Retry-After: {seconds}")),
        Some(Failure::Closed) => Answer::Close,
    }
}

/// The wait after each of these failures by the retry table, in milliseconds.
fn waits_ms(failures: &[Failure]) -> Vec<i64> {
    let mut doubled_s = 1;
    let wait_s = |(n, failure): (usize, &Failure)| match failure {
        Failure::RetryAfter(seconds) => *seconds,
        _ if n == 0 => 0,
        _ => {
            doubled_s *= 2;
            doubled_s
        }
    };
    failures.iter().enumerate().map(wait_s).map(|seconds| seconds * 1000).collect()
}

/// The webhook's deliveries by update, oldest first: when the answer was known, and whether it was the last.
fn deliveries(sim: &Simulator) -> HashMap<i64, Vec<(i64, bool)>> {
    let mut by_update: HashMap<i64, Vec<(i64, bool)>> = HashMap::new();
    for delivery in sim.deliveries().into_iter().filter(|delivery| delivery.via == "webhook") {
        by_update.entry(delivery.update_id).or_default().push((delivery.at_ms, delivery.delivered));
    }
    by_update
}

async fn deliver_all(seed: u64) -> anyhow::Result<(Place, Vec<Arrival>)> {
    let place = place().await?;
    let (sim, world) = (&place.sim, &place.world);
    let troubles = troubles(seed);
    let tried: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let decide = move |came: &Arrival, _: usize| {
        let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
        let before = tried.entry(came.text().to_owned()).or_default();
        *before += 1;
        answer(troubles.get(came.text()).and_then(|failures| failures.get(*before - 1)))
    };
    let args = json!({ "max_connections": MAX_CONNECTIONS, "allowed_updates": ["message"] });
    let hook = Hook::set(&place.bot, sim, args, decide).await?;
    let groups = world.seed(CHATS, 1, AdminRights::MODERATOR);
    for n in 0..UPDATES {
        let group = &groups[n % CHATS];
        world.say(group.group, group.members[0], &n.to_string())?;
    }
    let all = async { Ok(sim.wait_until("all to be delivered", DEADLINE, |_| sim.pending_updates() == 0).await?) };
    timed(&sim.clock(), Duration::from_millis(100), all).await?;
    Ok((place, hook.arrivals()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_updates_keep_order_and_retries_and_none_is_lost_or_repeated() -> TestResult {
    const SEED: u64 = 4;
    let (place, arrivals) = deliver_all(SEED).await?;
    let troubles = troubles(SEED);
    assert!((400..600).contains(&troubles.len()), "{} of {UPDATES} fail", troubles.len());

    nothing_is_lost_or_handed_over_again_after_a_2xx(&arrivals, &troubles);
    each_chat_is_in_strict_order(&arrivals);
    let most = arrivals.iter().map(|came| came.at_once).max().unwrap_or_default();
    assert!((MAX_CONNECTIONS / 2..=MAX_CONNECTIONS).contains(&most), "{most} at once");
    one_is_in_flight_per_chat_and_the_retry_table_is_kept(&place.sim, &arrivals, &troubles);
    Ok(())
}

fn nothing_is_lost_or_handed_over_again_after_a_2xx(arrivals: &[Arrival], troubles: &HashMap<String, Vec<Failure>>) {
    let mut tries: HashMap<&str, usize> = HashMap::new();
    for came in arrivals {
        *tries.entry(came.text()).or_default() += 1;
    }
    for n in 0..UPDATES {
        let text = n.to_string();
        let expected = troubles.get(&text).map_or(0, Vec::len) + 1;
        assert_eq!(tries.get(text.as_str()), Some(&expected), "tries of update {n}");
    }
    assert_eq!(tries.len(), UPDATES);
}

fn each_chat_is_in_strict_order(arrivals: &[Arrival]) {
    let mut chats: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for came in arrivals {
        chats.entry(came.chat()).or_default().push(came.id());
    }
    assert_eq!(chats.len(), CHATS);
    for (chat, ids) in chats {
        assert!(ids.is_sorted(), "chat {chat}: {ids:?}");
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), UPDATES / CHATS);
    }
}

/// An update may come only when the answer to the one before it in its chat is known, and after a failure only when the
/// wait is over. That it does not come much later is what the end of the run shows: it has a deadline.
fn one_is_in_flight_per_chat_and_the_retry_table_is_kept(
    sim: &Simulator,
    arrivals: &[Arrival],
    troubles: &HashMap<String, Vec<Failure>>,
) {
    let deliveries = deliveries(sim);
    let mut free_ms: HashMap<i64, i64> = HashMap::new();
    let mut tried: HashMap<i64, usize> = HashMap::new();
    for came in arrivals {
        let (at_ms, id) = (came.at_ms, came.id());
        let n = tried.entry(id).or_default();
        let (answered_ms, delivered) = deliveries[&id][*n];
        let failures = troubles.get(came.text()).map_or(&[][..], Vec::as_slice);
        let wait_ms = waits_ms(failures).get(*n).copied();
        assert_eq!(delivered, wait_ms.is_none(), "try {n} of update {id}");
        let free = free_ms.insert(came.chat(), answered_ms + wait_ms.unwrap_or(0)).unwrap_or_default();
        assert!(at_ms >= free, "try {n} of update {id} came {} ms too early", free - at_ms);
        *n += 1;
    }
}
