//! The ledger and the warnings after they were recorded.

use shared::ids::{ChatId, MessageId, UserId};

use super::{EPOCH, GROUP, database::Database, offence, on_both, own, task};
use crate::store::{
    Store,
    effects::Recorded,
    epochs::Epoch,
    error::StoreError,
    mutes::MuteState,
    warnings::{Attempt, SENT_AT_MOST, WarningEnd, WarningKind, WarningState},
};

on_both!(
    a_mute_moves_on,
    open_mutes_are_found,
    a_warning_keeps_what_it_is_for,
    a_warning_moves_on,
    closed_warnings_stay_closed,
    a_warning_that_was_given_up_is_not_begun_anew_for_the_same_mute,
    what_telegram_has_taken_is_known_to_the_next_owner,
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

    store.warning_sending(EPOCH, &ids[2..]).await.expect("done");
    store.warning_wanted_outside(EPOCH, &ids).await.expect("done");
    let back = store.wanted_warnings(GROUP).await.expect("an answer");
    assert!(back.iter().all(|w| w.state == WarningState::Wanted));
    assert_eq!(back.iter().map(|w| w.attempts).collect::<Vec<_>>(), [1, 1, 0], "one beginning less");
    assert_eq!(back.iter().map(|w| w.thread).collect::<Vec<_>>(), [Some(3), Some(3), None]);

    let remove = task(GROUP.0, "remove 77", 9);
    let sends = [0, 1].map(|n| Attempt { warning: ids[n], number: 1 });
    let mut known = store.warning_sent(GROUP, &sends, MessageId(77), true, &[remove]).await.expect("done");
    known.sort_unstable();
    assert_eq!(known, ids[..2]);
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
    store.warning_sending(EPOCH, &[id]).await.expect("done");
    store.warning_closed(EPOCH, &[id], WarningEnd::Lost).await.expect("done");
    store.warning_closed(EPOCH, &[id], WarningEnd::Removed).await.expect("done");
    store.warning_sending(EPOCH, &[id]).await.expect("done");
    // It was on its way when the person was released: the message must go, so it is known.
    let (send, remove) = (Attempt { warning: id, number: 1 }, task(GROUP.0, "remove 5", 1));
    assert_eq!(store.warning_sent(GROUP, &[send], MessageId(5), false, &[remove]).await.expect("done"), [id]);
    let warning = store.warning(id).await.expect("an answer").expect("the row");
    assert_eq!((warning.state, warning.message, warning.attempts), (WarningState::Lost, Some(MessageId(5)), 1));
    assert_eq!(store.next_due(&store.shards.all().collect::<Vec<_>>()).await.expect("an answer"), Some(1));
    let next = store.record_offences(EPOCH, GROUP, &[offence(1, "later")], &[], 1).await.expect("recorded");
    assert!(next[0].warning.as_ref().expect("a new warning").id > id);
}

async fn a_warning_that_was_given_up_is_not_begun_anew_for_the_same_mute(db: &Database) {
    let store = &db.store;
    own(store).await;
    let now_ms = shared::clock::now_ms();
    let again = async |mark: &str, at_ms: i64| {
        let recorded = store.record_offences(EPOCH, GROUP, &[offence(1, mark)], &[], at_ms).await.expect("recorded");
        recorded[0].warning.as_ref().map(|warning| warning.id)
    };
    let first = again("the person came", now_ms).await.expect("a warning");
    store.warning_sending(EPOCH, &[first]).await.expect("done");
    store.warning_closed(EPOCH, &[first], WarningEnd::Lost).await.expect("done");
    let second = again("Telegram refused once", now_ms).await.expect("a warning: one sending is not all");
    for _ in 0..SENT_AT_MOST {
        store.warning_sending(EPOCH, &[second]).await.expect("done");
    }
    store.warning_closed(EPOCH, &[second], WarningEnd::Lost).await.expect("done");
    assert_eq!(again("the group says that they came", now_ms).await, None, "the same join");
    let third = again("they came once more", now_ms + 11 * 60 * 1000).await.expect("a warning: that is another event");
    for _ in 0..SENT_AT_MOST {
        store.warning_sending(EPOCH, &[third]).await.expect("done");
    }
    store.warning_closed(EPOCH, &[third], WarningEnd::Lost).await.expect("done");
    let mute = store.last_mute(GROUP, UserId(1)).await.expect("an answer").expect("a mute");
    store.set_mute_state(EPOCH, mute.id, &[MuteState::Pending], MuteState::Closed, None, &[]).await.expect("closed");
    assert!(again("a new offence", now_ms + 1).await.is_some(), "a new mute has a warning of its own");
}

/// A worker loses its shard while a warning is on its way to Telegram, which takes it.
async fn what_telegram_has_taken_is_known_to_the_next_owner(db: &Database) {
    let store = &db.store;
    own(store).await;
    let ids: Vec<i64> =
        record(store, GROUP, 1..=3).await.iter().map(|one| one.warning.as_ref().expect("a warning").id).collect();
    store.warning_sending(EPOCH, &ids).await.expect("done");
    let next = Epoch { number: EPOCH.number + 1, ..EPOCH };
    store.raise_epoch(next.shard, next.number).await.expect("another worker's period");
    // It tells the second one again, and is done with the third.
    store.warning_sending(next, &ids[1..2]).await.expect("done");
    store.warning_closed(next, &ids[2..], WarningEnd::Removed).await.expect("done");

    let first = [0, 1, 2].map(|n| Attempt { warning: ids[n], number: 1 });
    let remove = task(GROUP.0, "remove 8", 9);
    let mut known =
        store.warning_sent(GROUP, &first, MessageId(8), true, &[remove]).await.expect("no epoch is asked for");
    known.sort_unstable();
    assert_eq!(known, [ids[0], ids[2]], "the second one is on its way once more");
    let again = Attempt { warning: ids[1], number: 2 };
    assert_eq!(store.warning_sent(GROUP, &[again], MessageId(9), false, &[]).await.expect("done"), [ids[1]]);
    // The old owner's answer came later still.
    assert!(store.warning_sent(GROUP, &first[1..2], MessageId(8), true, &[]).await.expect("done").is_empty());
    // Where the group has moved, the number is another message's.
    assert!(store.warning_sent(ChatId(-6), &[again], MessageId(8), true, &[]).await.expect("done").is_empty());

    let mut rows = Vec::new();
    for id in &ids {
        let warning = store.warning(*id).await.expect("an answer").expect("the row");
        rows.push((warning.state, warning.message.map(|message| message.0)));
    }
    let wanted = [(WarningState::Sent, Some(8)), (WarningState::Sent, Some(9)), (WarningState::Removed, Some(8))];
    assert_eq!(rows, wanted);
    assert!(store.wanted_warnings(GROUP).await.expect("an answer").is_empty(), "nobody is told again");
    assert_eq!(store.next_due(&store.shards.all().collect::<Vec<_>>()).await.expect("an answer"), Some(9));
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
