//! Breakers open and close once, with what makes it known.

use shared::ids::{ChannelId, ChatId, MessageId, UserId};

use super::{EPOCH, GROUP, channel, count, database::Database, on_both, own, protect, task};
use crate::store::breakers::{Notice, NoticeState};

on_both!(a_breaker_opens_once_and_closes_once, a_group_is_told_once);

const NEWS: ChannelId = ChannelId(-201);

async fn a_breaker_opens_once_and_closes_once(db: &Database) {
    let store = &db.store;
    own(store).await;
    let tasks = [task(GROUP.0, "breaker", 1)];
    assert_eq!(store.open_breaker(EPOCH, NEWS, "gone", 5, &tasks).await.expect("done"), None, "nobody knows it");
    assert_eq!(store.owners_requiring(NEWS).await.expect("an answer"), []);
    store.protect(EPOCH, &protect(channel(NEWS.0)), &[]).await.expect("protected");
    assert_eq!(store.owners_requiring(NEWS).await.expect("an answer"), [UserId(7)]);

    let rows = store.open_breaker(EPOCH, NEWS, "gone", 5, &tasks).await.expect("done").expect("opened");
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["breaker"]);
    assert_eq!(store.open_breaker(EPOCH, NEWS, "other", 6, &[task(1, "x", 1)]).await.expect("done"), None);
    store.breaker_probed(EPOCH, NEWS, 9).await.expect("done");
    let breaker = store.breaker(NEWS).await.expect("an answer").expect("open");
    assert_eq!((breaker.reason.as_str(), breaker.since_ms, breaker.probed_ms), ("gone", 5, 9));
    let row = store.channel(NEWS).await.expect("an answer").expect("known");
    assert_eq!((row.title.as_str(), row.broken.as_deref()), ("channel -201", Some("gone")));

    assert!(store.close_breaker(EPOCH, NEWS, &[task(1, "y", 1)]).await.expect("done").is_some());
    assert_eq!(store.close_breaker(EPOCH, NEWS, &[task(1, "z", 1)]).await.expect("done"), None);
    assert_eq!(store.breaker(NEWS).await.expect("an answer"), None);
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM tasks").await, 2);
}

async fn a_group_is_told_once(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert_eq!(store.notice(GROUP, NEWS).await.expect("an answer"), None);
    for attempts in 1..=2 {
        store.notice_sending(EPOCH, GROUP, NEWS).await.expect("done");
        let expected = Notice { state: NoticeState::Sending, message: None, attempts };
        assert_eq!(store.notice(GROUP, NEWS).await.expect("an answer"), Some(expected));
    }
    let message = Some(MessageId(4));
    store.notice_moved(EPOCH, GROUP, NEWS, NoticeState::Sent, message).await.expect("done");
    store.notice_moved(EPOCH, GROUP, NEWS, NoticeState::Resolving, None).await.expect("done");
    let expected = Notice { state: NoticeState::Resolving, message, attempts: 2 };
    assert_eq!(store.notice(GROUP, NEWS).await.expect("an answer"), Some(expected));
    store.notice_sending(EPOCH, ChatId(-9), NEWS).await.expect("done");
    assert_eq!(store.groups_with_notice(NEWS).await.expect("an answer"), [GROUP, ChatId(-9)]);
    store.notice_gone(EPOCH, GROUP, NEWS).await.expect("done");
    assert_eq!(store.groups_with_notice(NEWS).await.expect("an answer"), [ChatId(-9)]);
}
