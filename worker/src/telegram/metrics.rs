//! What the Telegram client counts. Registered by the worker's metrics; ids never become labels.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::trace_context::{self, TraceLabel};

use super::budget::{Ask, Class, Priority};
use super::error::Error;

/// Counts of calls, errors and waits.
#[derive(Clone, Debug)]
pub struct TelegramMetrics {
    calls: Family<MethodLabel, Counter>,
    errors: Family<ErrorLabels, Counter>,
    durations: Family<MethodLabel, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>,
    delays: Family<TurnLabels, Counter>,
    waits: Family<TurnLabels, Histogram, fn() -> Histogram>,
    alone: Gauge,
    closings: Family<ClassLabel, Counter>,
    cuts: Family<ClassLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    method: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TurnLabels {
    class: &'static str,
    priority: &'static str,
}

/// From a nearby server's answer to the client's time-out; 8 s is as long as Telegram hides a flood.
const CALL_BUCKETS_S: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 20.0];
/// 0.1 and 0.5 are what the first two priorities are promised.
const WAIT_BUCKETS_S: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0];

/// What the bot calls all day. Others are counted from their first call on.
const METHODS: [&str; 9] = [
    "answerCallbackQuery",
    "deleteMessage",
    "deleteMessages",
    "editMessageText",
    "getChat",
    "getChatAdministrators",
    "getChatMember",
    "restrictChatMember",
    "sendMessage",
];

impl Default for TelegramMetrics {
    fn default() -> Self {
        let metrics = Self {
            calls: Family::default(),
            errors: Family::default(),
            durations: Family::new_with_constructor(|| HistogramWithExemplars::new(CALL_BUCKETS_S.into_iter())),
            delays: Family::default(),
            waits: Family::new_with_constructor(|| Histogram::new(WAIT_BUCKETS_S)),
            alone: Gauge::default(),
            closings: Family::default(),
            cuts: Family::default(),
        };
        // At zero from the start: a rate needs something to begin with.
        for method in METHODS {
            let label = MethodLabel { method: method.to_owned() };
            drop((metrics.calls.get_or_create(&label), metrics.durations.get_or_create(&label)));
            for kind in ["flood_wait", "unavailable", "token_dead"] {
                drop(metrics.errors.get_or_create(&ErrorLabels { method: method.to_owned(), kind }));
            }
        }
        for class in Class::ALL {
            let label = ClassLabel { class: class.name() };
            drop((metrics.closings.get_or_create(&label), metrics.cuts.get_or_create(&label)));
            for priority in [Priority::P0, Priority::P1, Priority::P2] {
                let turn = turn(&Ask { class, chat: None, priority });
                drop((metrics.delays.get_or_create(&turn), metrics.waits.get_or_create(&turn)));
            }
        }
        metrics
    }
}

impl TelegramMetrics {
    /// Adds all of them to what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("api_calls", "Requests made to the Bot API, repeated ones each time", self.calls.clone());
        registry.register(
            "api_errors",
            "Requests to the Bot API that failed, by kind; what is expected, such as a message already deleted, is none",
            self.errors.clone(),
        );
        registry.register(
            "api_call_duration_seconds",
            "Time from a request to the Bot API to its answer or failure",
            self.durations.clone(),
        );
        registry.register(
            "bot_rate_limit_delays",
            "Calls that had to wait, or messages that were put off, for the budget or for Telegram's 429",
            self.delays.clone(),
        );
        registry.register(
            "bot_rate_limit_wait_seconds",
            "How long deletes, restrictions and questions waited for their turn",
            self.waits.clone(),
        );
        registry.register(
            "bot_rate_limit_alone",
            "1 while this worker keeps to its share of the limits because there is no Redis, where all count together, or it is away",
            self.alone.clone(),
        );
        registry.register(
            "bot_rate_limit_closings",
            "Times that a 429 has closed a chat or a class for as long as Telegram said",
            self.closings.clone(),
        );
        registry.register(
            "bot_rate_limit_window_cuts",
            "Times that fewer calls about a chat were let under way at once, because Telegram was slow or said 429",
            self.cuts.clone(),
        );
    }

    pub(super) fn closed(&self, ask: &Ask) {
        self.closings.get_or_create(&ClassLabel { class: ask.class.name() }).inc();
    }

    pub(super) fn cut(&self, ask: &Ask) {
        self.cuts.get_or_create(&ClassLabel { class: ask.class.name() }).inc();
    }

    pub(super) fn counted_together(&self, is_together: bool) {
        self.alone.set(i64::from(!is_together));
    }

    pub(super) fn called(&self, method: &str, took: Duration, error: Option<&Error>) {
        let label = MethodLabel { method: method.to_owned() };
        self.calls.get_or_create(&label).inc();
        self.durations.get_or_create(&label).observe(took.as_secs_f64(), trace_context::exemplar(), None);
        if let Some(error) = error.filter(|error| !error.is_expected()) {
            let method = label.method;
            self.errors.get_or_create(&ErrorLabels { method, kind: error.code() }).inc();
        }
    }

    pub(super) fn waited(&self, ask: &Ask, wait: Duration) {
        self.waits.get_or_create(&turn(ask)).observe(wait.as_secs_f64());
    }

    pub(super) fn delayed(&self, ask: &Ask) {
        self.delays.get_or_create(&turn(ask)).inc();
    }
}

fn turn(ask: &Ask) -> TurnLabels {
    TurnLabels {
        class: ask.class.name(),
        priority: match ask.priority {
            Priority::P0 => "p0",
            Priority::P1 => "p1",
            Priority::P2 => "p2",
        },
    }
}
