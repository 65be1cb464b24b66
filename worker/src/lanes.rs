//! One queue per key, worked on one batch after another; different keys at once.
//!
//! A lane exists while something waits in it: the first push starts its task, the task ends when the lane is empty. Urgent work overtakes
//! the rest of its own lane, but only one batch of it at a time, so that the rest has its turn too. Bulk work is handed over one piece at a
//! time, so that nobody waits behind more than one. Work that is not finished goes back to the front, and its queue holds until it is time
//! to try again; other work passes a queue that holds. How much may wait is bounded by whoever pushes, over all lanes together: a full lane must not stop the
//! lanes beside it.

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
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How much of a lane is handed over at once: what one `deleteMessages` can take (telegram.md 3.6).
pub(crate) const BATCH: usize = 100;

/// What works on a lane.
pub(crate) trait Run<K, W>: Send + Sync + 'static {
    /// Works on a batch, oldest first, and removes from it what is finished. What is left is handed over again, in the same order, after the
    /// returned time.
    fn run(&self, key: K, batch: &mut Vec<W>) -> impl Future<Output = Duration> + Send;
}

/// All lanes of a process.
pub(crate) struct Lanes<K, W, R> {
    lanes: Arc<Mutex<HashMap<K, Lane<W>>>>,
    runner: Arc<R>,
    tasks: TaskTracker,
    leaving: CancellationToken,
}

/// What goes first within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Somebody waits for it.
    Urgent,
    /// In its order.
    Rest,
    /// One of many, behind everything else.
    Bulk,
}

impl Rank {
    const ALL: [Self; 3] = [Self::Urgent, Self::Rest, Self::Bulk];

    /// Whose turn it is after a batch of this rank. What comes last has its turn as long as one of the two before it leaves room.
    fn then(self) -> [Self; 3] {
        match self {
            Self::Urgent => [Self::Rest, Self::Bulk, Self::Urgent],
            Self::Rest => [Self::Urgent, Self::Bulk, Self::Rest],
            Self::Bulk => [Self::Urgent, Self::Rest, Self::Bulk],
        }
    }

    fn batch(self) -> usize {
        match self {
            Self::Urgent | Self::Rest => BATCH,
            Self::Bulk => 1,
        }
    }
}

struct Lane<W> {
    urgent: Queue<W>,
    rest: Queue<W>,
    bulk: Queue<W>,
    last: Rank,
    pushed: Arc<Notify>,
}

impl<W> Lane<W> {
    fn new() -> Self {
        Self {
            urgent: Queue::new(),
            rest: Queue::new(),
            bulk: Queue::new(),
            last: Rank::Bulk,
            pushed: Arc::new(Notify::new()),
        }
    }

    fn queue(&mut self, rank: Rank) -> &mut Queue<W> {
        match rank {
            Rank::Urgent => &mut self.urgent,
            Rank::Rest => &mut self.rest,
            Rank::Bulk => &mut self.bulk,
        }
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
    /// Once `leaving` is cancelled no lane waits any more for its time to try again: what it holds is left.
    pub(crate) fn new(runner: R, tasks: TaskTracker, leaving: CancellationToken) -> Self {
        Self { lanes: Arc::default(), runner: Arc::new(runner), tasks, leaving }
    }

    /// Puts work at the end of its rank in its lane.
    pub(crate) fn push(&self, key: K, work: W, rank: Rank) {
        let mut lanes = lock(&self.lanes);
        let is_new = !lanes.contains_key(&key);
        let lane = lanes.entry(key).or_insert_with(Lane::new);
        lane.queue(rank).waiting.push_back(work);
        lane.pushed.notify_one();
        if is_new {
            let (lanes, runner) = (Arc::clone(&self.lanes), Arc::clone(&self.runner));
            self.tasks.spawn(work_lane(lanes, runner, key, self.leaving.clone()));
        }
    }

    /// Forgets what waits in lanes whose key fits; batches in hand are finished by their runner.
    pub(crate) fn clear(&self, fits: impl Fn(&K) -> bool) {
        for (_, lane) in lock(&self.lanes).iter_mut().filter(|(key, _)| fits(key)) {
            for rank in Rank::ALL {
                *lane.queue(rank) = Queue::new();
            }
            lane.pushed.notify_one();
        }
    }

    /// How many lanes have something waiting or in hand.
    pub(crate) fn open(&self) -> usize {
        lock(&self.lanes).len()
    }
}

async fn work_lane<K, W, R>(lanes: Arc<Mutex<HashMap<K, Lane<W>>>>, runner: Arc<R>, key: K, leaving: CancellationToken)
where
    K: Copy + Eq + Hash,
    R: Run<K, W>,
{
    loop {
        let next = next(&mut lock(&lanes), key);
        match next {
            Next::Work { rank, mut batch } => {
                let again = runner.run(key, &mut batch).await;
                if let Some(lane) = lock(&lanes).get_mut(&key) {
                    lane.queue(rank).give_back(batch, Instant::now() + again);
                }
            }
            Next::Wait { until, pushed } => {
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = pushed.notified() => {}
                    () = leaving.cancelled() => return,
                }
            }
            Next::End => return,
        }
    }
}

fn next<K: Eq + Hash, W>(lanes: &mut HashMap<K, Lane<W>>, key: K) -> Next<W> {
    let Some(lane) = lanes.get_mut(&key) else { return Next::End };
    let now = Instant::now();
    for rank in lane.last.then() {
        let batch = lane.queue(rank).take(now, rank.batch());
        if !batch.is_empty() {
            lane.last = rank;
            return Next::Work { rank, batch };
        }
    }
    match [&lane.urgent, &lane.rest, &lane.bulk].into_iter().filter_map(|queue| queue.holds_until).min() {
        Some(until) => Next::Wait { until, pushed: Arc::clone(&lane.pushed) },
        None => {
            lanes.remove(&key);
            Next::End
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    type Batch = (i64, Vec<String>);

    /// Reports every batch; keeps back what is marked with `!`, once.
    struct Recorder {
        seen: mpsc::UnboundedSender<Batch>,
        takes: Duration,
    }

    impl Run<i64, String> for Recorder {
        async fn run(&self, key: i64, batch: &mut Vec<String>) -> Duration {
            tokio::time::sleep(self.takes).await;
            let seen = batch.clone();
            *batch = batch.iter().filter_map(|work| work.strip_suffix('!')).map(str::to_owned).collect();
            self.seen.send((key, seen)).expect("the test listens");
            Duration::from_secs(10)
        }
    }

    fn lanes(takes: Duration) -> (Lanes<i64, String, Recorder>, mpsc::UnboundedReceiver<Batch>, TaskTracker) {
        let (seen, batches) = mpsc::unbounded_channel();
        let tasks = TaskTracker::new();
        (Lanes::new(Recorder { seen, takes }, tasks.clone(), CancellationToken::new()), batches, tasks)
    }

    async fn all(mut batches: mpsc::UnboundedReceiver<Batch>, count: usize) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.len() < count {
            let (key, batch) = batches.recv().await.expect("the lanes live");
            seen.push(format!("{key}:{}", batch.join(",")));
        }
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_keeps_its_order_and_hands_over_all_that_waits() {
        let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
        for work in ["a", "b", "c"] {
            lanes.push(1, work.to_owned(), Rank::Rest);
        }
        assert_eq!(all(batches, 1).await, ["1:a,b,c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_do_not_wait_for_each_other() {
        let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
        let start = Instant::now();
        for key in 0..50 {
            lanes.push(key, "a".to_owned(), Rank::Rest);
        }
        assert_eq!(all(batches, 50).await.len(), 50);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn urgent_work_overtakes() {
        let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
        lanes.push(1, "first".to_owned(), Rank::Rest);
        tokio::task::yield_now().await;
        lanes.push(1, "second".to_owned(), Rank::Rest);
        lanes.push(1, "press".to_owned(), Rank::Urgent);
        assert_eq!(all(batches, 3).await, ["1:first", "1:press", "1:second"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_has_its_turn_however_much_is_urgent() {
        let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
        for n in 0..=2 * BATCH {
            lanes.push(1, n.to_string(), Rank::Urgent);
        }
        lanes.push(1, "rest".to_owned(), Rank::Rest);
        let seen = all(batches, 4).await;
        assert!(seen[0].starts_with("1:0,") && seen[2].starts_with("1:100,"), "{seen:?}");
        assert_eq!((seen[1].as_str(), seen[3].as_str()), ("1:rest", "1:200"));
    }

    #[tokio::test(start_paused = true)]
    async fn bulk_work_holds_nobody_up_and_has_its_turn() {
        let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
        for n in 0..100 {
            lanes.push(1, format!("bulk {n}"), Rank::Bulk);
        }
        tokio::task::yield_now().await;
        for n in 0..=BATCH {
            lanes.push(1, format!("message {n}"), Rank::Rest);
        }
        lanes.push(1, "press".to_owned(), Rank::Urgent);
        let seen = all(batches, 6).await;
        assert_eq!((seen[0].as_str(), seen[1].as_str()), ("1:bulk 0", "1:press"), "one piece, and then the press");
        assert!(seen[2].starts_with("1:message 0,"), "{seen:?}");
        assert_eq!(&seen[3..], ["1:bulk 1", "1:message 100", "1:bulk 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn unfinished_work_holds_its_lane_in_order_but_not_urgent_work() {
        let (lanes, batches, _tasks) = lanes(Duration::ZERO);
        let start = Instant::now();
        lanes.push(1, "a!".to_owned(), Rank::Rest);
        tokio::time::sleep(Duration::from_secs(1)).await;
        lanes.push(1, "b".to_owned(), Rank::Rest);
        lanes.push(1, "press".to_owned(), Rank::Urgent);
        lanes.push(2, "c".to_owned(), Rank::Rest);
        assert_eq!(all(batches, 4).await, ["1:a!", "1:press", "2:c", "1:a,b"]);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_lane_is_gone_and_all_tasks_end() {
        let (lanes, batches, tasks) = lanes(Duration::ZERO);
        lanes.push(1, "a".to_owned(), Rank::Rest);
        all(batches, 1).await;
        tasks.close();
        tasks.wait().await;
        assert_eq!(lanes.open(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_who_leaves_waits_to_try_again() {
        let (lanes, batches, tasks) = lanes(Duration::from_secs(1));
        let start = Instant::now();
        lanes.push(1, "a!".to_owned(), Rank::Rest);
        lanes.push(2, "b".to_owned(), Rank::Rest);
        tokio::task::yield_now().await;
        lanes.push(2, "c".to_owned(), Rank::Rest);
        lanes.leaving.cancel();
        assert_eq!(all(batches, 3).await, ["1:a!", "2:b", "2:c"], "what can be finished is");
        tasks.close();
        tasks.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cleared_lane_forgets_what_waits() {
        let (lanes, batches, tasks) = lanes(Duration::ZERO);
        lanes.push(1, "a!".to_owned(), Rank::Rest);
        assert_eq!(all(batches, 1).await, ["1:a!"]);
        lanes.clear(|&key| key == 1);
        tasks.close();
        tasks.wait().await;
        assert_eq!(lanes.open(), 0);
    }
}
