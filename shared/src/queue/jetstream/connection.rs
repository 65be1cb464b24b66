//! The connection to NATS: how soon what hangs is given up, and what is said when it breaks.

use std::time::Duration;

use async_nats::{
    Client, ConnectError, ConnectOptions, Event,
    jetstream::context::{Context, ContextBuilder},
};
use tokio::sync::watch;

use super::{ACK_TIMEOUT, JetStreamConfig};
use crate::queue::Connection;

/// Acks outstanding at once; more means that the server hangs, and then it is better to refuse than to hoard.
const ACKS_IN_FLIGHT: usize = 4096;
/// The client's own back-off grows to 4 s, which is what a worker would be idle for after the server is back. The first attempt, also the
/// one at the start, waits for nothing.
const RECONNECT_DELAY: Duration = Duration::from_millis(250);
/// A half-open link is noticed after two of these without an answer; the client's default is a minute.
const PING_EVERY: Duration = Duration::from_secs(2);
/// One attempt to connect, or one request that has no limit of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// One attempt to connect. The receiver tells of the connection's state from then on.
pub(super) async fn dial(config: &JetStreamConfig) -> Result<(Client, watch::Receiver<Connection>), ConnectError> {
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
    Ok((options.connect(config.servers.addresses()).await?, connection))
}

/// For publishes and what may take as long as a publish.
pub(super) fn context(client: Client) -> Context {
    ContextBuilder::new()
        .timeout(ACK_TIMEOUT)
        .ack_timeout(ACK_TIMEOUT)
        .max_ack_inflight(ACKS_IN_FLIGHT)
        .backpressure_on_inflight(false)
        .build(client)
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
