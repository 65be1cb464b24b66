//! One turn of one variant.

use std::time::Duration;

use super::usage::Usage;
use crate::figures::Spread;

/// What a turn has shown.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub taken: u32,
    pub took: Duration,
    pub refused: f64,
    /// Until the webhook was answered.
    pub answered: Spread,
    /// What each process has taken of the processors during the turn, and of memory at its end.
    pub processes: Vec<(String, Usage)>,
}

impl Turn {
    pub(super) fn count(&self) -> f64 {
        f64::from(self.taken).max(1.0)
    }

    pub(super) fn per_second(&self) -> f64 {
        self.count() / self.took.as_secs_f64()
    }
}
