//! How long chats waited when their worker went. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use shared::shard::Shard;
use telegram_sim::ids::{ChatId, MessageId};

use super::{
    balancer::{About, Taken},
    fleet::Happened,
    leases::Leases,
    plan::Harm,
    witness::{Effect, What},
};

/// A worker that went, and those who came after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Takeover {
    pub worker: usize,
    pub at_ms: i64,
    /// How many shards it had that had work before.
    pub shards: usize,
    /// How many it held, with work or without.
    pub held: usize,
    /// From then until all of those had another owner; none if that did not come about in time.
    pub leased_ms: Option<i64>,
    /// From then to the first effect of another worker in one of these shards.
    pub first_ms: i64,
    /// The longest that a message in one of these shards waited for its effect, from then or from when it came.
    pub longest_wait_ms: i64,
}

impl Takeover {
    /// Until all shards were leased anew and work in them went on.
    pub fn ms(&self) -> Option<i64> {
        self.leased_ms.map(|leased_ms| leased_ms.max(self.first_ms))
    }
}

/// What is looked at for one takeover, unless the next comes earlier.
const WINDOW_MS: i64 = 15_000;

/// When a message was taken, and when it had its effect.
pub struct Wait {
    pub chat: ChatId,
    pub message: MessageId,
    pub taken_ms: i64,
    pub done_ms: i64,
}

impl Wait {
    pub fn ms(&self) -> i64 {
        (self.done_ms - self.taken_ms).max(0)
    }
}

/// Messages that were deleted, as they were taken.
pub fn waits(taken: &[Taken], effects: &[Effect]) -> Vec<Wait> {
    let mut first: HashMap<(ChatId, MessageId), i64> = HashMap::new();
    for effect in effects {
        if let What::Delete { chat, messages } = &effect.what {
            for message in messages {
                first.entry((*chat, *message)).or_insert(effect.done_ms);
            }
        }
    }
    let done = taken.iter().filter_map(|taken| {
        let About::Message { chat, message } = taken.what else { return None };
        Some(Wait { chat, message, taken_ms: taken.at_ms, done_ms: *first.get(&(chat, message))? })
    });
    done.collect()
}

/// One for each worker that was killed, stopped or frozen while it had work.
pub fn takeovers(leases: &Leases<'_>, faults: &[Happened], effects: &[Effect], waits: &[Wait]) -> Vec<Takeover> {
    let shard = |chat: ChatId| leases.shard(chat);
    let gone: Vec<(i64, usize)> = faults
        .iter()
        .filter(|fault| matches!(fault.harm, Harm::Kill(_) | Harm::Stop(_) | Harm::Freeze(_)))
        .filter_map(|fault| Some((fault.at_ms, fault.worker?)))
        .collect();
    let next = |at_ms: i64| gone.iter().map(|(at, _)| *at).filter(|at| *at > at_ms).min().unwrap_or(i64::MAX);
    let takeover = |&(at_ms, worker): &(i64, usize)| {
        let until_ms = next(at_ms).min(at_ms + WINDOW_MS);
        let mut owners: BTreeMap<Shard, usize> = BTreeMap::new();
        for effect in effects.iter().filter(|effect| effect.at_ms <= at_ms) {
            if let (Some(chat), Some(worker)) = (effect.what.chat(), effect.worker) {
                owners.insert(shard(chat), worker);
            }
        }
        let lost: BTreeSet<Shard> =
            owners.iter().filter(|(_, owner)| **owner == worker).map(|(shard, _)| *shard).collect();
        let others = effects.iter().filter(|effect| effect.at_ms > at_ms && effect.worker != Some(worker));
        let first = others
            .filter(|effect| effect.what.chat().is_some_and(|chat| lost.contains(&shard(chat))))
            .map(|effect| effect.done_ms)
            .min()?;
        let waited = waits
            .iter()
            .filter(|wait| wait.done_ms > at_ms && wait.taken_ms < until_ms && lost.contains(&shard(wait.chat)));
        let longest = waited.map(|wait| wait.done_ms - wait.taken_ms.max(at_ms)).max().unwrap_or_default();
        let (held, leased_ms) = leases.leased_anew(worker, at_ms, until_ms);
        let (shards, first_ms) = (lost.len(), first - at_ms);
        Some(Takeover { worker, at_ms, shards, held, leased_ms, first_ms, longest_wait_ms: longest })
    };
    gone.iter().filter_map(takeover).collect()
}

/// The middle and the largest, if there are any.
pub fn median_and_most(mut values: Vec<i64>) -> Option<(i64, i64)> {
    values.sort_unstable();
    Some((*values.get(values.len() / 2)?, *values.last()?))
}

#[cfg(test)]
mod tests {
    use shared::{envelope::RoutingKey, shard::Shards};

    use super::*;
    use crate::chaos::{leases::Held, plan::Who};

    fn delete(worker: usize, chat: i64, message: i64, at_ms: i64) -> Effect {
        let what = What::Delete { chat: ChatId(chat), messages: vec![MessageId(message)] };
        Effect { number: 1, at_ms, done_ms: at_ms + 10, worker: Some(worker), what }
    }

    fn taken(chat: i64, message: i64, at_ms: i64) -> Taken {
        let what = About::Message { chat: ChatId(chat), message: MessageId(message) };
        Taken { update: message, at_ms, what }
    }

    #[test]
    fn the_chats_of_the_worker_that_went_are_looked_at() {
        let shards = Shards::default();
        let kill = Happened {
            at_ms: 1000,
            end_ms: Some(2000),
            what: String::new(),
            harm: Harm::Kill(Who::Worker(0)),
            worker: Some(0),
        };
        // 1 and 2 are in two shards.
        assert_ne!(shards.of(RoutingKey(-1)), shards.of(RoutingKey(-2)));
        let all_taken =
            [taken(-1, 1, 500), taken(-2, 1, 500), taken(-1, 2, 900), taken(-1, 3, 1200), taken(-2, 2, 1100)];
        let effects = [
            delete(0, -1, 1, 510),
            delete(1, -2, 1, 520),
            delete(1, -2, 2, 1110),
            delete(1, -1, 2, 1290),
            delete(1, -1, 3, 1300),
        ];
        let waits = waits(&all_taken, &effects);
        let held = |at_ms, owner: &str| Held { at_ms, shard: shards.of(RoutingKey(-1)), owner: Some(owner.to_owned()) };
        let held = [held(0, "a"), held(1090, "b")];
        let leases = Leases::of(shards, &effects, &held);
        let wanted = Takeover {
            worker: 0,
            at_ms: 1000,
            shards: 1,
            held: 1,
            leased_ms: Some(90),
            first_ms: 300,
            longest_wait_ms: 300,
        };
        assert_eq!(wanted.ms(), Some(300));
        assert_eq!(takeovers(&leases, std::slice::from_ref(&kill), &effects, &waits), [wanted]);
        // One that stands by is not missed.
        let idle = Happened { harm: Harm::Kill(Who::Worker(2)), worker: Some(2), ..kill };
        assert_eq!(takeovers(&leases, &[idle], &effects, &waits), []);
    }

    #[test]
    fn the_middle_and_the_largest() {
        assert_eq!(median_and_most(vec![3, 1, 2]), Some((2, 3)));
        assert_eq!(median_and_most(Vec::new()), None);
    }
}
