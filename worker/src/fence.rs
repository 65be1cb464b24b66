//! The right to act for a shard, as far as this process can tell by itself.

use std::sync::{Arc, Mutex};

use shared::shard::Shard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Checked before every side effect. It holds while the lease's local deadline lies ahead and nobody has ended the period, so a process
/// that was frozen finds it broken when it wakes.
#[derive(Clone, Debug)]
pub struct Fence {
    pub shard: Shard,
    /// The lease's epoch: what the database is asked to compare.
    pub epoch: u64,
    deadline: Arc<Mutex<Instant>>,
    ended: CancellationToken,
}

/// The shard is not ours any more, or we cannot be sure of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard {0} is not this worker's any more")]
pub struct Broken(pub Shard);

impl Fence {
    pub fn new(shard: Shard, epoch: u64, deadline: Instant) -> Self {
        Self { shard, epoch, deadline: Arc::new(Mutex::new(deadline)), ended: CancellationToken::new() }
    }

    /// # Errors
    /// The period is over: stop without another effect and leave the work unsettled.
    pub fn check(&self) -> Result<(), Broken> {
        if self.ended.is_cancelled() || Instant::now() >= self.deadline() { Err(Broken(self.shard)) } else { Ok(()) }
    }

    pub(crate) fn deadline(&self) -> Instant {
        *self.deadline.lock().expect("nothing panics while it holds this lock")
    }

    pub(crate) fn extend(&self, deadline: Instant) {
        *self.deadline.lock().expect("nothing panics while it holds this lock") = deadline;
    }

    /// Ends the period: every check fails from now on.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until somebody ends the period.
    pub(crate) async fn over(&self) {
        self.ended.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_breaks_at_the_deadline_and_when_ended() {
        let fence = Fence::new(Shard(3), 1, Instant::now() + Duration::from_secs(2));
        assert_eq!(fence.check(), Ok(()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(fence.check(), Err(Broken(Shard(3))));
        fence.extend(Instant::now() + Duration::from_secs(2));
        assert_eq!(fence.check(), Ok(()));
        fence.clone().end();
        fence.over().await;
        assert_eq!(fence.check(), Err(Broken(Shard(3))));
    }
}
