//! Carries the trace through the queue: W3C trace context in an envelope's headers.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use prometheus_client::encoding::EncodeLabelSet;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::envelope::Envelope;

/// Writes the current span into the envelope. Without a trace nothing is written.
pub fn inject(envelope: &mut Envelope) {
    envelope.trace.clear();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Written(&mut envelope.trace));
}

/// The current span as a `traceparent`; empty when there is no trace. For what is published later than it is decided.
pub fn traceparent() -> String {
    let mut written = Vec::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Written(&mut written));
    written.into_iter().find(|(name, _)| name == TRACEPARENT).map(|(_, value)| value).unwrap_or_default()
}

/// The header of a trace that was kept as [`traceparent`] gave it.
pub fn headers(traceparent: &str) -> Vec<(String, String)> {
    let header = (TRACEPARENT.to_owned(), traceparent.to_owned());
    if traceparent.is_empty() { Vec::new() } else { vec![header] }
}

const TRACEPARENT: &str = "traceparent";

/// Says on the current span, if it has room for it, what was sent where (OpenTelemetry's messaging conventions).
pub fn sent(system: &str, destination: &str, message_id: &str) {
    let span = Span::current();
    span.record("messaging.system", system);
    span.record("messaging.destination.name", destination);
    span.record("messaging.message.id", message_id);
}

/// Makes the span a part of the envelope's trace: its parent is the span that published it. A link says the same to those who look at
/// this span alone. Call it before the span is first entered; later it cannot change its trace any more.
pub fn follow(span: &Span, envelope: &Envelope) {
    if envelope.trace.is_empty() {
        return;
    }
    let publisher = TraceContextPropagator::new().extract_with_context(&Context::new(), &Read(&envelope.trace));
    let link = publisher.span().span_context().clone();
    if link.is_valid() && span.set_parent(publisher).is_ok() {
        span.add_link(link);
    }
}

/// The trace of the current span in hexadecimal; empty when there is none.
pub fn trace_id() -> String {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    if span.is_valid() { span.trace_id().to_string() } else { String::new() }
}

/// The trace of the current span if it is being kept: what an exemplar may point to.
fn sampled_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    (span.is_valid() && span.is_sampled()).then(|| span.trace_id().to_string())
}

/// What an exemplar carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TraceLabel {
    trace_id: String,
}

/// The current trace as an exemplar, if it is being kept.
pub fn exemplar() -> Option<TraceLabel> {
    sampled_trace_id().map(|trace_id| TraceLabel { trace_id })
}

struct Written<'a>(&'a mut Vec<(String, String)>);

impl Injector for Written<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate says nothing.
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }
}

struct Read<'a>(&'a [(String, String)]);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::{
        envelope::{RoutingKey, Source},
        ids::{BotId, UpdateId},
    };

    fn envelope() -> Envelope {
        Envelope::update(BotId(1), RoutingKey(2), Source::Messages, UpdateId(3), 0, Bytes::new())
    }

    #[test]
    fn a_consumer_goes_on_with_the_publishers_trace() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, || {
            let mut envelope = envelope();
            let published = tracing::info_span!("publish").in_scope(|| {
                inject(&mut envelope);
                trace_id()
            });
            assert_eq!(published.len(), 32);
            assert_eq!(envelope.trace.len(), 1, "{:?}", envelope.trace);

            let consumer = tracing::info_span!("process");
            follow(&consumer, &envelope);
            assert_eq!(consumer.in_scope(trace_id), published);
        });
    }

    #[test]
    fn without_a_trace_nothing_is_written() {
        let mut envelope = envelope();
        inject(&mut envelope);
        assert!(envelope.trace.is_empty());
        assert_eq!(trace_id(), "");
        follow(&Span::none(), &envelope);
    }
}
