//! What becomes of each envelope: acked, kept for another try, or a dead letter.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use rand::Rng as _;
use shared::{
    envelope::{Envelope, Kind, Source},
    ids::BotId,
    queue::{DeadLetter, Deliver, Unreadable},
    shard::Shard,
    trace_context,
};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tracing::Instrument as _;

use super::{
    Handle, Job, LaneKey, Place,
    held::Held,
    suspects::{AT_ONCE, Care, DEADLY},
};
use crate::{
    fence::Fence,
    lanes::Run,
    metrics::IntakeMetrics,
    store::{Store, suspects::Suspect},
};

/// The fate of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Finished.
    Done,
    /// Something it needs is down or asks to wait; not its fault, so it waits for as long as that takes. At least this long, if said.
    Wait(Option<Duration>),
    /// It failed, perhaps by its own fault: tried again a few times, then a dead letter.
    Fail(String),
    /// Can never be handled: a dead letter at once.
    Reject(String),
    /// The shard is not ours any more: left for the next period, which begins at once.
    Abandon,
}

/// A job fails this often before it is given up. With the growing waits below that takes about half a minute.
const FAILURES: u32 = 5;

const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Waits grow to this: a dependency that is back is noticed soon, and one that is down is not hammered.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A job and what settles it.
pub(crate) struct Work<R> {
    pub job: Job,
    /// Why the bytes are no envelope, if they are none.
    pub unreadable: Option<Unreadable>,
    pub care: Care,
    /// How often it was put back in a row, for whatever reason.
    pub tries: u32,
    pub receipt: Arc<R>,
    pub sequence: u64,
    pub held: Arc<Held<R>>,
    pub fence: Fence,
    pub _place: Place,
}

/// Runs the handler over a lane's batch and settles each job by what it says.
pub(crate) struct Settler<Q, H> {
    queue: Q,
    store: Store,
    handler: H,
    metrics: IntakeMetrics,
    /// Whose turn it is of those that run alone.
    alone: Mutex<()>,
}

impl<Q: Deliver, H: Handle> Settler<Q, H> {
    pub(super) fn new(queue: Q, store: Store, handler: H, metrics: IntakeMetrics) -> Self {
        Self { queue, store, handler, metrics, alone: Mutex::new(()) }
    }

    /// Hands over what can be handled together: the jobs of one period; alone, what failed before, so that it fails alone, and what may
    /// have ended a process.
    fn together(batch: &[Work<Q::Receipt>]) -> usize {
        let is_alone = |work: &Work<Q::Receipt>| {
            work.unreadable.is_some() || work.job.failures > 0 || matches!(work.care, Care::Alone(_))
        };
        let Some(first) = batch.first() else { return 0 };
        if is_alone(first) {
            return 1;
        }
        batch.iter().take_while(|work| work.fence.epoch == first.fence.epoch && !is_alone(work)).count()
    }

    /// For the first of the batch, which is not empty: at least one.
    async fn dispositions(&self, batch: &mut [Work<Q::Receipt>]) -> Vec<Disposition> {
        if batch[0].fence.check().is_err() {
            return vec![Disposition::Abandon; batch.len()];
        }
        let first = &mut batch[0];
        if let Some(unreadable) = &first.unreadable {
            return vec![Disposition::Reject(unreadable.why.to_string())];
        }
        match std::mem::take(&mut first.care) {
            Care::None => self.handled(batch).await,
            Care::Noted(suspect) => self.watched(batch, Care::Noted, suspect, None).await,
            Care::Alone(suspect) if suspect.is_deadly() => {
                first.job.failures = suspect.begun;
                let why = format!("it was begun {} times, {DEADLY}", suspect.begun);
                first.care = Care::Alone(suspect);
                vec![Disposition::Reject(why)]
            }
            Care::Alone(suspect) => {
                let turn = self.alone.lock().await;
                self.watched(batch, Care::Alone, suspect, Some(turn)).await
            }
        }
    }

    async fn handled(&self, batch: &[Work<Q::Receipt>]) -> Vec<Disposition> {
        let jobs: Vec<&Job> = batch.iter().map(|work| &work.job).collect();
        let first = &batch[0];
        // Its turn may have been long in coming.
        if first.fence.check().is_err() {
            return vec![Disposition::Abandon; jobs.len()];
        }
        // Boxed: the futures of all handlers nest too deeply for the compiler otherwise.
        let handling = self.handler.handle(&first.fence, &jobs).boxed().instrument(first.job.span.clone());
        match AssertUnwindSafe(handling).catch_unwind().await {
            Ok(silent) if silent.is_empty() => vec![Disposition::Wait(None)],
            Ok(dispositions) => dispositions,
            // The panic hook has written where and why. One of several may be innocent: from now on each is tried alone.
            Err(_) => vec![Disposition::Fail("its handler panicked".to_owned()); jobs.len()],
        }
    }

    /// Begins the batch with its first one under suspicion, written down until its handler has ended.
    async fn watched(
        &self,
        batch: &mut [Work<Q::Receipt>],
        care: fn(Suspect) -> Care,
        suspect: Suspect,
        turn: Option<MutexGuard<'_, ()>>,
    ) -> Vec<Disposition> {
        let (shard, begun) = (batch[0].fence.shard, Suspect { begun: suspect.begun + 1, ..suspect.clone() });
        if let Err(err) = self.store.suspect(shard, &begun).await {
            tracing::debug!(error = &err as &dyn std::error::Error, "a suspect could not be written down");
            batch[0].care = care(suspect);
            return vec![Disposition::Wait(None); batch.len()];
        }
        let ended = Notify::new();
        let handling = async {
            let dispositions = self.handled(batch).await;
            ended.notify_one();
            dispositions
        };
        // Beside it, not after it: a handler that is not polled may hold what this needs, a connection to the database.
        let acquitting = async {
            if tokio::time::timeout(AT_ONCE, ended.notified()).await.is_err() {
                let slow = Suspect { slow: begun.slow + 1, ..begun };
                if let Err(err) = self.store.suspect(shard, &slow).await {
                    tracing::debug!(error = &err as &dyn std::error::Error, "a slow suspect could not be written down");
                }
                drop(turn);
                ended.notified().await;
            }
            if let Err(err) = self.store.acquit(&suspect.message).await {
                // It stays under suspicion, and is acquitted when it is met again.
                tracing::debug!(error = &err as &dyn std::error::Error, "a suspect could not be acquitted");
            }
        };
        tokio::join!(handling, acquitting).0
    }

    /// Whether the job is finished, and otherwise how long to wait.
    async fn settle(&self, work: &mut Work<Q::Receipt>, disposition: Disposition) -> Result<(), Duration> {
        match disposition {
            Disposition::Done => {
                work.job.span.in_scope(|| self.metrics.done(&work.job.envelope));
                self.ack(work).await
            }
            Disposition::Abandon => {
                abandon(work);
                Ok(())
            }
            Disposition::Wait(at_least) => Err(backoff(work.tries).max(at_least.unwrap_or_default())),
            Disposition::Fail(why) => {
                work.job.failures += 1;
                if work.job.failures < FAILURES {
                    tracing::warn!(parent: &work.job.span, failures = work.job.failures, why, "an update failed; trying again");
                    return Err(backoff(work.tries));
                }
                self.bury(work, why).await
            }
            Disposition::Reject(why) => self.bury(work, why).await,
        }
    }

    async fn ack(&self, work: &Work<Q::Receipt>) -> Result<(), Duration> {
        match self.queue.ack(&work.receipt).await {
            Ok(()) => work.held.ack_sent(),
            // It is acked once more while the period lasts, or comes again; handling twice is harmless.
            Err(err) => {
                tracing::debug!(parent: &work.job.span, error = &err as &dyn std::error::Error, "acking failed");
            }
        }
        work.held.finish(work.sequence, Arc::clone(&work.receipt));
        self.metrics.settled.inc();
        Ok(())
    }

    async fn bury(&self, work: &Work<Q::Receipt>, reason: String) -> Result<(), Duration> {
        // A process that was frozen meanwhile would put away what another has handled.
        if work.fence.check().is_err() {
            abandon(work);
            return Ok(());
        }
        let letter = DeadLetter {
            headers: work.unreadable.as_ref().map_or_else(|| work.job.envelope.headers(), |it| it.headers.clone()),
            body: work.job.envelope.body.clone(),
            reason,
            attempts: work.job.failures.max(1),
            trace_id: work.job.span.in_scope(trace_context::trace_id),
        };
        match self.queue.bury(&letter).await {
            Ok(()) => {
                tracing::error!(parent: &work.job.span, reason = letter.reason, attempts = letter.attempts, "dead letter");
                self.metrics.dead_letters.inc();
                work.job.span.in_scope(|| self.metrics.given_up(&work.job.envelope));
                self.handler.buried(&work.fence, &work.job).await;
                if let Care::Alone(suspect) = &work.care
                    && let Err(err) = self.store.acquit(&suspect.message).await
                {
                    tracing::debug!(parent: &work.job.span, error = &err as &dyn std::error::Error, "a suspect could not be forgotten");
                }
                self.ack(work).await
            }
            Err(err) => {
                tracing::warn!(parent: &work.job.span, error = &err as &dyn std::error::Error, "a dead letter could not be stored");
                Err(backoff(work.tries))
            }
        }
    }
}

impl<Q: Deliver, H: Handle> Run<LaneKey, Work<Q::Receipt>> for Settler<Q, H> {
    type Line = Source;

    /// Telegram delivers one sender's updates in their order, and they stay in it.
    fn line(&self, work: &Work<Q::Receipt>) -> Option<Source> {
        self.handler.line(&work.job.envelope)
    }

    async fn run(&self, _lane: LaneKey, batch: &mut Vec<Work<Q::Receipt>>) -> Duration {
        loop {
            let rest = batch.split_off(Self::together(batch));
            if batch.is_empty() {
                return Duration::ZERO;
            }
            let dispositions = self.dispositions(batch).await;
            let later = batch.split_off(dispositions.len().min(batch.len()));
            let mut wait = Duration::ZERO;
            let mut left = Vec::new();
            for (mut work, disposition) in batch.drain(..).zip(dispositions) {
                if let Err(at_least) = self.settle(&mut work, disposition).await {
                    work.tries += 1;
                    wait = wait.max(at_least);
                    left.push(work);
                }
            }
            let holds = !left.is_empty();
            *batch = left;
            batch.extend(later);
            batch.extend(rest);
            if holds {
                return wait;
            }
        }
    }
}

/// It comes again only in a new period, so this one may not go on, even if the lease is renewed at the last moment.
fn abandon<R>(work: &Work<R>) {
    work.fence.end();
}

/// Doubles from try to try, with jitter, so that lanes held by one outage do not come back at once.
fn backoff(tries: u32) -> Duration {
    let full = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries)).min(LONGEST_WAIT);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// Stands for bytes that are no envelope, so that they travel the same way to the dead letters.
pub(super) fn shell(body: Bytes) -> Envelope {
    Envelope::unreadable(BotId(0), 0, 0, body)
}

/// The consumer's span: child of the producer's and linked to it.
pub(super) fn span(envelope: &Envelope, shard: Shard) -> tracing::Span {
    let span = tracing::info_span!(
        "process",
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.operation.type = "process",
        chat.id = envelope.routing.0,
        update.id = tracing::field::Empty,
        shard = shard.0,
    );
    if let Kind::Update(id) = envelope.kind {
        span.record("update.id", id.0);
    }
    trace_context::follow(&span, envelope);
    span
}
