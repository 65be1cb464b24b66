//! Whose shards are mine: one lease per shard, and for each period of ownership a new epoch, a new fence and new deliveries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shared::{
    queue::{Connection, Deliver, DeliverError, Lease},
    shard::Shard,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Handle, Held, Intake, Period};
use crate::{fence::Fence, store::error::StoreError};

/// How often a shard that somebody else holds is tried, and how soon after a failure.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// How many shards cannot be tried now. They mostly fail and recover together, which is told once and not for each.
#[derive(Debug, Default)]
pub(super) struct Failing(AtomicUsize);

impl Failing {
    fn begins(&self, shard: Shard, error: &BeginError) {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                shard = shard.0,
                error = error as &dyn std::error::Error,
                "taking a shard failed; trying until it works"
            );
        } else {
            tracing::debug!(shard = shard.0, error = error as &dyn std::error::Error, "taking one more shard failed");
        }
    }

    fn ends(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("shards can be taken again");
        }
    }
}

/// Holds one shard whenever it can, until `stop`; gives it back once `drained`.
pub(super) async fn hold<Q: Deliver, H: Handle>(
    intake: Arc<Intake<Q, H>>,
    shard: Shard,
    stop: CancellationToken,
    drained: CancellationToken,
) {
    let mut failing = false;
    while !stop.is_cancelled() {
        let begun = begin(&intake, shard).await;
        match &begun {
            Ok(_) if failing => intake.failing.ends(),
            Err(error) if !failing => intake.failing.begins(shard, error),
            Ok(_) | Err(_) => {}
        }
        failing = begun.is_err();
        match begun {
            Ok(Some(begun)) => {
                let began = Instant::now();
                intake.owned.add(shard);
                intake.metrics.shards_owned.inc();
                let fence = begun.fence.clone();
                let lease = keep(&intake, begun, &stop, &drained).await;
                fence.end();
                intake.lanes.clear(|key| key.shard == shard);
                intake.owned.remove(shard);
                intake.metrics.shards_owned.dec();
                give_back(&intake, lease).await;
                if began.elapsed() < TRY_AGAIN {
                    // What ended it so soon may do so again.
                    wait(&stop).await;
                }
            }
            Ok(None) | Err(_) => wait(&stop).await,
        }
    }
}

/// Why a period did not begin.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error("the queue would not give it")]
    Queue(#[from] DeliverError),
    #[error("the database would not record it")]
    Store(#[from] StoreError),
}

/// A period of ownership at its start.
struct Begun<D> {
    lease: Lease,
    fence: Fence,
    deliveries: D,
    connection: watch::Receiver<Connection>,
    /// The connection that all of this came over.
    began_on: Connection,
}

async fn begin<Q: Deliver, H: Handle>(
    intake: &Intake<Q, H>,
    shard: Shard,
) -> Result<Option<Begun<Q::Deliveries>>, BeginError> {
    let connection = intake.queue.connection();
    let began_on = *connection.borrow();
    let Some(lease) = intake.queue.take(shard, &intake.owner).await? else { return Ok(None) };
    let fence = Fence::new(shard, lease.epoch, lease.deadline);
    match intake.store.raise_epoch(shard, lease.epoch).await {
        Err(StoreError::Fenced) => {
            // The lease is ours, so no living worker holds the higher number: the lease bucket was made anew and counts from the start again.
            intake.queue.renew(&lease).await?;
            tracing::warn!(
                shard = shard.0,
                epoch = lease.epoch,
                "the lease bucket was made anew: resetting the shard's epoch"
            );
            intake.store.reset_epoch(shard, lease.epoch).await?;
        }
        other => other?,
    }
    let deliveries = intake.queue.open(&lease).await?;
    tracing::debug!(shard = shard.0, epoch = lease.epoch, "shard taken");
    Ok(Some(Begun { lease, fence, deliveries, connection, began_on }))
}

/// Renews and takes in until the period ends; gives the lease as it was last held.
async fn keep<Q: Deliver, H: Handle>(
    intake: &Intake<Q, H>,
    begun: Begun<Q::Deliveries>,
    stop: &CancellationToken,
    drained: &CancellationToken,
) -> Lease {
    let Begun { mut lease, fence, mut deliveries, mut connection, began_on } = begun;
    let mut period = Period { held: Arc::new(Held::default()) };
    let taking_in = async {
        let err = intake.take_in(&fence, &mut deliveries, &mut period).await;
        tracing::warn!(
            shard = fence.shard.0,
            error = &err as &dyn std::error::Error,
            "deliveries interrupted: beginning a new period"
        );
    };
    tokio::pin!(taking_in);
    let mut stopping = false;
    loop {
        // A third of what is left: two more tries before the deadline.
        let renew_in = lease.deadline.saturating_duration_since(Instant::now()) / 3;
        tokio::select! {
            () = drained.cancelled() => return lease,
            () = fence.over() => {
                tracing::warn!(shard = fence.shard.0, "the fence was found broken: ending the period");
                return lease;
            }
            () = stop.cancelled(), if !stopping => stopping = true,
            () = &mut taking_in, if !stopping => return lease,
            // What a lease says on another connection than this period's is not known to be ours.
            true = changed(&mut connection, &began_on) => {
                tracing::debug!(shard = fence.shard.0, "the connection changed: ending the period");
                return lease;
            }
            () = sleep(renew_in) => match renew(intake, &lease).await {
                Some(renewed) => {
                    fence.extend(renewed.deadline);
                    lease = renewed;
                }
                None if fence.check().is_ok() => sleep(renew_in.min(TRY_AGAIN)).await,
                None => return lease,
            },
        }
    }
}

/// Waits until the connection is another one than it was; false: it never will be.
async fn changed(connection: &mut watch::Receiver<Connection>, was: &Connection) -> bool {
    connection.wait_for(|now| now != was).await.is_ok()
}

/// The lease for another term, or none when it is lost or the queue does not answer.
async fn renew<Q: Deliver, H: Handle>(intake: &Intake<Q, H>, lease: &Lease) -> Option<Lease> {
    let answer = tokio::time::timeout_at(lease.deadline, intake.queue.renew(lease)).await;
    match answer {
        Ok(Ok(renewed)) => Some(renewed),
        Ok(Err(err)) => {
            tracing::debug!(shard = lease.shard.0, error = &err as &dyn std::error::Error, "renewing a lease failed");
            None
        }
        Err(_) => None,
    }
}

/// So that the next owner need not wait for the term to end. Failing costs only that wait.
async fn give_back<Q: Deliver, H: Handle>(intake: &Intake<Q, H>, lease: Lease) {
    if let Err(err) = intake.queue.release(&lease).await {
        tracing::debug!(shard = lease.shard.0, error = &err as &dyn std::error::Error, "giving a shard back failed");
    }
}

async fn wait(stop: &CancellationToken) {
    tokio::select! {
        () = sleep(TRY_AGAIN) => {}
        () = stop.cancelled() => {}
    }
}
