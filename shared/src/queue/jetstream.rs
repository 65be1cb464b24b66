//! The queue of the split system: NATS JetStream. This file connects and publishes; its children set up, lease and deliver.
//!
//! queue.md of the design holds the measurements behind the settings; each constant says in a word what it is for.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, HeaderMap,
    jetstream::{
        self,
        context::{Context, ContextBuilder, PublishErrorKind},
        kv,
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{BadSetting, NatsServers},
    envelope::Envelope,
    queue::{Connection, DeliverError, Publish, PublishError, Stored},
    shard::Shards,
    subject, trace_context,
};

mod deliveries;
mod lease;
mod letters;
mod names;
mod setup;

pub use deliveries::{Deliveries, Receipt};

use names::Names;

/// How long a publisher waits for the stored ack, twice at most. Telegram gives up after 60 s, and other chats wait behind this one.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// A lease request that takes longer than this is of no use: the term is 3 s.
const LEASE_TIMEOUT: Duration = Duration::from_secs(1);
/// Acks outstanding at once; more means that the server hangs, and then it is better to refuse than to hoard.
const ACKS_IN_FLIGHT: usize = 4096;
/// The client's own back-off grows to 4 s, which is what a worker would be idle for after the server is back. The first attempt, also the
/// one at the start, waits for nothing.
const RECONNECT_DELAY: Duration = Duration::from_millis(250);
/// A half-open link is noticed after two of these without an answer; the client's default is a minute.
const PING_EVERY: Duration = Duration::from_secs(2);
/// One attempt to connect, or one request that has no limit of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Between attempts while NATS is not there at the start.
const RETRY_EVERY: Duration = Duration::from_millis(250);
/// How much one chat's queue may hold: the rest stays with Telegram, in order, and nobody else is held up.
const MAX_PER_SUBJECT: i64 = 1000;

/// What a connection needs to know.
#[derive(Clone, Debug)]
pub struct JetStreamConfig {
    pub servers: NatsServers,
    pub shards: Shards,
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
    pub fn new(queue: &crate::args::Queue, name: &str) -> Self {
        Self {
            servers: queue.nats_url.clone(),
            shards: queue.shards,
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
    /// Publishes and what may take as long as a publish.
    context: Context,
    leases: kv::Store,
    lease_term: Duration,
    connection: watch::Receiver<Connection>,
}

impl JetStream {
    /// Connects and makes the streams and the lease bucket if they are not there. Waits for NATS for as long as it takes, and says so once.
    ///
    /// # Errors
    /// The stream was made with another number of shards, or `stop` came first.
    pub async fn connect(config: &JetStreamConfig, stop: &CancellationToken) -> Result<Self, ConnectError> {
        let attempts = async {
            let mut waiting = false;
            let mut wait = |what: &'static str, error: &dyn std::error::Error| {
                if !waiting {
                    let error = crate::telemetry::chain(error);
                    tracing::warn!(servers = %config.servers, error, "waiting for {what}");
                }
                waiting = true;
            };
            loop {
                match Self::attempt(config).await {
                    Ok(connected) => {
                        tracing::info!(servers = %config.servers, shards = config.shards.count(), "connected to NATS");
                        return Ok(connected);
                    }
                    Err(setup::Error::Setting(bad)) => return Err(ConnectError::Setting(bad)),
                    Err(setup::Error::Connect(error)) => wait("NATS", &error),
                    Err(setup::Error::JetStream(error)) => wait("JetStream", error.as_ref()),
                }
                tokio::time::sleep(RETRY_EVERY).await;
            }
        };
        tokio::select! {
            connected = attempts => connected,
            () = stop.cancelled() => Err(ConnectError::Stopped),
        }
    }

    async fn attempt(config: &JetStreamConfig) -> Result<Self, setup::Error> {
        let (state, connection) = watch::channel(Connection { connected: false, generation: 0 });
        let options = config.servers.credentials().map_or_else(ConnectOptions::new, |(user, password)| {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        });
        let options = options
            .name(&config.name)
            .connection_timeout(REQUEST_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(|attempts| if attempts <= 1 { Duration::ZERO } else { RECONNECT_DELAY })
            .event_callback(move |event| {
                note(&state, &event);
                std::future::ready(())
            });
        let client = options.connect(config.servers.addresses()).await?;
        let context = ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .ack_timeout(ACK_TIMEOUT)
            .max_ack_inflight(ACKS_IN_FLIGHT)
            .backpressure_on_inflight(false)
            .build(client.clone());
        let names = Names::new(config.prefix.as_deref(), config.shards);
        let lease_term = setup::lease_term(config.replicas);
        setup::streams(&context, &names, config).await?;
        let leasing = ContextBuilder::new().timeout(LEASE_TIMEOUT).build(client.clone());
        let leases = setup::leases(&context, &leasing, &names, config.replicas, lease_term).await?;
        Ok(Self(Arc::new(Inner { client, names, shards: config.shards, context, leases, lease_term, connection })))
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
        let stored = self.0.context.publish_with_headers(subject.to_owned(), headers, body).await?.await?;
        Ok(if stored.duplicate { Stored::Duplicate } else { Stored::New })
    }

    /// Why nothing listens on the subject: either the stream is another one, or it has no leader for the moment.
    async fn nothing_listens(&self, subject: String, error: jetstream::context::PublishError) -> PublishError {
        match self.0.context.get_stream(&self.0.names.stream).await {
            Ok(stream) if setup::shards_of(&stream.cached_info().config) != Some(self.0.shards) => {
                PublishError::WrongShards { subject }
            }
            _ => PublishError::Unavailable(error.into()),
        }
    }
}

impl Publish for JetStream {
    async fn publish(&self, envelope: &Envelope) -> Result<Stored, PublishError> {
        self.publish_as(envelope, subject::message_id(envelope.bot, &envelope.kind)).await
    }
}

impl JetStream {
    async fn publish_as(&self, envelope: &Envelope, message_id: String) -> Result<Stored, PublishError> {
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

/// Keeps the state of the connection, and logs its outages: one line when it breaks, one when it is back.
fn note(state: &watch::Sender<Connection>, event: &Event) {
    match event {
        Event::Connected => state.send_modify(|now| {
            if now.generation > 0 {
                tracing::info!("connected to NATS again");
            }
            *now = Connection { connected: true, generation: now.generation + 1 };
        }),
        Event::Disconnected => state.send_modify(|now| {
            if now.connected {
                tracing::warn!("the connection to NATS broke");
            }
            now.connected = false;
        }),
        // We did that ourselves, at the end.
        Event::Closed => state.send_modify(|now| now.connected = false),
        Event::SlowConsumer(subscription) => {
            tracing::warn!(subscription, "messages from NATS came faster than they were read")
        }
        Event::LameDuckMode | Event::Draining | Event::ServerError(_) | Event::ClientError(_) => {
            tracing::debug!(%event, "NATS");
        }
    }
}
