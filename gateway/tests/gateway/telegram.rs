//! As much of Telegram as the gateway meets, with replies to order. The simulator proper is another package, which knows nothing of ours and
//! is tested with ours; here the point is what Telegram does when it does not behave.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// One reply out of turn.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The connection ends without an answer.
    Cut,
    Text {
        status: u16,
        body: String,
    },
}

impl Reply {
    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Text { status, body: body.to_owned() }
    }
}

pub(crate) struct Telegram {
    address: SocketAddr,
    state: Arc<State>,
    _running: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Default)]
struct Inner {
    webhook: Value,
    pending: VecDeque<Value>,
    confirmed: i64,
    calls: Vec<(String, Value)>,
    ordered: HashMap<String, VecDeque<Reply>>,
}

impl Telegram {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();
        let accepting = Arc::clone(&state);
        let running = TaskTracker::new().spawn(async move {
            let connections = TaskTracker::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, Arc::clone(&accepting)));
            }
        });
        Self { address, state, _running: AbortOnDropHandle::new(running) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Orders the next reply to a method, named in lower case.
    pub(crate) fn next(&self, method: &str, reply: Reply) {
        self.state.lock().ordered.entry(method.to_owned()).or_default().push_back(reply);
    }

    pub(crate) fn set_webhook(&self, url: &str) {
        self.state.lock().webhook = json!({ "url": url });
    }

    pub(crate) fn deliver(&self, updates: &[Value]) {
        self.state.lock().pending.extend(updates.iter().cloned());
        self.state.arrived.notify_waiters();
    }

    /// The arguments of each call of a method.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        self.state
            .lock()
            .calls
            .iter()
            .filter(|(name, _)| name == method)
            .map(|(_, arguments)| arguments.clone())
            .collect()
    }

    /// The last offset that was asked for.
    pub(crate) fn confirmed(&self) -> i64 {
        self.state.lock().confirmed
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, method: &str, arguments: &Value) -> Reply {
        let ordered = {
            let mut inner = self.lock();
            inner.calls.push((method.to_owned(), arguments.clone()));
            inner.ordered.get_mut(method).and_then(VecDeque::pop_front)
        };
        if let Some(reply) = ordered {
            return reply;
        }
        let result = match method {
            "setwebhook" => {
                self.lock().webhook = arguments.clone();
                json!(true)
            }
            "deletewebhook" => {
                self.lock().webhook = Value::Null;
                json!(true)
            }
            "getwebhookinfo" => self.info(),
            "getupdates" => self.updates(arguments).await,
            _ => {
                return Reply::text(
                    404,
                    r#"{"ok":false,"error_code":404,"description":"Not Found: method not found"}"#,
                );
            }
        };
        Reply::text(200, &json!({ "ok": true, "result": result }).to_string())
    }

    fn info(&self) -> Value {
        let inner = self.lock();
        let mut info = inner.webhook.clone();
        if let Some(fields) = info.as_object_mut() {
            fields.remove("secret_token");
        } else {
            info = json!({ "url": "" });
        }
        info["pending_update_count"] = inner.pending.len().into();
        info["has_custom_certificate"] = false.into();
        info
    }

    async fn updates(&self, arguments: &Value) -> Value {
        let offset = arguments["offset"].as_i64().unwrap_or_default();
        let wait = Duration::from_secs(arguments["timeout"].as_u64().unwrap_or_default());
        let arrived = self.arrived.notified();
        let mut updates = self.pending_from(offset);
        if updates.is_empty() && !wait.is_zero() {
            let _ = tokio::time::timeout(wait, arrived).await;
            updates = self.pending_from(offset);
        }
        updates.into()
    }

    /// Forgets everything that came before the update with the id `offset`, whatever its number.
    fn pending_from(&self, offset: i64) -> Vec<Value> {
        let mut inner = self.lock();
        inner.confirmed = offset;
        if let Some(last) = inner.pending.iter().position(|update| update["update_id"] == offset - 1) {
            inner.pending.drain(..=last);
        }
        inner.pending.iter().cloned().collect()
    }
}

/// HTTP/1.1, one request after another; nothing of it is optional in a client that Telegram serves.
async fn converse(stream: TcpStream, state: Arc<State>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some((method, arguments)) = request(&mut read).await {
        let Reply::Text { status, body } = state.answer(&method, &arguments).await else { return };
        let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n", body.len());
        if write.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(read: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<(String, Value)> {
    let (mut line, mut length) = (String::new(), 0);
    read.read_line(&mut line).await.ok()?;
    let method = line.split(' ').nth(1)?.rsplit('/').next()?.to_ascii_lowercase();
    loop {
        line.clear();
        read.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    Some((method, serde_json::from_slice(&body).ok()?))
}
