//! What becomes of each envelope: acked, kept for another try, or a dead letter.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use rand::Rng as _;
use shared::{
    envelope::{Envelope, Kind},
    ids::BotId,
    queue::{DeadLetter, Deliver, Unreadable},
    shard::Shard,
    trace_context,
};
use tracing::Instrument as _;

use super::{Handle, Held, Job, LaneKey, Place};
use crate::{fence::Fence, lanes::Run, metrics::IntakeMetrics};

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
    /// How often it was put back in a row, for whatever reason.
    pub tries: u32,
    pub receipt: R,
    pub sequence: u64,
    pub held: Arc<Held>,
    pub fence: Fence,
    pub _place: Place,
}

/// Runs the handler over a lane's batch and settles each job by what it says.
pub(crate) struct Settler<Q, H> {
    queue: Q,
    handler: H,
    metrics: IntakeMetrics,
}

impl<Q: Deliver, H: Handle> Settler<Q, H> {
    pub(super) fn new(queue: Q, handler: H, metrics: IntakeMetrics) -> Self {
        Self { queue, handler, metrics }
    }

    /// Hands over what can be handled together: the jobs of one period; alone, what failed before, so that it fails alone.
    fn together(batch: &[Work<Q::Receipt>]) -> usize {
        let Some(first) = batch.first() else { return 0 };
        if first.unreadable.is_some() || first.job.failures > 0 {
            return 1;
        }
        batch
            .iter()
            .take_while(|work| {
                work.fence.epoch == first.fence.epoch && work.job.failures == 0 && work.unreadable.is_none()
            })
            .count()
    }

    /// One for each of the batch, which is not empty.
    async fn dispositions(&self, batch: &[Work<Q::Receipt>]) -> Vec<Disposition> {
        let jobs: Vec<&Job> = batch.iter().map(|work| &work.job).collect();
        let first = &batch[0];
        if first.fence.check().is_err() {
            return vec![Disposition::Abandon; jobs.len()];
        }
        if let Some(unreadable) = &first.unreadable {
            return vec![Disposition::Reject(unreadable.why.to_string())];
        }
        // Boxed: the futures of all handlers nest too deeply for the compiler otherwise.
        let handling = self.handler.handle(&first.fence, &jobs).boxed().instrument(first.job.span.clone());
        match AssertUnwindSafe(handling).catch_unwind().await {
            Ok(mut dispositions) => {
                dispositions.resize(jobs.len(), Disposition::Wait(None));
                dispositions
            }
            // The panic hook has written where and why. One of several may be innocent: from now on each is tried alone.
            Err(_) => vec![Disposition::Fail("its handler panicked".to_owned()); jobs.len()],
        }
    }

    /// Whether the job is finished, and otherwise how long to wait.
    async fn settle(&self, work: &mut Work<Q::Receipt>, disposition: Disposition) -> Result<(), Duration> {
        match disposition {
            Disposition::Done => self.ack(work).await,
            Disposition::Abandon => {
                // It comes again only in a new period, so this one may not go on, even if the lease is renewed at the last moment.
                work.fence.end();
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
        if let Err(err) = self.queue.ack(&work.receipt).await {
            // It comes again and is acked then; handling twice is harmless.
            tracing::debug!(parent: &work.job.span, error = &err as &dyn std::error::Error, "acking failed");
        }
        work.held.finish(work.sequence);
        self.metrics.settled.inc();
        Ok(())
    }

    async fn bury(&self, work: &Work<Q::Receipt>, reason: String) -> Result<(), Duration> {
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
                self.handler.buried(&work.fence, &work.job).await;
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
    async fn run(&self, _lane: LaneKey, batch: &mut Vec<Work<Q::Receipt>>) -> Duration {
        loop {
            let rest = batch.split_off(Self::together(batch));
            if batch.is_empty() {
                return Duration::ZERO;
            }
            let dispositions = self.dispositions(batch).await;
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
            batch.extend(rest);
            if holds {
                return wait;
            }
        }
    }
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
