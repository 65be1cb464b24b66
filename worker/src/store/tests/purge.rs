//! What is over goes after a while, in parts; what is not stays.

use super::{EPOCH, GROUP, count, database::Database, offence, on_both, own};
use crate::store::{Store, mutes::MuteState, purge::Outlived};

on_both!(what_is_over_is_forgotten, not_all_at_once);

async fn run(store: &Store, text: &'static str) {
    store.run(store.sql("test", text)).await.expect("done");
}

async fn what_is_over_is_forgotten(db: &Database) {
    let store = &db.store;
    own(store).await;
    let batch: Vec<_> = (1..=3).map(|user| offence(user, &format!("u{user}"))).collect();
    let recorded = store.record_offences(EPOCH, GROUP, &batch, &[], 10).await.expect("recorded");
    for row in &recorded[..2] {
        let mute = row.mute.as_ref().expect("a mute").id;
        let from = [MuteState::Pending];
        store.set_mute_state(EPOCH, mute, &from, MuteState::Closed, Some("over"), &[]).await.expect("closed");
    }
    run(store, "UPDATE mutes SET closed_ms = 20 WHERE user_id = 1").await;
    run(store, "UPDATE warnings SET state = 'removed', closed_ms = 20 WHERE user_id = 1").await;
    run(
        store,
        "INSERT INTO join_requests (group_id, user_id, user_chat_id, name, state, requested_ms, closed_ms) \
         VALUES (-5, 1, 1, 'a', 'gone', 1, 20), (-5, 2, 2, 'b', 'waiting', 1, NULL), (-5, 3, 3, 'c', 'approved', 1, 90)",
    )
    .await;
    let cases = [
        (Outlived::Marks, 3, "SELECT COUNT(*) AS n FROM effects", 0),
        (Outlived::Mutes, 1, "SELECT COUNT(*) AS n FROM mutes", 2),
        (Outlived::Warnings, 1, "SELECT COUNT(*) AS n FROM warnings", 2),
        (Outlived::JoinRequests, 1, "SELECT COUNT(*) AS n FROM join_requests", 2),
    ];
    for (what, gone, left_sql, left) in cases {
        assert_eq!(store.purge(what, 10).await.expect("done"), 0, "{what:?} not before its time");
        assert_eq!(store.purge(what, 50).await.expect("done"), gone, "{what:?}");
        assert_eq!(count(store, left_sql).await, left, "{what:?}");
    }
    if store.inbox().is_some() {
        run(
            store,
            "INSERT INTO dead_letters (headers, body, reason, attempts, trace_id, buried_ms) \
             VALUES ('', X'01', 'odd', 1, '', 20), ('', X'02', 'odd', 1, '', 90)",
        )
        .await;
        assert_eq!(store.purge(Outlived::DeadLetters, 50).await.expect("done"), 1);
    }
    assert_eq!(store.purge(Outlived::DeadLetters, 50).await.expect("done"), 0);
}

async fn not_all_at_once(db: &Database) {
    let store = &db.store;
    run(
        store,
        "INSERT INTO effects (key, at_ms) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500) \
         SELECT CAST(n AS TEXT), 1 FROM n",
    )
    .await;
    for gone in [1000, 500, 0] {
        assert_eq!(store.purge(Outlived::Marks, 15).await.expect("done"), gone);
    }
}
