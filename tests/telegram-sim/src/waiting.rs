//! Waiting until the world or the calls are as somebody wants them, and what to tell when that does not come.

use std::time::Duration;

use crate::hub::Hub;
use crate::ledger::Calls;

/// A wait that came to its deadline, with what there was to see then.
#[derive(Debug, thiserror::Error)]
#[error("waited {waited:?} for {what}, in vain.\n{last_state}")]
pub struct TimedOut {
    pub waited: Duration,
    pub what: String,
    pub last_state: String,
}

/// How many of the last calls a failed wait shows.
const CALLS_SHOWN: usize = 40;
/// One look for many changes at once is enough.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// What ends by its date changes nothing that would wake a waiter, so it looks again now and then.
const LOOK_ANYWAY: Duration = Duration::from_millis(100);

impl Hub {
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        deadline: Duration,
        found: impl Fn() -> Option<T>,
    ) -> Result<T, TimedOut> {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = found() {
                    return found;
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
                let _either = tokio::time::timeout(LOOK_ANYWAY, changed.changed()).await;
            }
        };
        match tokio::time::timeout(deadline, waiting).await {
            Ok(found) => Ok(found),
            Err(_) => Err(TimedOut { waited: deadline, what: what.to_owned(), last_state: self.describe() }),
        }
    }

    /// The last calls and what is pending, for people to read.
    pub(crate) fn describe(&self) -> String {
        let calls = self.log(|log| log.after(0));
        let pending = self.read(|state| state.updates.len());
        let shown = Calls(calls.0[calls.len().saturating_sub(CALLS_SHOWN)..].to_vec());
        format!("{} calls, {pending} updates pending. The last calls:\n{shown}", calls.len())
    }
}
