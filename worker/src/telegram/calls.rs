//! One Bot API call: its turn, its requests over HTTP, its repetitions, and its answer or error.
//!
//! teloxide-core gives the payloads and their names. Its transport is not used: it sleeps a fixed 10 s on any 5xx, loses status and
//! error code, puts the body of a reply it cannot read (members' text included) into its error, and prints the token in `Debug`.

use std::time::Duration;

use bytes::Bytes;
use rand::Rng as _;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;
use shared::ids::ChatId;
use teloxide_core::requests::Payload;
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument as _, Span, field};

use super::Telegram;
use super::budget::{Ask, Class, Priority};
use super::envelope;
use super::error::{Error, Outage};
use super::limiter::Pass;
use super::window::Pace;

/// How a call gets its turn, and when it may be repeated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Terms {
    /// Waits in line. Twice is harmless.
    Queued(Ask),
    /// Waits in line, shortly, and is never repeated: it rests on a look at how things are, which its caller takes again.
    Once(Ask),
    /// The slot for the first request is taken already. Never repeated when the first may have had an effect, unless twice is harmless.
    Slot { ask: Ask, twice_is_harmless: bool },
    /// Waits for nobody, and is worth nothing after the given moment.
    Unlimited { worthless_after: Instant },
}

/// No request of a call starts later than this after the call, so that with a time-out of 20 s no caller is held for more than 30 s.
const LATEST_START: Duration = Duration::from_secs(10);
/// The same for a call that rests on a look at how things are.
const LATEST_START_ONCE: Duration = Duration::from_secs(2);
/// The waits before the second, third and fourth request.
const BACKOFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// An answer that took longer means that Telegram has slept inside: the flood's first sign.
const SLOW: Duration = Duration::from_secs(2);

impl Terms {
    pub(super) fn queued(class: Class, chat: ChatId, priority: Priority) -> Self {
        Self::Queued(Ask { class, chat: Some(chat), priority })
    }

    fn ask(&self) -> Option<&Ask> {
        match self {
            Self::Queued(ask) | Self::Once(ask) | Self::Slot { ask, .. } => Some(ask),
            Self::Unlimited { .. } => None,
        }
    }

    fn allow_twice(&self) -> bool {
        !matches!(self, Self::Slot { twice_is_harmless: false, .. })
    }
}

impl Telegram {
    /// Makes the call and reads its result with `read`, which says None to a result that makes no sense.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn call<P, T>(&self, payload: &P, terms: Terms, read: fn(&Value) -> Option<T>) -> Result<T, Error>
    where
        P: Payload + Serialize + Sync,
    {
        self.dated_call(payload, terms, read).await.map(|(result, _)| result)
    }

    /// The same, and when the request that was answered left, in milliseconds since the Unix epoch: neither the wait for its turn nor
    /// requests that failed make an answer older.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn dated_call<P, T>(
        &self,
        payload: &P,
        terms: Terms,
        read: fn(&Value) -> Option<T>,
    ) -> Result<(T, i64), Error>
    where
        P: Payload + Serialize + Sync,
    {
        let method = lower_camel(P::NAME);
        let body = Bytes::from(serde_json::to_vec(payload).expect("payloads are structs of plain data"));
        let latest_start = match terms {
            Terms::Unlimited { worthless_after } => worthless_after.min(Instant::now() + LATEST_START),
            Terms::Once(_) => Instant::now() + LATEST_START_ONCE,
            Terms::Queued(_) | Terms::Slot { .. } => Instant::now() + LATEST_START,
        };
        let mut backoff = BACKOFF.into_iter();
        let mut resend_count: u32 = 0;
        loop {
            // In boxes: handlers call from deep within, and all of it is on their stack.
            let pass = Box::pin(self.turn(&terms, resend_count, latest_start)).await?;
            let (started, asked_ms) = (Instant::now(), shared::clock::now_ms());
            let outcome = Box::pin(self.request(&method, body.clone(), &terms, resend_count, read)).await;
            if let Some(pass) = pass {
                pass.end(pace(&outcome, started.elapsed()));
            }
            let error = match outcome {
                Ok(result) => return Ok((result, asked_ms)),
                Err(error) => error,
            };
            let Some(wait) = self.wait_before_repeating(&terms, &error, &mut backoff).await else {
                return Err(error);
            };
            if Instant::now() + wait > latest_start {
                return Err(error);
            }
            sleep(wait).await;
            resend_count += 1;
        }
    }

    /// What the call needs before its next request.
    async fn turn(&self, terms: &Terms, resend_count: u32, latest: Instant) -> Result<Option<Pass>, Error> {
        match terms {
            Terms::Queued(ask) | Terms::Once(ask) => match self.0.limiter.enter(*ask, latest).await {
                Ok(pass) => Ok(Some(pass)),
                Err(retry_after) => Err(Error::FloodWait { retry_after, asked: false }),
            },
            Terms::Slot { ask, .. } if resend_count > 0 => match self.0.limiter.try_send(ask).await {
                Ok(()) => Ok(None),
                Err(retry_after) => Err(Error::FloodWait { retry_after, asked: false }),
            },
            Terms::Slot { .. } | Terms::Unlimited { .. } => Ok(None),
        }
    }

    /// None: the error is final. Closes the budget on a 429.
    async fn wait_before_repeating(
        &self,
        terms: &Terms,
        error: &Error,
        backoff: &mut impl Iterator<Item = Duration>,
    ) -> Option<Duration> {
        match error {
            Error::FloodWait { retry_after, .. } => {
                let wait = match terms.ask() {
                    Some(ask) => self.0.limiter.flooded(ask, *retry_after).await,
                    None => *retry_after,
                };
                // No handler waits for a slot: whoever sends comes back with a new one.
                backoff.next().filter(|_| !matches!(terms, Terms::Slot { .. } | Terms::Once(_))).map(|_| wait)
            }
            Error::Unavailable(_) if matches!(terms, Terms::Once(_)) => None,
            Error::Unavailable(_) => backoff.next().map(|wait| wait.mul_f64(rand::rng().random_range(0.9..1.3))),
            _ => None,
        }
    }

    /// One HTTP request and its answer.
    async fn request<T>(
        &self,
        method: &str,
        body: Bytes,
        terms: &Terms,
        resend_count: u32,
        read: fn(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let span = span(method, terms.ask().and_then(|ask| ask.chat), resend_count);
        let started = Instant::now();
        let outcome = self.exchange(method, body, read).instrument(span.clone()).await.map_err(|error| match error {
            Error::Unavailable(outage) if !terms.allow_twice() && !outage.had_no_effect() => {
                Error::OutcomeUnknown(outage)
            }
            error => error,
        });
        self.0.metrics.called(method, started.elapsed(), outcome.as_ref().err());
        self.0.reach.heard(outcome.as_ref().err());
        record(&span, outcome.as_ref().err());
        outcome
    }

    async fn exchange<T>(&self, method: &str, body: Bytes, read: fn(&Value) -> Option<T>) -> Result<T, Error> {
        let url = format!("{}/bot{}/{method}", self.0.api_url, self.0.token.expose_secret());
        let request = self.0.http.post(url).header("content-type", "application/json").body(body).send();
        let fetched = async {
            let response = request.await?;
            let status = response.status().as_u16();
            let retry_after = envelope::retry_after(response.headers());
            Ok((status, retry_after, response.bytes().await?))
        };
        let (status, retry_after, bytes) = match timeout(self.0.timeout, fetched).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(error)) => return Err(Error::Unavailable(outage(error))),
            Err(_) => return Err(Error::Unavailable(Outage::TimedOut)),
        };
        Span::current().record("http.response.status_code", status);
        let result = envelope::open(status, retry_after, &bytes, self.0.token.expose_secret())?;
        read(&result).ok_or(Error::Unavailable(Outage::Unreadable { status, bytes: bytes.len() }))
    }
}

/// The token is part of the URL, so no reqwest error leaves without its URL taken off.
fn outage(error: reqwest::Error) -> Outage {
    let error = error.without_url();
    if error.is_connect() {
        Outage::Connect(error)
    } else if error.is_timeout() {
        Outage::TimedOut
    } else {
        Outage::Broken(error)
    }
}

fn pace<T>(outcome: &Result<T, Error>, took: Duration) -> Pace {
    match outcome {
        Err(Error::FloodWait { .. }) => Pace::Flooded,
        Err(Error::Unavailable(_) | Error::OutcomeUnknown(_)) => Pace::Unknown,
        Ok(_) | Err(_) if took > SLOW => Pace::Slow,
        Ok(_) | Err(_) => Pace::Fine,
    }
}

fn span(method: &str, chat: Option<ChatId>, resend_count: u32) -> Span {
    tracing::info_span!(
        "telegram.call",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = field::Empty,
        method,
        http.request.method = "POST",
        http.request.resend_count = resend_count,
        http.response.status_code = field::Empty,
        url.template = format!("/bot{{token}}/{method}"),
        chat.id = chat.map(|chat| chat.0),
        outcome = field::Empty,
    )
}

fn record(span: &Span, error: Option<&Error>) {
    span.record("outcome", error.map_or("ok", Error::code));
    if error.is_some_and(|error| !error.is_expected()) {
        span.record("otel.status_code", "ERROR");
    }
}

/// teloxide names methods as types (`GetMe`), the Bot API with a small first letter.
fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
