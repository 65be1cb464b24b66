//! What the worker counts. Every metric of the program is made here or in the part it belongs to, and registered here. Ids are never
//! labels: they are on spans and logs.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use shared::{
    envelope::{Envelope, Kind},
    shard::{Shard, Shards},
    trace_context::{self, TraceLabel},
};

use crate::{
    handlers::HandlerError,
    store::{counts::Counts, metrics::StoreMetrics},
    telegram::metrics::TelegramMetrics,
};

/// All of them.
#[derive(Clone, Default)]
pub struct WorkerMetrics {
    pub intake: IntakeMetrics,
    pub handlers: HandlerMetrics,
    pub cache: CacheMetrics,
    pub store: StoreMetrics,
    pub telegram: TelegramMetrics,
    pub counts: CountMetrics,
}

impl WorkerMetrics {
    pub fn register(&self, registry: &mut Registry) {
        self.intake.register(registry);
        self.handlers.register(registry);
        self.cache.register(registry);
        self.store.register(registry);
        self.telegram.register(registry);
        self.counts.register(registry);
    }
}

#[derive(Clone, Debug)]
pub struct IntakeMetrics {
    pub taken_in: Counter,
    pub settled: Counter,
    pub dead_letters: Counter,
    pub shards_owned: Gauge,
    pub lanes: Gauge,
    pub backlog: Gauge<u64, AtomicU64>,
    pub buried: Gauge<u64, AtomicU64>,
    shards: Gauge,
    by_shard: Family<OfShard, Gauge<u64, AtomicU64>>,
    durations: Durations,
}

type Durations = Family<Outcome, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>;

impl Default for IntakeMetrics {
    fn default() -> Self {
        let durations: Durations = Family::new_with_constructor(latencies);
        for outcome in [DONE, DEAD_LETTER] {
            drop(durations.get_or_create(&Outcome { outcome }));
        }
        Self {
            taken_in: Counter::default(),
            settled: Counter::default(),
            dead_letters: Counter::default(),
            shards_owned: Gauge::default(),
            lanes: Gauge::default(),
            backlog: Gauge::default(),
            buried: Gauge::default(),
            shards: Gauge::default(),
            by_shard: Family::default(),
            durations,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfShard {
    shard: u16,
}

const DONE: &str = "done";
const DEAD_LETTER: &str = "dead_letter";

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
        registry.register(
            "queue_shard_lag",
            "The same by shard, as of when it last had an owner",
            self.by_shard.clone(),
        );
        registry.register("queue_shards", "Shards that there are", self.shards.clone());
        registry.register_with_unit(
            "bot_update_duration",
            "From the gateway's receipt of an update until it is done with, or a dead letter",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("dead_letters_kept", "Dead letters that wait for an operator", self.buried.clone());
    }
}

impl IntakeMetrics {
    pub fn all_shards(&self, shards: Shards) {
        self.shards.set(shards.count().into());
        self.waiting_by_shard(shards.all().map(|shard| (shard, 0)).collect());
    }

    /// A shard that is not among them has no owner now, and keeps its number.
    pub fn waiting_by_shard(&self, waiting: Vec<(Shard, u64)>) {
        for (shard, waiting) in waiting {
            self.by_shard.get_or_create(&OfShard { shard: shard.0 }).set(waiting);
        }
    }

    /// An update is done with. Call it in its span.
    pub fn done(&self, envelope: &Envelope) {
        self.ended(envelope, DONE);
    }

    /// An update is a dead letter. Call it in its span.
    pub fn given_up(&self, envelope: &Envelope) {
        self.ended(envelope, DEAD_LETTER);
    }

    fn ended(&self, envelope: &Envelope, outcome: &'static str) {
        // A task was received by nobody.
        if matches!(envelope.kind, Kind::Update(_)) {
            self.durations.get_or_create(&Outcome { outcome }).observe(
                age_s(envelope),
                trace_context::exemplar(),
                None,
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^52")]
fn age_s(envelope: &Envelope) -> f64 {
    (shared::clock::now_ms() - envelope.received_ms).max(0) as f64 / 1000.0
}

fn latencies() -> HistogramWithExemplars<TraceLabel> {
    HistogramWithExemplars::new(LATENCY_BUCKETS_S.into_iter())
}

#[derive(Clone, Debug)]
pub struct HandlerMetrics {
    latency: Durations,
    failures: Family<Failure, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
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
        let latency: Durations = Family::new_with_constructor(latencies);
        for outcome in ["subscribed", "offence", "unknown", "press"] {
            drop(latency.get_or_create(&Outcome { outcome }));
        }
        let failures = Family::default();
        for handler in ["message", "button", "task"] {
            drop(failures.get_or_create(&Failure { handler, kind: "unavailable" }));
        }
        Self { latency, failures }
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
        self.latency.get_or_create(&Outcome { outcome }).observe(age_s(envelope), trace_context::exemplar(), None);
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

/// What the database holds, the same at every worker.
#[derive(Clone, Debug, Default)]
pub struct CountMetrics {
    groups: Gauge,
    mutes: Gauge,
    breakers: Gauge,
}

impl CountMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("groups_protected", "Groups that are protected", self.groups.clone());
        registry.register("mutes_open", "People who are muted now, by group", self.mutes.clone());
        registry.register("breakers_open", "Channels whose members the bot cannot see", self.breakers.clone());
    }

    pub fn show(&self, counts: &Counts) {
        self.groups.set(counts.groups);
        self.mutes.set(counts.open_mutes);
        self.breakers.set(counts.open_breakers);
    }
}

#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    pub hits: Counter,
    pub misses: Counter,
    pub memory_hits: Counter,
    pub redis_hits: Counter,
    pub claims_lost: Counter,
    pub news_lost: Counter,
}

impl CacheMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("cache_hits", "Verdicts found without asking Telegram", self.hits.clone());
        registry.register("cache_misses", "Verdicts that Telegram was asked for", self.misses.clone());
        registry.register("cache_memory_hits", "Entries found in this process's memory", self.memory_hits.clone());
        registry.register("cache_redis_hits", "Entries found in Redis", self.redis_hits.clone());
        registry.register(
            "cache_claims_lost",
            "Verdicts that another worker was finding out already",
            self.claims_lost.clone(),
        );
        registry.register(
            "news_lost",
            "News for the other workers that there was no room for: their memory is as old as its time to live",
            self.news_lost.clone(),
        );
    }
}
