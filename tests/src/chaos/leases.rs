//! Who owned which shard when: followed in the bucket of leases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{self, kv::Operation};
use futures::StreamExt as _;
use shared::{
    envelope::RoutingKey,
    shard::{Shard, Shards},
};
use telegram_sim::{clock::Clock, ids::ChatId};

use super::{relay::Exchange, witness::Effect};
use crate::services::nats;

/// A shard has another owner, or none, from this time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub at_ms: i64,
    pub shard: Shard,
    pub owner: Option<String>,
}

/// Follows the bucket of leases.
#[derive(Clone, Default)]
pub struct Register(Arc<Mutex<Vec<Held>>>);

/// A watch that ended is begun again after this.
const AGAIN: Duration = Duration::from_millis(100);

impl Register {
    /// Follows it until the exchange stops.
    pub fn follow(url: &str, clock: Clock, exchange: &Exchange) -> Self {
        let register = Self::default();
        let (follower, url, stop) = (register.clone(), url.to_owned(), exchange.stop.clone());
        exchange.tasks.spawn(async move {
            let following = async {
                loop {
                    // Whatever ended it, the next watch begins with what is there.
                    let _ = follower.watch(&url, &clock).await;
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::select! {
                () = following => {}
                () = stop.cancelled() => {}
            }
        });
        register
    }

    async fn watch(&self, url: &str, clock: &Clock) -> anyhow::Result<()> {
        let bucket = jetstream::new(nats::connect(url).await?).get_key_value("leases").await?;
        let mut changes = bucket.watch_with_history(">").await?;
        while let Some(change) = changes.next().await {
            let change = change?;
            let Some(shard) = change.key.strip_prefix('s').and_then(|number| number.parse().ok()) else { continue };
            let owner =
                (change.operation == Operation::Put).then(|| String::from_utf8_lossy(&change.value).into_owned());
            self.note(Held { at_ms: clock.now_ms(), shard: Shard(shard), owner });
        }
        Ok(())
    }

    /// A lease that is renewed is no news.
    fn note(&self, now: Held) {
        let mut held = self.lock();
        if held.iter().rev().find(|before| before.shard == now.shard).is_none_or(|before| before.owner != now.owner) {
            held.push(now);
        }
    }

    pub fn held(&self) -> Vec<Held> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        // A push leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who held what when, by the workers' numbers. Pure.
pub struct Leases<'a> {
    shards: Shards,
    held: &'a [Held],
    names: HashMap<&'a str, usize>,
}

impl<'a> Leases<'a> {
    /// A worker goes by another name after each start; it is known by the effects in the shards of that name.
    pub fn of(shards: Shards, effects: &[Effect], held: &'a [Held]) -> Self {
        let mut votes: HashMap<&str, HashMap<usize, usize>> = HashMap::new();
        for effect in effects {
            if let (Some(worker), Some(chat)) = (effect.worker, effect.what.chat())
                && let Some(name) = holder(held, shards.of(RoutingKey(chat.0)), effect.at_ms)
            {
                *votes.entry(name).or_default().entry(worker).or_default() += 1;
            }
        }
        let most =
            |votes: HashMap<usize, usize>| votes.into_iter().max_by_key(|(_, count)| *count).map(|(worker, _)| worker);
        let names = votes.into_iter().filter_map(|(name, votes)| Some((name, most(votes)?))).collect();
        Self { shards, held, names }
    }

    pub fn shard(&self, chat: ChatId) -> Shard {
        self.shards.of(RoutingKey(chat.0))
    }

    /// By what is known of that time.
    pub fn owner(&self, shard: Shard, at_ms: i64) -> Option<usize> {
        holder(self.held, shard, at_ms).and_then(|name| self.names.get(name)).copied()
    }

    /// Whether the worker came to own the shard within this time.
    pub fn got(&self, worker: usize, shard: Shard, from_ms: i64, to_ms: i64) -> bool {
        self.held.iter().any(|change| {
            change.shard == shard
                && (from_ms..=to_ms).contains(&change.at_ms)
                && change.owner.as_deref().and_then(|name| self.names.get(name)) == Some(&worker)
        })
    }

    /// How many shards a worker had that went then, and how long it took until the last of them had another owner; None: not all of them
    /// until the end of this time.
    pub fn leased_anew(&self, worker: usize, at_ms: i64, until_ms: i64) -> (usize, Option<i64>) {
        let lost: Vec<Shard> = self.shards.all().filter(|shard| self.owner(*shard, at_ms) == Some(worker)).collect();
        let anew = |shard: &Shard| {
            let before = holder(self.held, *shard, at_ms);
            let later = self.held.iter().filter(|change| (at_ms + 1..=until_ms).contains(&change.at_ms));
            let others = later.filter(|change| change.owner.is_some() && change.owner.as_deref() != before);
            others.filter(|change| change.shard == *shard).map(|change| change.at_ms - at_ms).min()
        };
        let times: Option<Vec<i64>> = lost.iter().map(anew).collect();
        (lost.len(), times.and_then(|times| times.into_iter().max()))
    }
}

/// By which name a shard was held.
fn holder(held: &[Held], shard: Shard, at_ms: i64) -> Option<&str> {
    let latest = held.iter().rev().find(|change| change.shard == shard && change.at_ms <= at_ms)?;
    latest.owner.as_deref()
}

#[cfg(test)]
mod tests {
    use telegram_sim::ids::MessageId;

    use super::*;
    use crate::chaos::witness::What;

    #[test]
    fn all_shards_of_the_dead_one_count() {
        let shards = Shards::default();
        // Two chats in two shards.
        let [one, two] = [-1, -2].map(ChatId);
        let held = |at_ms, chat: ChatId, owner: Option<&str>| Held {
            at_ms,
            shard: shards.of(RoutingKey(chat.0)),
            owner: owner.map(str::to_owned),
        };
        let effect = |worker, chat, at_ms| Effect {
            number: 1,
            at_ms,
            done_ms: at_ms,
            worker: Some(worker),
            what: What::Delete { chat, messages: vec![MessageId(1)] },
        };
        let effects = [effect(0, one, 500), effect(1, one, 5000)];
        let mut changes = vec![held(0, one, Some("a")), held(1, two, Some("a"))];
        changes.extend([held(1100, one, None), held(1100, two, None), held(1150, one, Some("b"))]);
        assert_eq!(Leases::of(shards, &effects, &changes).leased_anew(0, 1000, 9000), (2, None), "one is free");
        changes.push(held(1170, two, Some("b")));
        let leases = Leases::of(shards, &effects, &changes);
        assert_eq!(leases.leased_anew(0, 1000, 9000), (2, Some(170)));
        assert_eq!(leases.leased_anew(0, 1000, 1160), (2, None));
        assert_eq!(leases.leased_anew(1, 1000, 9000), (0, None));
        assert_eq!((leases.owner(leases.shard(two), 1000), leases.owner(leases.shard(two), 1100)), (Some(0), None));
        assert!(leases.got(1, leases.shard(two), 1170, 1170) && !leases.got(1, leases.shard(two), 0, 1169));
    }

    #[test]
    fn a_renewal_is_no_news() {
        let register = Register::default();
        for (at_ms, owner) in [(1, Some("a")), (2, Some("a")), (3, None), (4, None), (5, Some("a"))] {
            register.note(Held { at_ms, shard: Shard(3), owner: owner.map(str::to_owned) });
        }
        assert_eq!(register.held().iter().map(|held| held.at_ms).collect::<Vec<_>>(), [1, 3, 5]);
    }
}
