//! Whether Telegram is there at all: said once when it is not, and once when it is again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use shared::telemetry::chain;
use tokio::time::Instant;

use super::error::Error;

/// One request goes wrong now and then; so many one after another are an outage.
const OUTAGE_AFTER: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    since: Option<Instant>,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Down,
    Back { after: Duration },
}

impl Reach {
    /// How a request ended.
    pub(super) fn heard(&self, error: Option<&Error>) {
        let outage = error.filter(|error| matches!(error, Error::Unavailable(_) | Error::OutcomeUnknown(_)));
        match (self.news(outage.is_some()), outage) {
            (Some(News::Down), Some(error)) => tracing::warn!(
                error = chain(error),
                "Telegram does not answer: updates wait, and nobody is punished until it does"
            ),
            (Some(News::Back { after }), _) => tracing::info!(outage_s = after.as_secs(), "Telegram answers again"),
            _ => {}
        }
    }

    fn news(&self, failed: bool) -> Option<News> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed {
            failures.since.get_or_insert_with(Instant::now);
            failures.in_a_row = failures.in_a_row.saturating_add(1);
            return (failures.in_a_row == OUTAGE_AFTER).then_some(News::Down);
        }
        let Failures { in_a_row, since } = std::mem::take(&mut *failures);
        since.filter(|_| in_a_row >= OUTAGE_AFTER).map(|since| News::Back { after: since.elapsed() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_once_and_its_end_once() {
        let reach = Reach::default();
        assert_eq!([true, true, false, true, true].map(|failed| reach.news(failed)), [None, None, None, None, None]);
        assert_eq!(reach.news(true), Some(News::Down));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(reach.news(true), None);
        assert_eq!(reach.news(false), Some(News::Back { after: Duration::from_secs(7) }));
        assert_eq!(reach.news(false), None);
    }
}
