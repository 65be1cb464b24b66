//! The world's time passing fast, while something that waits for it goes on.

use std::time::Duration;

use telegram_sim::clock::Clock;

/// How far the world's time jumps, about every millisecond.
const JUMP: Duration = Duration::from_millis(100);

/// Lets the world's time run until the work is done.
pub(crate) async fn while_time_passes<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    step_by_step(clock, JUMP, Duration::from_millis(1), work).await
}

/// Lets the world's time run, slowly enough for some twenty things to happen in a step; gives what came of the work, and
/// how many of the world's milliseconds it took.
pub(crate) async fn timed<T>(
    clock: &Clock,
    step: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, i64)> {
    let started_ms = clock.now_ms();
    let done = step_by_step(clock, step, Duration::from_millis(5), work).await?;
    Ok((done, clock.now_ms() - started_ms))
}

async fn step_by_step<T>(clock: &Clock, step: Duration, pause: Duration, work: impl Future<Output = T>) -> T {
    let passing = async {
        loop {
            // Time only has to be given up to the simulator between two jumps: nothing is waited for here.
            tokio::time::sleep(pause).await;
            clock.advance(step);
        }
    };
    tokio::select! {
        done = work => done,
        () = passing => unreachable!("time never ends"),
    }
}

/// Waits until the world's time has come so far.
pub(crate) async fn until(clock: &Clock, at_ms: i64) {
    while clock.now_ms() < at_ms {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
