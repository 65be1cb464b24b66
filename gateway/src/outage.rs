//! Waiting out an outage: growing pauses, one log line when it begins and one when it ends.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Soon enough after Telegram is back, and slow enough not to be part of its trouble.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One thing that may fail for a while.
#[derive(Debug)]
pub(crate) struct Outage {
    what: &'static str,
    failures: u32,
    since: Option<Instant>,
}

impl Outage {
    /// `what` is said in the log: "cannot {what}".
    pub(crate) fn of(what: &'static str) -> Self {
        Self { what, failures: 0, since: None }
    }

    /// It failed: how long to wait. Telegram's own wish stands above ours.
    pub(crate) fn failed(&mut self, error: &(dyn std::error::Error + 'static), asked: Option<Duration>) -> Duration {
        let error = shared::telemetry::chain(error);
        if self.since.is_none() {
            tracing::warn!(error, "cannot {}; trying until it works", self.what);
        } else {
            tracing::debug!(error, failures = self.failures, "still cannot {}", self.what);
        }
        self.since.get_or_insert_with(Instant::now);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        // Several gateways must not come back in step.
        asked.unwrap_or_else(|| pause.mul_f64(rand::random_range(0.75..1.0)))
    }

    pub(crate) fn over(&mut self) {
        if let Some(since) = self.since.take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "can {} again", self.what);
        }
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_start_anew() {
        let mut outage = Outage::of("test");
        let error = std::io::Error::other("no");
        let pauses: Vec<f64> = (0..10).map(|_| outage.failed(&error, None).as_secs_f64()).collect();
        for (pause, longest) in pauses.iter().zip([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]) {
            assert!((longest * 0.75..=longest).contains(pause), "{pauses:?}");
        }
        assert_eq!(outage.failed(&error, Some(Duration::from_secs(7))), Duration::from_secs(7));
        outage.over();
        assert!(outage.failed(&error, None) <= FIRST_PAUSE);
    }
}
