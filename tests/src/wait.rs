//! Waiting for a state, with a deadline, and saying what was seen last when it does not come.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep, timeout_at};

/// Nothing takes this long, also on a busy machine; whoever waits longer should be told.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Short enough to cost a test nothing, long enough to leave the processor to whoever is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until the probe gives a value. Until then it gives the state that it saw instead.
///
/// # Errors
/// The deadline passed; the text holds what was waited for and the last state.
pub async fn wait_for<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + within;
    let mut last = "none: the first look has not ended".to_owned();
    // The time-out alone would never end it: it lets a probe that needs no waiting answer after the deadline too.
    while Instant::now() < deadline
        && let Ok(seen) = timeout_at(deadline, probe()).await
    {
        match seen {
            Ok(value) => return Ok(value),
            Err(state) => last = state,
        }
        sleep(PAUSE).await;
    }
    bail!("waited {within:?} for {what}; last state: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_state_that_comes_ends_the_wait() -> anyhow::Result<()> {
        let mut looks = 0;
        let seen = wait_for("three looks", Duration::from_secs(1), async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("{looks} looks")) }
        });
        assert_eq!(seen.await?, 3);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_out_tells_the_last_state() {
        let never = wait_for("rain", Duration::from_secs(1), async || Err::<(), _>("sun".to_owned()));
        assert_eq!(never.await.map_err(|e| e.to_string()), Err("waited 1s for rain; last state: sun".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_is_cut_off() {
        let hangs =
            wait_for("an answer", Duration::from_secs(1), async || std::future::pending::<Result<(), String>>().await);
        let error = hangs.await.map_err(|e| e.to_string());
        assert_eq!(error, Err("waited 1s for an answer; last state: none: the first look has not ended".to_owned()));
    }
}
