//! Does the in-process queue keep its promises over an inbox in memory?

use std::{
    collections::{BTreeMap, HashSet},
    num::NonZeroU16,
    sync::Mutex,
};

use tokio_util::task::TaskTracker;

use super::*;
use crate::{
    envelope::{RoutingKey, Source},
    ids::{BotId, UpdateId},
};

/// Rows in memory, behaving as the ones on disk must.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    rows: BTreeMap<u64, (Shard, Row)>,
    seen: HashSet<String>,
    next: u64,
    epochs: u64,
    letters: Vec<DeadLetter>,
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> T {
        act(&mut self.0.lock().expect("no test panics while it holds the rows"))
    }
}

impl Inbox for Memory {
    async fn insert(&self, row: &NewRow<'_>) -> Result<Stored, InboxError> {
        Ok(self.with(|rows| {
            if !rows.seen.insert(row.message_id.to_owned()) {
                return Stored::Duplicate;
            }
            rows.next += 1;
            let stored = Row { sequence: rows.next, headers: row.headers.to_vec(), body: row.body.clone() };
            rows.rows.insert(rows.next, (row.shard, stored));
            Stored::New
        }))
    }

    async fn after(&self, shard: Shard, sequence: u64, limit: u32) -> Result<Vec<Row>, InboxError> {
        let limit = usize::try_from(limit)?;
        Ok(self.with(|rows| {
            let later = rows.rows.range(sequence + 1..);
            later.filter(|(_, (of, _))| *of == shard).take(limit).map(|(_, (_, row))| row.clone()).collect()
        }))
    }

    async fn remove(&self, sequence: u64) -> Result<bool, InboxError> {
        Ok(self.with(|rows| rows.rows.remove(&sequence).is_some()))
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), InboxError> {
        self.with(|rows| rows.letters.push(letter.clone()));
        Ok(())
    }

    async fn count(&self) -> Result<u64, InboxError> {
        Ok(self.with(|rows| u64::try_from(rows.rows.len()))?)
    }

    async fn last(&self) -> Result<u64, InboxError> {
        Ok(self.with(|rows| rows.next))
    }

    async fn buried(&self) -> Result<u64, InboxError> {
        Ok(self.with(|rows| u64::try_from(rows.letters.len()))?)
    }

    async fn next_epoch(&self) -> Result<u64, InboxError> {
        Ok(self.with(|rows| {
            rows.epochs += 1;
            rows.epochs
        }))
    }
}

fn one_shard() -> Shards {
    Shards::new(NonZeroU16::MIN)
}

fn update(id: i64) -> Envelope {
    Envelope::update(BotId(1), RoutingKey(-100), Source::Messages, UpdateId(id), 0, Bytes::from(format!("{{{id}}}")))
}

async fn ids(
    deliveries: &mut BoxStream<'static, Result<Delivery<Receipt>, DeliverError>>,
    count: usize,
) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let delivery = deliveries.next().await.expect("the stream goes on").expect("a delivery");
        assert_eq!(delivery.delivered, u64::try_from(ids.len()).expect("few") + 1);
        ids.push(String::from_utf8_lossy(&delivery.content.expect("an envelope").body).into_owned());
    }
    ids
}

#[tokio::test]
async fn what_is_stored_comes_in_order_and_stays_until_acked() {
    let inbox = Memory::default();
    let queue = InProcess::open(inbox.clone(), one_shard(), 100).await.expect("an open queue");
    for id in [1, 2] {
        assert_eq!(queue.publish(&update(id)).await.expect("stored"), Stored::New);
    }
    assert_eq!(queue.publish(&update(2)).await.expect("stored"), Stored::Duplicate);
    let lease = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    let first = deliveries.next().await.expect("a first").expect("a delivery");
    queue.ack(&first.receipt).await.expect("acked");
    assert_eq!(queue.backlog().await.expect("a number"), 1);

    // A row that comes while the reader waits wakes it.
    let second = deliveries.next().await.expect("a second").expect("a delivery");
    assert_eq!(second.delivered, 2);
    let waiting = TaskTracker::new().spawn(async move { deliveries.next().await });
    tokio::task::yield_now().await;
    queue.publish(&update(3)).await.expect("stored");
    let third = waiting.await.expect("no panic").expect("a third").expect("a delivery");
    assert_eq!(third.content.expect("an envelope"), update(3));

    // After a restart the rest comes again, and epochs have gone on.
    let queue = InProcess::open(inbox, one_shard(), 100).await.expect("an open queue");
    let later = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    assert!(later.epoch > lease.epoch);
    let mut deliveries = queue.open(&later).await.expect("deliveries");
    assert_eq!(ids(&mut deliveries, 2).await, ["{2}", "{3}"]);
}

#[tokio::test]
async fn a_new_period_ends_the_one_before() {
    let queue = InProcess::open(Memory::default(), one_shard(), 100).await.expect("an open queue");
    let old = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let mut deliveries = queue.open(&old).await.expect("deliveries");
    let waiting = TaskTracker::new().spawn(async move { (deliveries.next().await, deliveries.next().await) });
    tokio::task::yield_now().await;
    let new = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let mut deliveries = queue.open(&new).await.expect("deliveries");
    let (end, after) = waiting.await.expect("no panic");
    assert!(matches!(end, Some(Err(DeliverError::Lost))) && after.is_none(), "{end:?}");
    assert!(matches!(queue.open(&old).await, Err(DeliverError::Lost)));
    assert!(matches!(queue.renew(&old).await, Err(DeliverError::Lost)));
    queue.renew(&new).await.expect("still ours");
    queue.publish(&update(1)).await.expect("stored");
    assert_eq!(ids(&mut deliveries, 1).await, ["{1}"]);
}

#[tokio::test]
async fn a_full_inbox_takes_no_more_until_something_is_done_with() {
    let queue = InProcess::open(Memory::default(), one_shard(), 1).await.expect("an open queue");
    queue.publish(&update(1)).await.expect("stored");
    assert!(matches!(queue.publish(&update(2)).await, Err(PublishError::QueueFull)));
    let lease = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    let first = deliveries.next().await.expect("a first").expect("a delivery");
    queue.ack(&first.receipt).await.expect("acked");
    queue.ack(&first.receipt).await.expect("acked again");
    queue.publish(&update(2)).await.expect("room again");
    assert!(matches!(queue.publish(&update(3)).await, Err(PublishError::QueueFull)));
}

#[tokio::test]
async fn what_is_no_envelope_is_handed_over_as_it_is() {
    let inbox = Memory::default();
    let row = NewRow { message_id: "x", shard: Shard(0), headers: &[], body: &Bytes::from_static(b"?") };
    inbox.insert(&row).await.expect("stored");
    let queue = InProcess::open(inbox, one_shard(), 10).await.expect("an open queue");
    let lease = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let delivery = queue.open(&lease).await.expect("deliveries").next().await.expect("one").expect("a delivery");
    assert_eq!(delivery.content.expect_err("not an envelope").body, "?");
}

#[tokio::test]
async fn what_was_stored_before_the_start_may_have_been_in_hand() {
    let inbox = Memory::default();
    let before = InProcess::open(inbox.clone(), one_shard(), 100).await.expect("an open queue");
    before.publish(&update(1)).await.expect("stored");
    let queue = InProcess::open(inbox, one_shard(), 100).await.expect("an open queue");
    queue.publish(&update(2)).await.expect("stored");
    let lease = queue.take(Shard(0), "me").await.expect("an answer").expect("granted");
    let deliveries = queue.open(&lease).await.expect("deliveries");
    let cut_short = deliveries.take(2).map(|delivery| delivery.expect("a delivery").cut_short);
    assert_eq!(cut_short.collect::<Vec<_>>().await, [true, false]);
}
