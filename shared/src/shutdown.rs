//! When to stop: one token, cancelled by the first SIGTERM or SIGINT.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A token that is cancelled on SIGTERM or SIGINT. Call it once, in `main`: everything else is handed the token.
///
/// The second signal is left to do nothing: the drain has a deadline of its own, and a SIGKILL loses nothing either.
///
/// # Errors
/// The process may not listen for signals.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    // Waits for as long as the process lives and holds nothing, so nobody waits for it.
    TaskTracker::new().spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        cancelled.cancel();
    });
    Ok(stop)
}
