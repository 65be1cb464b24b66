//! The queue of the split system: NATS JetStream. This file connects and publishes; its children set up, lease and deliver.
//!
//! queue.md of the design holds the measurements behind the settings; each constant says in a word what it is for.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Client, HeaderMap,
    jetstream::{
        self,
        context::{Context, ContextBuilder, PublishErrorKind},
        kv,
    },
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{BadSetting, NatsServers},
    envelope::Envelope,
    ids::BotId,
    queue::{Connection, DeliverError, Publish, PublishError, Stored},
    shard::Shards,
    subject, trace_context,
};

mod connection;
mod deliveries;
mod lease;
mod letters;
mod names;
mod peers;
mod remake;
mod reshard;
mod setup;

pub use deliveries::{Deliveries, Receipt};
pub use peers::{Answer, Change, Peers};
pub use reshard::{Closed, ReshardError, Resharding};

use names::Names;

/// How long a publisher waits for the stored ack, twice at most. Telegram gives up after 60 s, and other chats wait behind this one.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// The whole of a publish, with its second try and the wait for a connection.
const PUBLISH_WITHIN: Duration = Duration::from_secs(4);
/// A lease request that takes longer than this is of no use: the term is 3 s.
const LEASE_TIMEOUT: Duration = Duration::from_secs(1);
/// Between attempts while NATS is not there at the start.
const RETRY_EVERY: Duration = Duration::from_millis(250);
/// How much one chat's queue may hold: the rest stays with Telegram, in order, and nobody else is held up.
const MAX_PER_SUBJECT: i64 = 1000;

/// What a connection needs to know.
#[derive(Clone, Debug)]
pub struct JetStreamConfig {
    pub servers: NatsServers,
    pub shards: Shards,
    /// Whose updates the queue holds; that of another bot is refused. None: whoever's.
    pub bot: Option<BotId>,
    pub replicas: u8,
    /// Shown in the server's list of connections.
    pub name: String,
    /// Before every name on the server, so that several queues share one server.
    pub prefix: Option<String>,
    /// The limits of the stream when it is first made.
    pub max_bytes: i64,
    pub max_per_subject: i64,
}

impl JetStreamConfig {
    pub fn new(queue: &crate::args::Queue, bot: Option<BotId>, name: &str) -> Self {
        Self {
            servers: queue.nats_url.clone(),
            shards: queue.shards,
            bot,
            replicas: queue.nats_replicas,
            name: name.to_owned(),
            prefix: None,
            max_bytes: i64::from(queue.nats_max_mib) << 20,
            max_per_subject: MAX_PER_SUBJECT,
        }
    }
}

/// Why there is no queue.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The queue on the server is another one than the settings say. Waiting does not help.
    #[error("the queue does not fit the settings")]
    Setting(#[source] BadSetting),
    #[error("stopped before NATS was there")]
    Stopped,
}

/// A connection to the queue; clones share it.
#[derive(Clone)]
pub struct JetStream(Arc<Inner>);

struct Inner {
    client: Client,
    names: Names,
    shards: Shards,
    bot: Option<BotId>,
    /// Publishes and what may take as long as a publish.
    context: Context,
    leases: kv::Store,
    lease_term: Duration,
    connection: watch::Receiver<Connection>,
    /// Told when something of the queue seems not to be there.
    lost: Arc<Notify>,
}

/// What a queue that is not there, or not all there, means to whoever connects.
#[derive(Clone, Copy)]
enum Missing {
    IsMade,
    IsAnError,
}

impl JetStream {
    /// Connects and makes the streams and the lease bucket if they are not there. Waits for NATS for as long as it takes, and says so once.
    ///
    /// # Errors
    /// The queue is not the one that the settings say, or `stop` came first.
    pub async fn connect(config: &JetStreamConfig, stop: &CancellationToken) -> Result<Self, ConnectError> {
        tokio::select! {
            connected = Self::attempts(config, Missing::IsMade) => {
                let connected = connected?;
                tracing::info!(servers = %config.servers, shards = config.shards.count(), "connected to NATS");
                remake::whenever_lost(&connected, config);
                Ok(connected)
            }
            () = stop.cancelled() => Err(ConnectError::Stopped),
        }
    }

    /// Connects to a queue that is there, and changes nothing of it: for whoever only looks after it. Waits for NATS as long as it takes.
    ///
    /// # Errors
    /// There is none, or it is not the one that the settings say.
    pub async fn find(config: &JetStreamConfig) -> Result<Self, ConnectError> {
        Self::attempts(config, Missing::IsAnError).await
    }

    async fn attempts(config: &JetStreamConfig, missing: Missing) -> Result<Self, ConnectError> {
        let mut waiting = false;
        let mut wait = |what: &'static str, error: &dyn std::error::Error| {
            if !waiting {
                let error = crate::telemetry::chain(error);
                tracing::warn!(servers = %config.servers, error, "waiting for {what}");
            }
            waiting = true;
        };
        loop {
            match Self::attempt(config, missing).await {
                Ok(connected) => return Ok(connected),
                Err(setup::Error::Setting(bad)) => return Err(ConnectError::Setting(bad)),
                Err(setup::Error::Connect(error)) => wait("NATS", &error),
                Err(error @ setup::Error::Resharding) => wait("the queue", &error),
                Err(setup::Error::JetStream(error)) => wait("JetStream", error.as_ref()),
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    async fn attempt(config: &JetStreamConfig, missing: Missing) -> Result<Self, setup::Error> {
        let (client, connection) = connection::dial(config).await?;
        let context = connection::context(client.clone());
        let names = Names::new(config.prefix.as_deref(), config.shards);
        match missing {
            Missing::IsMade => setup::make(&context, &names, config, setup::lease_term(config.replicas)).await?,
            Missing::IsAnError => setup::look(&context, &names, config).await?,
        }
        let leasing = ContextBuilder::new().timeout(LEASE_TIMEOUT).build(client.clone());
        let (leases, lease_term) = setup::bucket(&leasing, &names).await?;
        let (shards, bot) = (config.shards, config.bot);
        let lost = Arc::default();
        Ok(Self(Arc::new(Inner { client, names, shards, bot, context, leases, lease_term, connection, lost })))
    }

    /// Fails at once when there is no connection: the client would keep the request and send it after the reconnect, long after the caller
    /// has given up on it.
    fn connected(&self) -> Result<(), NotConnected> {
        match self.0.client.connection_state() {
            async_nats::connection::State::Connected => Ok(()),
            async_nats::connection::State::Pending | async_nats::connection::State::Disconnected => Err(NotConnected),
        }
    }

    /// Whether the server answers: for `/health`.
    ///
    /// # Errors
    /// The connection is down, or JetStream does not answer.
    pub async fn check(&self) -> Result<(), DeliverError> {
        self.connected().map_err(unavailable)?;
        self.0.context.get_stream(&self.0.names.stream).await.map(|_| ()).map_err(unavailable)
    }

    async fn publish_once(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: bytes::Bytes,
    ) -> Result<Stored, jetstream::context::PublishError> {
        let published = async { self.0.context.publish_with_headers(subject.to_owned(), headers, body).await?.await };
        let stored = published.await.inspect_err(|error| {
            if error.kind() == PublishErrorKind::StreamNotFound {
                self.0.lost.notify_one();
            }
        })?;
        Ok(if stored.duplicate { Stored::Duplicate } else { Stored::New })
    }

    /// Fails with a sentence once the queue has become another one while we run: it may have been given another number of shards.
    async fn is_still_ours(&self) -> Result<(), DeliverError> {
        let stream = self.0.context.get_stream(&self.0.names.stream).await.map_err(|error| {
            if setup::not_found(&error.kind()) {
                self.0.lost.notify_one();
            }
            unavailable(error)
        })?;
        setup::is_ours(&stream.cached_info().config, self.0.shards, self.0.bot).map_err(DeliverError::Setting)
    }

    /// Why nothing listens on the subject: either the stream is another one, or it has no leader for the moment.
    async fn nothing_listens(&self, subject: String, error: jetstream::context::PublishError) -> PublishError {
        match self.is_still_ours().await {
            Err(DeliverError::Setting(_)) => PublishError::WrongShards { subject },
            Ok(()) | Err(_) => PublishError::Unavailable(error.into()),
        }
    }
}

impl Publish for JetStream {
    async fn publish(&self, envelope: &Envelope) -> Result<Stored, PublishError> {
        self.publish_as(envelope, subject::message_id(envelope.bot, &envelope.kind)).await
    }
}

impl JetStream {
    /// Whatever hangs, whoever waits for this is answered in time.
    async fn publish_as(&self, envelope: &Envelope, message_id: String) -> Result<Stored, PublishError> {
        let before = *self.0.connection.borrow();
        let published = tokio::time::timeout(PUBLISH_WITHIN, self.publish_twice(envelope, message_id)).await;
        match published.unwrap_or_else(|late| Err(PublishError::Unavailable(late.into()))) {
            Err(PublishError::Unavailable(_)) if self.was_interrupted(before) => Err(PublishError::NotConnected),
            published => published,
        }
    }

    async fn publish_twice(&self, envelope: &Envelope, message_id: String) -> Result<Stored, PublishError> {
        let subject = self.0.names.subject(subject::of(self.0.shards, envelope));
        let mut headers = HeaderMap::new();
        for (name, value) in envelope.headers() {
            headers.insert(name, value);
        }
        trace_context::sent("nats", &subject, &message_id);
        headers.insert(async_nats::header::NATS_MESSAGE_ID, message_id);
        let mut first = true;
        loop {
            // A short outage is waited for, so that the first requests after it need not be sent twice by Telegram.
            let error = match self.connected_soon().await {
                Err(error) => return Err(PublishError::Unavailable(error.into())),
                Ok(()) => match self.publish_once(&subject, headers.clone(), envelope.body.clone()).await {
                    Ok(stored) => return Ok(stored),
                    Err(error) => error,
                },
            };
            match (error.kind(), first) {
                (PublishErrorKind::Other, _) => return Err(refused(error)),
                // Two ways of hanging: asking again would make it worse.
                (PublishErrorKind::MaxAckPending, _) => return Err(PublishError::Unavailable(error.into())),
                // The id makes the second one harmless if the first has arrived.
                (_, true) => first = false,
                (PublishErrorKind::StreamNotFound, false) => return Err(self.nothing_listens(subject, error).await),
                (_, false) => return Err(PublishError::Unavailable(error.into())),
            }
        }
    }

    /// Whether the connection was not there for all of the time since. One that has come back meanwhile was the reason all the same.
    fn was_interrupted(&self, before: Connection) -> bool {
        !before.connected || *self.0.connection.borrow() != before || self.connected().is_err()
    }

    async fn connected_soon(&self) -> Result<(), NotConnected> {
        if self.connected().is_ok() {
            return Ok(());
        }
        let mut connection = self.0.connection.clone();
        let up = tokio::time::timeout(ACK_TIMEOUT, connection.wait_for(|now| now.connected)).await;
        if up.is_ok_and(|up| up.is_ok()) { Ok(()) } else { Err(NotConnected) }
    }
}

/// The server's answer that it does not take the message. It has one code for all limits, so the text decides.
fn refused(error: jetstream::context::PublishError) -> PublishError {
    let answer = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<jetstream::Error>());
    match answer {
        Some(answer) if answer.error_code() == jetstream::ErrorCode::STREAM_STORE_FAILED => {
            let text = answer.to_string();
            if text.contains("maximum messages per subject exceeded") {
                PublishError::ChatFull
            } else if text.contains("maximum bytes exceeded") || text.contains("maximum messages exceeded") {
                PublishError::QueueFull
            } else {
                PublishError::Unavailable(error.into())
            }
        }
        _ => PublishError::Unavailable(error.into()),
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no connection to NATS")]
struct NotConnected;

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DeliverError {
    DeliverError::Unavailable(error.into())
}
