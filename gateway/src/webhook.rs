//! One webhook request: secret, body, stored, status. The answer is empty: Telegram runs a body that names a method as a call.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{Request, State},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use shared::queue::{Publish, PublishError};
use tokio::{sync::Semaphore, time::timeout};
use tracing::Instrument as _;

use crate::{
    accept::Accept,
    verify::{SECRET_HEADER, Secrets, Trusted, VerifiedUpdate},
};

/// The largest update there is (telegram.md 2.1).
pub const MAX_BODY_BYTES: usize = 512 << 10;
/// Telegram has at most 100 in flight for a bot; the rest is room for what a restart leaves behind.
const IN_FLIGHT: usize = 1024;
/// Telegram sends a body at once.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handler needs; clones share it.
#[derive(Clone)]
pub struct Receiver<Q>(Arc<Inner<Q>>);

struct Inner<Q> {
    secrets: Secrets,
    accept: Accept<Q>,
    in_flight: Semaphore,
}

impl<Q: Publish> Receiver<Q> {
    pub fn new(secrets: Secrets, accept: Accept<Q>) -> Self {
        Self(Arc::new(Inner { secrets, accept, in_flight: Semaphore::new(IN_FLIGHT) }))
    }
}

pub(crate) async fn receive<Q: Publish>(State(receiver): State<Receiver<Q>>, request: Request) -> Response {
    let span = tracing::info_span!(
        "POST /telegram/webhook",
        otel.kind = "server",
        http.response.status_code = tracing::field::Empty
    );
    let answer = handle(&receiver.0, request).instrument(span.clone()).await;
    span.record("http.response.status_code", answer.status.as_u16());
    receiver.0.accept.metrics().responded(answer.status);
    answer.into_response()
}

async fn handle<Q: Publish>(receiver: &Inner<Q>, request: Request) -> Answer {
    let given = request.headers().get(SECRET_HEADER).map(HeaderValue::as_bytes);
    let Some(trusted) = receiver.secrets.verify(given) else {
        return Answer::of(StatusCode::UNAUTHORIZED);
    };
    let Ok(_permit) = receiver.in_flight.try_acquire() else {
        return Answer::later(1);
    };
    match read(trusted, request.into_body()).await {
        Ok(update) => match receiver.accept.accept(update).await {
            Ok(_) => Answer::of(StatusCode::OK),
            Err(error) => Answer::not_stored(&error),
        },
        Err(status) => Answer::of(status),
    }
}

async fn read(trusted: Trusted, body: Body) -> Result<VerifiedUpdate, StatusCode> {
    // Said in advance: not a byte of it is read.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let bytes = timeout(BODY_TIMEOUT, collect(body)).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    Ok(trusted.read(bytes))
}

/// The whole body. One that comes in one piece, as nearly all do, is not copied.
async fn collect(body: Body) -> Result<Bytes, StatusCode> {
    let mut pieces = body.into_data_stream();
    let (mut whole, mut many) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = pieces.next().await {
        // The connection broke; nobody reads this answer.
        let piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        if whole.len() + many.len() + piece.len() > MAX_BODY_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if whole.is_empty() && many.is_empty() {
            whole = piece;
        } else {
            many.extend_from_slice(&std::mem::take(&mut whole));
            many.extend_from_slice(&piece);
        }
    }
    Ok(if many.is_empty() { whole } else { many.freeze() })
}

/// A status, and for "later" in how many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    retry_after: Option<u8>,
}

impl Answer {
    fn of(status: StatusCode) -> Self {
        Self { status, retry_after: None }
    }

    /// Telegram waits exactly so long, and its own growing pauses of up to two minutes do not begin (telegram.md 2.5).
    fn later(seconds: u8) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(seconds) }
    }

    fn not_stored(error: &PublishError) -> Self {
        match error {
            // Likely to be over soon.
            PublishError::NotConnected | PublishError::Unavailable(_) => Self::later(1),
            PublishError::ChatFull => Self::later(2),
            // Needs a person, or a backlog that drains.
            PublishError::QueueFull | PublishError::WrongShards { .. } => Self::later(5),
        }
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
        }
        response
    }
}
