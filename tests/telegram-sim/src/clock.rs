//! What time it is in the simulated world: real time, plus whatever a test has advanced it by.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// However far somebody moves the time, dates and what is added to them fit into their numbers.
const FURTHEST_MS: i64 = 1000 * 365 * 86_400_000;

/// The one source of "now". Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    started_unix_ms: i64,
    /// Milliseconds added by [`Clock::advance`]; a channel, so that sleepers wake when it moves.
    advanced_ms: Arc<watch::Sender<i64>>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the simulated Telegram's clock starts at the real time")]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            started_unix_ms: millis(since_epoch),
            advanced_ms: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Milliseconds since 1970 in the simulated world.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.started_unix_ms + millis(self.started.elapsed()) + *self.advanced_ms.borrow()
    }

    /// When this world began, in real milliseconds since 1970: tells one run from the next.
    pub(crate) fn started_ms(&self) -> i64 {
        self.started_unix_ms
    }

    /// Seconds since 1970, as dates in the Bot API are.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now_ms() / 1000
    }

    /// Moves the world's time forward at once: restrictions end, updates expire, waiting retries become due. A thousand
    /// years from the start is as far as it goes.
    pub fn advance(&self, by: Duration) {
        self.advanced_ms.send_modify(|total| *total = total.saturating_add(millis(by)).min(FURTHEST_MS));
    }

    /// Moves the world's time back: what is said now is old for a bot once the time is [advanced](Self::advance) again, as after an outage.
    pub fn turn_back(&self, by: Duration) {
        self.advanced_ms.send_modify(|total| *total -= millis(by));
    }

    /// Waits until the world's time is `at_ms`, however it gets there.
    pub(crate) async fn sleep_until(&self, at_ms: i64) {
        let mut moved = self.advanced_ms.subscribe();
        loop {
            let left = u64::try_from(at_ms.saturating_sub(self.now_ms())).unwrap_or(0);
            if left == 0 {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left)) => {}
                _ = moved.changed() => {}
            }
        }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now_ms().saturating_add(millis(duration))).await;
    }
}

/// A duration as whole milliseconds, the largest number if it does not fit.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_time_is_advanced() {
        let clock = Clock::new();
        let due = clock.now_ms() + 3_600_000;
        let advancing = async { clock.advance(Duration::from_secs(3601)) };
        let waking = tokio::time::timeout(Duration::from_secs(5), clock.sleep_until(due));
        assert!(tokio::join!(waking, advancing).0.is_ok());
    }

    #[tokio::test]
    async fn the_longest_jumps_and_sleeps_do_not_break_it() {
        let clock = Clock::new();
        let before = clock.now_ms();
        let sleeping = tokio::time::timeout(Duration::from_millis(1), clock.sleep(Duration::MAX));
        assert!(sleeping.await.is_err(), "it sleeps on");
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert!(clock.now_ms() > before && clock.now_ms() - before < 2 * FURTHEST_MS);
    }
}
