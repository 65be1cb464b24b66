//! One period of ownership, from the lease to its end.

use std::{sync::Arc, time::Duration};

use shared::{
    queue::{Connection, Deliver, DeliverError, Lease},
    shard::Shard,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{TRY_AGAIN, picture::Plan};
use crate::{
    fence::Fence,
    intake::{Handle, Intake, Period, held::Held, suspects::Suspects},
    store::error::StoreError,
};

/// While a shard goes to another worker all of its chats wait, so nobody may wait long for the slowest handler. What is in hand has this long
/// to end; then nothing more is begun, and what is unfinished is begun again by the next owner. An offence takes four calls to Telegram, and the
/// promise is that no chat waits longer than a second, with the hundred milliseconds or two of the next owner.
const FINISH: Duration = Duration::from_millis(700);

/// And so long for the answer to the call that is under way, which is written down while the shard is nobody's. Most calls end within it also on
/// Telegram's bad days. What takes longer, or waits for a database, is begun again by the next owner, as after a takeover.
const LAST_CALL: Duration = Duration::from_secs(2);

/// How often the queue is asked whether it knows what is finished: an ack takes a millisecond, and a missing one is in nobody's way.
const CONFIRM_EVERY: Duration = Duration::from_secs(3);

/// Why a period did not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    #[error("the queue would not give it")]
    Queue(#[from] DeliverError),
    #[error("the database would not record it")]
    Store(#[from] StoreError),
}

/// A period of ownership at its start.
pub(super) struct Begun<D> {
    lease: Lease,
    fence: Fence,
    deliveries: D,
    suspects: Suspects,
    connection: watch::Receiver<Connection>,
    /// The connection that all of this came over.
    began_on: Connection,
}

/// How a period ended, with the lease as it was last held.
pub(super) enum Ended {
    /// We have left it: nothing is in hand.
    Finished { lease: Lease, acked: u64 },
    /// Something may be in hand. The next period, ours or another worker's, gets it again.
    CutShort { lease: Lease },
}

/// Takes the shard, unless somebody else holds it. The lease first, then the fence in the database, then the deliveries: so whoever comes
/// later ends what was before, and never the other way round.
pub(super) async fn begin<Q: Deliver, H: Handle>(
    intake: &Intake<Q, H>,
    shard: Shard,
) -> Result<Option<Begun<Q::Deliveries>>, BeginError> {
    let connection = intake.queue.connection();
    let began_on = *connection.borrow();
    let Some(lease) = intake.queue.take(shard, &intake.owner).await? else { return Ok(None) };
    match open(intake, &lease).await {
        Ok((lease, deliveries, suspects)) => {
            tracing::debug!(shard = shard.0, epoch = lease.epoch, "shard taken");
            let fence = Fence::new(shard, lease.epoch, lease.deadline);
            Ok(Some(Begun { lease, fence, deliveries, suspects, connection, began_on }))
        }
        Err(error) => {
            // Another worker may have a database where we have none. Trouble with the queue is everybody's, and the lease can wait for that.
            if let BeginError::Store(_) = error
                && let Err(err) = intake.queue.release(&lease).await
            {
                tracing::debug!(shard = shard.0, error = &err as &dyn std::error::Error, "giving a shard back failed");
            }
            Err(error)
        }
    }
}

async fn open<Q: Deliver, H: Handle>(
    intake: &Intake<Q, H>,
    lease: &Lease,
) -> Result<(Lease, Q::Deliveries, Suspects), BeginError> {
    let (shard, epoch) = (lease.shard, lease.epoch);
    match intake.store.raise_epoch(shard, epoch).await {
        Err(StoreError::Fenced) => {
            // The lease is ours, so no living worker holds the higher number: the lease bucket was made anew and counts from the start again.
            intake.queue.renew(lease).await?;
            tracing::warn!(shard = shard.0, epoch, "the lease bucket was made anew: resetting the shard's epoch");
            intake.store.reset_epoch(shard, epoch).await?;
        }
        other => other?,
    }
    let (deliveries, suspects) = tokio::join!(intake.queue.open(lease), intake.store.suspects(shard));
    let (deliveries, suspects) = (deliveries?, Suspects::new(suspects?));
    // All of this may have taken most of the term, and the period is to begin with a whole one.
    let lease = match intake.queue.renew(lease).await {
        Ok(renewed) => renewed,
        Err(err @ (DeliverError::Lost | DeliverError::Setting(_))) => return Err(err.into()),
        // What is left of the term is ours.
        Err(_) => lease.clone(),
    };
    Ok((lease, deliveries, suspects))
}

/// Renews and takes in until the period is cut short, or the shard should be another worker's, or we stop. Then finishes what is in hand; for
/// `drain` only where there is no other worker that may wait for the shard.
pub(super) async fn keep<Q: Deliver, H: Handle>(
    intake: &Intake<Q, H>,
    begun: Begun<Q::Deliveries>,
    plan: &mut watch::Receiver<Plan>,
    stop: &CancellationToken,
    drain: Duration,
) -> Ended {
    let Begun { mut lease, fence, mut deliveries, suspects, mut connection, began_on } = begun;
    let shard = fence.shard;
    let held = Arc::new(Held::new());
    let own = lease.clone();
    let mut period = Period { held: Arc::clone(&held), suspects };
    let working = async {
        tokio::select! {
            err = intake.take_in(&fence, &mut deliveries, &mut period) => {
                tracing::warn!(
                    shard = shard.0,
                    error = &err as &dyn std::error::Error,
                    "deliveries interrupted: beginning a new period"
                );
                return false;
            }
            Ok(_) = plan.wait_for(|plan| !plan.is_ours(shard)) => {}
            () = stop.cancelled() => {}
        }
        let patience = if plan.borrow().has_others() { drain.min(FINISH) } else { drain };
        // Whether all of it has ended is looked at below.
        let _ = timeout(patience, intake.lanes.leave(|key| key.shard == shard)).await;
        true
    };
    let leaves = tokio::select! {
        leaves = working => leaves,
        () = fence.over() => {
            tracing::warn!(shard = shard.0, "the fence was found broken: ending the period");
            false
        }
        // What a lease says on another connection than this period's is not known to be ours.
        true = changed(&mut connection, &began_on) => {
            tracing::debug!(shard = shard.0, "the connection changed: ending the period");
            false
        }
        () = renew(intake, &mut lease, &fence) => false,
        () = confirm(intake, &own, &held) => false,
    };
    fence.end();
    let finished = leaves && timeout(LAST_CALL, intake.lanes.leave(|key| key.shard == shard)).await.is_ok();
    if leaves && !finished {
        tracing::debug!(shard = shard.0, "something takes too long: giving the shard back as it is");
    }
    if finished { Ended::Finished { lease, acked: held.acked() } } else { Ended::CutShort { lease } }
}

/// Waits until the connection is another one than it was; false: it never will be.
async fn changed(connection: &mut watch::Receiver<Connection>, was: &Connection) -> bool {
    connection.wait_for(|now| now != was).await.is_ok()
}

/// Acks once more what the queue does not know to be finished, for as long as it is polled. It is asked only while something is unconfirmed.
async fn confirm<Q: Deliver, H: Handle>(intake: &Intake<Q, H>, lease: &Lease, held: &Held<Q::Receipt>) {
    loop {
        sleep(CONFIRM_EVERY).await;
        if !held.is_unconfirmed() {
            continue;
        }
        let again = match intake.queue.acked(lease).await {
            Ok(Some(arrived)) => held.confirm(arrived),
            Ok(None) => held.confirm(u64::MAX),
            // It will tell later, or the period ends.
            Err(err) => {
                tracing::debug!(
                    shard = lease.shard.0,
                    error = &err as &dyn std::error::Error,
                    "asking about acks failed"
                );
                continue;
            }
        };
        for receipt in again {
            if let Err(err) = intake.queue.ack(&receipt).await {
                tracing::debug!(
                    shard = lease.shard.0,
                    error = &err as &dyn std::error::Error,
                    "acking once more failed"
                );
            }
        }
    }
}

/// Renews the lease until it is lost.
async fn renew<Q: Deliver, H: Handle>(intake: &Intake<Q, H>, lease: &mut Lease, fence: &Fence) {
    loop {
        // A third of what is left: two more tries before the deadline.
        let renew_in = lease.deadline.saturating_duration_since(Instant::now()) / 3;
        sleep(renew_in).await;
        let answer = timeout_at(lease.deadline, intake.queue.renew(lease)).await;
        match answer {
            Ok(Ok(renewed)) => {
                fence.extend(renewed.deadline);
                *lease = renewed;
                continue;
            }
            Ok(Err(err)) => {
                tracing::debug!(
                    shard = lease.shard.0,
                    error = &err as &dyn std::error::Error,
                    "renewing a lease failed"
                );
                if matches!(err, DeliverError::Lost) {
                    return;
                }
            }
            Err(_) => {}
        }
        if fence.check().is_err() {
            return;
        }
        sleep(renew_in.min(TRY_AGAIN)).await;
    }
}
