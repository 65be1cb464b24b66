//! Can it serve, is all it needs there, what has it counted: the admin port of every program.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use base64::Engine as _;
use futures::future::join_all;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{BasicAuth, LogFilter},
    telemetry,
};

mod prometheus;
mod readiness;

pub use readiness::Readiness;

/// Often enough to see an outage before a supervisor does, seldom enough to cost nothing.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// A dependency that needs longer than this to say anything is of no use to anyone who waits for it.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What the admin port shows.
pub struct Admin {
    registry: Registry,
    metrics_auth: Option<BasicAuth>,
    readiness: Readiness,
    checks: Vec<(&'static str, Check)>,
}

impl Admin {
    pub fn new(registry: Registry, readiness: Readiness, metrics_auth: Option<BasicAuth>) -> Self {
        Self { registry, metrics_auth, readiness, checks: Vec::new() }
    }

    /// Adds a dependency to `/health`. Its check runs every few seconds in the background, with a time-out. If readiness has a condition
    /// of the same name, every result is reported to it. The error is shown to whoever asks: no secrets in it.
    #[must_use]
    pub fn check<F, R>(mut self, dependency: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((dependency, Box::new(move || Box::pin(check()))));
        self
    }

    /// Serves until `done`. That is later than the stop of the program: while it drains, it still says so here.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(mut self, listener: TcpListener, done: CancellationToken) -> io::Result<()> {
        let up = Up::default();
        for (dependency, _) in &self.checks {
            up.get_or_create(&Dependency { dependency }).set(0);
        }
        let help = "1 if the dependency answered the last look at it, 0 if not, and before the first";
        self.registry.register("dependency_up", help, up.clone());
        let checked = Mutex::new(self.checks.iter().map(|(name, _)| (*name, None)).collect());
        let shown = Arc::new(Shown {
            registry: self.registry,
            metrics_auth: self.metrics_auth,
            readiness: self.readiness,
            started: Instant::now(),
            checked,
        });
        let router = Router::new()
            .route("/livez", get(async || "alive\n"))
            .route("/readyz", get(readyz))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .route("/log", put(change_log))
            .with_state(Arc::clone(&shown));
        tokio::select! {
            served = axum::serve(listener, router) => served,
            () = keep_checking(&self.checks, &shown, &up) => Ok(()),
            () = done.cancelled() => Ok(()),
        }
    }
}

struct Shown {
    registry: Registry,
    metrics_auth: Option<BasicAuth>,
    readiness: Readiness,
    started: Instant,
    checked: Mutex<BTreeMap<&'static str, Option<Checked>>>,
}

#[derive(Clone)]
struct Checked {
    result: Result<(), String>,
    latency: Duration,
    at: Instant,
}

/// By dependency.
type Up = Family<Dependency, Gauge>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dependency {
    dependency: &'static str,
}

async fn keep_checking(checks: &[(&'static str, Check)], shown: &Shown, up: &Up) {
    let mut every = tokio::time::interval(CHECK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        join_all(checks.iter().map(async |(name, check)| {
            let started = Instant::now();
            let result = tokio::time::timeout(CHECK_TIMEOUT, check())
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())));
            shown.readiness.report(name, result.clone());
            up.get_or_create(&Dependency { dependency: name }).set(i64::from(result.is_ok()));
            let checked = Checked { result, latency: started.elapsed(), at: Instant::now() };
            shown.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Some(checked));
        }))
        .await;
    }
}

async fn readyz(State(shown): State<Arc<Shown>>) -> Response {
    match shown.readiness.missing() {
        missing if missing.is_empty() => "ready\n".into_response(),
        missing => {
            let lines: String = missing.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
            (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
        }
    }
}

/// Answers from what the background has found, so that a dependency that hangs does not hang this. 503 only when not ready: an optional
/// dependency that is down is shown, not punished.
async fn health(State(shown): State<Arc<Shown>>) -> Response {
    let missing = shown.readiness.missing();
    let checked = shown.checked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let all_up = checked.values().flatten().all(|checked| checked.result.is_ok());
    let dependencies: serde_json::Map<String, Value> =
        checked.iter().map(|(name, checked)| ((*name).to_owned(), dependency(checked.as_ref()))).collect();
    let (code, status) = match (missing.is_empty(), all_up) {
        (true, true) => (StatusCode::OK, "ok"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": shown.started.elapsed().as_secs(),
        "ready": missing.is_empty(),
        "missing": missing.into_iter().collect::<BTreeMap<_, _>>(),
        "dependencies": dependencies,
    });
    (code, Json(body)).into_response()
}

fn dependency(checked: Option<&Checked>) -> Value {
    let Some(Checked { result, latency, at }) = checked else {
        return json!({ "status": "not checked yet" });
    };
    let latency_ms = (latency.as_secs_f64() * 1e6).round() / 1e3;
    let age_seconds = at.elapsed().as_secs();
    match result {
        Ok(()) => json!({ "status": "up", "latency_ms": latency_ms, "checked_seconds_ago": age_seconds }),
        Err(why) => {
            json!({ "status": "down", "error": why, "latency_ms": latency_ms, "checked_seconds_ago": age_seconds })
        }
    }
}

async fn metrics(State(shown): State<Arc<Shown>>, headers: HeaderMap) -> Response {
    if let Some(refused) = shown.refusal(&headers) {
        return refused;
    }
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &shown.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    // Exemplars exist only there; Prometheus asks for it, people and promtool do not.
    if accept.contains("application/openmetrics-text") {
        let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
        return (kind, text).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, prometheus::plain(&text)).into_response()
}

/// What is logged from now on, in the words of `RUST_LOG`, until the process ends.
async fn change_log(State(shown): State<Arc<Shown>>, headers: HeaderMap, body: String) -> Response {
    if let Some(refused) = shown.refusal(&headers) {
        return refused;
    }
    let changed = match body.trim().parse::<LogFilter>() {
        Ok(filter) => telemetry::change_log(&filter).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; try debug, or info,worker=debug")),
    };
    match changed {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    }
}

impl Shown {
    /// Who has to say a password and does not is asked for it.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        match &self.metrics_auth {
            Some(auth) if !authorized(auth, headers) => {
                let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
                Some((StatusCode::UNAUTHORIZED, ask).into_response())
            }
            Some(_) | None => None,
        }
    }
}

fn authorized(auth: &BasicAuth, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, encoded)) = given.and_then(|value| value.split_once(' ')) else { return false };
    let Ok(pair) = base64::engine::general_purpose::STANDARD.decode(encoded.trim()) else { return false };
    let Some(colon) = pair.iter().position(|byte| *byte == b':') else { return false };
    scheme.eq_ignore_ascii_case("basic") && auth.is(&pair[..colon], &pair[colon + 1..])
}

#[cfg(test)]
mod tests;
