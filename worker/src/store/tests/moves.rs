//! A group that became a supergroup: all its rows are found under the new id, once, whichever lane comes first and how often.

use shared::ids::{ChatId, MessageId, UserId};

use super::{EPOCH, channel, database::Database, offence, on_both, own, protect, task};
use crate::store::{Store, groups::Protect, standings::Standing, tasks::TaskRow, warnings::Attempt};

on_both!(every_row_moves, what_the_new_group_has_stands, tasks_are_readdressed_or_left_behind);

const OLD: ChatId = ChatId(-5);
const NEW: ChatId = ChatId(-1_001_000_000_005);

async fn allow(store: &Store, group: ChatId, subject: i64) {
    let sql = store
        .sql("test", "INSERT INTO allowed_users (group_id, subject_id, added_by, created_ms) VALUES ($1, $2, 7, 0)")
        .bind(group)
        .bind(subject);
    store.run(sql).await.expect("a row");
}

async fn ask_to_join(store: &Store, group: ChatId, user: i64) {
    let sql = store
        .sql("test", "INSERT INTO join_requests (group_id, user_id, user_chat_id, name, state, requested_ms)")
        .push(" VALUES ($1, $2, $2, '', 'waiting', 0)")
        .bind(group)
        .bind(user);
    store.run(sql).await.expect("a row");
}

async fn requests(store: &Store, group: ChatId) -> usize {
    let sql = store.sql("test", "SELECT user_id FROM join_requests WHERE group_id = $1").bind(group);
    store.rows(sql).await.expect("rows").len()
}

async fn offend(store: &Store, group: ChatId, user: i64) {
    let offence = offence(user, &format!("{group}:{user}"));
    store.record_offences(EPOCH, group, &[offence], &[], 1_000).await.expect("recorded");
}

async fn every_row_moves(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.protect(EPOCH, &Protect { group: OLD, ..protect(channel(-201)) }, &[]).await.expect("protected");
    store.set_params(EPOCH, OLD, r#"{"mute_for":60}"#, &[]).await.expect("set");
    allow(store, OLD, 70).await;
    ask_to_join(store, OLD, 8).await;
    offend(store, OLD, 9).await;
    let greeted = Standing { said: "upgrade".to_owned(), message: Some(MessageId(3)), since_ms: 1 };
    store.set_standing(EPOCH, OLD, &greeted, &[]).await.expect("written");

    for _ in 0..2 {
        store.adopt(EPOCH, OLD, NEW).await.expect("adopted");
        assert_eq!(store.moved_to(OLD).await.expect("an answer"), Some(NEW));
        assert_eq!(store.moved_from(NEW).await.expect("an answer"), Some(OLD));
        assert_eq!(store.group(OLD).await.expect("an answer"), None);
        let group = store.group(NEW).await.expect("an answer").expect("it moved");
        assert!(group.enabled && group.params.contains("60"), "{group:?}");
        assert_eq!((group.channels, group.allowed), (vec![channel(-201)], vec![70]));
        assert_eq!(store.open_mutes(NEW, &[UserId(9)]).await.expect("an answer").len(), 1);
        assert_eq!(store.wanted_warnings(NEW).await.expect("an answer").len(), 1);
        assert_eq!((requests(store, OLD).await, requests(store, NEW).await), (0, 1));
        assert_eq!(store.standing(OLD).await.expect("an answer"), None);
        assert_eq!(store.standing(NEW).await.expect("an answer"), None);
    }
}

async fn what_the_new_group_has_stands(db: &Database) {
    let store = &db.store;
    own(store).await;
    for (group, id) in [(OLD, -201), (NEW, -202)] {
        store.protect(EPOCH, &Protect { group, ..protect(channel(id)) }, &[]).await.expect("protected");
        offend(store, group, 9).await;
        ask_to_join(store, group, 8).await;
    }
    offend(store, OLD, 10).await;
    let sent = store.warnings_of(OLD, UserId(10)).await.expect("an answer")[0].id;
    store.warning_sending(EPOCH, &[sent]).await.expect("done");
    store.warning_sent(OLD, &[Attempt { warning: sent, number: 1 }], MessageId(3), false, &[]).await.expect("done");
    allow(store, OLD, 70).await;
    allow(store, OLD, 71).await;
    allow(store, NEW, 71).await;

    store.adopt(EPOCH, OLD, NEW).await.expect("adopted");
    let group = store.group(NEW).await.expect("an answer").expect("a group");
    assert_eq!((group.channels, group.allowed), (vec![channel(-202)], vec![70, 71]));
    assert_eq!(store.group(OLD).await.expect("an answer"), None);
    assert_eq!(store.open_mutes(NEW, &[UserId(9), UserId(10)]).await.expect("an answer").len(), 2);
    assert_eq!(store.count_open_mutes(OLD).await.expect("an answer"), 0);
    assert_eq!(store.warnings_of(NEW, UserId(9)).await.expect("an answer").len(), 1);
    let there = store.warnings_with_message(NEW, MessageId(3)).await.expect("an answer");
    assert!(there.is_empty(), "that message is another one there: {there:?}");
    assert_eq!(requests(store, NEW).await, 1);
}

async fn tasks_are_readdressed_or_left_behind(db: &Database) {
    let store = &db.store;
    own(store).await;
    let tasks = [task(OLD.0, "judge", 1), task(OLD.0, "tidy", 1), task(-77, "judge", 1), task(NEW.0, "judge", 9)];
    store.add_tasks(&tasks).await.expect("written");
    let again = |row: &TaskRow| (row.key == "judge").then(|| task(NEW.0, &row.key, row.due_ms));
    for _ in 0..2 {
        store.move_away(EPOCH, OLD, NEW, again, &[task(NEW.0, "adopt", 1)]).await.expect("moved");
        assert_eq!(store.moved_to(OLD).await.expect("an answer"), Some(NEW));
        let shards: Vec<_> = store.shards.all().collect();
        let mut left: Vec<_> = store.due_tasks(&shards, 9, 99).await.expect("an answer");
        left.sort_by(|a, b| (a.chat, &a.key).cmp(&(b.chat, &b.key)));
        let left: Vec<_> = left.iter().map(|row| (row.chat.0, row.key.as_str(), row.due_ms)).collect();
        assert_eq!(left, [(NEW.0, "adopt", 1), (NEW.0, "judge", 1), (-77, "judge", 1)]);
    }
}
