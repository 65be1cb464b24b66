//! The waits hidden inside a call: a request to Telegram's core sleeps up to 8 s before the bot hears of a flood.

use std::time::Duration;

use crate::floods::Cost;
use crate::floods::windows::MOST_HIDDEN_S;
use crate::hub::Hub;
use crate::reply::ApiError;

/// The waiting that is hidden for "typing…", which is worth nothing later.
const MOST_HIDDEN_FOR_ACTIONS_S: i64 = 2;
/// What is said when there are too many calls under way, and how long it takes until it is said.
const TOO_MANY_WAIT_S: i64 = 60;
const TOO_MANY_HELD: Duration = Duration::from_secs(3);

/// The way to Telegram's core for one call.
pub(crate) struct Core<'a> {
    pub(crate) hub: &'a Hub,
    /// The core answers with errors of its own until then.
    away_until_ms: i64,
}

/// A wait that is too long to be hidden, in seconds.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) i64);

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::flood(refused.0)
    }
}

impl<'a> Core<'a> {
    pub(crate) fn of(hub: &'a Hub) -> Self {
        Self { hub, away_until_ms: 0 }
    }

    /// The same while the core is away, for so long from now.
    pub(crate) fn away(hub: &'a Hub, for_ms: i64) -> Self {
        Self { hub, away_until_ms: hub.clock.now_ms().saturating_add(for_ms) }
    }

    /// One request, sent again after each wait while the sum of the waits is small. Gives the time it was taken at.
    ///
    /// # Errors
    ///
    /// The sum passed what is hidden. The last wait is told, though earlier ones have been slept.
    pub(crate) async fn request(&self, cost: Cost) -> Result<i64, Refused> {
        let budget_s = if cost == Cost::Action { MOST_HIDDEN_FOR_ACTIONS_S } else { MOST_HIDDEN_S };
        let mut slept_s = 0;
        let mut next_try_s = 1;
        loop {
            let now_ms = self.hub.clock.now_ms();
            let wait = if now_ms < self.away_until_ms {
                let wait = next_try_s;
                next_try_s = (next_try_s * 2).min(MOST_HIDDEN_S);
                wait
            } else {
                match self.hub.floods(|floods| floods.admit(now_ms, cost)) {
                    Ok(()) => return Ok(now_ms),
                    Err(wait) => wait,
                }
            };
            slept_s += wait;
            if slept_s > budget_s {
                return Err(Refused(wait));
            }
            self.hub.clock.sleep_until(now_ms + wait * 1000).await;
        }
    }

    /// Counts the call as under way until the result is dropped.
    ///
    /// # Errors
    ///
    /// Too many are.
    pub(crate) async fn enter(&self) -> Result<UnderWay<'a>, ApiError> {
        let room = self.hub.floods(|floods| {
            let room = floods.limits().active_calls.is_none_or(|most| floods.active < most);
            if room {
                floods.active += 1;
            }
            room
        });
        if room { Ok(UnderWay(self.hub)) } else { Err(too_many(self.hub).await) }
    }
}

/// A call under way.
pub(crate) struct UnderWay<'a>(&'a Hub);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.floods(|floods| floods.active -= 1);
    }
}

/// The answer of a server with too much to do, held back for a while.
pub(crate) async fn too_many(hub: &Hub) -> ApiError {
    hub.clock.sleep(TOO_MANY_HELD).await;
    ApiError::flood(TOO_MANY_WAIT_S)
}
