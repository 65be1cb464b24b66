//! The effects transaction: recorded once, resumed afterwards, right when it runs twice at once.

use shared::ids::{ChannelId, ChatId, MessageId, UserId};

use super::{EPOCH, GROUP, HOSTILE, count, database::Database, offence, on_both, own, stored, task};
use crate::store::{
    mutes::MuteState,
    warnings::{Attempt, WarningEnd, WarningState},
};

on_both!(
    an_offence_is_recorded_once_and_then_resumed,
    what_is_there_is_never_overwritten,
    a_batch_is_answered_in_its_order,
    the_same_batch_twice_at_once,
    the_same_people_by_different_updates_at_once,
    a_person_has_one_open_mute_and_then_another,
    hostile_names_come_back,
    marks_are_found,
    more_warnings_than_one_statement_can_name_are_changed_together,
);

async fn an_offence_is_recorded_once_and_then_resumed(db: &Database) {
    let store = &db.store;
    own(store).await;
    let tasks = [task(GROUP.0, "check 1", 50)];
    let first = store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &tasks, 17).await.expect("recorded");
    let [first] = &first[..] else { panic!("one answer, not {first:?}") };
    assert!(first.mute_is_new && !first.already_marked);
    let mute = first.mute.clone().expect("a mute");
    assert_eq!((mute.group, mute.user, mute.name.as_str()), (GROUP, UserId(1), "user 1"));
    assert_eq!((mute.state, mute.until_s, mute.created_ms), (MuteState::Pending, 2_000_000_000, 17));
    assert_eq!((mute.before, mute.closed_ms, mute.closed_why), (None, None, None));
    let warning = first.warning.clone().expect("a warning");
    assert_eq!((warning.state, warning.thread, warning.attempts), (WarningState::Wanted, Some(3), 0));
    assert_eq!(warning.missing, [ChannelId(-200), ChannelId(-201)]);

    let again = store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &[], 18).await.expect("resumed");
    assert!(again[0].already_marked && !again[0].mute_is_new);
    assert_eq!(again[0].mute, first.mute);
    assert_eq!(again[0].warning, first.warning);
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM tasks").await, 1);
    assert!(store.record_offences(EPOCH, GROUP, &[], &[], 1).await.expect("nothing to do").is_empty());
}

async fn what_is_there_is_never_overwritten(db: &Database) {
    let store = &db.store;
    own(store).await;
    let mut first = offence(1, "u1");
    first.mute.as_mut().expect("a mute").before = Some(r#"{"can_send_polls":false}"#.to_owned());
    let recorded = store.record_offences(EPOCH, GROUP, &[first], &[], 1).await.expect("recorded");
    let mut second = offence(1, "u2");
    second.mute.as_mut().expect("a mute").until_s = 1;
    second.warning.as_mut().expect("a warning").missing.clear();
    let later = store.record_offences(EPOCH, GROUP, &[second], &[], 2).await.expect("recorded");
    assert!(!later[0].already_marked && !later[0].mute_is_new);
    assert_eq!(later[0].mute, recorded[0].mute);
    assert_eq!(later[0].warning, recorded[0].warning);

    // A mute of a person's own: nothing to write, and what is there is still told.
    let mut third = offence(1, "u3");
    (third.mute, third.warning) = (None, None);
    let later = store.record_offences(EPOCH, GROUP, &[third], &[], 3).await.expect("recorded");
    assert_eq!((&later[0].mute, later[0].mute_is_new), (&recorded[0].mute, false));
    let mut other = offence(2, "u4");
    (other.mute, other.warning) = (None, None);
    let later = store.record_offences(EPOCH, GROUP, &[other], &[], 3).await.expect("recorded");
    assert_eq!((&later[0].mute, &later[0].warning), (&None, &None));
}

async fn a_batch_is_answered_in_its_order(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.record_offences(EPOCH, GROUP, &[offence(3, "u3")], &[], 1).await.expect("recorded");
    // A hundred people, one of them twice, one update for two people, and one that was here before.
    let mut batch: Vec<_> = (1..=100).map(|user| offence(user, &format!("u{user}"))).collect();
    batch.push(offence(1, "u101"));
    batch.push(offence(102, "u101"));
    let tasks: Vec<_> = (0..600).map(|n| task(GROUP.0, &format!("check {n}"), n)).collect();
    let recorded = store.record_offences(EPOCH, GROUP, &batch, &tasks, 2).await.expect("recorded");
    assert_eq!(recorded.len(), 102);
    for (asked, answer) in batch.iter().zip(&recorded) {
        assert_eq!(asked.user, answer.user);
        assert_eq!(answer.mute.as_ref().expect("a mute").user, asked.user);
        assert_eq!(answer.warning.as_ref().expect("a warning").user, asked.user);
        assert_eq!(answer.already_marked, asked.mark.0 == "u3", "{}", asked.mark.0);
    }
    let again = |n: usize| recorded[n].mute_is_new;
    assert!(again(0) && !again(2) && again(3), "user 3 was here before");
    assert!(!again(100), "user 1 is new only once");
    assert!(again(101), "the second person of one update");
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM mutes").await, 101);
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM tasks").await, 600);
}

async fn the_same_batch_twice_at_once(db: &Database) {
    own(&db.store).await;
    let other = db.another().await;
    for round in 0..8_i64 {
        let group = ChatId(GROUP.0 - round);
        let batch: Vec<_> = (0..20).map(|user| offence(user, &format!("u{round}.{user}"))).collect();
        // The other one comes in another order: that may not lock them both up.
        let reversed: Vec<_> = batch.iter().cloned().rev().collect();
        let (one, two) = tokio::join!(
            db.store.record_offences(EPOCH, group, &batch, &[], 1),
            other.record_offences(EPOCH, group, &reversed, &[], 1),
        );
        let (one, mut two) = (one.expect("recorded"), two.expect("recorded"));
        two.reverse();
        for (one, two) in one.iter().zip(&two) {
            assert_ne!(one.already_marked, two.already_marked, "exactly one of the two records");
            assert_ne!(one.mute_is_new, two.mute_is_new);
            assert_eq!(one.mute, two.mute);
            assert_eq!(one.warning, two.warning);
            assert!(one.mute.is_some() && one.warning.is_some());
        }
    }
    assert_eq!(count(&other, "SELECT COUNT(*) AS n FROM mutes").await, 160);
    assert_eq!(count(&other, "SELECT COUNT(*) AS n FROM warnings").await, 160);
}

async fn the_same_people_by_different_updates_at_once(db: &Database) {
    own(&db.store).await;
    let mut writers = tokio::task::JoinSet::new();
    for update in 0..12 {
        let store = db.store.clone();
        writers.spawn(async move {
            let mut batch: Vec<_> = (0..6).map(|user| offence(user, &format!("u{update}.{user}"))).collect();
            batch.rotate_left(update % 6);
            store.record_offences(EPOCH, GROUP, &batch, &[task(1, "t", 1), task(0, "t", 1)], 1).await
        });
    }
    let mut new = 0;
    while let Some(done) = writers.join_next().await {
        let recorded = done.expect("no panic").expect("recorded");
        assert!(recorded.iter().all(|answer| !answer.already_marked && answer.mute.is_some()));
        new += recorded.iter().filter(|answer| answer.mute_is_new).count();
    }
    assert_eq!(new, 6, "one new mute a person");
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM mutes").await, 6);
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM warnings").await, 6);
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM effects").await, 72);
}

async fn a_person_has_one_open_mute_and_then_another(db: &Database) {
    let store = &db.store;
    own(store).await;
    let first = store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &[], 1).await.expect("recorded");
    let first = first[0].mute.clone().expect("a mute");
    let open = [MuteState::Pending, MuteState::Active];
    assert!(store.set_mute_state(EPOCH, first.id, &open, MuteState::Closed, Some("over"), &[]).await.expect("done"));
    let resumed = store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &[], 1).await.expect("resumed");
    assert!(resumed[0].already_marked && resumed[0].mute.is_none(), "a closed mute is not taken up again");
    let second = store.record_offences(EPOCH, GROUP, &[offence(1, "u2")], &[], 1).await.expect("recorded");
    assert!(second[0].mute_is_new);
    assert!(second[0].mute.as_ref().expect("a mute").id > first.id);
    let double = "INSERT INTO mutes (group_id, user_id, name, state, until_s, created_ms) \
                  SELECT group_id, user_id, name, state, until_s, created_ms FROM mutes WHERE closed_ms IS NULL";
    let refused = store.run(store.sql("test", double)).await.expect_err("the index forbids it");
    assert_eq!(refused.code(), "query");
}

async fn hostile_names_come_back(db: &Database) {
    let store = &db.store;
    own(store).await;
    for (user, name) in (1..).zip(HOSTILE) {
        let mut bad = offence(user, &format!("u{user}"));
        bad.name = name.to_owned();
        bad.mute.as_mut().expect("a mute").before = Some(name.to_owned());
        let recorded = store.record_offences(EPOCH, GROUP, &[bad], &[task(user, name, 1)], 1).await.expect("recorded");
        let mute = recorded[0].mute.clone().expect("a mute");
        assert_eq!((mute.name.as_str(), mute.before.as_deref()), (&*stored(name), Some(&*stored(name))));
        assert_eq!(recorded[0].warning.as_ref().expect("a warning").name, stored(name));
    }
}

async fn marks_are_found(db: &Database) {
    let store = &db.store;
    own(store).await;
    let keys = ["u1".to_owned(), "u2".to_owned(), "u3".to_owned()];
    store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &[], 10).await.expect("recorded");
    store.record_offences(EPOCH, GROUP, &[offence(1, "u3")], &[], 20).await.expect("recorded");
    let mut found = store.marked(&keys).await.expect("an answer");
    found.sort();
    assert_eq!(found, ["u1", "u3"]);
    assert!(store.marked(&[]).await.expect("an answer").is_empty());
}

async fn more_warnings_than_one_statement_can_name_are_changed_together(db: &Database) {
    let store = &db.store;
    own(store).await;
    let offences = [offence(1, "u1"), offence(2, "u2")];
    let recorded = store.record_offences(EPOCH, GROUP, &offences, &[], 1).await.expect("recorded");
    let [first, last] = [0, 1].map(|n| recorded[n].warning.clone().expect("a warning").id);
    // More than Postgres binds, and twice what SQLite does; those in between are nobody's.
    let ids: Vec<i64> = std::iter::once(first).chain(1_000_000..1_070_000).chain([last]).collect();
    store.warning_sending(EPOCH, &ids).await.expect("done");
    let sends: Vec<Attempt> = ids.iter().map(|warning| Attempt { warning: *warning, number: 1 }).collect();
    let mut known = store.warning_sent(GROUP, &sends, MessageId(5), true, &[]).await.expect("done");
    known.sort_unstable();
    assert_eq!(known, [first, last]);
    assert_eq!(store.shared_warnings(GROUP).await.expect("an answer").len(), 2);
    store.warning_closed(EPOCH, &ids, WarningEnd::Removed).await.expect("done");
    for id in [first, last] {
        let warning = store.warning(id).await.expect("an answer").expect("the row");
        assert_eq!((warning.state, warning.message), (WarningState::Removed, Some(MessageId(5))));
    }
}
