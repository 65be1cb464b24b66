//! Counts the spans that never arrive: there was no room for them to wait, or the collector did not take them.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, Span,
        SpanData, SpanExporter, SpanProcessor,
    },
};
use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// One for the process, as the tracer is.
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Adds it to what `/metrics` shows.
pub fn register(registry: &mut Registry) {
    let help = "Spans that were not sent: too many waited, or the collector did not take them";
    registry.register("traces_dropped", help, DROPPED.clone());
}

/// The batch processor with room for so many spans as `OTEL_BSP_MAX_QUEUE_SIZE` says. It keeps no count of what it drops, so that what has no room
/// is dropped here.
#[derive(Debug)]
pub(super) struct Processor {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    room: usize,
}

#[derive(Debug)]
struct Exporter<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
}

impl Processor {
    pub(super) fn new(exporter: impl SpanExporter + 'static) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a standard variable, which the SDK would read by itself")]
        let room = std::env::var(OTEL_BSP_MAX_QUEUE_SIZE).ok().and_then(|size| size.parse().ok());
        let room = room.unwrap_or(OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT);
        let waiting = Arc::new(AtomicUsize::new(0));
        let exporter = Exporter { exporter, waiting: Arc::clone(&waiting) };
        let config = BatchConfigBuilder::default().with_max_queue_size(room).build();
        Self { batches: BatchSpanProcessor::builder(exporter).with_batch_config(config).build(), waiting, room }
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.room {
            self.batches.on_end(span);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            DROPPED.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        // Only now: until then they take room.
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        if sent.is_err() {
            DROPPED.inc_by(spans as u64);
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::{error::OTelSdkError, trace::SdkTracerProvider};

    use super::*;

    /// Takes nothing until told to, and then refuses.
    #[derive(Debug)]
    struct Hanging(std::sync::Mutex<mpsc::Receiver<()>>);

    impl SpanExporter for Hanging {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            let _ = self.0.lock().expect("one thread exports").recv();
            Err(OTelSdkError::InternalFailure("refused".to_owned()))
        }
    }

    #[test]
    fn what_has_no_room_and_what_is_refused_is_counted() {
        let (go_on, hangs) = mpsc::channel();
        let processor = Processor::new(Hanging(hangs.into()));
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("test");
        let before = DROPPED.get();
        for _ in 0..OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT + 10 {
            drop(tracer.start("span"));
        }
        assert_eq!(DROPPED.get() - before, 10);
        drop(go_on);
        let _ = provider.shutdown();
        assert_eq!(DROPPED.get() - before, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT as u64 + 10);
    }
}
