//! What is measured of the store.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{exemplar::HistogramWithExemplars, family::Family},
    registry::{Registry, Unit},
};
use shared::trace_context::{self, TraceLabel};

/// Made once per process and given to [`super::Store::connect`].
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    duration: Family<QueryLabel, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabel {
    query: &'static str,
}

/// Seconds. The promise is 95 % below 50 ms, so most buckets lie below; the last ones tell slow from hanging.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 1.0, 5.0];

impl StoreMetrics {
    pub fn new() -> Self {
        Self { duration: Family::new_with_constructor(|| HistogramWithExemplars::new(BUCKETS.into_iter())) }
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "db_query_duration",
            "How long each named question to the database took, answered or not",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    pub(super) fn took(&self, query: &'static str, time: Duration) {
        self.duration.get_or_create(&QueryLabel { query }).observe(time.as_secs_f64(), trace_context::exemplar(), None);
    }
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_the_dashboards_use() {
        let mut registry = Registry::default();
        let metrics = StoreMetrics::new();
        metrics.register(&mut registry);
        metrics.took("group", Duration::from_millis(3));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("writes to a string");
        assert!(text.contains("db_query_duration_seconds_bucket{le=\"0.005\",query=\"group\"} 1"), "{text}");
        assert!(text.contains("# HELP db_query_duration_seconds "), "{text}");
    }
}
