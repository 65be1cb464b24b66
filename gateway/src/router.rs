//! The public port: which path leads where, plain or over TLS, and how it stops.

use std::{io, time::Duration};

use axum::{Router, routing::post};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use hyper_util::rt::TokioTimer;
use shared::queue::Publish;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{config::WEBHOOK_PATH, webhook};

/// A connection without a request is closed after this; also the longest that one may take over its headers.
const IDLE: Duration = Duration::from_secs(75);

/// The routes, for `serve` and for tests.
pub fn router<Q: Publish>(receiver: webhook::Receiver<Q>) -> Router {
    Router::new().route(WEBHOOK_PATH, post(webhook::receive::<Q>)).with_state(receiver)
}

/// Serves until `stop`, then lets the requests that are running finish within `drain`.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    stop: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let handle = Handle::new();
    let listener = listener.into_std()?;
    let service = router.into_make_service();
    let serving = async {
        match tls {
            Some(tls) => {
                let mut server = axum_server::from_tcp_rustls(listener, tls)?.http1_only().handle(handle.clone());
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
                server.serve(service).await
            }
            None => {
                let mut server = axum_server::from_tcp(listener)?.http1_only().handle(handle.clone());
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
                server.serve(service).await
            }
        }
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        () = stop.cancelled() => handle.graceful_shutdown(Some(drain)),
    }
    let unfinished = handle.connection_count();
    let served = serving.await;
    tracing::info!(connections = unfinished, "the last requests are answered");
    served
}
