//! Requests to join: asked, told, settled, asked again.

use shared::ids::{ChatId, MessageId, UserId};

use super::{EPOCH, GROUP, HOSTILE, database::Database, on_both, own, stored, task};
use crate::store::{
    Store,
    join_requests::{JoinRequest, NewRequest, RequestEnd, RequestState},
};

on_both!(
    a_request_is_written_once,
    a_settled_request_can_be_made_again,
    telling_is_counted_before_it_is_done,
    the_groups_somebody_waits_for_are_found,
);

const USER: UserId = UserId(7);

fn asked(group: ChatId, requested_ms: i64) -> NewRequest {
    NewRequest { group, user: USER, user_chat: ChatId(70), name: HOSTILE[3].to_owned(), requested_ms }
}

async fn record(store: &Store, group: ChatId, requested_ms: i64) -> bool {
    let before = count_tasks(store).await;
    let tasks = [task(group.0, &format!("admit:{requested_ms}"), 1)];
    store.record_join_request(EPOCH, &asked(group, requested_ms), &tasks).await.expect("recorded");
    count_tasks(store).await > before
}

async fn count_tasks(store: &Store) -> i64 {
    super::count(store, "SELECT COUNT(*) AS n FROM tasks").await
}

async fn found(store: &Store) -> JoinRequest {
    store.join_request(GROUP, USER).await.expect("an answer").expect("the row")
}

async fn a_request_is_written_once(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert_eq!(store.join_request(GROUP, USER).await.expect("an answer"), None);
    assert!(record(store, GROUP, 1000).await, "its task is written with it");
    let expected = JoinRequest {
        group: GROUP,
        user: USER,
        user_chat: ChatId(70),
        name: stored(HOSTILE[3]),
        state: RequestState::Waiting,
        message: None,
        attempts: 0,
        requested_ms: 1000,
    };
    assert_eq!(found(store).await, expected);
    store.join_request_told(EPOCH, GROUP, USER, MessageId(5)).await.expect("done");
    for again in [1000, 999] {
        assert!(!record(store, GROUP, again).await, "a redelivery");
        assert_eq!(found(store).await, JoinRequest { message: Some(MessageId(5)), ..expected.clone() });
    }
}

async fn a_settled_request_can_be_made_again(db: &Database) {
    let store = &db.store;
    own(store).await;
    record(store, GROUP, 1000).await;
    store.join_request_told(EPOCH, GROUP, USER, MessageId(5)).await.expect("done");
    store.join_request_closed(EPOCH, GROUP, USER, RequestEnd::Approved).await.expect("done");
    store.join_request_closed(EPOCH, GROUP, USER, RequestEnd::Gone).await.expect("done");
    assert_eq!(found(store).await.state, RequestState::Approved, "the first end stays");
    record(store, GROUP, 1000).await;
    assert_eq!(found(store).await.state, RequestState::Approved, "a redelivery does not open it");
    assert!(record(store, GROUP, 2000).await);
    let again = found(store).await;
    assert_eq!((again.state, again.message, again.requested_ms), (RequestState::Waiting, None, 2000));
    store.join_request_closed(EPOCH, GROUP, USER, RequestEnd::Gone).await.expect("done");
    assert_eq!(found(store).await.state, RequestState::Gone);
}

async fn telling_is_counted_before_it_is_done(db: &Database) {
    let store = &db.store;
    own(store).await;
    record(store, GROUP, 1000).await;
    for _ in 0..2 {
        store.join_request_telling(EPOCH, GROUP, USER).await.expect("done");
    }
    record(store, GROUP, 1000).await;
    assert_eq!(found(store).await.attempts, 2, "a redelivery begins nothing anew");
    for expected in [1, 0, 0] {
        store.join_request_untold(EPOCH, GROUP, USER).await.expect("done");
        assert_eq!(found(store).await.attempts, expected);
    }
    store.join_request_telling(EPOCH, GROUP, USER).await.expect("done");
    record(store, GROUP, 2000).await;
    assert_eq!(found(store).await.attempts, 0, "another request");
}

async fn the_groups_somebody_waits_for_are_found(db: &Database) {
    let store = &db.store;
    own(store).await;
    for group in [-3, -2, -1] {
        record(store, ChatId(group), 1000).await;
    }
    store.join_request_closed(EPOCH, ChatId(-2), USER, RequestEnd::Gone).await.expect("done");
    let waiting = store.open_join_requests_of(USER).await.expect("an answer");
    assert_eq!(waiting.iter().map(|request| request.group.0).collect::<Vec<_>>(), [-3, -1]);
    assert!(store.open_join_requests_of(UserId(8)).await.expect("an answer").is_empty());
}
