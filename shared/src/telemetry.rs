//! Logs to stderr and traces to a collector, set up the same way in every program.

use std::{io::IsTerminal as _, sync::OnceLock, time::Duration};

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::LevelFilter, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

use crate::{
    args::{LogFilter, LogFormat, Process},
    tls,
};

mod counted;
mod exporter;
mod json;
mod pretty;

pub use counted::register;

/// Holds the telemetry open; dropping it sends what is left. Drop it last.
#[must_use = "dropping it ends the traces"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A collector that is away may not hold up the end of the process for longer than a person would wait.
        if let Err(error) = self.provider.shutdown_with_timeout(Duration::from_secs(3)) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("setting up the export of traces")]
    Exporter(#[from] ExporterBuildError),
    #[error("setting up the client that sends traces")]
    Client(#[from] exporter::ClientError),
    #[error("logs are set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logs and traces, and makes ring the crypto provider. Call it once, first.
///
/// # Errors
/// It was called before, or the exporter does not accept its settings.
pub fn init(service: &'static str, process: &Process) -> Result<Guard, TelemetryError> {
    tls::install();
    global::set_text_map_propagator(TraceContextPropagator::new());
    // The sampler is the SDK's own reading of OTEL_TRACES_SAMPLER; parent-based, all, unless set.
    let mut provider = SdkTracerProvider::builder().with_resource(resource(service));
    if let Some(endpoint) = process.traces_endpoint() {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(exporter::Client::new()?)
            .with_endpoint(endpoint)
            .build()?;
        // A thread of its own and a bounded queue (OTEL_BSP_*): a collector that hangs costs spans, never updates.
        provider = provider.with_span_processor(counted::Processor::new(exporter));
    }
    let provider = provider.build();
    // Traces do not depend on RUST_LOG: a quiet log must not cut a trace in two.
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("gmbot"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::INFO);
    let (filter, log) = reload::Layer::new(directives(&process.log));
    let registry = tracing_subscriber::registry().with(traces);
    let mut lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        // Colours in a file are rubbish that no search finds its way through. At a terminal NO_COLOR decides.
        lines.set_ansi(false);
    }
    match process.log_format() {
        LogFormat::Pretty => registry.with(lines.fmt_fields(pretty::Fields).with_filter(filter)).try_init()?,
        LogFormat::Json => registry
            .with(
                lines
                    .fmt_fields(tracing_subscriber::fmt::format::JsonFields::new())
                    .event_format(json::Lines)
                    .with_filter(filter),
            )
            .try_init()?,
    }
    let reload = move |new: &LogFilter| log.reload(directives(new)).map_err(|_| LogGone);
    let _ = RELOAD.set(Box::new(reload));
    Ok(Guard { provider })
}

/// The NATS client tells of every attempt to reconnect, four a second, and the database's of every connection that it finds dead or that is of no
/// use; outages are told once where they matter. What the operator says comes later and stands above it.
fn directives(asked: &LogFilter) -> EnvFilter {
    EnvFilter::new(format!("async_nats=warn,sqlx=error,sqlx_core=error,sqlx_core::pool=off,{}", asked.0))
}

type Reload = Box<dyn Fn(&LogFilter) -> Result<(), LogGone> + Send + Sync>;

/// Of the process, as the log is.
static RELOAD: OnceLock<Reload> = OnceLock::new();

/// There is no log to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process has no log")]
pub struct LogGone;

/// From now on the log holds what this says; until the process ends.
///
/// # Errors
/// [`init`] was not called.
pub fn change_log(to: &LogFilter) -> Result<(), LogGone> {
    RELOAD.get().ok_or(LogGone)?(to)?;
    tracing::info!(filter = to.0, "the log changes");
    Ok(())
}

/// Who sends the traces. The variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES stand above it.
fn resource(service: &'static str) -> Resource {
    let ours = [KeyValue::new("service.name", service), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    let from_variables = Resource::builder().build();
    let named = from_variables
        .iter()
        .any(|(key, value)| key.as_str() == "service.name" && !value.as_str().starts_with("unknown_service"));
    let ours = ours.into_iter().filter(|attribute| !(named && attribute.key.as_str() == "service.name"));
    Resource::builder().with_attributes(ours).build()
}

/// An error with its causes. Our own texts never repeat them; libraries' do, so what has been said is left out.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source()).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
