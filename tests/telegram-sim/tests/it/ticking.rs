//! The world's time passing quickly while something is waited for.

use std::time::Duration;

use telegram_sim::simulator::Simulator;

/// Does the work while each 5 ms are `step` in the world; gives what came of it, and how many of the world's
/// milliseconds it took.
pub(crate) async fn while_time_passes<T>(
    sim: &Simulator,
    step: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, i64)> {
    let clock = sim.clock();
    let started_ms = clock.now_ms();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, clock.now_ms() - started_ms)),
            _ = ticks.tick() => clock.advance(step),
        }
    }
}
