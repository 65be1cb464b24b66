//! Whether the others live: a worker that is dead loses its shards in a quarter of a second, and not when its leases run out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::join_all;
use shared::{queue::jetstream::Answer, shard::Shard};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    balance::Worker,
    members::{BACK_AGAIN, Members},
    picture::Picture,
};

const EVERY: Duration = Duration::from_millis(250);

/// Whoever has no listener twice, this far apart, is dead: once may be a reconnect.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Each worker asks this many: the next ones by name, in a ring. So everybody is asked by two, however many there are.
const ASKED: usize = 2;

/// Who is silent this often in a row is frozen, or as good as that. It keeps its leases for as long as they last, but it is given no more.
const SILENCES: u32 = 4;

/// Asks for as long as it is polled.
pub(super) async fn run(members: &Members, picture: watch::Receiver<Picture>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut generation, mut connected_at) = (0, Instant::now());
    let mut silent: BTreeMap<Worker, u32> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let now = *members.connection.borrow();
        if now.generation != generation {
            (generation, connected_at) = (now.generation, Instant::now());
        }
        // A server that was restarted makes the living look dead until they are back.
        if !now.connected || connected_at.elapsed() < BACK_AGAIN {
            silent.clear();
            continue;
        }
        let asked = neighbours(&picture.borrow(), &members.me);
        let answers = join_all(asked.iter().map(|worker| ask(members, worker))).await;
        silent.retain(|worker, _| asked.contains(worker));
        // What was heard over a connection that broke meanwhile says nothing.
        if *members.connection.borrow() != now {
            continue;
        }
        for (worker, answer) in asked.into_iter().zip(answers) {
            match answer {
                Answer::Lives => drop(silent.remove(&worker)),
                Answer::Nobody => bury(members, &picture, &worker).await,
                Answer::Silent => {
                    let times = silent.entry(Worker::clone(&worker)).or_default();
                    *times += 1;
                    if *times == SILENCES {
                        tracing::warn!(
                            worker = &*worker,
                            "a worker does not answer: it is given no more shards until it does"
                        );
                    }
                    if *times >= SILENCES {
                        strike_off(members, &picture, &worker).await;
                    }
                }
            }
        }
    }
}

async fn ask(members: &Members, worker: &str) -> Answer {
    match members.peers.ask(worker).await {
        Answer::Nobody => {
            sleep(ASK_AGAIN).await;
            members.peers.ask(worker).await
        }
        answer => answer,
    }
}

/// The next ones by name, of all who are there or hold something.
fn neighbours(picture: &Picture, me: &Worker) -> Vec<Worker> {
    let holders = picture.holders.values().map(|(holder, _)| holder);
    let names: BTreeSet<&Worker> = picture.workers.keys().chain(holders).filter(|name| *name != me).collect();
    let (before, after): (Vec<&Worker>, Vec<&Worker>) = names.into_iter().partition(|name| *name < me);
    after.into_iter().chain(before).take(ASKED).cloned().collect()
}

/// First the name, then the leases: or they would be shared out to the dead one too.
async fn bury(members: &Members, picture: &watch::Receiver<Picture>, worker: &Worker) {
    if !strike_off(members, picture, worker).await {
        return;
    }
    let leases: Vec<(Shard, u64)> = {
        let picture = picture.borrow();
        let held = picture.holders.iter().filter(|(_, (holder, _))| holder == worker);
        held.map(|(shard, (_, revision))| (*shard, *revision)).collect()
    };
    let taken = members.peers.take_away(&leases).await;
    if taken > 0 {
        tracing::warn!(worker = &**worker, shards = taken, "a worker is gone: its shards are free");
    }
}

/// Whether nobody counts on it any more.
async fn strike_off(members: &Members, picture: &watch::Receiver<Picture>, worker: &Worker) -> bool {
    let Some(revision) = picture.borrow().workers.get(worker).copied() else { return true };
    match members.peers.strike_off(worker, revision).await {
        Ok(()) => true,
        Err(err) => {
            // Another one was quicker, or it has just announced itself again; the next look tells.
            tracing::debug!(worker = &**worker, error = &err as &dyn std::error::Error, "striking a worker off failed");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_by_two_of_those_before() {
        let mut picture = Picture::default();
        for name in ["a", "c", "e"] {
            picture.workers.insert(name.into(), 1);
        }
        // No more counted on, but it holds something.
        picture.holders.insert(Shard(0), ("d".into(), 1));
        let asks = |me: &str| neighbours(&picture, &me.into()).join(" ");
        assert_eq!([asks("a"), asks("c"), asks("d"), asks("e")], ["c d", "d e", "e a", "a c"]);
        assert_eq!(asks("b"), "c d", "also one whose announcement is not seen yet");
        assert!(neighbours(&Picture::default(), &"a".into()).is_empty());
    }
}
