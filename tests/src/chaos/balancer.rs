//! What stands between Telegram and several gateways: takes turns, goes on without one that is away, and notes which updates were taken.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use telegram_sim::{
    clock::Clock,
    ids::{ChatId, MessageId, UserId},
};
use tokio::{net::TcpListener, time::Instant};

use super::relay::Exchange;
use crate::http;

/// A gateway that takes longer is asked no more for a while; it waits 2 s twice for its queue.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long one that was away is passed over, as long as there are others.
const AWAY: Duration = Duration::from_secs(1);

/// An update that a gateway has taken: Telegram was answered with 2xx.
#[derive(Clone, Debug)]
pub struct Taken {
    pub update: i64,
    /// When the answer was there, in the simulated Telegram's time.
    pub at_ms: i64,
    pub what: About,
}

/// What the suite has to know of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Message { chat: ChatId, message: MessageId },
    Press { query: String, chat: ChatId },
    Other,
}

/// How Telegram's requests fared.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub taken: Vec<Taken>,
    /// Requests that were not answered with 2xx.
    pub refused: usize,
}

pub struct Balancer {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    gateways: Vec<Gateway>,
    next: AtomicUsize,
    client: reqwest::Client,
    clock: Clock,
    log: Mutex<Log>,
}

struct Gateway {
    port: u16,
    away_until: Mutex<Option<Instant>>,
}

impl Balancer {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(ports: &[u16], clock: Clock, exchange: &Exchange) -> anyhow::Result<Self> {
        let gateways = ports.iter().map(|port| Gateway { port: *port, away_until: Mutex::new(None) }).collect();
        let shared = Arc::new(Shared {
            gateways,
            next: AtomicUsize::new(0),
            client: http::client(),
            clock,
            log: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the balancer")?;
        let port = listener.local_addr()?.port();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let stop = exchange.stop.clone();
        exchange.tasks.spawn(async move {
            tokio::select! {
                // It does not end by itself.
                _ = axum::serve(listener, router).into_future() => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { port, shared })
    }

    /// What `WEBHOOK_URL` is set to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many updates were taken so far.
    pub fn taken(&self) -> usize {
        lock(&self.shared.log).taken.len()
    }

    pub fn log(&self) -> Log {
        lock(&self.shared.log).clone()
    }
}

async fn pass(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let answer = shared.ask(&uri, &headers, &body).await;
    let mut log = lock(&shared.log);
    match &answer {
        Some((status, _)) if status.is_success() => {
            if let Some((update, what)) = read(&body) {
                log.taken.push(Taken { update, at_ms: shared.clock.now_ms(), what });
            }
        }
        _ => log.refused += 1,
    }
    drop(log);
    let (status, retry_after) = answer.unwrap_or((StatusCode::BAD_GATEWAY, None));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Some(value) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

type Answer = (StatusCode, Option<header::HeaderValue>);

impl Shared {
    /// The first gateway that can be reached; none if it did not answer, or nobody can.
    async fn ask(&self, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<Answer> {
        let count = self.gateways.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = || (0..count).filter_map(|n| self.gateways.get((first + n) % count));
        let now = Instant::now();
        let present = turns().filter(|gateway| !gateway.is_away(now));
        let absent = turns().filter(|gateway| gateway.is_away(now));
        for gateway in present.chain(absent) {
            let url = format!("http://127.0.0.1:{}{uri}", gateway.port);
            let mut request = self.client.post(url).timeout(PATIENCE).body(body.clone());
            for name in [header::CONTENT_TYPE.as_str(), "x-telegram-bot-api-secret-token"] {
                if let Some(value) = headers.get(name) {
                    request = request.header(name, value);
                }
            }
            match request.send().await {
                Ok(answer) => {
                    return Some((answer.status(), answer.headers().get(header::RETRY_AFTER).cloned()));
                }
                Err(error) => {
                    *lock(&gateway.away_until) = Some(Instant::now() + AWAY);
                    // What was sent may have been stored: only Telegram sends that again.
                    if !error.is_connect() {
                        return None;
                    }
                }
            }
        }
        None
    }
}

impl Gateway {
    fn is_away(&self, now: Instant) -> bool {
        lock(&self.away_until).is_some_and(|until| now < until)
    }
}

/// An update's id, and what it is about.
fn read(body: &[u8]) -> Option<(i64, About)> {
    let update: Value = serde_json::from_slice(body).ok()?;
    let chat = |object: &Value| object["chat"]["id"].as_i64().map(ChatId);
    let message = &update["message"];
    let press = &update["callback_query"];
    let what = if let (Some(chat), Some(id)) = (chat(message), message["message_id"].as_i64()) {
        About::Message { chat, message: MessageId(id) }
    } else if let (Some(query), Some(user)) = (press["id"].as_str(), press["from"]["id"].as_i64()) {
        About::Press { query: query.to_owned(), chat: chat(&press["message"]).unwrap_or(UserId(user).into()) }
    } else {
        About::Other
    };
    Some((update["update_id"].as_i64()?, what))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_told_apart() {
        let cases = [
            (
                r#"{"update_id":5,"message":{"message_id":3,"chat":{"id":-100}}}"#,
                About::Message { chat: ChatId(-100), message: MessageId(3) },
            ),
            (
                r#"{"update_id":5,"callback_query":{"id":"9","from":{"id":7},"message":{"chat":{"id":-100}}}}"#,
                About::Press { query: "9".to_owned(), chat: ChatId(-100) },
            ),
            (
                r#"{"update_id":5,"callback_query":{"id":"9","from":{"id":7}}}"#,
                About::Press { query: "9".to_owned(), chat: ChatId(7) },
            ),
            (r#"{"update_id":5,"chat_member":{"chat":{"id":-100}}}"#, About::Other),
        ];
        for (json, wanted) in cases {
            assert_eq!(read(json.as_bytes()), Some((5, wanted)), "{json}");
        }
        assert_eq!(read(b"{}"), None);
    }
}
