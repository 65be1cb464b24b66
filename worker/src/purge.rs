//! Forgetting: rows that are over do not stay for ever.

use std::time::Duration;

use shared::shard::Shard;
use tokio_util::sync::CancellationToken;

use crate::{
    store::{Store, error::StoreError, purge::Outlived},
    timers::Owned,
};

/// Marks of effects are of use for as long as Telegram may deliver an update again: a day, and a day to spare.
const MARKS_KEPT: Duration = Duration::from_secs(48 * 3600);

/// What operators and admins may still ask about.
const REST_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const EVERY: Duration = Duration::from_secs(600);

/// Between two parts of what is to be removed: a moment for SQLite's other writers.
const ON: Duration = Duration::from_millis(200);

/// Until the first look after a start.
const FIRST: Duration = Duration::from_secs(5);

/// One worker is enough: the one that owns the first shard.
const OWNER_OF: Shard = Shard(0);

/// Runs until told to stop.
pub(crate) async fn run(store: Store, owned: Owned, stop: CancellationToken) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        pause = if owned.shards().contains(&OWNER_OF) { once(&store).await } else { EVERY };
    }
}

/// Takes away a part of each kind; says when to come back.
async fn once(store: &Store) -> Duration {
    let mut pause = EVERY;
    for what in Outlived::ALL {
        let kept = if what == Outlived::Marks { MARKS_KEPT } else { REST_KEPT };
        let before_ms = shared::clock::now_ms() - i64::try_from(kept.as_millis()).unwrap_or(i64::MAX / 2);
        match store.purge(what, before_ms).await {
            Ok(0) => {}
            Ok(1..) => pause = ON,
            // Readiness tells of it.
            Err(StoreError::Unavailable(_)) => return EVERY,
            Err(err) => {
                tracing::warn!(error = &err as &dyn std::error::Error, ?what, "old rows could not be removed");
            }
        }
    }
    pause
}
