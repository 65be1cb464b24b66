//! The JetStream queue against a real nats-server, found by NATS_SERVER_BIN or on PATH.

use std::{
    env,
    net::TcpListener,
    num::NonZeroU16,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use futures::StreamExt as _;
use shared::{
    args::BadSetting,
    envelope::{Envelope, RoutingKey, Source},
    ids::{BotId, UpdateId},
    queue::{
        DeadLetter, Deliver, DeliverError, Delivery, Lease, Publish, PublishError, Stored,
        jetstream::{ConnectError, Deliveries, JetStream, JetStreamConfig, Receipt},
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
            replicas: 1,
            name: "test".to_owned(),
            prefix: None,
            max_bytes: 64 << 20,
            max_per_subject: 1000,
        }
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
async fn a_lease_has_one_holder_and_passes_on() {
    let server = Server::start();
    let queue = server.queue().await;
    let lease = take(&queue, Shard(0), "one").await;
    assert!(queue.take(Shard(0), "two").await.expect("an answer").is_none());
    let renewed = queue.renew(&lease).await.expect("still ours");
    assert!(renewed.revision > lease.revision && renewed.epoch == lease.epoch && renewed.deadline > lease.deadline);
    // The answer to that renewal was lost: the old revision still renews.
    queue.renew(&lease).await.expect("adopted");
    // Our own name is adopted, as a new period.
    let again = take(&queue, Shard(0), "one").await;
    assert!(again.epoch > renewed.revision);

    queue.release(&again).await.expect("given back");
    let other = take(&queue, Shard(0), "two").await;
    assert!(other.epoch > again.epoch);
    assert!(matches!(queue.renew(&again).await, Err(DeliverError::Lost)));
    // Giving back what is no longer ours takes it from nobody.
    queue.release(&again).await.expect("nothing to do");
    queue.renew(&other).await.expect("still theirs");
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out() {
    let server = Server::start();
    let queue = server.queue().await;
    let lease = take(&queue, Shard(0), "one").await;
    let next = until(async || {
        queue.take(Shard(0), "two").await.transpose().ok_or("held").and_then(|taken| taken.map_err(|_| "error"))
    })
    .await;
    assert!(next.epoch > lease.epoch);
    assert!(tokio::time::Instant::now() > lease.deadline, "it was taken while its holder might still act");
    // And the new holder's first renewals do not make it immortal (queue.md, pitfall 2).
    let renewed = queue.renew(&next).await.expect("still ours");
    until(async || {
        queue.take(Shard(0), "three").await.transpose().ok_or("held").and_then(|taken| taken.map_err(|_| "error"))
    })
    .await;
    assert!(matches!(queue.renew(&renewed).await, Err(DeliverError::Lost)));
}

#[tokio::test]
async fn a_new_period_starts_at_the_first_unacked_and_ends_the_one_before() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    for id in 1..=5 {
        queue.publish(&update(-100, id)).await.expect("stored");
    }
    let shard = shard_of(&config, -100);
    let old_lease = take(&queue, shard, "one").await;
    let mut old = queue.open(&old_lease).await.expect("deliveries");
    let (first, second) = (next(&mut old).await, next(&mut old).await);
    queue.ack(&second.receipt).await.expect("sent");
    until(async || match queue.backlog().await {
        Ok(4) => Ok(()),
        other => Err(other),
    })
    .await;

    let new_lease = take(&queue, shard, "one").await;
    let mut new = queue.open(&new_lease).await.expect("deliveries");
    assert_eq!(update_ids(&mut new, 4).await, [1, 3, 4, 5]);
    // The earlier period gets nothing more: what was on its way, and then its end.
    let end = within(async {
        loop {
            match old.next().await.expect("an end that says why") {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    })
    .await;
    assert!(matches!(end, DeliverError::Interrupted(_)), "{end:?}");
    assert!(old.next().await.is_none());
    // Its late ack does nothing, and it cannot begin again.
    queue.ack(&first.receipt).await.expect("sent");
    assert!(matches!(queue.open(&old_lease).await, Err(DeliverError::Lost)));
    assert_eq!(queue.backlog().await.expect("a number"), 4);
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
async fn another_number_of_shards_is_refused_in_one_sentence() {
    let server = Server::start();
    let queue = server.queue().await;
    let refused = JetStream::connect(&server.config(8), &CancellationToken::new()).await;
    let Err(ConnectError::Setting(BadSetting(sentence))) = refused else { panic!("it connected") };
    assert!(sentence.starts_with("SHARDS is 8, but the queue was made with 4"), "{sentence}");

    // The stream is made anew with another number while we run.
    let server_side = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let jetstream = async_nats::jetstream::new(server_side);
    jetstream.delete_stream("UPD").await.expect("deleted");
    let error = queue.publish(&update(-100, 1)).await.expect_err("no stream");
    assert!(matches!(error, PublishError::Unavailable(_)), "{error:?}");
    connect(&server.config(8)).await;
    let error = queue.publish(&update(-100, 1)).await.expect_err("another stream");
    assert!(matches!(error, PublishError::WrongShards { .. }), "{error:?}");
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
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let jetstream = async_nats::jetstream::new(client);
    let mut letters = jetstream.get_stream("DLQ").await.expect("the stream");
    assert_eq!(letters.info().await.expect("info").state.messages, 1);
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
    assert!(matches!(queue.publish(&update(-100, 2)).await, Err(PublishError::Unavailable(_))));
    server.restart();
    let back = within(connection.wait_for(|now| now.connected)).await.expect("it is told").generation;
    assert!(back > before.generation);

    // A publish that met the outage is repeated with the same id; the lease is adopted; the period begins anew with what was unacked.
    until(async || queue.publish(&update(-100, 2)).await).await;
    let lease = until(async || queue.take(shard, "me").await.transpose().unwrap_or(Err(DeliverError::Lost))).await;
    let mut deliveries = until(async || queue.open(&lease).await).await;
    assert_eq!(update_ids(&mut deliveries, 2).await, [1, 2]);
}

#[tokio::test]
async fn a_deleted_consumer_ends_the_period() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    let lease = take(&queue, shard, "me").await;
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    queue.publish(&update(-100, 1)).await.expect("stored");
    next(&mut deliveries).await;
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let stream = async_nats::jetstream::new(client).get_stream("UPD").await.expect("the stream");
    let name = subject::consumer(shard, lease.epoch);
    let consumer: PullConsumer = stream.get_consumer(&name).await.expect("named with the epoch");
    assert_eq!(consumer.cached_info().config.filter_subject, subject::of_shard(config.shards, shard));
    stream.delete_consumer(&name).await.expect("deleted");
    let end = within(deliveries.next()).await.expect("an end that says why");
    assert!(matches!(end, Err(DeliverError::Interrupted(_))), "{end:?}");
}
