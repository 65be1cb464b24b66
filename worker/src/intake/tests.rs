//! From the queue through the lanes to what becomes of each update, over rows in a real SQLite file, with a handler that does as told.

mod killed;
mod queue;

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU16,
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use shared::{
    envelope::{Kind, Source},
    ids::{BotId, UpdateId, UserId},
    queue::in_process::{Inbox as _, NewRow},
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};

use self::queue::Queue;
use super::*;
use crate::store::tests::database::Database;

/// For what must happen. Only a failing test waits so long.
const SOON: Duration = Duration::from_secs(20);

/// For what must not happen.
const A_WHILE: Duration = Duration::from_millis(400);

const CHAT: i64 = -100;
const OTHER: i64 = -200;

/// What the handler does with an update.
#[derive(Clone)]
enum Step {
    Say(Disposition),
    Panic,
    /// Begins, and ends when told.
    Hang(Arc<Notify>),
    /// Begins, and says this when told.
    SayLate(Arc<Notify>, Disposition),
    /// Gives no answer for it and all that comes after it.
    Silence,
}

/// What the handler saw in one call.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    epoch: u64,
    updates: Vec<i64>,
}

/// Takes one step an update and call, and is done with what it has no steps for.
#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<HashMap<i64, VecDeque<Step>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Handle for Script {
    fn line(&self, envelope: &Envelope) -> Option<Source> {
        (envelope.source != Source::Task).then_some(envelope.source)
    }

    async fn buried(&self, _fence: &Fence, _job: &Job) {}

    async fn handle(&self, fence: &Fence, jobs: &[&Job]) -> Vec<Disposition> {
        let updates: Vec<i64> = jobs.iter().map(|job| number(&job.envelope)).collect();
        let seen = Seen { at: Instant::now(), epoch: fence.epoch, updates: updates.clone() };
        self.seen.lock().expect("not poisoned").push(seen);
        let mut answers = Vec::new();
        for update in updates {
            let step = self.steps.lock().expect("not poisoned").get_mut(&update).and_then(VecDeque::pop_front);
            answers.push(match step {
                None => Disposition::Done,
                Some(Step::Say(disposition)) => disposition,
                Some(Step::Panic) => panic!("as the test says"),
                Some(Step::Hang(until)) => {
                    until.notified().await;
                    Disposition::Done
                }
                Some(Step::SayLate(until, disposition)) => {
                    until.notified().await;
                    disposition
                }
                Some(Step::Silence) => return answers,
            });
        }
        answers
    }
}

impl Script {
    fn on(&self, update: i64, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().expect("not poisoned").insert(update, steps.into_iter().collect());
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// The numbers of the updates in each call.
    fn calls(&self) -> Vec<Vec<i64>> {
        self.seen().into_iter().map(|seen| seen.updates).collect()
    }

    /// How often an update was handed over.
    fn times(&self, update: i64) -> usize {
        self.calls().iter().flatten().filter(|&&seen| seen == update).count()
    }
}

fn number(envelope: &Envelope) -> i64 {
    match envelope.kind {
        Kind::Update(id) => id.0,
        other => panic!("{other:?} reached the handler"),
    }
}

fn update(id: i64, chat: i64) -> Envelope {
    let body = Bytes::from(format!("update {id}"));
    Envelope::update(BotId(1), RoutingKey(chat), Source::Messages, UpdateId(id), 0, body)
}

fn shards() -> Shards {
    Shards::new(NonZeroU16::new(4).expect("not zero"))
}

struct Bench {
    database: Database,
    queue: Queue,
    script: Script,
    metrics: IntakeMetrics,
    running: Option<(CancellationToken, JoinSet<Result<(), BadSetting>>)>,
}

impl Bench {
    async fn new() -> Self {
        let database = Database::sqlite().await;
        let queue = Queue::open(&database.store, shards()).await;
        Self { database, queue, script: Script::default(), metrics: IntakeMetrics::default(), running: None }
    }

    async fn running() -> Self {
        let mut bench = Self::new().await;
        bench.start(SOON);
        bench
    }

    fn start(&mut self, drain: Duration) {
        let (queue, store) = (self.queue.clone(), self.database.store.clone());
        let intake =
            Intake::new(queue, store, self.script.clone(), self.metrics.clone(), Owned::default(), "me".to_owned());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(intake.run(shards(), stop.clone(), drain));
        self.running = Some((stop, tasks));
    }

    /// Stops it and says how long that took.
    async fn stop(&mut self) -> Duration {
        let (stop, mut tasks) = self.running.take().expect("it runs");
        let told = Instant::now();
        stop.cancel();
        timeout(SOON, tasks.join_next())
            .await
            .expect("it stops")
            .expect("one task")
            .expect("no panic")
            .expect("its queue");
        told.elapsed()
    }

    async fn publish(&self, id: i64, chat: i64) {
        self.queue.publish(&update(id, chat)).await;
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let waited = timeout(SOON, async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if waited.await.is_err() {
            let (rows, letters) = (self.queue.rows().await, self.queue.letters());
            panic!("{what} does not come; rows {rows}, letters {letters:?}, seen {:?}", self.script.seen());
        }
    }

    async fn until_rows(&self, count: u64) {
        self.until(&format!("a queue of {count}"), async || self.queue.rows().await == count).await;
    }

    /// Until the first chat's shard has a period after the one in which its first call was: another chat shows when.
    async fn until_another_period(&self) {
        let first = self.script.seen()[0].epoch;
        let shard = |chat: i64| shards().of(RoutingKey(chat));
        let beside = (OTHER..0).find(|chat| *chat != CHAT && shard(*chat) == shard(CHAT)).expect("one in four");
        self.until("another period", async || {
            let id = 100 + i64::try_from(self.script.seen().len()).expect("few");
            self.publish(id, beside).await;
            self.script.seen().iter().any(|seen| seen.updates[0] >= 100 && seen.epoch > first)
        })
        .await;
    }

    async fn until_seen(&self, update: i64, times: usize) {
        self.until(&format!("update {update} x{times}"), async || self.script.times(update) >= times).await;
    }
}

fn again() -> Step {
    Step::Say(Disposition::Wait(None))
}

fn fail() -> Step {
    Step::Say(Disposition::Fail("it is odd".to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_is_gone_and_one_chat_is_handed_over_together() {
    let mut bench = Bench::new().await;
    for id in 1..=150 {
        bench.publish(id, CHAT).await;
    }
    bench.publish(151, OTHER).await;
    bench.start(SOON);
    bench.until_rows(0).await;
    let calls = bench.script.calls();
    let in_chat: Vec<i64> = calls.iter().flatten().copied().filter(|&id| id != 151).collect();
    assert_eq!(in_chat, (1..=150).collect::<Vec<_>>(), "in order, each once");
    assert!(calls.len() < 20 && calls.iter().all(|call| call.len() <= crate::lanes::BATCH), "{calls:?}");
    assert!(calls.contains(&vec![151]), "{calls:?}");
    bench.until("all to be counted", async || bench.metrics.settled.get() == 151).await;
    assert_eq!(bench.metrics.taken_in.get(), 151);
    bench.until("all shards", async || bench.metrics.shards_owned.get() == 4).await;
    assert!(bench.queue.letters().is_empty());
    bench.stop().await;
    assert_eq!(bench.metrics.shards_owned.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_stays_in_its_place_and_is_tried_again_after_growing_waits() {
    let mut bench = Bench::new().await;
    bench.script.on(1, [again(), again(), again()]);
    // Only the first of a batch is held up; the second may not overtake it for want of an answer.
    bench.script.on(2, [Step::Silence, Step::Silence, Step::Silence]);
    bench.publish(1, CHAT).await;
    bench.publish(2, CHAT).await;
    bench.publish(3, CHAT).await;
    bench.start(SOON);
    bench.until_seen(1, 1).await;
    bench.publish(4, OTHER).await;
    // The other chat does not wait.
    bench.until_rows(3).await;
    assert_eq!(bench.script.times(4), 1);
    bench.until_rows(0).await;
    bench.stop().await;

    let tries: Vec<Seen> = bench.script.seen().into_iter().filter(|seen| seen.updates.contains(&1)).collect();
    let waits: Vec<Duration> = tries.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    // 0.5, 1 and 2 s, each less up to a half; a busy machine is late.
    assert_eq!(waits.len(), 3, "{tries:?}");
    for (wait, least_ms) in waits.iter().zip([250, 500, 1000]) {
        assert!(*wait >= Duration::from_millis(least_ms), "{waits:?}");
    }
    let rest: Vec<i64> = bench.script.calls().into_iter().flatten().filter(|id| [2, 3].contains(id)).collect();
    assert_eq!(rest.last(), Some(&3), "in order to the end");
    assert!(bench.queue.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_asked_for_is_kept() {
    let bench = Bench::running().await;
    bench.script.on(1, [Step::Say(Disposition::Wait(Some(Duration::from_millis(1500))))]);
    bench.publish(1, CHAT).await;
    bench.until_rows(0).await;
    let seen = bench.script.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(1500), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_update_is_given_up_and_those_behind_it_go_on() {
    let mut bench = Bench::new().await;
    bench.script.on(2, std::iter::repeat_n(fail(), 9));
    bench.script.on(11, std::iter::repeat_n(Step::Panic, 9));
    bench.script.on(21, [fail(), again(), fail()]);
    let mut traced = update(2, CHAT);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    traced.trace = vec![("traceparent".to_owned(), parent.to_owned())];
    bench.publish(1, CHAT).await;
    bench.queue.publish(&traced).await;
    bench.publish(3, CHAT).await;
    for id in [10, 11, 12] {
        bench.publish(id, OTHER).await;
    }
    bench.publish(21, 300).await;
    bench.start(SOON);
    bench.until_rows(0).await;

    let mut letters = bench.queue.letters();
    letters.sort_by_key(|letter| letter.body.clone());
    let told: Vec<(&[u8], &str, u32)> =
        letters.iter().map(|letter| (&*letter.body, letter.reason.as_str(), letter.attempts)).collect();
    assert_eq!(told, [(&b"update 11"[..], "its handler panicked", 5), (b"update 2", "it is odd", 5)]);
    assert!(letters[1].headers.contains(&("traceparent".to_owned(), parent.to_owned())), "{letters:?}");
    assert_eq!(letters[1].trace_id, "", "nobody traces here");
    assert_eq!(bench.metrics.dead_letters.get(), 2);

    assert_eq!((bench.script.times(2), bench.script.times(11)), (5, 5));
    assert_eq!(bench.script.times(1), 1, "done in the batch in which its neighbour failed");
    assert_eq!(bench.script.times(21), 4, "waiting is not failing");
    let alone: Vec<Vec<i64>> = bench.script.calls().into_iter().filter(|call| call.contains(&11)).skip(1).collect();
    assert_eq!(alone, vec![vec![11]; 4], "once it has failed it fails alone");
    // A panic in a batch counts against all of it; the innocent are done on their own.
    assert!(bench.script.times(10) <= 2 && bench.script.times(12) <= 2, "{:?}", bench.script.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_never_be_handled_is_a_dead_letter_at_once() {
    let mut bench = Bench::new().await;
    let inbox = bench.database.store.inbox().expect("SQLite");
    let newer = [("Gmbot-Version".to_owned(), "99".to_owned())];
    for (id, headers) in [("a", &[][..]), ("b", &newer)] {
        let body = Bytes::from_static(b"\0\xff no update");
        let row = NewRow { message_id: id, shard: Shard(0), headers, body: &body };
        inbox.insert(&row).await.expect("stored");
    }
    // One of the letters cannot be stored at first, and what it is about is handled again.
    bench.script.on(1, std::iter::repeat_n(Step::Say(Disposition::Reject("it is not an update".to_owned())), 2));
    bench.publish(1, CHAT).await;
    bench.publish(2, CHAT).await;
    bench.queue.fail_burials(1);
    bench.start(SOON);
    bench.until_rows(0).await;

    let letters = bench.queue.letters();
    let mut reasons: Vec<(&str, u32)> = letters.iter().map(|l| (l.reason.as_str(), l.attempts)).collect();
    reasons.sort_unstable();
    let expected = [
        ("it is not an update", 1),
        ("the header Gmbot-Version is missing or unreadable", 1),
        ("version 99 is newer than this program, which reads up to 1: update the workers first", 1),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(bench.script.times(2), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_abandoned_comes_again_in_the_next_period() {
    let bench = Bench::running().await;
    bench.script.on(1, [Step::Say(Disposition::Abandon)]);
    bench.publish(1, CHAT).await;
    bench.publish(2, CHAT).await;
    bench.until_rows(0).await;
    let seen = bench.script.seen();
    let epochs: Vec<u64> = seen.iter().filter(|seen| seen.updates.contains(&1)).map(|seen| seen.epoch).collect();
    assert_eq!(epochs.len(), 2, "{seen:?}");
    assert!(epochs[0] < epochs[1], "{epochs:?}");
    assert!(bench.queue.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_cannot_be_renewed_ends_the_period_and_loses_nothing() {
    let mut bench = Bench::new().await;
    bench.queue.end_leases(true);
    let until = Arc::new(Notify::new());
    bench.script.on(1, [Step::Hang(Arc::clone(&until))]);
    bench.start(SOON);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    bench.publish(2, CHAT).await;
    // The first period ends while its handler hangs; a later one delivers both again, behind it. Another chat of the shard shows when.
    bench.until_another_period().await;
    assert_eq!(bench.script.times(2), 0, "one chat, one handler at a time");
    bench.queue.end_leases(false);
    until.notify_one();
    bench.until_rows(0).await;
    assert!(bench.script.times(2) >= 1);
    assert!(bench.queue.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_ends_after_its_period_puts_nothing_away() {
    let mut bench = Bench::new().await;
    bench.queue.end_leases(true);
    let until = Arc::new(Notify::new());
    let never = Disposition::Reject("it is not an update".to_owned());
    bench.script.on(1, [Step::SayLate(Arc::clone(&until), never)]);
    bench.start(SOON);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    bench.until_another_period().await;
    bench.queue.end_leases(false);
    until.notify_one();
    bench.until_rows(0).await;
    assert_eq!(bench.script.times(1), 2, "whoever owns the shard has handled it");
    assert!(bench.queue.letters().is_empty(), "{:?}", bench.queue.letters());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_whose_beginning_took_a_whole_term_begins_with_a_new_one() {
    let mut bench = Bench::new().await;
    bench.queue.open_late();
    bench.publish(1, CHAT).await;
    bench.start(SOON);
    bench.until_rows(0).await;
    assert_eq!(bench.script.times(1), 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_connection_begins_a_new_period() {
    let bench = Bench::running().await;
    bench.publish(1, CHAT).await;
    bench.until_rows(0).await;
    bench.queue.reconnect();
    bench
        .until("a later period", async || {
            let id = i64::try_from(bench.script.seen().len()).expect("few") + 1;
            bench.publish(id, CHAT).await;
            bench.until_rows(0).await;
            let seen = bench.script.seen();
            seen.last().expect("one").epoch > seen[0].epoch
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_delivery_of_what_is_held_or_finished_is_not_handled() {
    let bench = Bench::running().await;
    let until = Arc::new(Notify::new());
    bench.script.on(1, [Step::Hang(Arc::clone(&until))]);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    bench.queue.deliver_again();
    bench.until("the second delivery", async || bench.queue.delivered_again() == 1).await;
    bench.queue.fail_acks(1);
    until.notify_one();
    bench.until("the lost ack", async || bench.metrics.settled.get() == 1).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((bench.queue.rows().await, bench.script.times(1)), (1, 1), "held once, and its ack was lost");

    bench.queue.deliver_again();
    bench.until_rows(0).await;
    assert_eq!(bench.script.times(1), 1, "only acked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_in_hand_within_its_time_and_leaves_the_rest() {
    let mut bench = Bench::running().await;
    let until = Arc::new(Notify::new());
    bench.script.on(1, [Step::Hang(Arc::clone(&until))]);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    bench.publish(2, CHAT).await;
    bench.until("both to be taken in", async || bench.metrics.taken_in.get() == 2).await;
    let release = async {
        tokio::time::sleep(A_WHILE).await;
        until.notify_one();
    };
    let (took, ()) = tokio::join!(bench.stop(), release);
    assert!(took >= A_WHILE, "{took:?}");
    assert_eq!((bench.script.times(1), bench.script.times(2)), (1, 0), "what only waited is for the next one");
    assert_eq!(bench.queue.rows().await, 1, "{:?}", bench.script.seen());

    // One that does not end in time stays in the queue.
    bench.script.on(3, [Step::Hang(Arc::clone(&until))]);
    bench.start(A_WHILE);
    bench.until_rows(0).await;
    bench.publish(3, CHAT).await;
    bench.until_seen(3, 1).await;
    let took = bench.stop().await;
    assert!(took >= A_WHILE && took < SOON / 2, "{took:?}");
    bench.publish(4, CHAT).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((bench.queue.rows().await, bench.script.times(4)), (2, 0));
    bench.start(SOON);
    bench.until_rows(0).await;
    assert_eq!((bench.script.times(3), bench.script.times(4)), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_what_waits() {
    let mut bench = Bench::running().await;
    bench.script.on(1, [Step::Say(Disposition::Wait(Some(SOON * 2)))]);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    let took = bench.stop().await;
    assert!(took < SOON / 4, "{took:?}");
    assert_eq!(bench.queue.rows().await, 1);
    bench.start(SOON);
    bench.until_rows(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_passes_messages_that_wait() {
    let bench = Bench::running().await;
    bench.script.on(1, [Step::Say(Disposition::Wait(Some(Duration::from_secs(3))))]);
    bench.publish(1, CHAT).await;
    bench.until_seen(1, 1).await;
    let press = Envelope { source: Source::User(UserId(7)), ..update(2, CHAT) };
    bench.queue.publish(&press).await;
    bench.until_seen(2, 1).await;
    assert_eq!(bench.script.times(1), 1);
    bench.until_rows(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_person_does_waits_for_nobody_elses_and_keeps_its_order() {
    let bench = Bench::running().await;
    bench.script.on(1, [Step::Say(Disposition::Wait(Some(Duration::from_secs(3))))]);
    let by = |user: i64, id: i64| Envelope { source: Source::User(UserId(user)), ..update(id, CHAT) };
    bench.queue.publish(&by(7, 1)).await;
    bench.until_seen(1, 1).await;
    bench.queue.publish(&by(7, 2)).await;
    bench.queue.publish(&by(8, 3)).await;
    bench.until_seen(3, 1).await;
    assert_eq!((bench.script.times(1), bench.script.times(2)), (1, 0));
    bench.until_rows(0).await;
    assert_eq!(bench.script.calls(), [[1], [3], [1], [2]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ack_that_was_lost_on_its_way_is_sent_again_without_a_second_delivery() {
    let bench = Bench::running().await;
    bench.queue.lose_acks(1);
    for id in [1, 2] {
        bench.publish(id, CHAT).await;
    }
    bench.until_rows(1).await;
    bench.until_rows(0).await;
    assert_eq!((bench.script.times(1), bench.script.times(2), bench.queue.delivered_again()), (1, 1, 0));
}
