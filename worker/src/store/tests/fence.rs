//! The fence: who lost the shard writes nothing, whatever it tries.

use shared::{
    ids::{ChannelId, UserId},
    shard::Shard,
};

use super::{EPOCH, GROUP, channel, count, database::Database, offence, on_both, own, protect, task};
use crate::store::{
    allowed::Allowed,
    epochs::Epoch,
    error::StoreError,
    mutes::MuteState,
    warnings::{WarningEnd, WarningState},
};

on_both!(
    epochs_only_rise,
    a_stale_epoch_writes_nothing,
    nothing_is_written_after_the_epoch_was_raised,
    a_transaction_that_hangs_does_not_keep_the_shard
);

async fn epochs_only_rise(db: &Database) {
    let store = &db.store;
    let raise = async |number| store.raise_epoch(Shard(3), number).await;
    raise(5).await.expect("the first");
    raise(5).await.expect("again");
    raise(9).await.expect("a later one");
    assert!(matches!(raise(8).await, Err(StoreError::Fenced)));
    store.reset_epoch(Shard(3), 2).await.expect("numbers began again");
    raise(3).await.expect("a later one");
    store.raise_epoch(Shard(4), 1).await.expect("another shard has its own");
    store.raise_epoch(Shard(5), u64::MAX).await.expect("the last one");
    let unknown = Epoch { shard: Shard(6), number: 1 };
    assert!(matches!(store.set_enabled(unknown, GROUP, true).await, Err(StoreError::Fenced)), "never raised");
}

async fn a_stale_epoch_writes_nothing(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    let recorded = store.record_offences(EPOCH, GROUP, &[offence(1, "u1")], &[task(1, "t", 1)], 1).await.expect("done");
    let (mute, warning) = (recorded[0].mute.clone().expect("a mute"), recorded[0].warning.clone().expect("a warning"));
    let shards: Vec<_> = store.shards.all().collect();
    let before_task = store.due_tasks(&shards, 1, 9).await.expect("an answer");
    let before_group = store.group(GROUP).await.expect("an answer");
    store.raise_epoch(EPOCH.shard, EPOCH.number + 1).await.expect("another worker's period");

    let new = [task(2, "t", 1)];
    let answers = [
        ("protect", store.protect(EPOCH, &protect(channel(-202)), &[]).await.err()),
        ("unprotect", store.unprotect(EPOCH, GROUP, None, &new).await.err()),
        ("unprotect one", store.unprotect(EPOCH, GROUP, Some(ChannelId(-201)), &new).await.err()),
        ("set_enabled", store.set_enabled(EPOCH, GROUP, false).await.err()),
        ("allow", store.allow(EPOCH, GROUP, &Allowed { subject: 7, name: String::new() }, UserId(7), &[]).await.err()),
        ("drop_task", store.drop_task(EPOCH, GROUP, "key").await.err()),
        ("disallow", store.disallow(EPOCH, GROUP, 7).await.err()),
        ("set_params", store.set_params(EPOCH, GROUP, r#"{"a":1}"#, &[]).await.err()),
        ("record_offences", store.record_offences(EPOCH, GROUP, &[offence(2, "u2")], &new, 1).await.err()),
        (
            "set_mute_state",
            store.set_mute_state(EPOCH, mute.id, &[MuteState::Pending], MuteState::Active, None, &new).await.err(),
        ),
        ("warning_sending", store.warning_sending(EPOCH, &[warning.id]).await.err()),
        ("warning_wanted", store.warning_wanted(EPOCH, &[warning.id]).await.err()),
        ("warning_wanted_outside", store.warning_wanted_outside(EPOCH, &[warning.id]).await.err()),
        ("warning_closed", store.warning_closed(EPOCH, &[warning.id], WarningEnd::Lost).await.err()),
        ("finish_task", store.finish_task(EPOCH, before_task[0].id, before_task[0].version).await.err()),
    ];
    for (what, err) in answers {
        assert!(matches!(err, Some(StoreError::Fenced)), "{what}: {err:?}");
    }
    assert_eq!(store.group(GROUP).await.expect("an answer"), before_group);
    assert_eq!(store.due_tasks(&shards, 1, 9).await.expect("an answer"), before_task);
    assert_eq!(store.mute(mute.id).await.expect("an answer"), Some(mute));
    let now = store.warning(warning.id).await.expect("an answer").expect("the row");
    assert_eq!((now.state, now.attempts), (WarningState::Wanted, 0));
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM effects").await, 1);
    assert_eq!(count(store, "SELECT COUNT(*) AS n FROM mutes").await, 1);
}

/// Many transactions of the old period run while the new one begins: each is either there when the new owner first looks, or never.
async fn nothing_is_written_after_the_epoch_was_raised(db: &Database) {
    own(&db.store).await;
    let mut writers = tokio::task::JoinSet::new();
    for user in 0..24 {
        let store = db.store.clone();
        writers.spawn(async move {
            store.record_offences(EPOCH, GROUP, &[offence(user, &format!("u{user}"))], &[], 1).await.map(|_| ())
        });
    }
    // Not before some have written, so that it happens in the middle.
    let other = db.another().await;
    let first = writers.join_next().await.expect("a writer").expect("no panic");
    let mut written = i64::from(first.is_ok());
    other.raise_epoch(EPOCH.shard, EPOCH.number + 1).await.expect("raised");
    let seen = count(&other, "SELECT COUNT(*) AS n FROM mutes").await;
    while let Some(done) = writers.join_next().await {
        match done.expect("no panic") {
            Ok(()) => written += 1,
            Err(err) => assert!(matches!(err, StoreError::Fenced), "{err:?}"),
        }
    }
    assert_eq!(count(&other, "SELECT COUNT(*) AS n FROM mutes").await, seen);
    assert_eq!(written, seen);
}

/// As one of a worker that was frozen in the middle of it.
async fn a_transaction_that_hangs_does_not_keep_the_shard(db: &Database) {
    if db.store.inbox().is_some() {
        // There is one process.
        return;
    }
    own(&db.store).await;
    let hanging = db.store.begin(EPOCH).await.expect("begun");
    let other = db.another().await;
    other.raise_epoch(EPOCH.shard, EPOCH.number + 1).await.expect("raised");
    hanging.commit().await.expect_err("too late");
}
