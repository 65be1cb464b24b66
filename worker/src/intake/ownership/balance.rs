//! Who should own which shard: pure, and the same for all who see the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use shared::shard::{Shard, Shards};

/// The name of a worker; new at every start.
pub(super) type Worker = Arc<str>;

/// Gives each live worker its even share, and lets everybody keep as much as possible of what it holds.
///
/// While the moves that this asks for are being made, each on its own, the answer stays the same: so nobody has to decide when, or wait
/// for the others.
pub(super) fn shares(
    shards: Shards,
    live: &BTreeSet<Worker>,
    holders: &BTreeMap<Shard, Worker>,
) -> BTreeMap<Shard, Worker> {
    if live.is_empty() {
        return BTreeMap::new();
    }
    let all: Vec<Shard> = shards.all().collect();
    let (least, one_more) = (all.len() / live.len(), all.len() % live.len());
    let mut held: BTreeMap<&Worker, Vec<Shard>> = live.iter().map(|worker| (worker, Vec::new())).collect();
    for shard in &all {
        if let Some(held) = holders.get(shard).and_then(|holder| held.get_mut(holder)) {
            held.push(*shard);
        }
    }
    // Some get one more than others: who has it already, then by name. What a worker has below that makes no difference, or those who are
    // still being given their shares would change places with each other.
    let mut by_right: Vec<&Worker> = live.iter().collect();
    by_right.sort_by_key(|worker| held[*worker].len() <= least);
    let share: BTreeMap<&Worker, usize> = by_right
        .into_iter()
        .enumerate()
        .map(|(place, worker)| (worker, least + usize::from(place < one_more)))
        .collect();

    let mut shares = BTreeMap::new();
    for (worker, held) in &held {
        shares.extend(held.iter().take(share[worker]).map(|shard| (*shard, Worker::clone(worker))));
    }
    let mut rest = all.iter().filter(|shard| !shares.contains_key(shard)).copied().collect::<Vec<_>>().into_iter();
    for (worker, held) in &held {
        let room = share[worker].saturating_sub(held.len());
        shares.extend(rest.by_ref().take(room).map(|shard| (shard, Worker::clone(worker))));
    }
    shares
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn shards(count: u16) -> Shards {
        Shards::new(NonZeroU16::new(count).expect("not zero"))
    }

    fn live(names: &[&str]) -> BTreeSet<Worker> {
        names.iter().map(|name| Worker::from(*name)).collect()
    }

    fn counts(shares: &BTreeMap<Shard, Worker>) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for worker in shares.values() {
            *counts.entry(&**worker).or_default() += 1;
        }
        counts
    }

    fn moved(from: &BTreeMap<Shard, Worker>, to: &BTreeMap<Shard, Worker>) -> usize {
        from.iter().filter(|(shard, worker)| to.get(shard) != Some(worker)).count()
    }

    const ELEVEN: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

    #[test]
    fn one_worker_owns_all_and_none_nothing() {
        let alone = shares(shards(32), &live(&["a"]), &BTreeMap::new());
        assert_eq!(counts(&alone), [("a", 32)].into());
        assert!(shares(shards(32), &live(&[]), &alone).is_empty());
    }

    #[test]
    fn ten_workers_have_three_or_four_and_an_eleventh_moves_only_what_it_must() {
        let ten = shares(shards(32), &live(&ELEVEN[..10]), &BTreeMap::new());
        let mut sizes: Vec<usize> = counts(&ten).into_values().collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [3, 3, 3, 3, 3, 3, 3, 3, 4, 4]);

        let eleven = shares(shards(32), &live(&ELEVEN), &ten);
        assert_eq!((counts(&eleven)["k"], moved(&ten, &eleven)), (2, 2), "those who have three keep them");

        let again = shares(shards(32), &live(&ELEVEN[..10]), &eleven);
        assert_eq!(moved(&eleven, &again), 2, "only what the eleventh had");
    }

    #[test]
    fn what_the_dead_hold_is_given_to_others() {
        let three = shares(shards(32), &live(&["a", "b", "c"]), &BTreeMap::new());
        assert_eq!(counts(&three), [("a", 11), ("b", 11), ("c", 10)].into());
        let two = shares(shards(32), &live(&["a", "c"]), &three);
        assert_eq!((counts(&two), moved(&three, &two)), ([("a", 16), ("c", 16)].into(), 11));
    }

    /// Every way in which up to three live workers, a dead one and nobody can hold up to six shards.
    #[test]
    fn shares_are_even_and_nothing_moves_without_need() {
        let names = ["a", "b", "c", "dead"];
        for count in 1..=6_u16 {
            for workers in 1..=3_usize {
                let live = live(&names[..workers]);
                let (least, one_more) = (usize::from(count) / workers, usize::from(count) % workers);
                for way in 0..5_usize.pow(count.into()) {
                    let mut digits = way;
                    let mut holders = BTreeMap::new();
                    for shard in 0..count {
                        if let Some(name) = names.get(digits % 5) {
                            holders.insert(Shard(shard), Worker::from(*name));
                        }
                        digits /= 5;
                    }
                    let shares = shares(shards(count), &live, &holders);
                    let counts = counts(&shares);
                    let sizes: Vec<usize> =
                        live.iter().map(|worker| counts.get(&**worker).copied().unwrap_or_default()).collect();
                    assert!(sizes.iter().all(|size| (least..=least + 1).contains(size)), "{holders:?}: {shares:?}");
                    assert_eq!(sizes.iter().sum::<usize>(), usize::from(count), "{holders:?}: {shares:?}");

                    let held = |worker: &Worker| holders.values().filter(|holder| *holder == worker).count();
                    let keep_least: usize = live.iter().map(|worker| held(worker).min(least)).sum();
                    let keep_more = live.iter().filter(|worker| held(worker) > least).count().min(one_more);
                    let kept = holders.iter().filter(|(shard, holder)| shares[shard] == **holder).count();
                    assert_eq!(kept, keep_least + keep_more, "{holders:?}: {shares:?}");
                }
            }
        }
    }

    #[test]
    fn the_answer_stays_the_same_while_it_is_carried_out() {
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..300 {
            let count = random.random_range(1..=40);
            let workers = random.random_range(1..=11);
            let live = live(&ELEVEN[..workers]);
            let mut holders: BTreeMap<Shard, Worker> = (0..count)
                .filter_map(|shard| {
                    ELEVEN.get(random.random_range(0..14)).map(|name| (Shard(shard), Worker::from(*name)))
                })
                .collect();
            let wanted = shares(shards(count), &live, &holders);
            let mut open: Vec<Shard> =
                wanted.keys().filter(|shard| holders.get(shard) != wanted.get(shard)).copied().collect();
            while !open.is_empty() {
                let place = random.random_range(0..open.len());
                // Given back by whoever had it, or taken by whoever shall have it.
                if holders.remove(&open[place]).is_none() {
                    let shard = open.swap_remove(place);
                    holders.insert(shard, Worker::clone(&wanted[&shard]));
                }
                assert_eq!(shares(shards(count), &live, &holders), wanted, "{holders:?}");
            }
        }
    }
}
