//! Posts updates as Telegram does: over connections that stay, each with one request at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use crate::{figures::Times, split::WEBHOOK_SECRET};

/// What came of the requests.
pub(super) struct Posted {
    /// Answered with 200.
    pub taken: usize,
    /// Answered with 503: to be sent again, as Telegram would.
    pub refused: usize,
    pub answered: Times,
}

/// Posts bodies for so long, as fast as they are answered. `body` makes the one of a number, each number once.
///
/// # Errors
/// Nobody listens, or an answer is neither yes nor "later".
pub(super) async fn post(
    port: u16,
    connections: u16,
    lasts: Duration,
    first: usize,
    body: impl Fn(usize) -> Bytes + Send + Sync + 'static,
) -> anyhow::Result<Posted> {
    let body = Arc::new(body);
    let next = Arc::new(AtomicUsize::new(first));
    let until = Instant::now() + lasts;
    let mut posting = JoinSet::new();
    for _ in 0..connections {
        let (body, next) = (Arc::clone(&body), Arc::clone(&next));
        posting.spawn(async move { post_by_one(port, until, &next, &*body).await });
    }
    let mut all = Posted { taken: 0, refused: 0, answered: Times::default() };
    let mut times: Vec<f64> = Vec::new();
    while let Some(one) = posting.join_next().await {
        let (taken, refused, some) = one??;
        all.taken += taken;
        all.refused += refused;
        times.extend(some);
    }
    all.answered = times.into_iter().collect();
    Ok(all)
}

async fn post_by_one(
    port: u16,
    until: Instant,
    next: &AtomicUsize,
    body: &(impl Fn(usize) -> Bytes + Sync),
) -> anyhow::Result<(usize, usize, Vec<f64>)> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting to the gateway")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut serving = JoinSet::new();
    serving.spawn(connection);
    let (mut taken, mut refused, mut times) = (0, 0, Vec::new());
    while Instant::now() < until {
        let request = Request::post("/telegram/webhook")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("x-telegram-bot-api-secret-token", WEBHOOK_SECRET)
            .body(Full::new(body(next.fetch_add(1, Ordering::Relaxed))))?;
        let began = Instant::now();
        sender.ready().await?;
        let mut answer = sender.send_request(request).await?;
        while answer.frame().await.transpose()?.is_some() {}
        match answer.status() {
            StatusCode::OK => {
                taken += 1;
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            StatusCode::SERVICE_UNAVAILABLE => refused += 1,
            other => anyhow::bail!("an update was answered with {other}"),
        }
    }
    Ok((taken, refused, times))
}
