//! Due rows -> tasks: what is due in the shards that this worker owns goes into the queue, and is answered in its chat's lane.
//!
//! A row stays until its task is done. One whose message was refused or lost becomes due again by itself, so a task is late at worst.

use std::{
    collections::BTreeSet,
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
use tokio::{sync::Notify, time::sleep};
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

/// Shards that this worker owns now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned(Arc<Mutex<BTreeSet<Shard>>>);

impl Owned {
    pub(crate) fn add(&self, shard: Shard) {
        self.lock().insert(shard);
    }

    pub(crate) fn remove(&self, shard: Shard) {
        self.lock().remove(&shard);
    }

    pub(crate) fn shards(&self) -> Vec<Shard> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Shard>> {
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
        let mut failing = false;
        loop {
            let mut shards = self.bell.take();
            shards.extend(self.owned.shards());
            match self.publish_due(&shards.into_iter().collect::<Vec<_>>()).await {
                Ok(()) => failing = false,
                Err(err) => {
                    // Lanes say so too, when they need the database or the queue; once is enough here.
                    if !failing {
                        tracing::warn!(error = &err as &dyn std::error::Error, "due tasks have to wait; trying again");
                    }
                    failing = true;
                }
            }
            let pause = async {
                if failing {
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

    async fn publish_due(&self, shards: &[Shard]) -> Result<(), NotNow> {
        loop {
            let now_ms = shared::clock::now_ms();
            let due = self.store.due_tasks(shards, now_ms, BATCH).await?;
            for row in &due {
                let again_ms = match self.queue.publish(&self.envelope(row, now_ms)).await {
                    Ok(_) => now_ms + AGAIN_MS,
                    // No reason for the other chats to wait.
                    Err(PublishError::ChatFull) => now_ms + FULL_MS,
                    Err(err) => return Err(err.into()),
                };
                self.store.task_published(row.id, row.version, again_ms).await?;
            }
            if due.is_empty() {
                return Ok(());
            }
        }
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
