//! From the queue to the lanes: owns shards, turns deliveries into work, and bounds how much is held at once.

mod held;
pub(crate) mod ownership;
pub(crate) mod settle;
pub(crate) mod suspects;

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use shared::{
    args::BadSetting,
    envelope::{Envelope, RoutingKey, Source},
    queue::{Deliver, DeliverError, Delivery},
    shard::{Shard, Shards},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fence::Fence,
    lanes::{Lanes, Rank},
    metrics::IntakeMetrics,
    store::Store,
    timers::Owned,
};
use held::{Admit, Held};
use settle::{Disposition, Settler, Work};
use suspects::{Care, Suspects};

/// One chat within one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    pub shard: Shard,
    pub chat: RoutingKey,
}

/// What does the work. It sees envelopes and fences, never the queue.
pub(crate) trait Handle: Send + Sync + 'static {
    /// Works on jobs of one chat, oldest first, and says of each what becomes of it: of the first ones that may be done together, at least of one.
    /// These are settled before the others are handed over: what is done again after a crash would meet what those have changed.
    fn handle(&self, fence: &Fence, jobs: &[&Job]) -> impl Future<Output = Vec<Disposition>> + Send;

    /// Names those with which an update keeps its order while it waits: all that have the same. None: it needs no order.
    fn line(&self, envelope: &Envelope) -> Option<Source>;

    /// A job has become a dead letter.
    fn buried(&self, fence: &Fence, job: &Job) -> impl Future<Output = ()> + Send;
}

/// One envelope in hand.
#[derive(Debug)]
pub(crate) struct Job {
    pub envelope: Envelope,
    /// How often it failed by its own fault so far.
    pub failures: u32,
    pub span: tracing::Span,
}

/// Deliveries held at once by a worker: more keeps a flood of many chats moving, and costs memory and the time of a drain. Twice what one
/// shard has unacked at most, so that a raid on one group does not take all of it.
const HELD_DELIVERIES: usize = 65_536;

/// Bytes of bodies held at once, counted in KiB: a semaphore counts in `u32`.
const HELD_KIB: u32 = 64 * 1024;

/// Room for what is in hand, taken before more is asked for.
#[derive(Clone)]
struct Room {
    deliveries: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

/// Part of the room, given back when the work is settled.
pub(crate) struct Place {
    _delivery: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

impl Room {
    fn new() -> Self {
        Self { deliveries: Arc::new(Semaphore::new(HELD_DELIVERIES)), kib: Arc::new(Semaphore::new(HELD_KIB as usize)) }
    }

    async fn delivery(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.deliveries).acquire_owned().await.expect("the semaphore is never closed")
    }

    async fn kib(&self, bytes: usize) -> OwnedSemaphorePermit {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(HELD_KIB);
        Arc::clone(&self.kib).acquire_many_owned(kib).await.expect("the semaphore is never closed")
    }
}

/// How often the open lanes are counted for the metrics.
const LANES_EVERY: Duration = Duration::from_secs(1);

type WorkLanes<Q, H> = Lanes<LaneKey, Work<<Q as Deliver>::Receipt>, Settler<Q, H>>;

/// Everything one worker takes from the queue.
pub(crate) struct Intake<Q: Deliver, H: Handle> {
    queue: Q,
    store: Store,
    lanes: WorkLanes<Q, H>,
    lane_tasks: TaskTracker,
    room: Room,
    metrics: IntakeMetrics,
    owned: Owned,
    /// How many workers there are; 0: not known yet.
    workers: watch::Sender<u32>,
    /// Names this process in the leases; new at every start.
    owner: String,
}

impl<Q: Deliver, H: Handle> Intake<Q, H> {
    pub(crate) fn new(queue: Q, store: Store, handler: H, metrics: IntakeMetrics, owned: Owned, owner: String) -> Self {
        let lane_tasks = TaskTracker::new();
        let settler = Settler::new(queue.clone(), store.clone(), handler, metrics.clone());
        Self {
            lanes: Lanes::new(settler, lane_tasks.clone()),
            queue,
            store,
            lane_tasks,
            room: Room::new(),
            metrics,
            owned,
            workers: watch::Sender::new(0),
            owner,
        }
    }

    /// How many workers there are, at all times; 0: not known yet.
    pub(crate) fn workers(&self) -> watch::Receiver<u32> {
        self.workers.subscribe()
    }

    /// Works on this worker's share of the shards until told to stop; then finishes what is in hand, at most for `drain`, and gives each
    /// shard back as soon as that is done. The rest is left to whoever owns the shard next.
    ///
    /// # Errors
    /// The queue has become another one than the settings say, which has cancelled `stop`.
    pub(crate) async fn run(self, shards: Shards, stop: CancellationToken, drain: Duration) -> Result<(), BadSetting> {
        let intake = Arc::new(self);
        let done = CancellationToken::new();
        let counting = TaskTracker::new();
        counting.spawn(count_lanes(Arc::clone(&intake), done.clone()));
        counting.close();
        let stopped = async {
            stop.cancelled().await;
            Instant::now()
        };
        let owning = ownership::own(Arc::clone(&intake), shards, stop.clone(), drain);
        let (stopped, owned) = tokio::join!(stopped, owning);
        // Shards that were lost or given away may have left calls in hand, which end under a broken fence.
        intake.lane_tasks.close();
        if tokio::time::timeout_at(stopped + drain, intake.lane_tasks.wait()).await.is_err() {
            tracing::warn!(
                lanes = intake.lanes.open(),
                "drain time is over: what is not done stays in the queue for the next worker"
            );
        }
        done.cancel();
        counting.wait().await;
        owned
    }

    /// Moves deliveries into lanes until the period ends.
    async fn take_in(
        &self,
        fence: &Fence,
        deliveries: &mut Q::Deliveries,
        period: &mut Period<Q::Receipt>,
    ) -> DeliverError {
        loop {
            let place = self.room.delivery().await;
            match deliveries.next().await {
                Some(Ok(delivery)) => self.sort(fence, delivery, place, period).await,
                Some(Err(err)) => return err,
                None => return DeliverError::Interrupted("the deliveries ended".into()),
            }
        }
    }

    async fn sort(
        &self,
        fence: &Fence,
        delivery: Delivery<Q::Receipt>,
        place: OwnedSemaphorePermit,
        period: &mut Period<Q::Receipt>,
    ) {
        let held = Arc::clone(&period.held);
        match held.admit(delivery.sequence) {
            Admit::New => {}
            Admit::InHand => return,
            Admit::Finished => {
                // Its ack was lost, or it is still on its way. Losing this one too only brings it back once more.
                if let Err(err) = self.queue.ack(&delivery.receipt).await {
                    tracing::debug!(error = &err as &dyn std::error::Error, "acking a finished update again failed");
                }
                return;
            }
        }
        let (envelope, unreadable) = match delivery.content {
            Ok(envelope) => (envelope, None),
            Err(unreadable) => (settle::shell(unreadable.body.clone()), Some(unreadable)),
        };
        let kib = self.room.kib(envelope.body.len()).await;
        let key = LaneKey { shard: fence.shard, chat: envelope.routing };
        let rank = match envelope.source {
            Source::Messages => Rank::Rest,
            Source::Task if envelope.bulk => Rank::Bulk,
            Source::Task | Source::Bot | Source::User(_) => Rank::Urgent,
        };
        let care = match delivery.cut_short && unreadable.is_none() {
            true => period.suspects.judge(&envelope, rank),
            false => Care::None,
        };
        self.metrics.taken_in.inc();
        let span = settle::span(&envelope, fence.shard);
        let work = Work {
            job: Job { envelope, failures: 0, span },
            unreadable,
            care,
            tries: 0,
            receipt: Arc::new(delivery.receipt),
            sequence: delivery.sequence,
            held,
            fence: fence.clone(),
            _place: Place { _delivery: place, _kib: kib },
        };
        self.lanes.push(key, work, rank);
    }
}

async fn count_lanes<Q: Deliver, H: Handle>(intake: Arc<Intake<Q, H>>, drained: CancellationToken) {
    loop {
        intake.metrics.lanes.set(i64::try_from(intake.lanes.open()).unwrap_or(i64::MAX));
        tokio::select! {
            () = tokio::time::sleep(LANES_EVERY) => {}
            () = drained.cancelled() => return,
        }
    }
}

/// What one period of ownership has seen.
struct Period<R> {
    held: Arc<Held<R>>,
    suspects: Suspects,
}

#[cfg(test)]
mod tests;
