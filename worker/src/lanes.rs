//! One queue per key, worked on one batch after another; different keys at once.
//!
//! A lane exists while something waits in it: the first push starts its task, the task ends when the lane is empty. Urgent work overtakes
//! the rest of its own lane, but only one batch of it at a time, so that the rest has its turn too. Bulk work is handed over one piece at a
//! time, so that nobody waits behind more than one.
//!
//! Work that is not finished goes back to the front, and its queue holds until it is time to try again; other work passes a queue that
//! holds. Urgent work is questions of many people, and whoever asks waits for the answer: there only what has the same line as the unfinished
//! piece waits with it, and everybody else is tried. A line is what one sender did in its order, such as somebody's coming and going, or what
//! was set for the whole chat; a question by itself has none. The rest has no lines: it is what was said in the chat, and its order is that of all together.
//!
//! How much may wait is bounded by whoever pushes, over all lanes together: a full lane must not stop the lanes beside it.

mod urgent;

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::task::TaskTracker;

use self::urgent::Urgent;

/// How much of a lane is handed over at once: what one `deleteMessages` can take (telegram.md 3.6).
pub(crate) const BATCH: usize = 100;

/// What works on a lane.
pub(crate) trait Run<K, W>: Send + Sync + 'static {
    /// Names what keeps its order within urgent work.
    type Line: Clone + Eq + Hash + Send + 'static;

    /// The line of a piece of urgent work; none if anything may pass it.
    fn line(&self, work: &W) -> Option<Self::Line>;

    /// Works on a batch, oldest first, and removes from it what is finished. What is left is handed over again, in the same order, after the
    /// returned time.
    fn run(&self, key: K, batch: &mut Vec<W>) -> impl Future<Output = Duration> + Send;
}

/// All lanes of a process.
pub(crate) struct Lanes<K, W, R: Run<K, W>> {
    open: Arc<Open<K, W, R::Line>>,
    runner: Arc<R>,
    tasks: TaskTracker,
}

/// The lanes that have something waiting or in hand.
struct Open<K, W, L> {
    lanes: Mutex<HashMap<K, Lane<W, L>>>,
    /// A lane has ended.
    ended: Notify,
}

/// What goes first within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rank {
    /// Somebody waits for it.
    Urgent,
    /// In its order.
    Rest,
    /// One of many, behind everything else.
    Bulk,
}

impl Rank {
    /// Whose turn it is after a batch of this rank. What comes last has its turn as long as one of the two before it leaves room.
    fn then(self) -> [Self; 3] {
        match self {
            Self::Urgent => [Self::Rest, Self::Bulk, Self::Urgent],
            Self::Rest => [Self::Urgent, Self::Bulk, Self::Rest],
            Self::Bulk => [Self::Urgent, Self::Rest, Self::Bulk],
        }
    }
}

struct Lane<W, L> {
    urgent: Urgent<W, L>,
    rest: Queue<W>,
    bulk: Queue<W>,
    last: Rank,
    /// How many more urgent pieces go before the rest has its turn.
    urgent_left: usize,
    pushed: Arc<Notify>,
    /// What is in hand is its last.
    leaving: bool,
}

impl<W, L: Clone + Eq + Hash> Lane<W, L> {
    fn new() -> Self {
        Self {
            urgent: Urgent::new(),
            rest: Queue::new(),
            bulk: Queue::new(),
            last: Rank::Bulk,
            urgent_left: 0,
            pushed: Arc::new(Notify::new()),
            leaving: false,
        }
    }

    /// Forgets what waits.
    fn clear(&mut self) {
        (self.urgent, self.rest, self.bulk) = (Urgent::new(), Queue::new(), Queue::new());
        self.pushed.notify_one();
    }

    fn push(&mut self, work: W, rank: Rank) {
        match rank {
            Rank::Urgent => self.urgent.push(work),
            Rank::Rest => self.rest.waiting.push_back(work),
            Rank::Bulk => self.bulk.waiting.push_back(work),
        }
        self.pushed.notify_one();
    }

    /// What goes next, if the time has come for anything.
    fn take(&mut self, now: Instant, line: impl Fn(&W) -> Option<L>) -> Option<(Rank, Vec<W>)> {
        if self.last == Rank::Urgent
            && self.urgent_left > 0
            && let Some(work) = self.urgent.take(now, &line)
        {
            self.urgent_left -= 1;
            return Some((Rank::Urgent, vec![work]));
        }
        for rank in self.last.then() {
            let batch = match rank {
                Rank::Urgent => {
                    // Piece by piece, so that each is given back on its own; together no more than a batch.
                    self.urgent_left = self.urgent.waiting().clamp(1, BATCH) - 1;
                    self.urgent.take(now, &line).into_iter().collect()
                }
                Rank::Rest => self.rest.take(now, BATCH),
                Rank::Bulk => self.bulk.take(now, 1),
            };
            if !batch.is_empty() {
                self.last = rank;
                return Some((rank, batch));
            }
        }
        None
    }

    fn give_back(&mut self, rank: Rank, unfinished: Vec<W>, until: Instant, line: impl Fn(&W) -> Option<L>) {
        match rank {
            Rank::Urgent => {
                for work in unfinished {
                    let line = line(&work);
                    self.urgent.give_back(work, line, until);
                }
            }
            Rank::Rest => self.rest.give_back(unfinished, until),
            Rank::Bulk => self.bulk.give_back(unfinished, until),
        }
    }

    fn holds_until(&self) -> Option<Instant> {
        [self.urgent.holds_until(), self.rest.holds_until, self.bulk.holds_until].into_iter().flatten().min()
    }
}

struct Queue<W> {
    waiting: VecDeque<W>,
    holds_until: Option<Instant>,
}

impl<W> Queue<W> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), holds_until: None }
    }

    fn take(&mut self, now: Instant, most: usize) -> Vec<W> {
        if self.holds_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        self.holds_until = None;
        let count = self.waiting.len().min(most);
        self.waiting.drain(..count).collect()
    }

    fn give_back(&mut self, unfinished: Vec<W>, until: Instant) {
        if unfinished.is_empty() {
            return;
        }
        for work in unfinished.into_iter().rev() {
            self.waiting.push_front(work);
        }
        self.holds_until = Some(until);
    }
}

/// What a lane's task does next.
enum Next<W> {
    Work { rank: Rank, batch: Vec<W> },
    Wait { until: Instant, pushed: Arc<Notify> },
    End,
}

impl<K, W, R> Lanes<K, W, R>
where
    K: Copy + Eq + Hash + Send + 'static,
    W: Send + 'static,
    R: Run<K, W>,
{
    pub(crate) fn new(runner: R, tasks: TaskTracker) -> Self {
        let open = Open { lanes: Mutex::default(), ended: Notify::new() };
        Self { open: Arc::new(open), runner: Arc::new(runner), tasks }
    }

    /// Puts work at the end of its rank in its lane.
    pub(crate) fn push(&self, key: K, work: W, rank: Rank) {
        let mut lanes = self.open.lock();
        let is_new = !lanes.contains_key(&key);
        let lane = lanes.entry(key).or_insert_with(Lane::new);
        // Whoever left it has come back before its last batch ended.
        lane.leaving = false;
        lane.push(work, rank);
        if is_new {
            self.tasks.spawn(work_lane(Arc::clone(&self.open), Arc::clone(&self.runner), key));
        }
    }

    /// Forgets what waits in lanes whose key fits; batches in hand are finished by their runner.
    pub(crate) fn clear(&self, fits: impl Fn(&K) -> bool) {
        self.open.lock().iter_mut().filter(|(key, _)| fits(key)).for_each(|(_, lane)| lane.clear());
    }

    /// Forgets what waits in lanes whose key fits, and waits until their batches in hand are finished. What those leave unfinished is
    /// forgotten too.
    pub(crate) async fn leave(&self, fits: impl Fn(&K) -> bool) {
        for (_, lane) in self.open.lock().iter_mut().filter(|(key, _)| fits(key)) {
            lane.leaving = true;
            lane.clear();
        }
        loop {
            // Made before looking, so that one that ends in between is not missed.
            let ended = self.open.ended.notified();
            if !self.open.lock().keys().any(&fits) {
                return;
            }
            ended.await;
        }
    }

    /// How many lanes have something waiting or in hand.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().len()
    }
}

impl<K, W, L> Open<K, W, L> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Lane<W, L>>> {
        self.lanes.lock().expect("nothing panics while it holds this lock")
    }
}

async fn work_lane<K, W, R>(open: Arc<Open<K, W, R::Line>>, runner: Arc<R>, key: K)
where
    K: Copy + Eq + Hash,
    R: Run<K, W>,
{
    loop {
        let next = next(&mut open.lock(), key, &*runner);
        match next {
            Next::Work { rank, mut batch } => {
                let again = runner.run(key, &mut batch).await;
                if let Some(lane) = open.lock().get_mut(&key).filter(|lane| !lane.leaving) {
                    lane.give_back(rank, batch, Instant::now() + again, |work| runner.line(work));
                }
            }
            Next::Wait { until, pushed } => {
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = pushed.notified() => {}
                }
            }
            Next::End => {
                open.ended.notify_waiters();
                return;
            }
        }
    }
}

fn next<K, W, R>(lanes: &mut HashMap<K, Lane<W, R::Line>>, key: K, runner: &R) -> Next<W>
where
    K: Eq + Hash,
    R: Run<K, W>,
{
    let Some(lane) = lanes.get_mut(&key) else { return Next::End };
    if let Some((rank, batch)) = lane.take(Instant::now(), |work| runner.line(work)) {
        return Next::Work { rank, batch };
    }
    match lane.holds_until() {
        Some(until) => Next::Wait { until, pushed: Arc::clone(&lane.pushed) },
        None => {
            lanes.remove(&key);
            Next::End
        }
    }
}

#[cfg(test)]
mod tests;
