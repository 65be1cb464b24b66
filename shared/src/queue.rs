//! The queue as both processes see it: publish, own a shard, deliver, settle. Two real queues stand behind it: JetStream, and the
//! in-process one of the stand-alone program.

use std::{future::Future, sync::Arc};

use futures::Stream;
use tokio::sync::watch;

use crate::{
    args::BadSetting,
    envelope::{Envelope, Malformed},
    shard::Shard,
};

pub mod in_process;
pub mod jetstream;
pub mod letters;

/// Puts envelopes into the queue.
pub trait Publish: Clone + Send + Sync + 'static {
    /// Returns once the envelope is stored; before that nobody may be told that it was accepted.
    fn publish(&self, envelope: &Envelope) -> impl Future<Output = Result<Stored, PublishError>> + Send;
}

/// How an envelope was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    New,
    /// One with the same id was stored before; this one was dropped.
    Duplicate,
}

/// Why an envelope was not stored, by what the publisher can do.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// This chat has as many waiting as one chat may have: hold back this chat only.
    #[error("the chat's part of the queue is full")]
    ChatFull,
    #[error("the queue is full")]
    QueueFull,
    /// The stream has another number of shards: a setting is wrong and waiting does not help.
    #[error("the queue has no place for {subject}: is SHARDS the same everywhere?")]
    WrongShards { subject: String },
    /// It may or may not have been stored; repeat with the same id. The connection logs its own outages.
    #[error("there is no connection to the queue")]
    NotConnected,
    /// It may or may not have been stored; repeat with the same id.
    #[error("the queue did not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl PublishError {
    /// The label of this error in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChatFull => "chat_full",
            Self::QueueFull => "queue_full",
            Self::WrongShards { .. } => "wrong_shards",
            Self::NotConnected | Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Gives a worker the shards it owns and what is stored in them.
pub trait Deliver: Clone + Send + Sync + 'static {
    /// What is stored in one shard, oldest first.
    type Deliveries: Stream<Item = Result<Delivery<Self::Receipt>, DeliverError>> + Send + Unpin + 'static;
    /// What settles one delivery.
    type Receipt: Send + Sync + 'static;

    /// Takes the shard if nobody holds it, or if it is held under this very `owner` (a write of ours whose answer was lost).
    fn take(&self, shard: Shard, owner: &str) -> impl Future<Output = Result<Option<Lease>, DeliverError>> + Send;

    /// Holds the shard for another term.
    ///
    /// # Errors
    /// [`DeliverError::Lost`] when somebody else has taken it; any other error leaves it open who owns it until the deadline.
    fn renew(&self, lease: &Lease) -> impl Future<Output = Result<Lease, DeliverError>> + Send;

    /// Gives the shard back, so that the next owner need not wait for the term to end.
    fn release(&self, lease: &Lease) -> impl Future<Output = Result<(), DeliverError>> + Send;

    /// Starts this period's deliveries at the first unsettled envelope of the shard; whatever an earlier period left open comes again.
    /// Once per lease taken: to begin anew, take the shard again, which gives a higher epoch.
    ///
    /// # Errors
    /// [`DeliverError::Lost`] when a later period has begun.
    fn open(&self, lease: &Lease) -> impl Future<Output = Result<Self::Deliveries, DeliverError>> + Send;

    /// Ends the deliveries of a period of which nothing is in hand any more, so that the next owner knows that nothing was cut short.
    /// `acked` is how many of them were: those acks have arrived when this returns.
    fn close(&self, _lease: &Lease, _acked: u64) -> impl Future<Output = Result<(), DeliverError>> + Send {
        std::future::ready(Ok(()))
    }

    /// How many deliveries of this period the queue holds for acked; none where an ack that was sent cannot be lost.
    fn acked(&self, _lease: &Lease) -> impl Future<Output = Result<Option<u64>, DeliverError>> + Send {
        std::future::ready(Ok(None))
    }

    /// The other workers on this queue; none where there can be no others, and every shard is ours.
    fn peers(&self) -> Option<jetstream::Peers> {
        None
    }

    /// The envelope is done with.
    fn ack(&self, receipt: &Self::Receipt) -> impl Future<Output = Result<(), DeliverError>> + Send;

    /// Keeps an envelope that cannot be handled, with the reason, where an operator finds it. The caller acks it afterwards.
    fn bury(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), DeliverError>> + Send;

    /// How many envelopes are stored and not yet done with.
    fn backlog(&self) -> impl Future<Output = Result<u64, DeliverError>> + Send;

    /// The same by shard, of those that somebody works on. None where there is but one process, which works on all.
    fn backlog_by_shard(&self) -> impl Future<Output = Result<Vec<(Shard, u64)>, DeliverError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// How many dead letters are kept.
    fn buried(&self) -> impl Future<Output = Result<u64, DeliverError>> + Send;

    /// Whether the queue can be reached, and how often it had to be reached anew. A period of ownership belongs to one connection: work
    /// is started only while connected and on the connection on which the period began. A queue that has no connection stays as it is, and
    /// its receiver then says at once that no change will come.
    fn connection(&self) -> watch::Receiver<Connection> {
        watch::channel(Connection { connected: true, generation: 0 }).1
    }
}

/// The connection to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub connected: bool,
    /// Rises with every connection made.
    pub generation: u64,
}

/// The right to work on a shard until a deadline on this machine's own clock.
#[derive(Clone, Debug)]
pub struct Lease {
    pub shard: Shard,
    /// Who holds it; written again with every renewal.
    pub owner: Arc<str>,
    /// Rises with every change of owner; names the period and fences the database.
    pub epoch: u64,
    /// The revision to renew from.
    pub revision: u64,
    /// Nothing may be started after this: 0.8 of the term, counted from before the request was sent.
    pub deadline: tokio::time::Instant,
}

/// One stored envelope, handed to the shard's owner.
#[derive(Debug)]
pub struct Delivery<R> {
    /// Place in the stream; rises within a shard.
    pub sequence: u64,
    /// Consecutive within one period; a gap means that something was missed.
    pub delivered: u64,
    /// A process that ended without a word had it, so it may be what ended that process.
    pub cut_short: bool,
    /// An envelope, or the raw bytes of what is none and why.
    pub content: Result<Envelope, Unreadable>,
    pub receipt: R,
}

/// A stored message that is not an envelope.
#[derive(Debug)]
pub struct Unreadable {
    pub why: Malformed,
    /// As they came: a newer program may make something of them.
    pub headers: Vec<(String, String)>,
    pub body: bytes::Bytes,
}

/// What could not be handled, kept for an operator.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Headers of the original message, as far as it had any.
    pub headers: Vec<(String, String)>,
    pub body: bytes::Bytes,
    pub reason: String,
    pub attempts: u32,
    pub trace_id: String,
}

/// Why the queue did not do what a worker asked.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Another worker owns the shard now: stop working on it.
    #[error("the shard belongs to another worker")]
    Lost,
    /// This period's deliveries ended or skipped one: begin a new period.
    #[error("the deliveries were interrupted")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has become another queue than the settings say, and nothing that passes: this process has to be started anew.
    #[error("the queue does not fit the settings any more")]
    Setting(#[source] BadSetting),
    #[error("the queue did not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
