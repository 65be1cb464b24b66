//! A webhook for tests: answers as told, and remembers what came, when, and on which connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use telegram_sim::clock::Clock;
use telegram_sim::simulator::Simulator;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::bot::{Bot, SOON};

/// What the webhook does with an update.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, and nothing else.
    Status(u16),
    /// This status with these header lines and this body.
    Full(u16, String, String),
    /// 200, after the few milliseconds that real work takes.
    Slow,
    /// 200, once [`Hook::let_go`] allows it.
    Held,
    /// No answer: the connection is closed.
    Close,
    /// No answer, and the connection stays.
    Silence,
}

impl Answer {
    pub(crate) fn with_header(status: u16, header: &str) -> Self {
        Self::Full(status, format!("{header}\r\n"), String::new())
    }

    fn text(&self) -> String {
        let (status, headers, body) = match self {
            Self::Status(status) => (*status, "", ""),
            Self::Full(status, headers, body) => (*status, headers.as_str(), body.as_str()),
            Self::Slow | Self::Held | Self::Close | Self::Silence => (200, "", ""),
        };
        let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let (reason, length) = (reason.unwrap_or_default(), body.len());
        format!("HTTP/1.1 {status} {reason}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
    }
}

/// One update that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// In the world's milliseconds.
    pub(crate) at_ms: i64,
    /// Connections count from 1, those without a request not at all: one is opened when a webhook is set.
    pub(crate) connection: usize,
    /// How many were being answered, this one included.
    pub(crate) at_once: usize,
    pub(crate) request_line: String,
    headers: HashMap<String, String>,
    pub(crate) update: Value,
}

impl Arrival {
    /// Empty if it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> i64 {
        self.update["update_id"].as_i64().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        self.update["message"]["text"].as_str().unwrap_or("-")
    }

    pub(crate) fn chat(&self) -> i64 {
        self.update["message"]["chat"]["id"].as_i64().unwrap_or_default()
    }
}

/// What [`Answer::Slow`] takes.
const WORK: Duration = Duration::from_millis(3);

type Decide = dyn Fn(&Arrival, usize) -> Answer + Send + Sync;

struct Shared {
    clock: Clock,
    decide: Box<Decide>,
    kept: Mutex<Kept>,
    may_go: Semaphore,
}

#[derive(Default)]
struct Kept {
    arrivals: Vec<Arrival>,
    connections: usize,
    at_once: usize,
}

#[derive(Clone)]
pub(crate) struct Hook {
    shared: Arc<Shared>,
    /// Without a path.
    pub(crate) origin: String,
}

impl Hook {
    /// Listens. `decide` is told what came and how many came before it.
    pub(crate) async fn listen(
        sim: &Simulator,
        decide: impl Fn(&Arrival, usize) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let (kept, may_go) = (Mutex::default(), Semaphore::new(0));
        let shared = Arc::new(Shared { clock: sim.clock(), decide: Box::new(decide), kept, may_go });
        let hook = Self { shared: shared.clone(), origin };
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                // A connection that breaks is the other side's business.
                tasks.spawn(async move { shared.serve(stream).await.ok() });
            }
        });
        Ok(hook)
    }

    /// Listens, and is the bot's webhook with these arguments beside its URL.
    pub(crate) async fn set(
        bot: &Bot,
        sim: &Simulator,
        mut args: Value,
        decide: impl Fn(&Arrival, usize) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let hook = Self::listen(sim, decide).await?;
        args["url"] = json!(format!("{}/hook", hook.origin));
        bot.ok("setWebhook", args).await?;
        Ok(hook)
    }

    /// Lets so many that are held have their 200.
    pub(crate) fn let_go(&self, count: usize) {
        self.shared.may_go.add_permits(count);
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.kept().arrivals.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.kept().arrivals.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.kept().connections
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.arrivals().iter().map(|arrival| arrival.text().to_owned()).collect()
    }

    /// Waits until so many have come; gives the latest of them.
    pub(crate) async fn wait_for(&self, sim: &Simulator, count: usize) -> anyhow::Result<Arrival> {
        let what = format!("{count} updates at the webhook");
        let found = sim.wait(&what, SOON, || self.arrivals().get(count.checked_sub(1)?).cloned());
        found.await.with_context(|| format!("came: {:?}", self.texts()))
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        let mut number = None;
        loop {
            let Some((request_line, headers)) = read_head(&mut stream).await? else {
                return Ok(());
            };
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            let update = serde_json::from_slice(&body)?;
            let answer = {
                let mut kept = self.kept();
                let connection = *number.get_or_insert_with(|| {
                    kept.connections += 1;
                    kept.connections
                });
                kept.at_once += 1;
                let (at_ms, at_once) = (self.clock.now_ms(), kept.at_once);
                let arrival = Arrival { at_ms, connection, at_once, request_line, headers, update };
                let answer = (self.decide)(&arrival, kept.arrivals.len());
                kept.arrivals.push(arrival);
                answer
            };
            match &answer {
                Answer::Slow => tokio::time::sleep(WORK).await,
                Answer::Held => self.may_go.acquire().await?.forget(),
                Answer::Silence => return self.wait_for_the_end(stream).await,
                Answer::Close | Answer::Status(_) | Answer::Full(..) => {}
            }
            self.kept().at_once -= 1;
            if matches!(answer, Answer::Close) {
                return Ok(());
            }
            let text = answer.text();
            stream.write_all(text.as_bytes()).await?;
            if text.contains("Connection: close") {
                return Ok(());
            }
        }
    }

    async fn wait_for_the_end(&self, mut stream: BufReader<TcpStream>) -> anyhow::Result<()> {
        let closed = stream.read(&mut [0]).await;
        self.kept().at_once -= 1;
        closed?;
        Ok(())
    }
}

type Head = (String, HashMap<String, String>);

/// The request line, and the headers by their lower-case names. `None` at the connection's end.
async fn read_head(stream: &mut BufReader<TcpStream>) -> anyhow::Result<Option<Head>> {
    let mut request_line = String::new();
    if stream.read_line(&mut request_line).await? == 0 {
        return Ok(None);
    }
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(Some((request_line.trim_end().to_owned(), headers)));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}
