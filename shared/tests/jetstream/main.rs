//! The JetStream queue against a real nats-server, found by NATS_SERVER_BIN or on PATH.

mod found;
mod leases;
mod peers;
mod periods;
mod reshard;

use std::{
    env,
    net::TcpListener,
    num::NonZeroU16,
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_nats::jetstream::{consumer::PullConsumer, stream::Config};
use bytes::Bytes;
use futures::StreamExt as _;
use shared::{
    args::BadSetting,
    envelope::{Envelope, RoutingKey, Source},
    ids::{BotId, UpdateId},
    queue::{
        DeadLetter, Deliver, DeliverError, Delivery, Lease, Publish, PublishError, Stored,
        jetstream::{ConnectError, Deliveries, JetStream, JetStreamConfig, Receipt, ReshardError, Resharding},
        letters::Letters as _,
    },
    shard::{Shard, Shards},
    subject,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A server of a test's own; killed when dropped.
struct Server {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        Self { process: spawn(folder.path(), port), folder, port }
    }

    /// As power loss would, as far as the server can tell.
    fn kill(&mut self) {
        self.process.kill().expect("our own child");
        self.process.wait().expect("our own child");
    }

    fn restart(&mut self) {
        self.process = spawn(self.folder.path(), self.port);
    }

    fn config(&self, shards: u16) -> JetStreamConfig {
        JetStreamConfig {
            servers: format!("nats://127.0.0.1:{}", self.port).parse().expect("an address"),
            shards: Shards::new(NonZeroU16::new(shards).expect("not zero")),
            bot: Some(BotId(1)),
            replicas: 1,
            name: "test".to_owned(),
            prefix: None,
            max_bytes: 64 << 20,
            max_per_subject: 1000,
        }
    }

    /// A client of its own, to see or set what no program of ours does.
    async fn by_hand(&self) -> async_nats::jetstream::Context {
        let client = async_nats::connect(format!("127.0.0.1:{}", self.port)).await.expect("a connection");
        async_nats::jetstream::new(client)
    }

    async fn duplicate_window(&self) -> Duration {
        self.by_hand().await.get_stream("UPD").await.expect("a stream").cached_info().config.duplicate_window
    }

    async fn queue(&self) -> JetStream {
        connect(&self.config(4)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn spawn(folder: &std::path::Path, port: u16) -> Child {
    static BINARY: OnceLock<std::ffi::OsString> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "where the server is is the machine's setting, not a program's")]
    let binary = BINARY.get_or_init(|| env::var_os("NATS_SERVER_BIN").unwrap_or_else(|| "nats-server".into()));
    Command::new(binary)
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{binary:?} does not start ({error}): set NATS_SERVER_BIN"))
}

async fn connect(config: &JetStreamConfig) -> JetStream {
    let stop = CancellationToken::new();
    within(JetStream::connect(config, &stop)).await.expect("a queue")
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(15), what).await.expect("an answer within 15 s")
}

fn update(chat: i64, id: i64) -> Envelope {
    let mut envelope = Envelope::update(
        BotId(1),
        RoutingKey(chat),
        Source::Messages,
        UpdateId(id),
        1_790_000_000_123,
        Bytes::from(format!("{{\"update_id\":{id}}}")),
    );
    envelope.trace =
        vec![("traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned())];
    envelope
}

fn shard_of(config: &JetStreamConfig, chat: i64) -> Shard {
    config.shards.of(RoutingKey(chat))
}

async fn take(queue: &JetStream, shard: Shard, owner: &str) -> Lease {
    queue.take(shard, owner).await.expect("an answer").expect("the shard is free")
}

async fn next(deliveries: &mut Deliveries) -> Delivery<Receipt> {
    within(deliveries.next()).await.expect("the stream goes on").expect("a delivery")
}

async fn update_ids(deliveries: &mut Deliveries, count: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    while ids.len() < count {
        match next(deliveries).await.content.expect("an envelope").kind {
            shared::envelope::Kind::Update(UpdateId(id)) => ids.push(id),
            other => panic!("not an update: {other:?}"),
        }
    }
    ids
}

/// Asks until the answer is good, and shows the last one if it never is.
async fn until<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) => assert!(tokio::time::Instant::now() < deadline, "last seen: {last:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_envelope_comes_out_as_it_went_in_once_and_leaves_when_acked() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    assert_eq!(queue.publish(&update(-100, 1)).await.expect("stored"), Stored::New);
    assert_eq!(queue.publish(&update(-100, 1)).await.expect("stored"), Stored::Duplicate);
    assert_eq!(queue.backlog().await.expect("a number"), 1);

    let shard = shard_of(&config, -100);
    let mut deliveries = queue.open(&take(&queue, shard, "me").await).await.expect("deliveries");
    let delivery = next(&mut deliveries).await;
    assert_eq!((delivery.sequence, delivery.delivered), (1, 1));
    assert_eq!(delivery.content.expect("an envelope"), update(-100, 1));
    queue.ack(&delivery.receipt).await.expect("sent");
    until(async || match queue.backlog().await {
        Ok(0) => Ok(()),
        other => Err(other),
    })
    .await;
    queue.check().await.expect("healthy");
}

#[tokio::test]
async fn a_full_chat_holds_up_only_itself() {
    let server = Server::start();
    let queue = connect(&JetStreamConfig { max_per_subject: 2, ..server.config(4) }).await;
    for id in [1, 2] {
        queue.publish(&update(-100, id)).await.expect("stored");
    }
    assert!(matches!(queue.publish(&update(-100, 3)).await, Err(PublishError::ChatFull)));
    assert_eq!(queue.publish(&update(-200, 4)).await.expect("another chat"), Stored::New);
    let mut press = update(-100, 5);
    press.source = Source::User(shared::ids::UserId(7));
    assert_eq!(queue.publish(&press).await.expect("another of Telegram's queues"), Stored::New);
    // What was stored is stored, also when full.
    assert_eq!(queue.publish(&update(-100, 2)).await.expect("known"), Stored::Duplicate);
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let server = Server::start();
    let queue = connect(&JetStreamConfig { max_bytes: 64 << 10, ..server.config(4) }).await;
    let mut stored = 0;
    let error = loop {
        let mut envelope = update(-100 - stored, stored);
        envelope.body = Bytes::from(vec![b' '; 8 << 10]);
        match queue.publish(&envelope).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 20, "64 KiB hold no {stored} messages of 8 KiB");
    };
    assert!(matches!(error, PublishError::QueueFull), "{error:?}");
}

#[tokio::test]
async fn dead_letters_are_kept_once_and_strangers_are_handed_over() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let letter = DeadLetter {
        headers: update(-100, 1).headers(),
        body: Bytes::from_static(b"{}"),
        reason: "no such chat".to_owned(),
        attempts: 5,
        trace_id: "4bf9".to_owned(),
    };
    queue.bury(&letter).await.expect("buried");
    queue.bury(&letter).await.expect("buried");
    let jetstream = server.by_hand().await;
    let mut letters = jetstream.get_stream("DLQ").await.expect("the stream");
    assert_eq!(letters.info().await.expect("info").state.messages, 1);
    let id = queue.letter_from(0).await.expect("an answer").expect("the letter").id;
    assert!(!queue.drop_letter(id + 1).await.expect("an answer"), "there is no other");
    let keeps_all = Config { deny_delete: true, ..letters.cached_info().config.clone() };
    jetstream.update_stream(keeps_all).await.expect("changed");
    queue.drop_letter(id).await.expect_err("the server keeps it");
    let kept = letters.get_last_raw_message_by_subject("dlq.-100").await.expect("by chat");
    assert_eq!(kept.headers.get("Gmbot-Reason").map(|value| value.as_str()), Some("no such chat"));

    let shard = shard_of(&config, -100);
    let subject = subject::of(config.shards, &update(-100, 1));
    jetstream.publish(subject, Bytes::from_static(b"?")).await.expect("sent").await.expect("stored");
    let mut deliveries = queue.open(&take(&queue, shard, "me").await).await.expect("deliveries");
    let stranger = next(&mut deliveries).await;
    assert_eq!(stranger.content.expect_err("not an envelope").body, "?");
}

#[tokio::test]
async fn queues_with_prefixes_share_a_server() {
    let server = Server::start();
    let one = connect(&JetStreamConfig { prefix: Some("one".to_owned()), ..server.config(4) }).await;
    let two = connect(&JetStreamConfig { prefix: Some("two".to_owned()), ..server.config(8) }).await;
    one.publish(&update(-100, 1)).await.expect("stored");
    assert_eq!((one.backlog().await.expect("a number"), two.backlog().await.expect("a number")), (1, 0));
    take(&one, Shard(0), "me").await;
    take(&two, Shard(0), "you").await;
}

#[tokio::test]
async fn it_waits_for_the_server_and_outlives_its_death() {
    let mut server = Server::start();
    server.kill();
    let config = server.config(4);
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert!(matches!(JetStream::connect(&config, &stopped).await, Err(ConnectError::Stopped)));
    let waiting = TaskTracker::new().spawn({
        let config = config.clone();
        async move { connect(&config).await }
    });
    server.restart();
    let queue = waiting.await.expect("a queue");
    queue.publish(&update(-100, 1)).await.expect("stored");
    let shard = shard_of(&config, -100);
    let lease = take(&queue, shard, "me").await;
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    next(&mut deliveries).await;
    let mut connection = queue.connection();
    let before = *connection.borrow_and_update();
    assert!(before.connected && before.generation == 1, "{before:?}");

    server.kill();
    within(connection.wait_for(|now| !now.connected)).await.expect("it is told");
    let asked = tokio::time::Instant::now();
    assert!(matches!(queue.renew(&lease).await, Err(DeliverError::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_millis(500), "a renewal that cannot be sent fails at once");
    assert!(matches!(queue.publish(&update(-100, 2)).await, Err(PublishError::NotConnected)));
    server.restart();
    let back = within(connection.wait_for(|now| now.connected)).await.expect("it is told").generation;
    assert!(back > before.generation);

    // A publish that met the outage is repeated with the same id; the lease is adopted; the period begins anew with what was unacked.
    until(async || queue.publish(&update(-100, 2)).await).await;
    let lease = until(async || queue.take(shard, "me").await.transpose().unwrap_or(Err(DeliverError::Lost))).await;
    let mut deliveries = until(async || queue.open(&lease).await).await;
    assert_eq!(update_ids(&mut deliveries, 2).await, [1, 2]);
}

/// Without a volume that outlives it, say.
#[tokio::test]
async fn a_server_that_lost_its_disk_gets_its_streams_again() {
    let mut server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    let before = take(&queue, shard, "me").await;
    queue.publish(&update(-100, 1)).await.expect("stored");

    server.kill();
    std::fs::remove_dir_all(server.folder.path()).expect("removed");
    server.restart();
    until(async || queue.publish(&update(-100, 2)).await).await;
    let lease = until(async || queue.take(shard, "me").await.transpose().unwrap_or(Err(DeliverError::Lost))).await;
    assert!(lease.epoch <= before.epoch, "{lease:?} follows {before:?}");
    let mut deliveries = until(async || queue.open(&lease).await).await;
    assert_eq!(update_ids(&mut deliveries, 1).await, [2]);
}

/// By hand, while the server runs.
#[tokio::test]
async fn whatever_is_deleted_is_made_again_for_whoever_misses_it() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    let jetstream = server.by_hand().await;

    jetstream.delete_stream("UPD").await.expect("deleted");
    until(async || queue.publish(&update(-100, 1)).await).await;
    jetstream.delete_stream("KV_leases").await.expect("deleted");
    until(async || queue.take(shard, "me").await.transpose().unwrap_or(Err(DeliverError::Lost))).await;
    jetstream.delete_stream("KV_leases").await.expect("deleted");
    let peers = queue.peers().expect("others may come");
    until(async || peers.announce("me").await).await;
    jetstream.delete_stream("UPD").await.expect("deleted");
    until(async || peers.announce("me").await).await;
    jetstream.delete_stream("DLQ").await.expect("deleted");
    let letter = DeadLetter {
        headers: update(-100, 1).headers(),
        body: Bytes::from_static(b"{}"),
        reason: "no such chat".to_owned(),
        attempts: 5,
        trace_id: "4bf9".to_owned(),
    };
    until(async || queue.bury(&letter).await).await;
    assert_eq!(queue.buried().await.expect("a number"), 1);
}
