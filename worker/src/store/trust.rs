//! Whether a connection of the pool is used without asking first whether it still can be: under load that question was half of what a
//! connection cost.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// One that was used so recently is mostly as it was.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// After a failure each is asked for so long. A server may have been restarted, or have become a standby, under connections that are never
/// idle for longer than a moment.
const DOUBTED_FOR: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Trust {
    since: Instant,
    /// Until when connections are asked, in milliseconds after `since`.
    doubted_until: AtomicU64,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), doubted_until: AtomicU64::new(0) }
    }

    /// Whether one that has been idle for this long is used unasked.
    pub(super) fn covers(&self, idle_for: Duration) -> bool {
        idle_for < TRUSTED_FOR && self.ms(Instant::now()) >= self.doubted_until.load(Ordering::Relaxed)
    }

    /// The database did not do what it was asked for.
    pub(super) fn shaken(&self) {
        self.doubted_until.fetch_max(self.ms(Instant::now() + DOUBTED_FOR), Ordering::Relaxed);
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from((at - self.since).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_ends_the_trust_for_a_while() {
        let trust = Trust::new();
        assert!(trust.covers(Duration::ZERO) && !trust.covers(TRUSTED_FOR));
        trust.shaken();
        assert!(!trust.covers(Duration::ZERO));
        tokio::time::advance(DOUBTED_FOR).await;
        assert!(trust.covers(Duration::ZERO));
    }
}
