//! What the worker counts. Every metric of the program is made here or in the part it belongs to, and registered here. Ids are never
//! labels: they are on spans and logs.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use shared::{envelope::Envelope, trace_context};

use crate::{handlers::HandlerError, store::metrics::StoreMetrics, telegram::metrics::TelegramMetrics};

/// All of them.
#[derive(Clone, Default)]
pub struct WorkerMetrics {
    pub intake: IntakeMetrics,
    pub handlers: HandlerMetrics,
    pub cache: CacheMetrics,
    pub store: StoreMetrics,
    pub telegram: TelegramMetrics,
}

impl WorkerMetrics {
    pub fn register(&self, registry: &mut Registry) {
        self.intake.register(registry);
        self.handlers.register(registry);
        self.cache.register(registry);
        self.store.register(registry);
        self.telegram.register(registry);
    }
}

#[derive(Clone, Debug, Default)]
pub struct IntakeMetrics {
    pub taken_in: Counter,
    pub settled: Counter,
    pub dead_letters: Counter,
    pub shards_owned: Gauge,
    pub lanes: Gauge,
    pub backlog: Gauge<u64, AtomicU64>,
    pub buried: Gauge<u64, AtomicU64>,
}

impl IntakeMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("queue_taken_in", "Updates and tasks taken from the queue", self.taken_in.clone());
        registry.register("queue_settled", "Updates and tasks done with", self.settled.clone());
        registry.register("dead_letters", "Updates and tasks given up as dead letters", self.dead_letters.clone());
        registry.register("shards_owned", "Shards that this worker owns now", self.shards_owned.clone());
        registry.register("lanes_open", "Chats with something waiting or in hand", self.lanes.clone());
        registry.register(
            "queue_lag",
            "Updates and tasks stored and not yet done with, over all shards",
            self.backlog.clone(),
        );
        registry.register("dead_letters_kept", "Dead letters that wait for an operator", self.buried.clone());
    }
}

#[derive(Clone, Debug)]
pub struct HandlerMetrics {
    latency: Family<Outcome, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>,
    failures: Family<Failure, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    handler: &'static str,
    kind: &'static str,
}

/// Around what a cached verdict costs (well under 1 ms), a call to Telegram (some 50 ms) and the promise (100 ms).
const LATENCY_BUCKETS_S: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

impl Default for HandlerMetrics {
    fn default() -> Self {
        Self {
            latency: Family::new_with_constructor(|| HistogramWithExemplars::new(LATENCY_BUCKETS_S.into_iter())),
            failures: Family::default(),
        }
    }
}

impl HandlerMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "bot_verification_latency",
            "From the gateway's receipt of a message or press to the decision, by what was decided",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register("handler_failures", "Handlers that did not finish, by cause", self.failures.clone());
    }

    /// A decision was made on what this envelope carries.
    pub fn verified(&self, outcome: &'static str, envelope: &Envelope) {
        #[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds is far below 2^52")]
        let seconds = (shared::clock::now_ms() - envelope.received_ms).max(0) as f64 / 1000.0;
        let exemplar = trace_context::sampled_trace_id().map(|trace_id| TraceLabel { trace_id });
        self.latency.get_or_create(&Outcome { outcome }).observe(seconds, exemplar, None);
    }

    pub fn failed(&self, handler: &'static str, err: &HandlerError) {
        let kind = match err {
            HandlerError::Store(err) => err.code(),
            HandlerError::Telegram(err) => err.code(),
            HandlerError::Fenced(_) => "fenced",
        };
        self.failures.get_or_create(&Failure { handler, kind }).inc();
    }
}

#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    pub hits: Counter,
    pub misses: Counter,
    pub memory_hits: Counter,
    pub redis_hits: Counter,
}

impl CacheMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("cache_hits", "Verdicts found without asking Telegram", self.hits.clone());
        registry.register("cache_misses", "Verdicts that Telegram was asked for", self.misses.clone());
        registry.register("cache_memory_hits", "Entries found in this process's memory", self.memory_hits.clone());
        registry.register("cache_redis_hits", "Entries found in Redis", self.redis_hits.clone());
    }
}
