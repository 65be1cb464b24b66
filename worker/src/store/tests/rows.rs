//! The ledger and the warnings after they were recorded.

use shared::ids::{ChatId, MessageId, UserId};

use super::{EPOCH, GROUP, database::Database, offence, on_both, own, task};
use crate::store::{
    Store,
    effects::Recorded,
    error::StoreError,
    mutes::MuteState,
    warnings::{WarningEnd, WarningKind, WarningState},
};

on_both!(
    a_mute_moves_on,
    open_mutes_are_found,
    a_warning_keeps_what_it_is_for,
    a_warning_moves_on,
    closed_warnings_stay_closed,
    bad_rows_are_named
);

async fn record(store: &Store, group: ChatId, users: std::ops::RangeInclusive<i64>) -> Vec<Recorded> {
    let batch: Vec<_> = users.map(|user| offence(user, &format!("{group} u{user}"))).collect();
    store.record_offences(EPOCH, group, &batch, &[], 1).await.expect("recorded")
}

async fn a_mute_moves_on(db: &Database) {
    use MuteState as S;
    let store = &db.store;
    own(store).await;
    let id = record(store, GROUP, 1..=1).await[0].mute.as_ref().expect("a mute").id;
    let shards: Vec<_> = store.shards.all().collect();
    // (from, to, does it change)
    let steps = [
        (&[S::Active][..], S::Releasing, false),
        (&[], S::Active, false),
        (&[S::Pending], S::Active, true),
        (&[S::Pending], S::Active, false),
        (&[S::Pending, S::Active], S::Releasing, true),
        (&[S::Releasing], S::Active, true),
        (&[S::Active, S::Releasing], S::Closed, true),
        (&[S::Active, S::Releasing], S::Closed, false),
    ];
    for (n, (from, to, changes)) in (0..).zip(steps) {
        let tasks = [task(n, "check", 1)];
        let changed = store.set_mute_state(EPOCH, id, from, to, Some("because"), &tasks).await.expect("done");
        assert_eq!(changed, changes, "step {n}");
        let written = store.due_tasks(&shards, 1, 99).await.expect("an answer").iter().any(|t| t.chat == ChatId(n));
        assert_eq!(written, changes, "the task of step {n}");
        if changes {
            let mute = store.mute(id).await.expect("an answer").expect("the row");
            assert_eq!((mute.state, mute.closed_why.as_deref()), (to, Some("because")));
            assert_eq!(mute.closed_ms.is_some(), to == S::Closed);
        }
    }
    let closed = store.mute(id).await.expect("an answer").expect("the row").closed_ms.expect("a time");
    assert!(closed > 1_700_000_000_000, "milliseconds of the database's clock, not {closed}");
    assert_eq!(store.mute(id + 1).await.expect("an answer"), None);
}

async fn open_mutes_are_found(db: &Database) {
    let store = &db.store;
    own(store).await;
    let recorded = record(store, GROUP, 1..=5).await;
    record(store, ChatId(-5), 2..=2).await;
    let closed = recorded[0].mute.as_ref().expect("a mute").id;
    let from = [MuteState::Pending];
    assert!(store.set_mute_state(EPOCH, closed, &from, MuteState::Closed, None, &[]).await.expect("done"));

    let users = |mutes: Vec<crate::store::mutes::Mute>| mutes.iter().map(|mute| mute.user.0).collect::<Vec<_>>();
    let asked = [UserId(1), UserId(2), UserId(4), UserId(9)];
    assert_eq!(users(store.open_mutes(GROUP, &asked).await.expect("an answer")), [2, 4]);
    assert!(store.open_mutes(GROUP, &[]).await.expect("an answer").is_empty());
    assert_eq!(store.count_open_mutes(GROUP).await.expect("an answer"), 4);
    assert_eq!(store.open_mutes_of(UserId(2)).await.expect("an answer").len(), 2);
    assert_eq!(store.open_mutes_of(UserId(1)).await.expect("an answer").len(), 0);

    let last = store.last_mute(GROUP, UserId(1)).await.expect("an answer").expect("a closed one");
    assert_eq!((last.id, last.state), (closed, MuteState::Closed));
    assert_eq!(store.last_mute(GROUP, UserId(9)).await.expect("an answer"), None);

    let page = store.open_mutes_in(GROUP, 0, 3).await.expect("an answer");
    let last = page.last().expect("a full page").id;
    assert_eq!(users(page), [2, 3, 4]);
    let page = store.open_mutes_in(GROUP, last, 3).await.expect("an answer");
    assert_eq!(users(page), [5]);
}

async fn a_warning_keeps_what_it_is_for(db: &Database) {
    let store = &db.store;
    own(store).await;
    for (user, kind) in (1..).zip([WarningKind::Offence, WarningKind::Join, WarningKind::Left]) {
        let mut batch = [offence(user, &format!("u{user}"))];
        batch[0].warning.as_mut().expect("a warning").kind = kind;
        let recorded = store.record_offences(EPOCH, GROUP, &batch, &[], 1).await.expect("recorded");
        assert_eq!(recorded[0].warning.as_ref().expect("a warning").kind, kind);
    }
}

async fn a_warning_moves_on(db: &Database) {
    let store = &db.store;
    own(store).await;
    record(store, GROUP, 1..=3).await;
    record(store, ChatId(-5), 1..=1).await;
    let wanted = store.wanted_warnings(GROUP).await.expect("an answer");
    assert_eq!(wanted.iter().map(|w| w.user.0).collect::<Vec<_>>(), [1, 2, 3]);
    let ids: Vec<_> = wanted.iter().map(|w| w.id).collect();

    store.warning_sending(EPOCH, &ids[..2]).await.expect("done");
    store.warning_sending(EPOCH, &ids[..2]).await.expect("done");
    let sending = store.wanted_warnings(GROUP).await.expect("an answer");
    assert_eq!(sending.iter().map(|w| w.attempts).collect::<Vec<_>>(), [2, 2, 0]);
    assert_eq!(sending[0].state, WarningState::Sending);

    store.warning_wanted(EPOCH, &ids).await.expect("done");
    let back = store.wanted_warnings(GROUP).await.expect("an answer");
    assert!(back.iter().all(|w| w.state == WarningState::Wanted));
    assert_eq!(back.iter().map(|w| w.attempts).collect::<Vec<_>>(), [1, 1, 0], "one beginning less");

    let remove = task(GROUP.0, "remove 77", 9);
    store.warning_sent(EPOCH, &ids[..2], MessageId(77), true, &[remove]).await.expect("done");
    let carried = store.warnings_with_message(GROUP, MessageId(77)).await.expect("an answer");
    assert_eq!(
        carried.iter().map(|w| (w.id, w.state)).collect::<Vec<_>>(),
        [(ids[0], WarningState::Sent), (ids[1], WarningState::Sent)]
    );
    assert_eq!(store.wanted_warnings(GROUP).await.expect("an answer").len(), 1);
    assert_eq!(store.next_due(&store.shards.all().collect::<Vec<_>>()).await.expect("an answer"), Some(9));

    store.warning_closed(EPOCH, &ids[..1], WarningEnd::Removed).await.expect("done");
    assert_eq!(store.warnings_with_message(GROUP, MessageId(77)).await.expect("an answer").len(), 1);
    assert!(store.warnings_of(GROUP, UserId(1)).await.expect("an answer").is_empty());
    assert_eq!(store.warnings_of(GROUP, UserId(2)).await.expect("an answer").len(), 1);
    assert_eq!(store.warnings_of(ChatId(-5), UserId(1)).await.expect("an answer").len(), 1, "another group's stays");
    store.warning_sending(EPOCH, &[]).await.expect("nothing to do");
    assert_eq!(store.warning(ids[2] + 100).await.expect("an answer"), None);
}

async fn closed_warnings_stay_closed(db: &Database) {
    let store = &db.store;
    own(store).await;
    let id = record(store, GROUP, 1..=1).await[0].warning.as_ref().expect("a warning").id;
    store.warning_closed(EPOCH, &[id], WarningEnd::Lost).await.expect("done");
    store.warning_closed(EPOCH, &[id], WarningEnd::Removed).await.expect("done");
    store.warning_sending(EPOCH, &[id]).await.expect("done");
    // It was on its way when the person was released: the message must go, so it is known.
    store.warning_sent(EPOCH, &[id], MessageId(5), false, &[task(GROUP.0, "remove 5", 1)]).await.expect("done");
    let warning = store.warning(id).await.expect("an answer").expect("the row");
    assert_eq!((warning.state, warning.message, warning.attempts), (WarningState::Lost, Some(MessageId(5)), 0));
    assert_eq!(store.next_due(&store.shards.all().collect::<Vec<_>>()).await.expect("an answer"), Some(1));
    let next = store.record_offences(EPOCH, GROUP, &[offence(1, "later")], &[], 1).await.expect("recorded");
    assert!(next[0].warning.as_ref().expect("a new warning").id > id);
}

async fn bad_rows_are_named(db: &Database) {
    let store = &db.store;
    own(store).await;
    let id = record(store, GROUP, 1..=1).await[0].warning.as_ref().expect("a warning").id;
    store.run(store.sql("test", "UPDATE warnings SET missing = 'a secret text'")).await.expect("done");
    store.run(store.sql("test", "UPDATE shard_epochs SET epoch = 5")).await.expect("done");
    let err = store.warning(id).await.expect_err("no list");
    let StoreError::BadRow { what } = &err else { panic!("{err:?}") };
    assert_eq!(what, "column missing of warning");
    assert!(!format!("{err:?} {err}").contains("secret"), "values are not told");
    store.add_tasks(&[task(1, "t", 1)]).await.expect("written");
    store.run(store.sql("test", "UPDATE tasks SET shard = 70000")).await.expect("done");
    let id = super::count(store, "SELECT id AS n FROM tasks").await;
    let err = store.task(id).await.expect_err("no such shard");
    assert!(matches!(&err, StoreError::BadRow { what } if what == "column shard of task"), "{err:?}");
}
