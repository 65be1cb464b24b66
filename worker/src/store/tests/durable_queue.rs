//! The stand-alone queue over its rows in SQLite.

use bytes::Bytes;
use futures::StreamExt as _;
use shared::{
    envelope::{Envelope, RoutingKey, Source},
    ids::{BotId, UpdateId},
    queue::{
        DeadLetter, Deliver as _, Publish as _, Stored,
        in_process::{InProcess, Inbox as _, NewRow},
        letters::Letters as _,
    },
    shard::Shard,
};

use super::{count, database::Database};
use crate::store::Store;

fn update(id: i64) -> Envelope {
    let body = Bytes::from(format!(r#"{{"update_id":{id},"text":"\u0000 💥"}}"#));
    Envelope::update(BotId(1), RoutingKey(-100), Source::Messages, UpdateId(id), 0, body)
}

async fn queue(store: &Store) -> InProcess<super::super::inbox::Inbox> {
    InProcess::open(store.inbox().expect("SQLite"), store.shards, 100_000).await.expect("an open queue")
}

#[tokio::test]
async fn what_is_stored_comes_back_after_a_restart() {
    let db = Database::sqlite().await;
    let shard = db.store.shards.of(RoutingKey(-100));
    let first = queue(&db.store).await;
    for id in 1..=3 {
        assert_eq!(first.publish(&update(id)).await.expect("stored"), Stored::New);
    }
    let lease = first.take(shard, "me").await.expect("an answer").expect("granted");
    let mut deliveries = first.open(&lease).await.expect("deliveries");
    let delivery = deliveries.next().await.expect("one").expect("a delivery");
    assert_eq!(delivery.content.expect("an envelope"), update(1));
    first.ack(&delivery.receipt).await.expect("acked");
    first.ack(&delivery.receipt).await.expect("acked again");
    assert_eq!(first.backlog().await.expect("a number"), 2);

    // Another process, which Telegram gives the last updates once more.
    let store = db.another().await;
    let second = queue(&store).await;
    for id in 1..=3 {
        assert_eq!(second.publish(&update(id)).await.expect("an answer"), Stored::Duplicate, "{id}");
    }
    let later = second.take(shard, "me").await.expect("an answer").expect("granted");
    assert!(later.epoch > lease.epoch);
    let mut deliveries = second.open(&later).await.expect("deliveries");
    for id in 2..=3 {
        let delivery = deliveries.next().await.expect("one").expect("a delivery");
        assert_eq!(delivery.content.expect("an envelope"), update(id));
    }
}

#[tokio::test]
async fn a_commit_is_on_the_disk() {
    let db = Database::sqlite().await;
    let row = db.store.row(db.store.sql("test", "PRAGMA synchronous")).await.expect("an answer").expect("a row");
    assert_eq!(row.int("synchronous").expect("a number"), 2, "FULL");
    let row = db.store.row(db.store.sql("test", "PRAGMA journal_mode")).await.expect("an answer").expect("a row");
    assert_eq!(row.text("journal_mode").expect("a word"), "wal");
}

#[tokio::test]
async fn shards_are_apart_and_done_rows_are_forgotten_in_the_end() {
    let db = Database::sqlite().await;
    let inbox = db.store.inbox().expect("SQLite");
    let insert = async |id: &str, shard: u16| {
        let row = NewRow { message_id: id, shard: Shard(shard), headers: &[], body: &Bytes::new() };
        inbox.insert(&row).await.expect("an answer")
    };
    assert_eq!(insert("a", 1).await, Stored::New);
    assert_eq!(insert("b", 2).await, Stored::New);
    assert_eq!(insert("c", 1).await, Stored::New);
    let of = async |shard, after| -> Vec<u64> {
        let rows = inbox.after(Shard(shard), after, 9).await.expect("an answer");
        rows.iter().map(|row| row.sequence).collect()
    };
    assert_eq!(of(1, 0).await, [1, 3]);
    assert_eq!(of(1, 1).await, [3]);
    assert_eq!(of(2, 0).await, [2]);
    assert!(inbox.remove(1).await.expect("an answer"));
    assert!(!inbox.remove(1).await.expect("an answer"), "it was gone");

    // Far later: what was done is new again, what waits still waits.
    db.store
        .run(db.store.sql("test", "UPDATE sqlite_sequence SET seq = 50000 WHERE name = 'inbox'"))
        .await
        .expect("done");
    assert_eq!(insert("d", 1).await, Stored::New);
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM inbox").await, 3);
    assert_eq!(insert("a", 1).await, Stored::New);
    assert_eq!(insert("c", 1).await, Stored::Duplicate);
}

#[tokio::test]
async fn a_letter_is_buried_once() {
    let db = Database::sqlite().await;
    let inbox = db.store.inbox().expect("SQLite");
    let mut letter = DeadLetter {
        headers: update(1).headers(),
        body: Bytes::from_static(b"\0\xff no text"),
        reason: "unreadable".to_owned(),
        attempts: 1,
        trace_id: String::new(),
    };
    for attempts in [1, 2] {
        letter.attempts = attempts;
        inbox.bury(&letter).await.expect("buried");
    }
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM dead_letters").await, 1);
    assert_eq!(count(&db.store, "SELECT attempts AS n FROM dead_letters").await, 2);
}

#[tokio::test]
async fn a_letter_is_found_replayed_once_under_its_new_id_and_dropped() {
    let db = Database::sqlite().await;
    let inbox = db.store.inbox().expect("SQLite");
    let old = queue(&db.store).await;
    assert_eq!(old.publish(&update(1)).await.expect("stored"), Stored::New);
    let letter = DeadLetter {
        headers: update(1).headers(),
        body: update(1).body,
        reason: "its handler panicked".to_owned(),
        attempts: 5,
        trace_id: "abc".to_owned(),
    };
    inbox.bury(&letter).await.expect("buried");
    let kept = inbox.letter_from(0).await.expect("an answer").expect("a letter");
    assert_eq!((kept.letter.attempts, kept.letter.trace_id.as_str()), (5, "abc"));
    assert!(inbox.letter_from(kept.id + 1).await.expect("an answer").is_none());
    let replay = kept.replay().expect("readable");
    assert_eq!(inbox.replay(&replay).await.expect("stored"), Stored::New);
    assert_eq!(inbox.replay(&replay).await.expect("known"), Stored::Duplicate);
    assert_eq!(old.buried().await.expect("a number"), 1);
    assert!(inbox.drop_letter(kept.id).await.expect("dropped"));
    assert!(!inbox.drop_letter(kept.id).await.expect("an answer"), "it was gone");
}

#[tokio::test]
async fn the_queue_notices_what_another_process_has_stored() {
    let db = Database::sqlite().await;
    let running = queue(&db.store).await;
    let shard = db.store.shards.of(RoutingKey(-100));
    let lease = running.take(shard, "me").await.expect("an answer").expect("granted");
    let mut deliveries = running.open(&lease).await.expect("deliveries");
    let mut next = std::pin::pin!(deliveries.next());
    assert!(futures::poll!(&mut next).is_pending());
    queue(&db.another().await).await.publish(&update(1)).await.expect("stored");
    // Looked at by the running one from time to time, for its metrics.
    assert_eq!(running.backlog().await.expect("a number"), 1);
    let delivery = next.await.expect("one").expect("a delivery");
    assert_eq!(delivery.content.expect("an envelope"), update(1));
}
