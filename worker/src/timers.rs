//! Due rows -> tasks: what is due in the shards that this worker owns goes into the queue, and is answered in its chat's lane.
//!
//! A row stays until its task is done. One whose message was refused or lost becomes due again by itself, so a task is late at worst.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use shared::{
    envelope::{Envelope, RoutingKey},
    ids::BotId,
    queue::{Publish, PublishError},
    shard::Shard,
    trace_context,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    event::Task,
    store::{Store, error::StoreError, tasks::TaskRow},
};

/// How often the database is asked, for rows that another worker has written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A published task that is not done by then is published again: its message may be lost. Above what a busy lane takes.
const AGAIN_MS: i64 = 60_000;

/// A task whose chat has as many waiting as one chat may have: its lane is behind, and asking at once would only be refused again.
const FULL_MS: i64 = 5_000;

/// Rows published at a time.
const BATCH: i64 = 500;

/// Shards that this worker owns now, and since when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned(Arc<Mutex<BTreeMap<Shard, Instant>>>);

impl Owned {
    pub(crate) fn add(&self, shard: Shard) {
        self.lock().insert(shard, Instant::now());
    }

    pub(crate) fn remove(&self, shard: Shard) {
        self.lock().remove(&shard);
    }

    pub(crate) fn shards(&self) -> Vec<Shard> {
        self.lock().keys().copied().collect()
    }

    /// When this period of ownership began. What was seen before that may have been changed by another worker.
    pub(crate) fn since(&self, shard: Shard) -> Option<Instant> {
        self.lock().get(&shard).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Shard, Instant>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// Rung by whoever has written a row, so that what is due at once need not wait for the next look. Rows of any shard: whoever writes a
/// row may also publish it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Rung>);

#[derive(Debug, Default)]
struct Rung {
    shards: Mutex<BTreeSet<Shard>>,
    notify: Notify,
}

impl Bell {
    pub(crate) fn ring(&self, shards: impl IntoIterator<Item = Shard>) {
        self.lock().extend(shards);
        self.0.notify.notify_one();
    }

    fn take(&self) -> BTreeSet<Shard> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Shard>> {
        self.0.shards.lock().expect("nothing panics while it holds this lock")
    }
}

/// Why not everything that is due was published.
#[derive(Debug, thiserror::Error)]
enum NotNow {
    #[error("the database does not tell")]
    Store(#[from] StoreError),
    #[error("the queue takes none")]
    Queue(#[from] PublishError),
}

impl NotNow {
    /// Readiness tells of a database that is away, and the connection to the queue of itself.
    fn is_told_elsewhere(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)) | Self::Queue(PublishError::NotConnected))
    }
}

/// Publishes what is due.
pub(crate) struct Timers<P> {
    pub store: Store,
    pub queue: P,
    pub bot: BotId,
    pub owned: Owned,
    pub bell: Bell,
}

impl<P: Publish> Timers<P> {
    /// Runs until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut told = false;
        loop {
            let outcome = self.publish_due(&stop).await;
            match &outcome {
                Ok(()) => told = false,
                Err(err) if err.is_told_elsewhere() || told => {
                    tracing::debug!(error = err as &dyn std::error::Error, "due tasks have to wait");
                }
                Err(err) => {
                    told = true;
                    tracing::warn!(error = err as &dyn std::error::Error, "due tasks have to wait; trying again");
                }
            }
            let pause = async {
                if outcome.is_err() {
                    sleep(LOOK_EVERY).await;
                } else {
                    self.next_look().await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = pause => {}
            }
        }
    }

    async fn next_look(&self) {
        let until_due = match self.store.next_due(&self.owned.shards()).await {
            Ok(Some(due_ms)) => Duration::from_millis(u64::try_from(due_ms - shared::clock::now_ms()).unwrap_or(0)),
            Ok(None) | Err(_) => LOOK_EVERY,
        };
        tokio::select! {
            () = sleep(until_due.min(LOOK_EVERY)) => {}
            () = self.bell.0.notify.notified() => {}
        }
    }

    async fn publish_due(&self, stop: &CancellationToken) -> Result<(), NotNow> {
        let mut shards = BTreeSet::new();
        while !stop.is_cancelled() {
            shards.append(&mut self.bell.take());
            // Shards come and go meanwhile.
            shards.extend(self.owned.shards());
            let now_ms = shared::clock::now_ms();
            let due = self.store.due_tasks(&shards.iter().copied().collect::<Vec<_>>(), now_ms, BATCH).await?;
            if due.is_empty() {
                break;
            }
            // A chat may have thousands due at once: it is asked once whether it has room, and the others do not wait.
            let (mut full, mut refused) = (HashSet::new(), Vec::new());
            for row in &due {
                let envelope = self.envelope(row, now_ms);
                let place = (row.chat, envelope.bulk);
                if full.contains(&place) {
                    refused.push(row.id);
                    continue;
                }
                match self.queue.publish(&envelope).await {
                    Ok(_) => self.store.task_published(row.id, row.version, now_ms + AGAIN_MS).await?,
                    Err(PublishError::ChatFull) => {
                        full.insert(place);
                        refused.push(row.id);
                    }
                    Err(err) => return Err(err.into()),
                }
            }
            self.store.put_off_tasks(&refused, now_ms, now_ms + FULL_MS).await?;
        }
        Ok(())
    }

    fn envelope(&self, row: &TaskRow, now_ms: i64) -> Envelope {
        let body = Bytes::from(row.body.clone());
        let mut envelope = Envelope::task(self.bot, RoutingKey(row.chat.0), row.id, row.attempt, now_ms, body);
        envelope.trace = trace_context::headers(&row.trace);
        // What cannot be read is for the dead letters, and in no hurry either.
        envelope.bulk = serde_json::from_str::<Task>(&row.body).map_or(true, |task| task.is_bulk());
        envelope
    }
}

#[cfg(test)]
mod tests;
