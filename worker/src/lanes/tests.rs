//! Order, turns and waiting of lanes, on a clock that stands until all wait.

use tokio::sync::mpsc;

use super::*;

type Batch = (i64, Vec<String>);

/// Reports every batch; keeps back what is marked with `!`, once.
struct Recorder {
    seen: mpsc::UnboundedSender<Batch>,
    takes: Duration,
}

impl Run<i64, String> for Recorder {
    type Line = char;

    /// What has a letter of its own, such as `a: left`.
    fn line(&self, work: &String) -> Option<char> {
        work.split_once(": ")?.0.chars().next()
    }

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
    (Lanes::new(Recorder { seen, takes }, tasks.clone()), batches, tasks)
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
    let seen = all(batches, 2 * BATCH + 2).await;
    assert_eq!([&seen[BATCH - 1], &seen[BATCH], &seen[BATCH + 1]], ["1:99", "1:rest", "1:100"]);
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
async fn urgent_work_that_waits_holds_up_nobody_but_its_own_line() {
    let (lanes, batches, _tasks) = lanes(Duration::ZERO);
    let start = Instant::now();
    lanes.push(1, "a: came!".to_owned(), Rank::Urgent);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for work in ["a: left", "b: came", "press!", "another press"] {
        lanes.push(1, work.to_owned(), Rank::Urgent);
    }
    lanes.push(1, "message".to_owned(), Rank::Rest);
    let seen = all(batches, 8).await;
    assert_eq!(seen[..5], ["1:a: came!", "1:message", "1:b: came", "1:press!", "1:another press"]);
    assert_eq!(seen[5..], ["1:a: came", "1:a: left", "1:press"]);
    assert_eq!(start.elapsed(), Duration::from_secs(11));
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
async fn who_leaves_finishes_what_is_in_hand_and_nothing_else() {
    let (lanes, batches, _tasks) = lanes(Duration::from_secs(1));
    let start = Instant::now();
    lanes.push(1, "a!".to_owned(), Rank::Rest);
    lanes.push(2, "b".to_owned(), Rank::Rest);
    lanes.push(3, "c".to_owned(), Rank::Rest);
    tokio::task::yield_now().await;
    for key in [1, 2, 3] {
        lanes.push(key, "later".to_owned(), Rank::Urgent);
    }
    lanes.leave(|&key| key < 3).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    lanes.leave(|&key| key < 3).await;
    let mut seen = all(batches, 4).await;
    seen.sort_unstable();
    assert_eq!(seen, ["1:a!", "2:b", "3:c", "3:later"], "the lane that stays goes on");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_waits_to_try_again_is_left_at_once_and_may_be_used_again() {
    let (lanes, batches, _tasks) = lanes(Duration::from_millis(1));
    lanes.push(1, "a!".to_owned(), Rank::Rest);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    lanes.leave(|_| true).await;
    assert_eq!((start.elapsed(), lanes.open()), (Duration::ZERO, 0));
    lanes.push(1, "b".to_owned(), Rank::Rest);
    assert_eq!(all(batches, 2).await, ["1:a!", "1:b"]);
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
