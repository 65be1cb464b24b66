//! What is stored in a shard, handed to its owner in order, and settled.
//!
//! Every period of ownership has its own consumer, named with the epoch. The stream allows one consumer a shard, so making a new one means
//! deleting those before it: that ends what an earlier owner still has outstanding, and starts at the first message that is not done with.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::{
        ErrorCode,
        consumer::{AckPolicy, DeliverPolicy, Info, pull},
        context::ConsumerInfoErrorKind,
        message::Acker,
        stream::{ConsumerErrorKind, Stream as StoredStream},
    },
};
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use super::{JetStream, Peers, unavailable};
use crate::{
    envelope::{Envelope, header},
    queue::{Connection, DeadLetter, Deliver, DeliverError, Delivery, Lease, Unreadable},
    shard::Shard,
    subject,
};

/// Not yet acked at once; must exceed what several hot chats of a shard hold, or cold chats wait behind them. In a raid everybody who comes
/// or presses has a subject of their own, so no limit by subject bounds what one chat has stored.
const MAX_ACK_PENDING: i64 = 32_768;
/// Redelivery inside a period is only for what this process forgot; failover does not wait for it.
const ACK_WAIT: Duration = Duration::from_secs(300);
/// A consumer whose worker and whose successors are all gone disappears; the messages stay.
const ORPHAN_AFTER: Duration = Duration::from_secs(3600);
/// One pull asks for this much and half as much again when half of it has come.
const PULL_MESSAGES: usize = 256;
/// Several times the largest message, and small enough for all shards of a worker to be full at once.
const PULL_BYTES: usize = 2 << 20;
const PULL_EXPIRES: Duration = Duration::from_secs(10);
/// Two missed ones end the period. They also tell of a consumer that was deleted between two pulls.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How often somebody else's consumer may be in the way before this is called an outage.
const ATTEMPTS: usize = 5;
/// The server works through acks beside its other requests: a consumer that goes too soon takes the last ones with it, and what they were for
/// comes again. Mostly they are there at the first look; one that was lost is not waited for any longer than this.
const LOOKS: usize = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Longer reasons are cut: a header is no place for a log.
const MAX_REASON: usize = 1000;

/// What a consumer says of whose it is: a process that begins anew has cut nothing short.
const OWNER: &str = "gmbot-owner";

/// What stands beside the original's headers in a dead letter.
pub(super) const REASON: &str = "Gmbot-Reason";
pub(super) const ATTEMPTS_MADE: &str = "Gmbot-Attempts";
pub(super) const TRACE_ID: &str = "Gmbot-Trace-Id";

impl Deliver for JetStream {
    type Deliveries = Deliveries;
    type Receipt = Receipt;

    async fn take(&self, shard: Shard, owner: &str) -> Result<Option<Lease>, DeliverError> {
        self.take_lease(shard, owner).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, DeliverError> {
        self.renew_lease(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), DeliverError> {
        self.release_lease(lease).await
    }

    async fn open(&self, lease: &Lease) -> Result<Deliveries, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream_no_info(&self.0.names.stream).await.map_err(unavailable)?;
        let mut cut_short = 0;
        for _ in 0..ATTEMPTS {
            cut_short = self.delete_others(&stream, lease).await?.max(cut_short);
            let consumer = stream.create_consumer(self.consumer(lease)).await;
            match consumer {
                Ok(consumer) => {
                    let messages = consumer
                        .stream()
                        .max_messages_per_batch(PULL_MESSAGES)
                        .max_bytes_per_batch(PULL_BYTES)
                        .expires(PULL_EXPIRES)
                        .heartbeat(HEARTBEAT)
                        .messages()
                        .await
                        .map_err(unavailable)?;
                    return Ok(Deliveries { messages: Some(messages), delivered: 0, cut_short });
                }
                // Another consumer of this shard: of an earlier period, made late, or of a later one.
                Err(error) if is_taken(&error.kind()) => {
                    if !self.still_holds(lease).await? {
                        return Err(DeliverError::Lost);
                    }
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(unavailable("another consumer of the shard is in the way"))
    }

    async fn close(&self, lease: &Lease, acked: u64) -> Result<(), DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream_no_info(&self.0.names.stream).await.map_err(unavailable)?;
        let name = subject::consumer(lease.shard, lease.epoch);
        for _ in 0..LOOKS {
            if arrived(&stream.consumer_info(&name).await.map_err(unavailable)?) >= acked {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        match stream.delete_consumer(&name).await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error.kind()) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn acked(&self, lease: &Lease) -> Result<Option<u64>, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream_no_info(&self.0.names.stream).await.map_err(unavailable)?;
        let name = subject::consumer(lease.shard, lease.epoch);
        stream.consumer_info(&name).await.map(|info| Some(arrived(&info))).map_err(unavailable)
    }

    fn peers(&self) -> Option<Peers> {
        Some(Peers::new(self.clone()))
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), DeliverError> {
        self.connected().map_err(unavailable)?;
        receipt.0.ack().await.map_err(DeliverError::Unavailable)
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), DeliverError> {
        self.connected().map_err(unavailable)?;
        let chat = letter.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header::ROUTING));
        // Only a number may become part of a subject.
        let chat = chat.and_then(|(_, chat)| chat.parse::<i64>().ok()).unwrap_or_default().to_string();
        self.publish_once(&self.0.names.dead_letter(&chat), letter_headers(letter), letter.body.clone())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn backlog(&self) -> Result<u64, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream(&self.0.names.stream).await.map_err(unavailable)?;
        Ok(stream.cached_info().state.messages)
    }

    async fn backlog_by_shard(&self) -> Result<Vec<(Shard, u64)>, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream_no_info(&self.0.names.stream).await.map_err(unavailable)?;
        let periods: Vec<Info> = stream.consumers().try_collect().await.map_err(unavailable)?;
        let of_shard = |info: &Info| {
            let (shard, epoch) = subject::parse_consumer(&info.name)?;
            Some((shard, (epoch, info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default())))
        };
        // Of two periods of a shard the later one counts.
        let mut latest = BTreeMap::new();
        for (shard, period) in periods.iter().filter_map(of_shard) {
            latest.entry(shard.0).and_modify(|known: &mut (u64, u64)| *known = period.max(*known)).or_insert(period);
        }
        Ok(latest.into_iter().map(|(shard, (_, waiting))| (Shard(shard), waiting)).collect())
    }

    async fn buried(&self) -> Result<u64, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream(&self.0.names.dead_letters).await.map_err(unavailable)?;
        Ok(stream.cached_info().state.messages)
    }

    fn connection(&self) -> tokio::sync::watch::Receiver<Connection> {
        self.0.connection.clone()
    }
}

impl JetStream {
    fn consumer(&self, lease: &Lease) -> pull::Config {
        pull::Config {
            durable_name: Some(subject::consumer(lease.shard, lease.epoch)),
            filter_subject: self.0.names.shard(self.0.shards, lease.shard),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_ACK_PENDING,
            // Retries happen in the lane, which counts them; a limit here would drop messages in silence.
            max_deliver: -1,
            inactive_threshold: ORPHAN_AFTER,
            metadata: [(OWNER.to_owned(), lease.owner.to_string())].into(),
            ..pull::Config::default()
        }
    }

    /// Deletes the consumers of the shard's earlier periods. A higher epoch means that ours is over, if our lease bucket has given it out: one
    /// that was made anew counts from the start again. Gives the last message that a process before this one had in hand when it ended; one
    /// that ended in order has closed its periods.
    async fn delete_others(&self, stream: &StoredStream<()>, lease: &Lease) -> Result<u64, DeliverError> {
        let names: Vec<String> = stream.consumer_names().try_collect().await.map_err(unavailable)?;
        let of_shard = names.iter().filter_map(|name| match subject::parse_consumer(name) {
            Some((shard, epoch)) if shard == lease.shard && epoch != lease.epoch => Some((name, epoch)),
            _ => None,
        });
        let others: Vec<(&String, u64)> = of_shard.collect();
        if let Some(later) = others.iter().map(|(_, epoch)| *epoch).filter(|epoch| *epoch > lease.epoch).min()
            && self.renew_lease(lease).await?.revision >= later
        {
            return Err(DeliverError::Lost);
        }
        let mut cut_short = 0;
        for (name, _) in others {
            match stream.consumer_info(name).await {
                Ok(info) if info.config.metadata.get(OWNER).is_none_or(|owner| **owner != *lease.owner) => {
                    cut_short = info.delivered.stream_sequence.max(cut_short);
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ConsumerInfoErrorKind::NotFound) => continue,
                Err(error) => return Err(unavailable(error)),
            }
            match stream.delete_consumer(name).await {
                Ok(_) => {}
                Err(error) if is_gone(&error.kind()) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(cut_short)
    }
}

/// How many acks of a period have arrived.
fn arrived(info: &Info) -> u64 {
    let pending = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
    info.delivered.consumer_sequence.saturating_sub(pending)
}

fn is_taken(kind: &ConsumerErrorKind) -> bool {
    matches!(kind, ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE)
}

fn is_gone(kind: &ConsumerErrorKind) -> bool {
    matches!(kind, ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND)
}

/// The messages of one shard during one period.
pub struct Deliveries {
    /// Gone after the first error: a period that missed something is over.
    messages: Option<pull::Stream>,
    delivered: u64,
    /// Up to here a process before this one had them.
    cut_short: u64,
}

/// Settles one message of one period; after the period it does nothing.
pub struct Receipt(Acker);

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipt")
    }
}

impl Stream for Deliveries {
    type Item = Result<Delivery<Receipt>, DeliverError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
        let message = match ready!(messages.poll_next_unpin(context)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return self.interrupt(error),
            None => return self.interrupt("the deliveries ended"),
        };
        let (sequence, delivered) = match message.info() {
            Ok(info) => (info.stream_sequence, info.consumer_sequence),
            Err(error) => return self.interrupt(error),
        };
        if delivered != self.delivered + 1 {
            let missed = format!("delivery {} is followed by {delivered}", self.delivered);
            return self.interrupt(missed);
        }
        self.delivered = delivered;
        let (message, acker) = message.split();
        let content = read(message.headers.as_ref(), message.payload);
        let cut_short = sequence <= self.cut_short;
        Poll::Ready(Some(Ok(Delivery { sequence, delivered, cut_short, content, receipt: Receipt(acker) })))
    }
}

impl Deliveries {
    fn interrupt(
        &mut self,
        why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Poll<Option<Result<Delivery<Receipt>, DeliverError>>> {
        self.messages = None;
        Poll::Ready(Some(Err(DeliverError::Interrupted(why.into()))))
    }
}

fn read(headers: Option<&HeaderMap>, body: bytes::Bytes) -> Result<Envelope, Unreadable> {
    let pairs = || {
        headers.into_iter().flat_map(HeaderMap::iter).filter_map(|(name, values)| {
            let name: &str = name.as_ref();
            values.first().map(|value| (name, value.as_str()))
        })
    };
    Envelope::from_headers(pairs(), body.clone()).map_err(|why| {
        let headers = pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Unreadable { why, headers, body }
    })
}

/// The letter's own headers, why it is dead, and an id that is the same when the same letter is buried again after a crash.
fn letter_headers(letter: &DeadLetter) -> HeaderMap {
    let mut hasher = DefaultHasher::new();
    (&letter.headers, &letter.body, &letter.reason, &letter.trace_id).hash(&mut hasher);
    let own =
        [(REASON, letter.reason.as_str()), (ATTEMPTS_MADE, &letter.attempts.to_string()), (TRACE_ID, &letter.trace_id)];
    let mut headers = HeaderMap::new();
    let original = letter.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in original.chain(own) {
        // A line break would end the header.
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect();
        headers.insert(name, value.as_str());
    }
    headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("dlq:{:016x}", hasher.finish()));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_keeps_its_headers_and_says_why_it_is_dead() {
        let letter = DeadLetter {
            headers: vec![("Gmbot-Chat".to_owned(), "-100".to_owned())],
            body: bytes::Bytes::from_static(b"{}"),
            reason: "no such\r\nchat".to_owned(),
            attempts: 5,
            trace_id: "abc".to_owned(),
        };
        let headers = letter_headers(&letter);
        let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(text("Gmbot-Chat").as_deref(), Some("-100"));
        assert_eq!(text("Gmbot-Reason").as_deref(), Some("no such  chat"));
        assert_eq!(text("Gmbot-Attempts").as_deref(), Some("5"));
        let id = text("Nats-Msg-Id");
        assert_eq!(letter_headers(&letter).get("Nats-Msg-Id").map(|value| value.as_str().to_owned()), id);
        let replayed = DeadLetter { trace_id: "def".to_owned(), ..letter };
        assert_ne!(letter_headers(&replayed).get("Nats-Msg-Id").map(|value| value.as_str().to_owned()), id);
    }
}
