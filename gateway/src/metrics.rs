//! Everything the gateway counts, with its name and help text.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::Registry,
};
use shared::{
    queue::{PublishError, Stored},
    trace_context::{self, TraceLabel},
};

/// From well below a stored ack on loopback to the publisher's time-out.
const PUBLISH_BUCKETS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 5.0];

/// Of updates that are asked for.
const KINDS: [&str; 6] =
    ["message", "edited_message", "callback_query", "my_chat_member", "chat_member", "chat_join_request"];

/// Handles on all metrics; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Counters>);

struct Counters {
    updates: Family<UpdateLabels, Counter>,
    publish: HistogramWithExemplars<TraceLabel>,
    responses: Family<StatusLabels, Counter>,
    telegram_errors: Family<ErrorLabels, Counter>,
    pending: Gauge,
    last_error: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpdateLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    method: &'static str,
    error: &'static str,
}

impl Metrics {
    pub fn new(registry: &mut Registry) -> Self {
        let counters = Counters {
            updates: Family::default(),
            publish: HistogramWithExemplars::new(PUBLISH_BUCKETS.into_iter()),
            responses: Family::default(),
            telegram_errors: Family::default(),
            pending: Gauge::default(),
            last_error: Gauge::default(),
        };
        // At zero from the start: a rate needs something to begin with.
        for kind in KINDS {
            for outcome in ["stored", "duplicate", "unavailable", "queue_full", "wrong_shards", "chat_full"] {
                drop(counters.updates.get_or_create(&UpdateLabels { kind, outcome }));
            }
        }
        for status in [200, 401, 503] {
            drop(counters.responses.get_or_create(&StatusLabels { status }));
        }
        for method in ["getUpdates", "getWebhookInfo", "setWebhook"] {
            for error in ["conflict", "flood_wait", "refused", "token", "trouble"] {
                drop(counters.telegram_errors.get_or_create(&ErrorLabels { method, error }));
            }
        }
        registry.register(
            "gateway_updates",
            "Updates from Telegram by kind and by what became of them: stored, duplicate, or why not",
            counters.updates.clone(),
        );
        registry.register(
            "gateway_publish_duration_seconds",
            "How long the queue took to store an update, or to fail",
            counters.publish.clone(),
        );
        registry.register(
            "gateway_webhook_responses",
            "Answers to webhook requests by HTTP status",
            counters.responses.clone(),
        );
        registry.register(
            "gateway_telegram_errors",
            "Failed calls of the Bot API by the gateway (getUpdates, setWebhook …)",
            counters.telegram_errors.clone(),
        );
        registry.register(
            "gateway_webhook_pending_updates",
            "Updates that wait at Telegram, as it last said",
            counters.pending.clone(),
        );
        registry.register(
            "gateway_webhook_last_error_timestamp_seconds",
            "When Telegram last failed to deliver to the webhook, as it last said; 0 for never",
            counters.last_error.clone(),
        );
        Self(Arc::new(counters))
    }

    pub(crate) fn published(&self, kind: &'static str, took: Duration, stored: &Result<Stored, PublishError>) {
        let outcome = match stored {
            Ok(Stored::New) => "stored",
            Ok(Stored::Duplicate) => "duplicate",
            Err(error) => error.code(),
        };
        self.0.updates.get_or_create(&UpdateLabels { kind, outcome }).inc();
        self.0.publish.observe(took.as_secs_f64(), trace_context::exemplar(), None);
    }

    pub(crate) fn responded(&self, status: http::StatusCode) {
        self.0.responses.get_or_create(&StatusLabels { status: status.as_u16() }).inc();
    }

    /// How many webhook requests were asked to come again.
    pub(crate) fn refused(&self) -> u64 {
        let status = http::StatusCode::SERVICE_UNAVAILABLE.as_u16();
        self.0.responses.get_or_create(&StatusLabels { status }).get()
    }

    pub(crate) fn telegram_error(&self, method: &'static str, error: &'static str) {
        self.0.telegram_errors.get_or_create(&ErrorLabels { method, error }).inc();
    }

    pub(crate) fn webhook(&self, pending: i64, last_error_date: i64) {
        self.0.pending.set(pending);
        self.0.last_error.set(last_error_date);
    }
}
