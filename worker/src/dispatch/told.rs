//! What is said of updates that have to wait: no more than helps.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{handlers::HandlerError, store::error::StoreError, telegram::error::Error};

/// What is held up by Telegram is told this often at most, whatever the chat: while Telegram is away every chat is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// When something held up was told last.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Option<Instant>>);

impl Told {
    pub(super) fn held(&self, handler: &'static str, err: &HandlerError) {
        let is_quiet = match err {
            // Readiness tells of it once.
            HandlerError::Store(StoreError::Unavailable(_)) => true,
            HandlerError::Telegram(Error::Unavailable(_)) => !self.is_time(Instant::now()),
            _ => false,
        };
        if is_quiet {
            tracing::debug!(handler, error = err as &dyn std::error::Error, "waits");
        } else {
            tracing::warn!(handler, error = err as &dyn std::error::Error, "not finished; trying again");
        }
    }

    fn is_time(&self, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if is_time {
            *told = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_now_and_then() {
        let (told, start) = (Told::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(
            [0, 1, 9, 10, 11, 25].map(|seconds| told.is_time(at(seconds))),
            [true, false, false, true, false, true]
        );
    }
}
