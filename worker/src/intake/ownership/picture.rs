//! Who is there and who holds what, as it was seen; and what is ours by that. Pure.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    queue::jetstream::Change,
    shard::{Shard, Shards},
};

use super::balance::{self, Worker};

/// Which shards should be ours, and which of them are in other hands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) ours: BTreeSet<Shard>,
    with_others: BTreeSet<Shard>,
    has_others: bool,
    /// How many work, this one among them; 0: not known yet.
    pub(super) workers: u32,
}

impl Plan {
    pub(super) fn all(shards: Shards) -> Self {
        Self { ours: shards.all().collect(), with_others: BTreeSet::new(), has_others: false, workers: 1 }
    }

    /// Whether there are others who could have what is ours.
    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    pub(super) fn is_ours(&self, shard: Shard) -> bool {
        self.ours.contains(&shard)
    }

    pub(super) fn can_take(&self, shard: Shard) -> bool {
        self.is_ours(shard) && !self.with_others.contains(&shard)
    }
}

/// What has been seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    /// Those who are there, with the revision of their latest announcement.
    pub(super) workers: BTreeMap<Worker, u64>,
    /// With the revision of the lease.
    pub(super) holders: BTreeMap<Shard, (Worker, u64)>,
}

impl Picture {
    /// Whether somebody came or went or a shard changed hands; a mere renewal changes nothing for anybody.
    pub(super) fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Current => false,
            Change::Lease { shard, holder: Some((holder, revision)) } => {
                let before = self.holders.insert(shard, (Worker::clone(&holder), revision));
                before.is_none_or(|(before, _)| before != holder)
            }
            Change::Lease { shard, holder: None } => self.holders.remove(&shard).is_some(),
            Change::Worker { worker, revision: Some(revision) } => self.workers.insert(worker, revision).is_none(),
            Change::Worker { worker, revision: None } => self.workers.remove(&worker).is_some(),
        }
    }

    pub(super) fn has_others(&self, me: &Worker) -> bool {
        self.others(me).next().is_some()
    }

    fn others(&self, me: &Worker) -> impl Iterator<Item = &Worker> {
        self.workers.keys().filter(move |worker| *worker != me)
    }

    /// `yields`: others shall have what is ours.
    pub(super) fn plan(&self, me: &Worker, shards: Shards, yields: bool) -> Plan {
        let mut live: BTreeSet<Worker> = self.workers.keys().cloned().collect();
        if yields && self.has_others(me) {
            live.remove(me);
        } else {
            // Whatever the others think of us: what we hold we give only to others who are there.
            live.insert(Worker::clone(me));
        }
        let holders = self.holders.iter().map(|(shard, (holder, _))| (*shard, Worker::clone(holder))).collect();
        let shares = balance::shares(shards, &live, &holders);
        Plan {
            ours: shares.into_iter().filter(|(_, worker)| worker == me).map(|(shard, _)| shard).collect(),
            with_others: holders.into_iter().filter(|(_, holder)| holder != me).map(|(shard, _)| shard).collect(),
            has_others: self.has_others(me),
            // Who yields works on until then.
            workers: u32::try_from(self.others(me).count() + 1).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn worker(name: &str, revision: u64) -> Change {
        Change::Worker { worker: name.into(), revision: Some(revision) }
    }

    fn lease(shard: u16, holder: &str, revision: u64) -> Change {
        Change::Lease { shard: Shard(shard), holder: Some((holder.into(), revision)) }
    }

    fn gone(name: &str) -> Change {
        Change::Worker { worker: name.into(), revision: None }
    }

    fn free(shard: u16) -> Change {
        Change::Lease { shard: Shard(shard), holder: None }
    }

    fn seen(changes: impl IntoIterator<Item = Change>) -> Plan {
        planned(changes, false)
    }

    fn planned(changes: impl IntoIterator<Item = Change>, yields: bool) -> Plan {
        let mut picture = Picture::default();
        for change in changes {
            picture.apply(change);
        }
        picture.plan(&"me".into(), Shards::new(NonZeroU16::new(4).expect("not zero")), yields)
    }

    fn taking(plan: &Plan) -> Vec<u16> {
        (0..4).filter(|shard| plan.can_take(Shard(*shard))).collect()
    }

    #[test]
    fn renewals_are_no_news() {
        let mut picture = Picture::default();
        let cases = [
            (worker("a", 1), true),
            (worker("a", 2), false),
            (lease(0, "a", 3), true),
            (lease(0, "a", 4), false),
            (lease(0, "b", 5), true),
            (free(0), true),
            (free(0), false),
            (gone("a"), true),
            (gone("a"), false),
            (Change::Current, false),
        ];
        for (change, news) in cases {
            assert_eq!(picture.apply(change.clone()), news, "{change:?}");
        }
    }

    #[test]
    fn what_is_ours_is_taken_once_it_is_free() {
        assert_eq!(taking(&seen([])), [0, 1, 2, 3], "alone, even before our own announcement is seen");
        let others = [worker("a", 1), lease(0, "a", 2), lease(1, "a", 3), lease(2, "a", 4), lease(3, "a", 5)];
        let joined = seen(others.clone());
        assert_eq!((joined.ours.len(), taking(&joined)), (2, vec![]), "they are still with the other one");
        let given = seen(others.clone().into_iter().chain([free(2)]));
        assert_eq!(taking(&given), [2]);
        let stopping = seen(others.into_iter().chain([gone("a")]));
        assert_eq!((stopping.ours.len(), taking(&stopping)), (4, vec![]), "who withdraws gives back in its own time");
    }

    #[test]
    fn what_we_hold_stays_ours_though_nobody_counts_us_and_is_taken_again_under_our_own_name() {
        let plan = seen([worker("a", 1), lease(0, "me", 2), lease(1, "me", 3), lease(2, "a", 4), lease(3, "a", 5)]);
        assert_eq!(taking(&plan), [0, 1]);
    }

    #[test]
    fn without_a_database_ours_is_for_the_others_and_if_there_are_none_it_stays_ours() {
        let held = [lease(0, "me", 1), lease(1, "me", 2), lease(2, "a", 3), lease(3, "a", 4)];
        let with_another = planned(held.clone().into_iter().chain([worker("me", 5), worker("a", 6)]), true);
        assert_eq!(with_another.ours.len(), 0, "also while our own announcement is still seen");
        assert_eq!(taking(&planned(held, true)), [0, 1], "it is away for all: nothing moves");
    }
}
