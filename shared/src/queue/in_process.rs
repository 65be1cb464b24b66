//! The queue of the stand-alone program: an inbox on disk, and a wake-up for whoever reads it.
//!
//! The inbox keeps what is not yet done with, so a crash loses nothing. There is one process, so leases are given to whoever asks, and a
//! period ends only when the same shard is opened anew.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::{sync::Notify, time::Instant};

use super::{DeadLetter, Deliver, DeliverError, Delivery, Lease, Publish, PublishError, Stored, Unreadable};
use crate::{
    envelope::Envelope,
    shard::{Shard, Shards},
    subject, trace_context,
};

/// Rows read at a time.
const BATCH: u32 = 256;
/// A lease that nobody competes for.
const TERM: Duration = Duration::from_secs(24 * 3600);

/// Whatever keeps rows on disk. A failure is of the disk or the database, so it needs no kinds.
pub type InboxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows on disk, in the order of their sequence numbers.
pub trait Inbox: Clone + Send + Sync + 'static {
    /// Stores a row; returns once it would survive a crash. A row whose `message_id` is stored, or was lately, is dropped. Rows must become
    /// visible in the order of their sequence numbers.
    fn insert(&self, row: &NewRow<'_>) -> impl Future<Output = Result<Stored, InboxError>> + Send;

    /// Rows of a shard above a sequence number, lowest first.
    fn after(
        &self,
        shard: Shard,
        sequence: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Row>, InboxError>> + Send;

    /// Removes a row; whether it was there.
    fn remove(&self, sequence: u64) -> impl Future<Output = Result<bool, InboxError>> + Send;

    /// Keeps a dead letter. The same one again is one letter.
    fn bury(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// How many rows there are.
    fn count(&self) -> impl Future<Output = Result<u64, InboxError>> + Send;

    /// The highest sequence number given so far; 0 before the first.
    fn last(&self) -> impl Future<Output = Result<u64, InboxError>> + Send;

    /// How many dead letters there are.
    fn buried(&self) -> impl Future<Output = Result<u64, InboxError>> + Send;

    /// A number higher than every one given before, also before a restart.
    fn next_epoch(&self) -> impl Future<Output = Result<u64, InboxError>> + Send;
}

/// A row to store.
#[derive(Clone, Debug)]
pub struct NewRow<'a> {
    pub message_id: &'a str,
    pub shard: Shard,
    pub headers: &'a [(String, String)],
    pub body: &'a Bytes,
}

/// A stored row.
#[derive(Clone, Debug)]
pub struct Row {
    pub sequence: u64,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// The queue over an inbox; clones share it. The number of shards must stay what it was while rows are stored.
#[derive(Clone)]
pub struct InProcess<I>(Arc<Inner<I>>);

struct Inner<I> {
    inbox: I,
    shards: Shards,
    limit: u64,
    /// Kept here so that a publish need not count rows. Runs ahead by what is being stored at this moment.
    stored: AtomicU64,
    /// The last row that a process before this one may have had in hand.
    cut_short: u64,
    parts: Vec<Part>,
}

/// What is not on disk of one shard.
#[derive(Default)]
struct Part {
    arrived: Notify,
    /// The latest period that was opened.
    epoch: AtomicU64,
}

impl<I: Inbox> InProcess<I> {
    /// `limit` bounds the rows: when so many wait, no more is taken, and Telegram keeps it.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn open(inbox: I, shards: Shards, limit: u64) -> Result<Self, InboxError> {
        let stored = AtomicU64::new(inbox.count().await?);
        let cut_short = inbox.last().await?;
        let parts = shards.all().map(|_| Part::default()).collect();
        Ok(Self(Arc::new(Inner { inbox, shards, limit, stored, cut_short, parts })))
    }
}

impl<I> Inner<I> {
    fn part(&self, shard: Shard) -> &Part {
        &self.parts[usize::from(shard.0)]
    }
}

impl<I: Inbox> Publish for InProcess<I> {
    async fn publish(&self, envelope: &Envelope) -> Result<Stored, PublishError> {
        let inner = &*self.0;
        let room = Room::take(&inner.stored, inner.limit).ok_or(PublishError::QueueFull)?;
        let shard = inner.shards.of(envelope.routing);
        let message_id = subject::message_id(envelope.bot, &envelope.kind);
        trace_context::sent("inbox", &subject::of(inner.shards, envelope), &message_id);
        let row = NewRow { message_id: &message_id, shard, headers: &envelope.headers(), body: &envelope.body };
        let stored = inner.inbox.insert(&row).await.map_err(PublishError::Unavailable)?;
        if stored == Stored::New {
            room.keep();
            inner.part(shard).arrived.notify_one();
        }
        Ok(stored)
    }
}

/// Room for one row; given back unless it is kept, also when a publish is abandoned half-way.
struct Room<'a>(&'a AtomicU64);

impl<'a> Room<'a> {
    fn take(stored: &'a AtomicU64, limit: u64) -> Option<Self> {
        let room = Self(stored);
        // Counted before the row is stored: whoever removes it may be quicker than we.
        if stored.fetch_add(1, Ordering::Relaxed) < limit { Some(room) } else { None }
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Settles one row.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    sequence: u64,
}

impl<I: Inbox> Deliver for InProcess<I> {
    type Deliveries = BoxStream<'static, Result<Delivery<Receipt>, DeliverError>>;
    type Receipt = Receipt;

    async fn take(&self, shard: Shard, owner: &str) -> Result<Option<Lease>, DeliverError> {
        let epoch = self.0.inbox.next_epoch().await.map_err(DeliverError::Unavailable)?;
        Ok(Some(Lease { shard, owner: owner.into(), epoch, revision: epoch, deadline: Instant::now() + TERM }))
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, DeliverError> {
        if self.0.part(lease.shard).epoch.load(Ordering::Acquire) > lease.epoch {
            return Err(DeliverError::Lost);
        }
        Ok(Lease { deadline: Instant::now() + TERM, ..lease.clone() })
    }

    async fn release(&self, _lease: &Lease) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn open(&self, lease: &Lease) -> Result<Self::Deliveries, DeliverError> {
        let part = self.0.part(lease.shard);
        if part.epoch.fetch_max(lease.epoch, Ordering::AcqRel) > lease.epoch {
            return Err(DeliverError::Lost);
        }
        // An earlier period that is waiting for rows learns that it is over.
        part.arrived.notify_waiters();
        let reader = Reader {
            queue: Arc::clone(&self.0),
            shard: lease.shard,
            epoch: lease.epoch,
            read: VecDeque::new(),
            cursor: 0,
            delivered: 0,
        };
        Ok(stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(delivery) => Some((Ok(delivery), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), DeliverError> {
        if self.0.inbox.remove(receipt.sequence).await.map_err(DeliverError::Unavailable)? {
            // Not below zero: a publish that was abandoned just after its row was stored has given its room back already.
            let one_less = |stored: u64| Some(stored.saturating_sub(1));
            let _ = self.0.stored.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        }
        Ok(())
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), DeliverError> {
        self.0.inbox.bury(letter).await.map_err(DeliverError::Unavailable)
    }

    async fn backlog(&self) -> Result<u64, DeliverError> {
        let waiting = self.0.inbox.count().await.map_err(DeliverError::Unavailable)?;
        if waiting > 0 {
            // Another process may have stored rows, a replay of a dead letter: whoever sleeps looks once more.
            self.0.parts.iter().for_each(|part| part.arrived.notify_one());
        }
        Ok(waiting)
    }

    async fn buried(&self) -> Result<u64, DeliverError> {
        self.0.inbox.buried().await.map_err(DeliverError::Unavailable)
    }
}

/// One period's way through the rows of a shard.
struct Reader<I> {
    queue: Arc<Inner<I>>,
    shard: Shard,
    epoch: u64,
    read: VecDeque<Row>,
    cursor: u64,
    delivered: u64,
}

impl<I: Inbox> Reader<I> {
    async fn next(&mut self) -> Result<Delivery<Receipt>, DeliverError> {
        let queue = Arc::clone(&self.queue);
        let part = queue.part(self.shard);
        loop {
            // Registered before looking, so that a row stored in between is not slept over.
            let arrived = part.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if part.epoch.load(Ordering::Acquire) != self.epoch {
                return Err(DeliverError::Lost);
            }
            if let Some(row) = self.read.pop_front() {
                self.delivered += 1;
                return Ok(delivery(row, self.delivered, queue.cut_short));
            }
            let rows = queue.inbox.after(self.shard, self.cursor, BATCH).await;
            self.read = rows.map_err(DeliverError::Interrupted)?.into();
            match self.read.back() {
                Some(last) => self.cursor = last.sequence,
                None => arrived.await,
            }
        }
    }
}

fn delivery(row: Row, delivered: u64, cut_short: u64) -> Delivery<Receipt> {
    let headers = row.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let content = Envelope::from_headers(headers, row.body.clone());
    let content = content.map_err(|why| Unreadable { why, headers: row.headers, body: row.body });
    let sequence = row.sequence;
    Delivery { sequence, delivered, cut_short: sequence <= cut_short, content, receipt: Receipt { sequence } }
}

#[cfg(test)]
mod tests;
