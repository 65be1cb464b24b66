//! The gateway over real sockets: Telegram on one side, played by a small server; a queue on the other, with faults to order.

mod telegram;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Parser as _;
use gateway::{
    bot_api::{ALLOWED_UPDATES, BotApi},
    config::{Config, WebhookCommand},
    metrics::Metrics,
    registration,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::json;
use shared::{
    args::BadSetting,
    envelope::{Envelope, Kind, RoutingKey},
    health::Readiness,
    ids::UpdateId,
    queue::{Publish, PublishError, Stored},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use telegram::{Reply, Telegram};

const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";
const SECRET: &str = "TEST-secret";
const MESSAGE: &str = r#"{"update_id":5,"message":{"message_id":1,"chat":{"id":-100},"from":{"id":7},"text":"hi"}}"#;

/// Makes the error anew each time: it holds a cause that cannot be copied.
type Refusal = fn() -> PublishError;

/// A queue in memory that fails when told to.
#[derive(Clone, Default)]
struct Queue(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    stored: Mutex<Vec<Envelope>>,
    refusal: Mutex<Option<Refusal>>,
    /// Publishing waits for this while it is set.
    hold: Mutex<Option<Arc<Notify>>>,
}

impl Queue {
    fn refuse(&self, refusal: Option<Refusal>) {
        *self.0.refusal.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
    }

    fn hold(&self) -> Arc<Notify> {
        let hold = Arc::new(Notify::new());
        *self.0.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&hold));
        hold
    }

    fn stored(&self) -> Vec<Envelope> {
        self.0.stored.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn updates(&self) -> Vec<i64> {
        let id = |envelope: &Envelope| match envelope.kind {
            Kind::Update(UpdateId(id)) => id,
            Kind::Unreadable { .. } | Kind::Task { .. } => -1,
        };
        self.stored().iter().map(id).collect()
    }
}

impl Publish for Queue {
    async fn publish(&self, envelope: &Envelope) -> Result<Stored, PublishError> {
        let hold = self.0.hold.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        if let Some(refusal) = *self.0.refusal.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(refusal());
        }
        let mut stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.iter().any(|known| known.kind == envelope.kind) {
            return Ok(Stored::Duplicate);
        }
        stored.push(envelope.clone());
        Ok(Stored::New)
    }
}

/// A gateway that runs in this process.
struct Gateway {
    address: Option<SocketAddr>,
    queue: Queue,
    readiness: Readiness,
    stop: CancellationToken,
    registry: Registry,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Gateway {
    async fn start(telegram: &Telegram, settings: &[&str]) -> Self {
        shared::tls::install();
        let config = config(telegram, settings);
        let source = config.source().expect("usable settings");
        let public = match source {
            gateway::config::Source::Webhook(_) => {
                Some(gateway::Public::bind(&config.process, &config.updates).await.expect("a free port"))
            }
            gateway::config::Source::Polling { .. } => None,
        };
        let address = public.as_ref().map(|public| public.local_addr().expect("an address"));
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let (queue, readiness, stop) = (Queue::default(), Readiness::new(&[]), CancellationToken::new());
        let running = TaskTracker::new().spawn({
            let (queue, readiness, stop) = (queue.clone(), readiness.clone(), stop.clone());
            async move {
                let service = gateway::Service {
                    bot: &config.bot,
                    source,
                    drain: config.process.drain(),
                    queue,
                    metrics,
                    public,
                };
                gateway::serve(service, &readiness, &stop).await
            }
        });
        Self { address, queue, readiness, stop, registry, running }
    }

    async fn webhook(telegram: &Telegram) -> Self {
        let secret = format!("--webhook-secret={SECRET},old-one");
        let url = "--webhook-url=http://127.0.0.1:9999";
        Self::start(telegram, &["--mode=webhook", url, &secret, "--drain-seconds=5"]).await
    }

    fn url(&self) -> String {
        format!("http://{}/telegram/webhook", self.address.expect("a webhook gateway"))
    }

    async fn post(&self, secret: Option<&str>, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let mut request = reqwest::Client::new().post(self.url()).body(body);
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        request.send().await.expect("an answer")
    }

    /// A body whose length is not said in advance; the status line.
    async fn post_in_pieces(&self, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address.expect("a webhook gateway")).await.expect("connected");
        let head = format!(
            "POST /telegram/webhook HTTP/1.1\r\nHost: test\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        for piece in body.chunks(64 << 10) {
            let size = format!("{:x}\r\n", piece.len());
            // It may be answered, and closed, before all is sent.
            for part in [size.as_bytes(), piece, b"\r\n"] {
                if stream.write_all(part).await.is_err() {
                    break;
                }
            }
        }
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await.expect("an answer");
        answer.trim_end().to_owned()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes anything");
        text
    }

    async fn stopped(self) -> anyhow::Result<()> {
        self.stop.cancel();
        ended(self.running).await
    }
}

async fn ended(running: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::time::timeout(Duration::from_secs(10), running).await.expect("it ends").expect("no panic")
}

fn config(telegram: &Telegram, settings: &[&str]) -> Config {
    let telegram = format!("--telegram-api-url={}", telegram.url());
    let token = format!("--bot-token={TOKEN}");
    Config::try_parse_from(["gateway", &token, &telegram, "--port=0"].iter().chain(settings)).expect("settings")
}

/// Waits for a state, and shows the last one if it never comes.
async fn until<T: std::fmt::Debug>(mut look: impl FnMut() -> T, good: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let seen = look();
        if good(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn update(id: i64) -> serde_json::Value {
    json!({ "update_id": id, "message": { "message_id": id, "chat": { "id": -100 }, "from": { "id": 7 } } })
}

#[tokio::test]
async fn a_webhook_is_answered_by_what_became_of_it() {
    let telegram = Telegram::start().await;
    let gateway = Gateway::webhook(&telegram).await;
    let too_long = vec![b' '; gateway::webhook::MAX_BODY_BYTES + 1];
    let cases: Vec<(Option<&str>, reqwest::Body, u16)> = vec![
        (None, MESSAGE.into(), 401),
        (Some("guess"), MESSAGE.into(), 401),
        (Some("guess"), too_long.clone().into(), 401),
        (Some(SECRET), MESSAGE.into(), 200),
        (Some("old-one"), MESSAGE.into(), 200),
        (Some(SECRET), "not json".into(), 200),
        (Some(SECRET), "".into(), 200),
        (Some(SECRET), too_long.clone().into(), 413),
    ];
    for (n, (secret, body, wanted)) in cases.into_iter().enumerate() {
        let answer = gateway.post(secret, body).await;
        assert_eq!(answer.status().as_u16(), wanted, "case {n}");
        assert_eq!(answer.headers().get("retry-after"), None, "case {n}");
        assert_eq!(answer.text().await.expect("a body"), "", "case {n}");
    }
    assert_eq!(gateway.post_in_pieces(&too_long).await, "HTTP/1.1 413 Payload Too Large");
    let stored = gateway.queue.stored();
    assert_eq!(stored.len(), 3, "{stored:?}");
    assert_eq!((stored[0].routing, stored[0].body.as_ref()), (RoutingKey(-100), MESSAGE.as_bytes()));
    assert!(matches!(stored[1].kind, Kind::Unreadable { .. }) && stored[1].body == "not json");
    let metrics = gateway.metrics();
    for line in [
        r#"gateway_updates_total{kind="message",outcome="stored"} 1"#,
        r#"gateway_updates_total{kind="message",outcome="duplicate"} 1"#,
        r#"gateway_updates_total{kind="unreadable",outcome="stored"} 2"#,
        r#"gateway_webhook_responses_total{status="401"} 3"#,
        r#"gateway_webhook_responses_total{status="413"} 2"#,
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
    let client = reqwest::Client::new();
    assert_eq!(client.get(gateway.url()).send().await.expect("an answer").status(), 405);
    let elsewhere = gateway.url().replace("/telegram", "/elsewhere");
    assert_eq!(client.post(elsewhere).send().await.expect("an answer").status(), 404);
    gateway.stopped().await.expect("a clean end");
}

#[tokio::test]
async fn webhooks_come_over_tls_without_a_proxy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let telegram = Telegram::start().await;
    let (cert_flag, key_flag) = (format!("--tls-cert={}", cert.display()), format!("--tls-key={}", key.display()));
    let base = ["--mode=webhook", "--webhook-url=https://localhost:9999", "--webhook-secret=TEST-secret"];
    let settings: Vec<&str> = base.into_iter().chain([cert_flag.as_str(), key_flag.as_str()]).collect();
    let gateway = Gateway::start(&telegram, &settings).await;
    let url = gateway.url().replace("http://127.0.0.1", "https://localhost");
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("the certificate");
    let client = reqwest::Client::builder().add_root_certificate(trusted).build().expect("a client");
    let request = client.post(url).header("X-Telegram-Bot-Api-Secret-Token", SECRET).body(MESSAGE);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    gateway.stopped().await.expect("a clean end");

    // The two the wrong way round.
    let (cert_flag, key_flag) = (format!("--tls-cert={}", key.display()), format!("--tls-key={}", cert.display()));
    let settings: Vec<&str> = base.into_iter().chain([cert_flag.as_str(), key_flag.as_str()]).collect();
    let config = config(&telegram, &settings);
    let error = gateway::Public::bind(&config.process, &config.updates).await.map(drop).expect_err("a bad setting");
    let sentence = error.downcast::<BadSetting>().expect("a bad setting").0;
    assert!(sentence.starts_with("TLS_CERT and TLS_KEY are no certificate and key"), "{sentence}");
}

#[tokio::test]
async fn what_is_not_stored_comes_again_soon() {
    let telegram = Telegram::start().await;
    let gateway = Gateway::webhook(&telegram).await;
    let cases: [(Refusal, &str); 4] = [
        (|| PublishError::Unavailable("down".into()), "1"),
        (|| PublishError::ChatFull, "2"),
        (|| PublishError::QueueFull, "5"),
        (|| PublishError::WrongShards { subject: "upd.1.0.-100.m".to_owned() }, "5"),
    ];
    for (refusal, wanted) in cases {
        gateway.queue.refuse(Some(refusal));
        let answer = gateway.post(Some(SECRET), MESSAGE).await;
        assert_eq!(answer.status(), 503, "{}", refusal());
        assert_eq!(
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()),
            Some(wanted),
            "{}",
            refusal()
        );
    }
    gateway.queue.refuse(None);
    assert_eq!(gateway.post(Some(SECRET), MESSAGE).await.status(), 200);
    assert_eq!(gateway.queue.updates(), [5]);
    gateway.stopped().await.expect("a clean end");
}

#[tokio::test]
async fn a_stop_lets_what_runs_finish() {
    let telegram = Telegram::start().await;
    let gateway = Gateway::webhook(&telegram).await;
    let hold = gateway.queue.hold();
    let request =
        reqwest::Client::new().post(gateway.url()).header("X-Telegram-Bot-Api-Secret-Token", SECRET).body(MESSAGE);
    let answer = TaskTracker::new().spawn(request.send());
    // Held here, by the queue, and by the publish that waits.
    until(|| Arc::strong_count(&hold), |holders| *holders >= 3).await;
    gateway.stop.cancel();
    until(|| gateway.readiness.is_ready(), |ready| !ready).await;
    hold.notify_waiters();
    hold.notify_one();
    assert_eq!(answer.await.expect("no panic").expect("an answer").status(), 200);
    assert_eq!(gateway.queue.updates(), [5]);
    let url = gateway.url();
    gateway.stopped().await.expect("a clean end");
    let refused = reqwest::Client::new().post(url).send().await.expect_err("nobody listens");
    assert!(refused.is_connect(), "{refused:?}");
}

#[tokio::test]
async fn the_webhook_is_registered_while_telegram_stumbles() {
    let telegram = Telegram::start().await;
    for reply in [
        Reply::Cut,
        Reply::text(502, "<html>Bad Gateway</html>"),
        Reply::text(200, r#"{"ok":true,"result":null}"#),
        Reply::text(429, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":1}}"#),
    ] {
        telegram.next("setwebhook", reply);
    }
    let gateway = Gateway::webhook(&telegram).await;
    // It serves from the start.
    assert_eq!(gateway.post(Some(SECRET), MESSAGE).await.status(), 200);
    let calls = until(|| telegram.calls("setwebhook"), |calls| calls.len() >= 5).await;
    let arguments = &calls[4];
    assert_eq!(arguments["url"], "http://127.0.0.1:9999/telegram/webhook");
    assert_eq!(arguments["secret_token"], SECRET);
    assert_eq!(arguments["allowed_updates"], json!(ALLOWED_UPDATES));
    assert_eq!(arguments["max_connections"], 40);
    assert!(arguments.get("drop_pending_updates").is_none());
    until(|| telegram.calls("getwebhookinfo").len(), |looks| *looks >= 1).await;
    assert!(gateway.metrics().contains(r#"gateway_telegram_errors_total{method="setWebhook",error="flood_wait"} 1"#));
    gateway.stopped().await.expect("a clean end");
}

#[tokio::test]
async fn a_token_that_telegram_does_not_know_ends_it_in_one_sentence() {
    for mode in ["--mode=webhook", "--mode=polling"] {
        let telegram = Telegram::start().await;
        let method = if mode.ends_with("webhook") { "setwebhook" } else { "getwebhookinfo" };
        telegram.next(method, Reply::text(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#));
        let settings = [mode, "--webhook-url=http://127.0.0.1:9999", "--webhook-secret=x"];
        let gateway = Gateway::start(&telegram, &settings).await;
        let error = ended(gateway.running).await.expect_err("a bad setting");
        let sentence = error.downcast::<BadSetting>().expect("a bad setting").0;
        assert!(sentence.starts_with("BOT_TOKEN is not accepted by Telegram (Unauthorized)"), "{sentence}");
    }
}

#[tokio::test]
async fn polling_confirms_only_what_is_stored() {
    let telegram = Telegram::start().await;
    let gateway = Gateway::start(&telegram, &[]).await;
    gateway.queue.refuse(Some(|| PublishError::Unavailable("down".into())));
    telegram.deliver(&[update(10), update(11)]);
    let first = until(|| telegram.calls("getupdates"), |calls| !calls.is_empty()).await;
    assert_eq!(first[0]["allowed_updates"], json!(ALLOWED_UPDATES));
    until(|| gateway.metrics(), |metrics| metrics.contains(r#"outcome="unavailable"} 2"#)).await;
    assert_eq!(telegram.confirmed(), 0);
    gateway.queue.refuse(None);
    until(|| telegram.confirmed(), |confirmed| *confirmed == 12).await;
    assert_eq!(gateway.queue.updates(), [10, 11]);
    // Ids may start anew, lower.
    telegram.deliver(&[update(3)]);
    until(|| gateway.queue.updates(), |updates| updates.len() == 3).await;
    gateway.stopped().await.expect("a clean end");
    assert_eq!(telegram.confirmed(), 4, "the end confirms what was stored");
}

#[tokio::test]
async fn polling_outlives_loose_answers() {
    let telegram = Telegram::start().await;
    for reply in [
        Reply::Cut,
        Reply::text(200, r#"{"ok":true,"result":{"not":"a list"}}"#),
        Reply::text(
            409,
            r#"{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}"#,
        ),
    ] {
        telegram.next("getupdates", reply);
    }
    // A list of which one is no update.
    telegram
        .next("getupdates", Reply::text(200, r#"{"ok":true,"result":["?",{"update_id":10,"novelty":{}}],"more":1}"#));
    let gateway = Gateway::start(&telegram, &[]).await;
    until(|| gateway.queue.updates(), |updates| *updates == [-1, 10]).await;
    gateway.stopped().await.expect("a clean end");
}

#[tokio::test]
async fn a_bot_with_a_webhook_is_not_polled_unless_taken_over() {
    let telegram = Telegram::start().await;
    telegram.set_webhook("https://bot.example.org/secret-path/telegram/webhook");
    let gateway = Gateway::start(&telegram, &[]).await;
    let error = ended(gateway.running).await.expect_err("a bad setting");
    let sentence = error.downcast::<BadSetting>().expect("a bad setting").0;
    assert!(sentence.contains("a webhook at bot.example.org: pass --take-over"), "{sentence}");
    assert!(telegram.calls("deletewebhook").is_empty() && telegram.calls("getupdates").is_empty());

    let gateway = Gateway::start(&telegram, &["--take-over"]).await;
    telegram.deliver(&[update(10)]);
    until(|| gateway.queue.updates(), |updates| *updates == [10]).await;
    let deleted = telegram.calls("deletewebhook");
    assert!(deleted.len() == 1 && deleted[0].get("drop_pending_updates").is_none(), "{deleted:?}");
    gateway.stopped().await.expect("a clean end");
}

#[tokio::test]
async fn the_webhook_commands_say_what_they_did() {
    shared::tls::install();
    let telegram = Telegram::start().await;
    let config = config(&telegram, &["--webhook-url=http://127.0.0.1:9999", "--webhook-secret=x"]);
    let api = BotApi::new(&config.bot, Metrics::new(&mut Registry::default())).expect("a client");
    let said =
        async |command| registration::command(&api, command, config.webhook()).await.map(|lines| lines.join("\n"));
    let set = said(WebhookCommand::Set).await.expect("set");
    assert_eq!(set, "Telegram sends updates to http://127.0.0.1:9999/telegram/webhook.");
    let info = said(WebhookCommand::Info).await.expect("shown");
    assert!(info.starts_with("Address: http://127.0.0.1:9999/telegram/webhook\n"), "{info}");
    said(WebhookCommand::Delete).await.expect("deleted");
    assert_eq!(said(WebhookCommand::Info).await.expect("shown"), "No webhook is set; 0 updates wait.");
    // Whatever goes wrong, the token is not in it.
    for reply in [
        Reply::Cut,
        Reply::text(400, &format!(r#"{{"ok":false,"error_code":400,"description":"no such path /bot{TOKEN}/x"}}"#)),
    ] {
        telegram.next("getwebhookinfo", reply);
        let error = said(WebhookCommand::Info).await.expect_err("trouble");
        assert!(!format!("{error:?} {error:#}").contains("TEST-token"), "{error:?}");
    }
}
