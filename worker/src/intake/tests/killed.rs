//! Processes that end without a word, each on a runtime of its own that is thrown away with all that runs on it.

use std::{iter::repeat_n, sync::Arc};

use tokio::runtime::{Builder, Runtime};

use super::*;

/// A process, and the queue as it sees it.
struct Process {
    queue: Queue,
    runtime: Runtime,
}

impl Process {
    async fn start(bench: &Bench) -> Self {
        let queue = Queue::open(&bench.database.store, shards()).await;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (store, script) = (bench.database.store.clone(), bench.script.clone());
        let owned = Owned::default();
        let intake = Intake::new(queue.clone(), store, script, bench.metrics.clone(), owned, "a process".to_owned());
        runtime.spawn(intake.run(shards(), CancellationToken::new(), SOON));
        Self { queue, runtime }
    }

    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

async fn no_suspects(bench: &Bench) -> bool {
    let written = bench.database.store.suspects(shards().of(RoutingKey(CHAT))).await;
    written.expect("an answer").is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_every_process_is_put_away_and_what_was_beside_it_is_handled() {
    const DEADLY: i64 = 3;
    let bench = Bench::new().await;
    bench.script.on(DEADLY, repeat_n(Step::Hang(Arc::new(Notify::new())), 20));
    // In hand too when some of the processes end, and no more to blame than that.
    let slow = Arc::new(Notify::new());
    bench.script.on(11, repeat_n(Step::Hang(Arc::clone(&slow)), 2));
    for id in [1, 2, DEADLY, 4] {
        bench.publish(id, CHAT).await;
    }
    bench.publish(11, OTHER).await;
    let mut deaths = 0;
    let last = loop {
        let (process, begun) = (Process::start(&bench).await, bench.script.times(DEADLY));
        let ends = async || bench.script.times(DEADLY) > begun || !process.queue.letters().is_empty();
        bench.until("the deadly one to begin, or to be put away", ends).await;
        if !process.queue.letters().is_empty() {
            break process;
        }
        process.kill();
        deaths += 1;
        assert!(deaths < 15, "{:?}", bench.script.seen());
    };
    // The first one, one under suspicion among others, two alone. On a slow machine a process may live long enough for an acquittal.
    assert!(deaths >= 4, "{deaths}");
    let nothing_left = async || {
        slow.notify_waiters();
        bench.queue.rows().await == 0
    };
    bench.until("an empty queue", nothing_left).await;
    let letters = last.queue.letters();
    let told: Vec<(&[u8], &str)> = letters.iter().map(|it| (&*it.body, it.reason.as_str())).collect();
    // Once more for each time that a slow machine killed it late.
    let why = format!("it was begun {} times, and each time the process ended", letters[0].attempts);
    assert_eq!(told, [(&b"update 3"[..], why.as_str())]);
    assert!([1, 2, 4, 11].iter().all(|id| bench.script.times(*id) > 0), "{:?}", bench.script.seen());
    let alone = bench.script.calls().into_iter().filter(|call| call == &[DEADLY]).count();
    assert!(alone >= 2, "{:?}", bench.script.calls());
    bench.until("no suspects", async || no_suspects(&bench).await).await;
    last.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_processes_after_a_while_is_put_away_too_but_not_soon() {
    let bench = Bench::new().await;
    bench.script.on(1, repeat_n(Step::Hang(Arc::new(Notify::new())), 20));
    bench.publish(1, CHAT).await;
    let slow = async || {
        let written = bench.database.store.suspects(shards().of(RoutingKey(CHAT))).await.expect("an answer");
        written.iter().map(|suspect| suspect.slow).sum::<u32>()
    };
    let mut deaths = 0;
    let last = loop {
        let (process, begun, before) = (Process::start(&bench).await, bench.script.times(1), slow().await);
        let lives_on = async || bench.script.times(1) > begun && slow().await > before;
        let ends = async || lives_on().await || !process.queue.letters().is_empty();
        bench.until("a slow try, or a dead letter", ends).await;
        if !process.queue.letters().is_empty() {
            break process;
        }
        process.kill();
        deaths += 1;
        assert!(deaths < 15, "{:?}", bench.script.seen());
    };
    assert_eq!((deaths, last.queue.letters()[0].attempts), (10, 10));
    bench.until("no suspects", async || no_suspects(&bench).await).await;
    last.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_alone_put_nothing_away() {
    let bench = Bench::new().await;
    // First what it waits for is down all the time; then it is met by two kills in its very first moments, one after the other.
    bench.script.on(1, repeat_n(again(), 5).chain(repeat_n(Step::Hang(Arc::new(Notify::new())), 2)));
    bench.publish(1, CHAT).await;
    bench.publish(2, CHAT).await;
    for n in 0..7 {
        let (process, seen) = (Process::start(&bench).await, bench.script.times(1));
        bench.until("a try", async || bench.script.times(1) > seen && (n >= 5 || no_suspects(&bench).await)).await;
        process.kill();
    }
    let process = Process::start(&bench).await;
    bench.until_rows(0).await;
    assert!(process.queue.letters().is_empty());
    process.kill();
}
