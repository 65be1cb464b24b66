//! A running simulator: its address, its handles, its end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::SimConfig;
use crate::connection::{CuttableListener, Scissors};
use crate::delivery_faults::DeliveryFaults;
use crate::faults::Fault;
use crate::floods::FloodLimits;
use crate::handshake::SlowListener;
use crate::hub::Hub;
use crate::ids::{ChatId, UserId};
use crate::ledger::Calls;
use crate::schema::Violation;
pub use crate::state::updates::Delivery;
use crate::story::Story;
use crate::waiting::TimedOut;
use crate::world::World;
use crate::{delivery, server};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the token has to be a number, a colon and a secret of at least 24 letters, digits, `_` or `-`")]
    Token,
    #[error("the bot's name has to be 5 to 32 letters, digits or `_`, a letter first and `bot` last, without the @")]
    Username,
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the webhook client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// A simulated Telegram with one bot. Dropping it stops it.
///
/// # Panics
///
/// Dropping it panics when it sent what Telegram would not send, so that no test passes on a wrong simulator: see
/// [`Simulator::violations`].
pub struct Simulator {
    hub: Arc<Hub>,
    address: SocketAddr,
    bot: UserId,
}

/// Replies under way when it stops get this long.
pub(crate) const LAST_REPLIES: Duration = Duration::from_secs(1);

impl Simulator {
    /// Starts listening; the Bot API is there when this returns.
    ///
    /// # Errors
    ///
    /// The token or the bot's name has a wrong shape, or the address cannot be bound.
    pub async fn start(config: SimConfig) -> Result<Self, StartError> {
        let bot = bot_of(&config.token).ok_or(StartError::Token)?;
        if !names_a_bot(&config.bot_username) {
            return Err(StartError::Username);
        }
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| StartError::Listen { address: config.listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;
        let client = delivery::client().map_err(StartError::Client)?;
        let hub = Arc::new(Hub::new(config, bot));
        let service = server::router(hub.clone()).into_make_service_with_connect_info::<Scissors>();
        let stop = hub.stop.clone();
        let listener = SlowListener { inner: CuttableListener(listener), hub: hub.clone() };
        hub.tasks.spawn(async move {
            let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
            let cut_off = async {
                stop.cancelled().await;
                tokio::time::sleep(LAST_REPLIES).await;
            };
            tokio::select! {
                outcome = serving.into_future() => {
                    if let Err(error) = outcome {
                        tracing::error!(%error, "the server ended");
                    }
                }
                () = cut_off => {}
            }
        });
        hub.tasks.spawn(delivery::run(hub.clone(), client));
        Ok(Self { hub, address, bot })
    }

    /// What a bot takes instead of `https://api.telegram.org`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The playground's page, as this person and with this chat open.
    #[must_use]
    pub fn playground_url(&self, person: UserId, chat: ChatId) -> String {
        format!("{}/playground?as={person}&chat={chat}", self.api_url())
    }

    #[must_use]
    pub fn token(&self) -> &str {
        &self.hub.config.token
    }

    #[must_use]
    pub fn bot_id(&self) -> UserId {
        self.bot
    }

    /// Without the `@`.
    #[must_use]
    pub fn bot_username(&self) -> &str {
        &self.hub.config.bot_username
    }

    /// The people and chats, and what they can do.
    #[must_use]
    pub fn world(&self) -> World {
        World::new(self.hub.clone())
    }

    /// The same world told as a story: people and places by their names, and waits for what should happen.
    #[must_use]
    pub fn story(&self) -> Story {
        Story::in_world(self.world())
    }

    #[must_use]
    pub fn clock(&self) -> Clock {
        self.hub.clock.clone()
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls_after(0)
    }

    /// The calls with a higher number than this; see [`Simulator::last_call`].
    #[must_use]
    pub fn calls_after(&self, number: u64) -> Calls {
        self.hub.log(|log| log.after(number))
    }

    /// The number of the latest call, 0 if there was none.
    #[must_use]
    pub fn last_call(&self) -> u64 {
        self.hub.log(|log| log.last_number())
    }

    /// How many calls have come and have no reply yet.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        self.hub.floods(|floods| floods.active)
    }

    /// The same, with those that a fault keeps waiting or lets hang, and without a poll for updates.
    #[must_use]
    pub fn calls_in_hand(&self) -> usize {
        self.hub.in_hand.load(Ordering::SeqCst)
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.hub.log(crate::ledger::Log::clear);
    }

    /// Every try to hand over an update so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.hub.read(|state| state.updates.deliveries.iter().cloned().collect())
    }

    /// How many updates the bot has not confirmed.
    #[must_use]
    pub fn pending_updates(&self) -> usize {
        self.hub.read(|state| state.updates.len())
    }

    /// Puts a fault in force; the number takes it back.
    pub fn fault(&self, fault: Fault) -> u64 {
        self.hub.faults(|plan, _| plan.add(fault))
    }

    pub fn end_fault(&self, number: u64) {
        self.hub.faults(|plan, _| plan.remove(number));
    }

    pub fn end_faults(&self) {
        self.hub.faults(|plan, _| plan.clear());
    }

    /// Replaces what goes wrong with updates on their way to the bot.
    pub fn set_delivery_faults(&self, faults: DeliveryFaults) {
        self.hub.change(|state| state.updates.dice.faults = faults);
    }

    #[must_use]
    pub fn delivery_faults(&self) -> DeliveryFaults {
        self.hub.read(|state| state.updates.dice.faults)
    }

    /// Replaces the flood limits; what was counted is forgotten.
    pub fn set_floods(&self, limits: FloodLimits) {
        self.hub.floods(|floods| floods.set_limits(limits));
    }

    /// Where the simulator's own replies and updates were not as the Bot API's schema says, each mistake once. Empty
    /// unless the simulator has a fault, and when `check_schema` is off.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.hub.schema.violations()
    }

    /// Hands the violations over: dropping the simulator does not panic for them then.
    #[must_use]
    pub fn take_violations(&self) -> Vec<Violation> {
        self.hub.schema.take()
    }

    /// Waits until the calls look as `wanted` says, and gives what it found.
    ///
    /// # Errors
    ///
    /// It did not come to that; the error shows the last calls.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Calls) -> Option<T>,
    ) -> Result<T, TimedOut> {
        self.wait(what, deadline, || wanted(&self.calls())).await
    }

    /// Waits until the world is as `wanted` says: a member's status, a message, anything that can be asked.
    ///
    /// # Errors
    ///
    /// It did not come to that; the error shows the last calls.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&World) -> bool,
    ) -> Result<(), TimedOut> {
        let world = self.world();
        self.wait(what, deadline, || wanted(&world).then_some(())).await
    }

    /// Waits for anything that changes with the world, the calls or the deliveries.
    ///
    /// # Errors
    ///
    /// It did not come to that; the error shows the last calls.
    pub async fn wait<T>(&self, what: &str, deadline: Duration, found: impl Fn() -> Option<T>) -> Result<T, TimedOut> {
        self.hub.wait(what, deadline, found).await
    }

    /// Stops listening and delivering, and waits until both have ended.
    pub async fn stop(self) {
        self.hub.stop.cancel();
        self.hub.tasks.close();
        self.hub.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.hub.stop.cancel();
        let violations = self.violations();
        if !violations.is_empty() && !std::thread::panicking() {
            let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
            panic!("the simulator sent what Telegram would not:\n{}", list.join("\n"));
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address).field("bot", &self.bot).finish_non_exhaustive()
    }
}

/// Whether Telegram lets a bot be called so.
fn names_a_bot(username: &str) -> bool {
    (5..=32).contains(&username.len())
        && username.starts_with(|first: char| first.is_ascii_alphabetic())
        && username.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && username.to_ascii_lowercase().ends_with("bot")
}

/// The bot's id, if the token has the right shape.
fn bot_of(token: &str) -> Option<UserId> {
    let (id, secret) = token.split_once(':')?;
    let sound = secret.len() >= 24 && secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if id.starts_with('0') || token.len() > 80 || !sound {
        return None;
    }
    id.parse().ok().filter(|id| *id > 0).map(UserId)
}

#[cfg(test)]
mod tests;
