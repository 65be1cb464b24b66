//! One broadcast at a time, one process that sends it, and nobody who gets it twice.

use std::time::Duration;

use shared::ids::{ChatId, UserId};

use super::{EPOCH, channel, count, database::Database, on_both, own, protect};
use crate::store::{
    Store,
    broadcasts::{Audience, BEFORE_ALL, Broadcast, Hold, State},
    groups::Protect,
};

on_both!(
    the_audience_is_walked_through_once,
    one_is_open_at_a_time_whoever_begins_it,
    who_holds_it_is_left_alone_until_it_is_silent,
    what_was_done_is_kept_by_its_holder_alone,
    who_is_cancelled_learns_of_it_and_cannot_pause_or_end_it,
);

/// A hold that nobody else's clock ends in a test.
fn held_by(holder: &str) -> Hold {
    Hold { holder: holder.to_owned(), lasts: Duration::from_secs(3600) }
}

/// The hold of a process that has not been heard of since.
fn silent(holder: &str) -> Hold {
    Hold { holder: holder.to_owned(), lasts: Duration::ZERO }
}

async fn begun(store: &Store, hold: &Hold) -> Broadcast {
    let begun = store.begin_broadcast(Audience::Groups, "news", 3, hold).await.expect("an answer");
    begun.expect("no other is open")
}

async fn last(store: &Store) -> Broadcast {
    store.last_broadcast().await.expect("an answer").expect("a broadcast")
}

async fn the_audience_is_walked_through_once(db: &Database) {
    let store = &db.store;
    own(store).await;
    let walk = async |audience| {
        let (mut seen, mut after) = (Vec::new(), BEFORE_ALL);
        while let Some(next) = store.audience_after(audience, after).await.expect("an answer") {
            seen.push(next);
            after = next;
        }
        let size = store.audience_size(audience).await.expect("an answer");
        assert_eq!(usize::try_from(size), Ok(seen.len()), "{audience:?}");
        seen
    };
    assert_eq!(walk(Audience::Groups).await, [0; 0]);
    // Two of one owner's, one whose owner is not known, and one that is protected no more.
    for (group, owner) in [(-10, 7), (-30, 7), (-20, 8), (-40, 0), (-50, 9)] {
        let row = Protect { group: ChatId(group), owner: UserId(owner), ..protect(channel(-201)) };
        store.protect(EPOCH, &row, &[]).await.expect("protected");
    }
    store.unprotect(EPOCH, ChatId(-50), None, &[]).await.expect("done");
    assert_eq!(walk(Audience::Groups).await, [-40, -30, -20, -10]);
    assert_eq!(walk(Audience::Owners).await, [7, 8]);
}

async fn one_is_open_at_a_time_whoever_begins_it(db: &Database) {
    assert_eq!(db.store.last_broadcast().await.expect("an answer"), None);
    let mut processes = tokio::task::JoinSet::new();
    for number in 0..4 {
        let store = db.another().await;
        let hold = held_by(&format!("process {number}"));
        processes.spawn(async move { store.begin_broadcast(Audience::Owners, "news \0", 2, &hold).await });
    }
    let mut begun = Vec::new();
    while let Some(done) = processes.join_next().await {
        begun.extend(done.expect("no panic").expect("an answer"));
    }
    let [first] = &begun[..] else { panic!("one and not {begun:?}") };
    assert_eq!((first.audience, first.body.as_str(), first.state), (Audience::Owners, "news ", State::Running));
    assert_eq!((first.position, first.total, first.sent, first.skipped, first.failed), (BEFORE_ALL, 2, 0, 0, 0));
    assert!(first.held.is_some() && first.is_open(), "{first:?}");
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM broadcasts").await, 1);

    let cancelled = db.store.cancel_broadcast().await.expect("an answer").expect("one was open");
    assert_eq!((cancelled.id, cancelled.state), (first.id, State::Cancelled));
    assert_eq!(db.store.cancel_broadcast().await.expect("an answer"), None);
    let second = begun_after(&db.store, first.id).await;
    assert_eq!(last(&db.store).await.id, second);
}

async fn begun_after(store: &Store, first: i64) -> i64 {
    let second = begun(store, &held_by("b")).await.id;
    assert!(second > first);
    second
}

async fn who_holds_it_is_left_alone_until_it_is_silent(db: &Database) {
    let store = &db.store;
    let (first, second) = (held_by("process 1"), held_by("process 2"));
    let id = begun(store, &first).await.id;
    let held = last(store).await.held.expect("somebody holds it");
    assert_eq!(held.holder, "process 1");
    assert!(held.left > Duration::from_secs(3000) && held.left <= first.lasts, "{held:?}");
    assert_eq!(store.take_broadcast(id, &second).await.expect("an answer"), None);

    // It falls silent, as after a kill: another one goes on, and it may not any more.
    assert_eq!(store.keep_broadcast(id, &silent("process 1")).await.expect("an answer"), Some(State::Running));
    assert_eq!(last(store).await.held, None);
    let taken = store.take_broadcast(id, &second).await.expect("an answer").expect("nobody holds it");
    assert_eq!(taken.held.expect("it does").holder, "process 2");
    assert_eq!(store.keep_broadcast(id, &first).await.expect("an answer"), None);
    assert_eq!(store.release_broadcast(id, &first, State::Done).await.expect("an answer"), None);
    assert_eq!(last(store).await.state, State::Running);

    // Paused, it is anybody's at once; done, it is nobody's.
    let let_go = store.release_broadcast(id, &second, State::Paused).await.expect("an answer");
    assert_eq!(let_go, Some(State::Paused));
    let paused = last(store).await;
    assert_eq!((paused.state, paused.held), (State::Paused, None));
    store.take_broadcast(id, &first).await.expect("an answer").expect("it was paused");
    store.release_broadcast(id, &first, State::Done).await.expect("an answer").expect("it is its own");
    assert_eq!(store.take_broadcast(id, &second).await.expect("an answer"), None);
    let finished = "SELECT COUNT(*) AS n FROM broadcasts WHERE finished_ms IS NOT NULL AND holder IS NULL";
    assert_eq!((last(store).await.state, count(store, finished).await), (State::Done, 1));
}

async fn what_was_done_is_kept_by_its_holder_alone(db: &Database) {
    let store = &db.store;
    let hold = held_by("process 1");
    let mut broadcast = begun(store, &hold).await;
    (broadcast.position, broadcast.sent, broadcast.skipped, broadcast.failed) = (-20, 3, 2, 1);
    for _ in 0..2 {
        // Twice is once: the answer to the first may have been lost.
        let kept = store.advance_broadcast(&broadcast, &hold).await.expect("an answer");
        assert_eq!(kept, Some(State::Running));
    }
    let seen = last(store).await;
    assert_eq!((seen.position, seen.sent, seen.skipped, seen.failed), (-20, 3, 2, 1));
    let late = Broadcast { position: -10, sent: 4, ..broadcast.clone() };
    assert_eq!(store.advance_broadcast(&late, &held_by("process 2")).await.expect("an answer"), None);
    assert_eq!(last(store).await.position, -20);
}

async fn who_is_cancelled_learns_of_it_and_cannot_pause_or_end_it(db: &Database) {
    let store = &db.store;
    let hold = held_by("process 1");
    for end in [State::Paused, State::Done] {
        let mut broadcast = begun(store, &hold).await;
        store.cancel_broadcast().await.expect("an answer").expect("one was open");
        assert_eq!(store.keep_broadcast(broadcast.id, &hold).await.expect("an answer"), Some(State::Cancelled));
        // What was under way still counts.
        broadcast.sent = 1;
        assert_eq!(store.advance_broadcast(&broadcast, &hold).await.expect("an answer"), Some(State::Cancelled));
        let let_go = store.release_broadcast(broadcast.id, &hold, end).await.expect("an answer");
        assert_eq!(let_go, Some(State::Cancelled), "{end:?}");
        let seen = last(store).await;
        assert_eq!((seen.state, seen.sent, seen.held), (State::Cancelled, 1, None));
    }
}
