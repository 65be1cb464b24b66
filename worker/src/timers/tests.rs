//! Due rows in a real SQLite file, and what of them arrives in the queue.

use std::{
    num::NonZeroU16,
    sync::atomic::{AtomicU32, Ordering},
};

use futures::StreamExt as _;
use shared::{
    clock::now_ms,
    envelope::Kind,
    ids::ChatId,
    queue::{Deliver as _, Stored, in_process::InProcess},
    shard::Shards,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::*;
use crate::store::{inbox::Inbox, tasks::NewTask, tests::database::Database};

/// For what must happen. Only a failing test waits so long.
const SOON: Duration = Duration::from_secs(20);

/// For what must not happen.
const A_WHILE: Duration = Duration::from_millis(400);

const CHAT: ChatId = ChatId(-100);
const FULL_CHAT: ChatId = ChatId(-200);

/// The in-process queue, which can be told to refuse.
#[derive(Clone)]
struct Queue {
    rows: InProcess<Inbox>,
    full: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
}

impl Publish for Queue {
    async fn publish(&self, envelope: &Envelope) -> Result<Stored, PublishError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if envelope.routing.0 == FULL_CHAT.0 {
            return Err(PublishError::ChatFull);
        }
        let left = self.full.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(PublishError::QueueFull) } else { self.rows.publish(envelope).await }
    }
}

struct Bench {
    database: Database,
    queue: Queue,
    owned: Owned,
    bell: Bell,
    /// What arrives, in any shard.
    arrived: mpsc::UnboundedReceiver<(Instant, Envelope)>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// As many as the store of the tests believes in.
fn shards() -> Shards {
    Shards::new(NonZeroU16::new(32).expect("not zero"))
}

fn shard(chat: ChatId) -> Shard {
    shards().of(RoutingKey(chat.0))
}

fn task(chat: ChatId, key: &str, in_ms: i64) -> NewTask {
    NewTask {
        chat,
        key: key.to_owned(),
        body: format!("{{\"key\":\"{key}\"}}"),
        due_ms: now_ms() + in_ms,
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
    }
}

impl Bench {
    async fn running() -> Self {
        let database = Database::sqlite().await;
        let inbox = database.store.inbox().expect("SQLite");
        let rows = InProcess::open(inbox, shards(), 100_000).await.expect("an open queue");
        let mut tasks = JoinSet::new();
        let (sender, arrived) = mpsc::unbounded_channel();
        for shard in [shard(CHAT), shard(FULL_CHAT)] {
            let lease = rows.take(shard, "me").await.expect("an answer").expect("granted");
            let mut deliveries = rows.open(&lease).await.expect("deliveries");
            let sender = sender.clone();
            tasks.spawn(async move {
                while let Some(Ok(delivery)) = deliveries.next().await {
                    // A test that has ended listens no more.
                    let _ = sender.send((Instant::now(), delivery.content.expect("an envelope")));
                }
            });
        }
        let queue = Queue { rows, full: Arc::default(), asked: Arc::default() };
        let (owned, bell, stop) = (Owned::default(), Bell::default(), CancellationToken::new());
        let timers = Timers {
            store: database.store.clone(),
            queue: queue.clone(),
            bot: BotId(1),
            owned: owned.clone(),
            bell: bell.clone(),
        };
        tasks.spawn(timers.run(stop.clone()));
        Self { database, queue, owned, bell, arrived, stop, tasks }
    }

    async fn add(&self, chat: ChatId, key: &str, in_ms: i64) -> TaskRow {
        self.database.store.add_tasks(&[task(chat, key, in_ms)]).await.expect("stored").remove(0)
    }

    async fn next(&mut self) -> (Instant, Envelope) {
        timeout(SOON, self.arrived.recv()).await.expect("a task arrives").expect("the queue lives")
    }

    async fn nothing_more(&mut self) {
        if let Ok(more) = timeout(A_WHILE, self.arrived.recv()).await {
            panic!("unexpected: {more:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_rows_arrive_in_time_and_once() {
    let mut bench = Bench::running().await;
    bench.owned.add(shard(CHAT));
    let start = Instant::now();
    let now = bench.add(CHAT, "now", -5_000).await;
    let soon = bench.add(CHAT, "soon", 1_500).await;
    bench.add(CHAT, "later", 3_600_000).await;

    let (at, envelope) = bench.next().await;
    assert!(at - start < LOOK_EVERY + A_WHILE, "{:?}", at - start);
    assert_eq!(envelope.kind, Kind::Task { id: now.id, attempt: now.attempt });
    assert_eq!((envelope.bot, envelope.routing), (BotId(1), RoutingKey(CHAT.0)));
    assert_eq!(envelope.body, r#"{"key":"now"}"#);
    assert_eq!(envelope.trace, trace_context::headers(&now.trace));

    let (at, envelope) = bench.next().await;
    assert_eq!(envelope.kind, Kind::Task { id: soon.id, attempt: soon.attempt });
    let late = at - start;
    assert!(late >= Duration::from_millis(1_450) && late < Duration::from_millis(1_500) + LOOK_EVERY, "{late:?}");
    bench.nothing_more().await;

    bench.stop.cancel();
    timeout(SOON, bench.tasks.join_next()).await.expect("it stops").expect("a task").expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_comes_again_until_it_is_finished() {
    let mut bench = Bench::running().await;
    bench.owned.add(shard(CHAT));
    let row = bench.add(CHAT, "judge", 0).await;
    let (_, first) = bench.next().await;
    bench.nothing_more().await;
    let store = &bench.database.store;
    let due_ms = store.next_due(&[row.shard]).await.expect("an answer").expect("it is still there");
    assert!((now_ms() + AGAIN_MS - due_ms).abs() < 5_000, "a minute after it was published");

    // Its minute is over.
    store.task_published(row.id, row.version, now_ms()).await.expect("done");
    bench.bell.ring([row.shard]);
    let (_, second) = bench.next().await;
    assert_ne!(first.kind, second.kind, "under another name, or the queue would take it for the first");
    assert_eq!(first.body, second.body);

    let store = &bench.database.store;
    store.raise_epoch(row.shard, 1).await.expect("a period");
    let epoch = crate::store::epochs::Epoch { shard: row.shard, number: 1 };
    assert!(store.finish_task(epoch, row.id, row.version).await.expect("an answer"));
    bench.bell.ring([row.shard]);
    bench.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_owned_shards_are_looked_after_unless_the_bell_rings_for_another() {
    let mut bench = Bench::running().await;
    bench.add(CHAT, "judge", 0).await;
    tokio::time::sleep(LOOK_EVERY).await;
    bench.nothing_more().await;

    bench.bell.ring([shard(CHAT)]);
    let rung = Instant::now();
    let (at, _) = bench.next().await;
    assert!(at - rung < LOOK_EVERY, "{:?}", at - rung);
    bench.nothing_more().await;

    bench.add(CHAT, "warn", 0).await;
    bench.bell.ring([]);
    bench.nothing_more().await;
    bench.owned.add(shard(CHAT));
    bench.next().await;
    bench.owned.remove(shard(CHAT));
    // A look that began before may still go on.
    tokio::time::sleep(LOOK_EVERY).await;
    bench.add(CHAT, "tidy", 0).await;
    tokio::time::sleep(LOOK_EVERY).await;
    bench.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_chat_holds_up_nobody_else() {
    let mut bench = Bench::running().await;
    let many: Vec<NewTask> = (0..BATCH + 100).map(|n| task(FULL_CHAT, &format!("judge:{n}"), -10_000)).collect();
    bench.database.store.add_tasks(&many).await.expect("stored");
    bench.add(CHAT, "warn", -5_000).await;
    bench.owned.add(shard(FULL_CHAT));
    bench.owned.add(shard(CHAT));
    let (_, envelope) = bench.next().await;
    assert_eq!(envelope.routing, RoutingKey(CHAT.0));
    bench.nothing_more().await;
    let put_off = async {
        loop {
            let due_ms = bench.database.store.next_due(&[shard(FULL_CHAT)]).await.expect("an answer");
            if due_ms.expect("they stay") > now_ms() + FULL_MS / 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, put_off).await.expect("all of them are put off");
    // One question for each of the two batches, and one for the other chat's.
    assert_eq!(bench.queue.asked.load(Ordering::SeqCst), 3, "nobody asks for room hundreds of times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_asked_now_and_then() {
    let mut bench = Bench::running().await;
    bench.queue.full.store(2, Ordering::SeqCst);
    let start = Instant::now();
    bench.add(CHAT, "warn", 0).await;
    bench.owned.add(shard(CHAT));
    let (at, _) = bench.next().await;
    assert!(at - start >= 2 * LOOK_EVERY, "{:?}", at - start);
    assert_eq!(bench.queue.asked.load(Ordering::SeqCst), 3);
    bench.nothing_more().await;
}
