//! Another number of shards: the queue is closed to programs of the old number, what is stored moves to its new place in its order, and the
//! queue is opened again.
//!
//! Publishers of the old number are refused from the first step on, so Telegram keeps what comes meanwhile. Every step may be repeated: a run
//! that breaks off leaves a mark on the stream, for which every program waits, and the next run goes on from there. What it had moved is
//! behind what it had not in no chat, because a chat's messages move one after another and those after the last one moved are the newer ones.

use std::{num::ParseIntError, time::Duration};

use async_nats::{
    HeaderMap,
    header::NATS_MESSAGE_ID,
    jetstream::{
        Context, kv,
        message::StreamMessage,
        stream::{Config, ConsumerErrorKind, RawMessageErrorKind, Stream},
    },
};
use futures::TryStreamExt as _;
use tokio::time::{Instant, sleep};

use super::{JetStreamConfig, Names, connection, names::Key, refused, setup};
use crate::{args::BadSetting, queue::PublishError, shard::Shards, subject};

/// On a stream that is being changed: the number of shards that it had, and the room that it is to have again.
pub(super) const MARK: &str = "gmbot-resharding";
/// A full queue takes no copy of what it holds: while its messages move it has this much more room, which is more than any of them needs.
const ROOM: i64 = 1 << 20;
/// So long the queue knows the copies by their ids, so that a change that broke off and goes on later makes none twice. An operator may sleep
/// in between.
const RESUMED_WITHIN: Duration = Duration::from_secs(48 * 3600);
/// So many are copied before the copied ones are removed.
const BATCH: u64 = 256;
/// How often the leases are looked at while they run out.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why the number of shards was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReshardError {
    /// Nothing was changed.
    #[error("the queue does not fit the settings")]
    Setting(#[source] BadSetting),
    /// Nothing was changed.
    #[error(
        "workers are still there ({workers}, with {held} of the {shards} shards): stop every worker, and run this again. The gateways may go on; Telegram keeps what they refuse meanwhile"
    )]
    Working { workers: usize, held: usize, shards: Shards },
    /// Room at the server is used up to the last byte. The next run goes on.
    #[error("NATS has no room to move what is stored: give the stream some more, and run this again")]
    Full,
    /// The next run goes on.
    #[error("NATS did not answer; run this again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ReshardError {
    fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    fn setting(sentence: String) -> Self {
        Self::Setting(BadSetting(sentence))
    }
}

/// A queue that is to have another number of shards.
pub struct Resharding {
    context: Context,
    stream: Stream,
    leases: kv::Store,
    names: Names,
    prefix: Option<String>,
    to: Shards,
    lease_term: Duration,
}

/// A queue that nobody uses: it has the new number already, and still holds messages under the old one.
pub struct Closed<'a> {
    queue: &'a Resharding,
    mark: Mark,
}

/// What is written on the stream meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    from: Shards,
    max_bytes: i64,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.from, self.max_bytes)
    }
}

impl std::str::FromStr for Mark {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (from, max_bytes) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Self { from: from.parse()?, max_bytes: max_bytes.parse()? })
    }
}

impl Resharding {
    /// Connects to the queue that is to get the number of shards of `config`.
    ///
    /// # Errors
    /// NATS does not answer, or has no queue of ours.
    pub async fn connect(config: &JetStreamConfig) -> Result<Self, ReshardError> {
        let (client, _) = connection::dial(config).await.map_err(ReshardError::other)?;
        let context = connection::context(client);
        let names = Names::new(config.prefix.as_deref(), config.shards);
        let stream = match context.get_stream(&names.stream).await {
            Ok(stream) => stream,
            Err(error) if setup::not_found(&error.kind()) => {
                return Err(ReshardError::Setting(setup::no_queue()));
            }
            Err(error) => return Err(ReshardError::other(error)),
        };
        setup::same_bot(&stream.cached_info().config, config.bot).map_err(ReshardError::Setting)?;
        let (leases, lease_term) = setup::bucket(&context, &names).await.map_err(ReshardError::other)?;
        Ok(Self { context, stream, leases, names, prefix: config.prefix.clone(), to: config.shards, lease_term })
    }

    /// Closes the queue to whoever has the old number; none if it has the new one already.
    ///
    /// # Errors
    /// Workers are at work, another change is half done, or NATS does not answer.
    pub async fn close(&self) -> Result<Option<Closed<'_>>, ReshardError> {
        let found = self.config().await?;
        let number = setup::shards_of(&found).ok_or_else(|| ReshardError::Setting(setup::not_ours(&found.name)))?;
        if let Some(mark) = found.metadata.get(MARK) {
            let mark: Mark = mark.parse().map_err(ReshardError::other)?;
            if number != self.to {
                return Err(ReshardError::setting(format!(
                    "SHARDS is {}, but a change from {} to {number} shards was begun: finish that one first, with SHARDS={number}.",
                    self.to, mark.from
                )));
            }
            return self.closed(mark).await.map(Some);
        }
        if number == self.to {
            return Ok(None);
        }
        self.nobody_works(number).await?;
        let mark = Mark { from: number, max_bytes: found.max_bytes };
        let mut closed = found.clone();
        closed.subjects = vec![self.names.subjects.clone()];
        closed.metadata.insert(MARK.to_owned(), mark.to_string());
        closed.duplicate_window = RESUMED_WITHIN;
        if closed.max_bytes > 0 {
            closed.max_bytes += ROOM;
        }
        self.set(&closed).await?;
        // A worker that took a shard meanwhile sees either that the queue is closed, and gives it back, or has its lease seen here.
        match self.nobody_works(number).await {
            Ok(()) => self.closed(mark).await.map(Some),
            Err(error) => {
                self.set(&found).await?;
                Err(error)
            }
        }
    }

    async fn closed(&self, mark: Mark) -> Result<Closed<'_>, ReshardError> {
        // Those of the old number: their filters fit nothing any more.
        let consumers: Vec<String> = self.stream.consumer_names().try_collect().await.map_err(ReshardError::other)?;
        for name in consumers {
            match self.stream.delete_consumer(&name).await {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ConsumerErrorKind::JetStream(_)) => {}
                Err(error) => return Err(ReshardError::other(error)),
            }
        }
        Ok(Closed { queue: self, mark })
    }

    /// Waits for what workers that are gone have left behind to run out: their leases, and that they are there. An idle one counts as well: the
    /// others would leave it a share that it cannot take.
    async fn nobody_works(&self, shards: Shards) -> Result<(), ReshardError> {
        let deadline = Instant::now() + self.lease_term + Duration::from_secs(1);
        loop {
            let keys = self.leases.keys().await.map_err(ReshardError::other)?;
            let keys: Vec<String> = keys.try_collect().await.map_err(ReshardError::other)?;
            let found: Vec<Key> = keys.iter().filter_map(|key| Names::parse(key)).collect();
            let workers = found.iter().filter(|key| matches!(key, Key::Worker(_))).count();
            let held = found.len() - workers;
            if found.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ReshardError::Working { workers, held, shards });
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn config(&self) -> Result<Config, ReshardError> {
        Ok(self.stream.get_info().await.map_err(ReshardError::other)?.config)
    }

    async fn set(&self, config: &Config) -> Result<(), ReshardError> {
        self.context.update_stream(config).await.map(drop).map_err(ReshardError::other)
    }
}

impl Closed<'_> {
    /// How many shards it had.
    pub fn from(&self) -> Shards {
        self.mark.from
    }

    /// Moves all messages of the old number, oldest first; how many there were.
    ///
    /// # Errors
    /// NATS does not answer, or has no room.
    pub async fn move_stored(&self) -> Result<u64, ReshardError> {
        let Resharding { stream, prefix, .. } = self.queue;
        let old = Names::new(prefix.as_deref(), self.mark.from).subjects;
        let (mut moved, mut next) = (0, 1);
        loop {
            match stream.get_first_raw_message_by_subject(&old, next).await {
                Ok(message) => {
                    next = message.sequence + 1;
                    self.copy(&message).await?;
                    moved += 1;
                    if moved % BATCH == 0 {
                        stream.purge().filter(&old).sequence(next).await.map_err(ReshardError::other)?;
                    }
                }
                Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => break,
                Err(error) => return Err(ReshardError::other(error)),
            }
        }
        stream.purge().filter(&old).sequence(next).await.map_err(ReshardError::other)?;
        Ok(moved)
    }

    async fn copy(&self, message: &StreamMessage) -> Result<(), ReshardError> {
        let queue = self.queue;
        let old = message.subject.as_str();
        let plain =
            queue.prefix.as_deref().and_then(|prefix| old.strip_prefix(prefix)?.strip_prefix('.')).unwrap_or(old);
        let Some(plain) = subject::of_other(queue.to, plain) else {
            return Err(ReshardError::other(format!("the subject {old} is none of ours")));
        };
        let subject = queue.names.subject(plain);
        let headers = headers(message, queue.to);
        let published = async || {
            let ack =
                queue.context.publish_with_headers(subject.clone(), headers.clone(), message.payload.clone()).await?;
            ack.await
        };
        let copied = match published().await.map_err(refused) {
            // What has been copied makes room.
            Err(PublishError::QueueFull) => {
                let old = Names::new(queue.prefix.as_deref(), self.mark.from).subjects;
                queue.stream.purge().filter(old).sequence(message.sequence).await.map_err(ReshardError::other)?;
                published().await.map_err(refused)
            }
            // The id makes a second one harmless.
            Err(PublishError::Unavailable(_)) => published().await.map_err(refused),
            other => other,
        };
        match copied {
            Ok(_) => Ok(()),
            Err(PublishError::QueueFull) => Err(ReshardError::Full),
            Err(error) => Err(ReshardError::other(error)),
        }
    }

    /// Opens the queue for programs of the new number.
    ///
    /// # Errors
    /// NATS does not answer.
    pub async fn open(self) -> Result<(), ReshardError> {
        let mut config = self.queue.config().await?;
        config.metadata.remove(MARK);
        config.max_bytes = self.mark.max_bytes;
        config.duplicate_window = setup::DUPLICATE_WINDOW;
        self.queue.set(&config).await
    }
}

/// The message's own, and another id: the queue knows the old one and would drop it.
fn headers(message: &StreamMessage, to: Shards) -> HeaderMap {
    let mut headers = message.headers.clone();
    let id = headers.get(NATS_MESSAGE_ID).map_or_else(|| message.sequence.to_string(), |id| id.as_str().to_owned());
    headers.insert(NATS_MESSAGE_ID, format!("{id}:shards:{to}"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark { from: "8".parse().expect("a number"), max_bytes: -1 };
        assert_eq!(mark.to_string(), "8 -1");
        assert_eq!("8 -1".parse(), Ok(mark));
        assert!("8".parse::<Mark>().is_err() && "0 5".parse::<Mark>().is_err());
    }
}
