//! Whose shards are mine: one lease per shard, and for each period of ownership a new epoch, a new fence and new deliveries.
//!
//! What should be ours is decided by what is seen of the other workers (members, picture, probe, balance); here each shard follows that on its own.

mod balance;
mod members;
mod period;
mod picture;
mod probe;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shared::{
    args::BadSetting,
    queue::{Deliver, DeliverError, Lease},
    shard::{Shard, Shards},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    members::{Able, Members},
    period::{BeginError, Ended},
    picture::Plan,
};
use super::{Handle, Intake};

/// How soon a shard is tried again that could not be had.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Whether it has been told that shards cannot be taken. They mostly fail and recover together, which is told once and not for each.
#[derive(Debug, Default)]
struct Failing(AtomicBool);

impl Failing {
    fn note<T>(&self, shard: Shard, begun: &Result<Option<T>, BeginError>) {
        match begun {
            Ok(None) => {}
            Ok(Some(_)) => {
                if self.0.swap(false, Ordering::Relaxed) {
                    tracing::info!("shards can be taken again");
                }
            }
            Err(error) if self.0.swap(true, Ordering::Relaxed) => {
                tracing::debug!(
                    shard = shard.0,
                    error = error as &dyn std::error::Error,
                    "taking one more shard failed"
                );
            }
            Err(error) => {
                tracing::warn!(
                    shard = shard.0,
                    error = error as &dyn std::error::Error,
                    "taking a shard failed; trying until it works"
                );
            }
        }
    }
}

/// Stops the worker when the queue has become another one than its settings say: whatever it did would be wrong, and the others must not count
/// on it.
#[derive(Debug)]
struct Misfit {
    why: OnceLock<BadSetting>,
    stop: CancellationToken,
}

impl Misfit {
    /// Whether that is what the error says.
    fn note(&self, error: &DeliverError) -> bool {
        let DeliverError::Setting(bad) = error else { return false };
        // Many may find it out at once, and say the same.
        _ = self.why.set(bad.clone());
        self.stop.cancel();
        true
    }
}

/// Owns this worker's share of the shards until `stop`, and then gives them back, each as soon as what is in hand of it is finished, and
/// at the latest after `drain`; where others may wait for them, sooner.
///
/// # Errors
/// The queue has become another one than the settings say, which has cancelled `stop`.
pub(super) async fn own<Q: Deliver, H: Handle>(
    intake: Arc<Intake<Q, H>>,
    shards: Shards,
    stop: CancellationToken,
    drain: Duration,
) -> Result<(), BadSetting> {
    let plan = watch::Sender::new(Plan::default());
    let (planned, done) = (plan.subscribe(), CancellationToken::new());
    let able = Arc::new(Able::default());
    let misfit = Arc::new(Misfit { why: OnceLock::new(), stop: stop.clone() });
    let (among_others, holding) = (TaskTracker::new(), TaskTracker::new());
    // Kept: a plan that nobody makes any more would be taken for the end.
    let _alone = match intake.queue.peers() {
        None => {
            plan.send_replace(Plan::all(shards));
            Some(plan)
        }
        Some(peers) => {
            let (me, connection) = (intake.owner.as_str().into(), intake.queue.connection());
            let members = Members { peers, me, shards, connection, plan, misfit: Arc::clone(&misfit) };
            among_others.spawn(members.run(intake.store.clone(), Arc::clone(&able), stop.clone(), done.clone()));
            None
        }
    };
    among_others.spawn(count(Arc::clone(&intake), planned.clone(), done.clone()));
    let failing = Arc::new(Failing::default());
    for shard in shards.all() {
        let (failing, able, misfit) = (Arc::clone(&failing), Arc::clone(&able), Arc::clone(&misfit));
        let holder = Holder { intake: Arc::clone(&intake), shard, plan: planned.clone(), failing, able, misfit, drain };
        holding.spawn(holder.hold(stop.clone()));
    }
    holding.close();
    holding.wait().await;
    // Until here others can ask whether we live.
    done.cancel();
    among_others.close();
    among_others.wait().await;
    misfit.why.get().map_or(Ok(()), |bad| Err(bad.clone()))
}

/// Tells how many workers there are, whenever that changes.
async fn count<Q: Deliver, H: Handle>(
    intake: Arc<Intake<Q, H>>,
    mut planned: watch::Receiver<Plan>,
    done: CancellationToken,
) {
    let follow = async {
        loop {
            let workers = planned.borrow_and_update().workers;
            intake.workers.send_if_modified(|before| std::mem::replace(before, workers) != workers);
            if planned.changed().await.is_err() {
                return;
            }
        }
    };
    done.run_until_cancelled(follow).await;
}

/// What holds one shard.
struct Holder<Q: Deliver, H: Handle> {
    intake: Arc<Intake<Q, H>>,
    shard: Shard,
    plan: watch::Receiver<Plan>,
    failing: Arc<Failing>,
    able: Arc<Able>,
    misfit: Arc<Misfit>,
    drain: Duration,
}

impl<Q: Deliver, H: Handle> Holder<Q, H> {
    /// Holds the shard whenever it should be ours and can be had, until `stop`.
    async fn hold(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.can_begin() => {}
            }
            let begun = period::begin(&self.intake, self.shard).await;
            if let Err(BeginError::Queue(error)) = &begun
                && self.misfit.note(error)
            {
                return;
            }
            self.failing.note(self.shard, &begun);
            match begun {
                Ok(Some(begun)) => {
                    let began = Instant::now();
                    self.intake.owned.add(self.shard);
                    self.intake.metrics.shards_owned.inc();
                    let ended = period::keep(&self.intake, begun, &mut self.plan, &stop, self.drain).await;
                    self.intake.owned.remove(self.shard);
                    self.intake.metrics.shards_owned.dec();
                    self.after(ended, &stop).await;
                    if began.elapsed() < TRY_AGAIN {
                        // What ended it so soon may do so again.
                        self.pause(&stop).await;
                    }
                }
                Ok(None) => self.pause(&stop).await,
                Err(error) => {
                    if let BeginError::Store(_) = error {
                        self.able.not_now();
                    }
                    self.pause(&stop).await;
                }
            }
        }
    }

    async fn after(&self, ended: Ended, stop: &CancellationToken) {
        match ended {
            Ended::Finished { lease, acked } => {
                if let Err(err) = self.intake.queue.close(&lease, acked).await {
                    tracing::debug!(
                        shard = self.shard.0,
                        error = &err as &dyn std::error::Error,
                        "closing a period failed"
                    );
                }
                self.give_back(&lease).await;
            }
            Ended::CutShort { lease } => {
                self.intake.lanes.clear(|key| key.shard == self.shard);
                // Otherwise it is ours still, under our own name, and the next period begins with it.
                if stop.is_cancelled() || !self.plan.borrow().is_ours(self.shard) {
                    self.give_back(&lease).await;
                }
            }
        }
    }

    /// So that the next owner need not wait for the term to end. Failing costs only that wait.
    async fn give_back(&self, lease: &Lease) {
        if let Err(err) = self.intake.queue.release(lease).await {
            tracing::debug!(shard = self.shard.0, error = &err as &dyn std::error::Error, "giving a shard back failed");
        }
    }

    /// Waits until the shard should be ours, nobody else holds it, and there is a connection to ask over.
    async fn can_begin(&mut self) {
        let shard = self.shard;
        let mut connection = self.intake.queue.connection();
        let planned = self.plan.wait_for(|plan| plan.can_take(shard)).await.map(|_| ());
        let connected = connection.wait_for(|now| now.connected).await.map(|_| ());
        if planned.and(connected).is_err() {
            // Nobody plans and nobody connects any more: the program ends.
            std::future::pending().await
        }
    }

    /// Ends early when the plan changes.
    async fn pause(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = sleep(TRY_AGAIN) => {}
            Ok(()) = self.plan.changed() => {}
            () = stop.cancelled() => {}
        }
    }
}
