//! Stopping by SIGTERM: what is in hand is finished, the rest is left for others, who go on at once.

use std::time::Duration;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use system_tests::{
    child::Signal,
    http,
    split::{SHARDS, Split, WEBHOOK_SECRET, stored},
    wait::PATIENCE,
    wait::wait_for,
};
use telegram_sim::faults::Fault;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    crowd::{Crowd, LIMITS},
    metrics::owned,
};

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_and_the_next_goes_on_at_once() -> anyhow::Result<()> {
    const DRAIN: Duration = Duration::from_secs(15);
    let split = LIMITS.iter().fold(Split::prepare().await?, |split, (name, value)| split.worker_env(name, value));
    let split = split.worker_env("DRAIN_SECONDS", &DRAIN.as_secs().to_string());
    let (_gateway, mut worker) = split.start().await?;
    let crowd = Crowd::gather(&split).await?;

    let before = crowd.talk()?;
    crowd.reached(&before, "restrictChatMember", 50).await?;
    worker.signal(Signal::TERM)?;
    // These come while it stops, and after.
    let after = crowd.talk()?;
    assert_eq!(worker.exited(DRAIN).await?, 0, "within the time that it was given");
    assert!(stored(&crowd.jetstream, "UPD").await? > 0, "the next worker has nothing to go on with");
    let leases = crowd.jetstream.get_key_value("leases").await?;
    let held: Vec<String> = leases.keys().await?.try_collect().await?;
    assert!(held.is_empty(), "the leases were not given back: {held:?}");

    let worker = split.worker().start().await?;
    wait_for("the next worker to own all shards", PATIENCE, async || match owned(&worker).await? {
        SHARDS => Ok(()),
        some => Err(format!("it owns {some}")),
    })
    .await?;
    crowd.all_handled().await?;
    for round in [&before, &after] {
        // Nothing was cut short, so nothing was done twice.
        crowd.judge(round, None).await?;
    }
    Ok(())
}

/// Well below the time that a worker has to drain, and the time for which Telegram says nothing in these tests.
const SOON: Duration = Duration::from_secs(12);

#[tokio::test]
async fn nobody_waits_for_the_slowest_chat_when_a_worker_is_stopped() -> anyhow::Result<()> {
    // All chats in one shard.
    let split = Split::prepare().await?.env("SHARDS", "1");
    let (_gateway, mut worker) = split.start().await?;
    let (slow, beside) = (split.protected_group().await?, split.protected_group().await?);
    let _next = split.worker().start().await?;
    split.sim.fault(Fault::hang(Duration::from_secs(60)).in_chat(slow.group));
    let began = split.sim.last_call();
    let ann = split.world.person_in(slow.group, "Ann");
    split.world.say(slow.group, ann, "Buy this!")?;
    let hangs = || (!split.sim.calls_after(began).in_chat(slow.group).is_empty()).then_some(());
    split.sim.wait("a call that hangs", PATIENCE, hangs).await?;

    worker.signal(Signal::TERM)?;
    let ben = split.world.person_in(beside.group, "Ben");
    split.world.say(beside.group, ben, "Buy that!")?;
    let silenced = || (!split.world.can_speak(beside.group, ben)).then_some(());
    split.sim.wait("Ben to be silenced", SOON, silenced).await?;
    assert_eq!(worker.exited(PATIENCE).await?, 0, "within the time that it has to drain");
    Ok(())
}

#[tokio::test]
async fn nobody_waits_for_the_slowest_chat_when_a_shard_moves_to_a_new_worker() -> anyhow::Result<()> {
    let split = Split::prepare().await?.env("SHARDS", "2");
    let (_gateway, _worker) = split.start().await?;
    let mut slow = Vec::new();
    for _ in 0..6 {
        slow.push(split.protected_group().await?.group);
    }
    let began = split.sim.last_call();
    for group in &slow {
        split.sim.fault(Fault::hang(Duration::from_secs(60)).in_chat(*group));
        let ann = split.world.person_in(*group, "Ann");
        split.world.say(*group, ann, "Buy this!")?;
    }
    let hang = || slow.iter().all(|group| !split.sim.calls_after(began).in_chat(*group).is_empty()).then_some(());
    split.sim.wait("calls that hang in every group", PATIENCE, hang).await?;
    let next = split.worker().start().await?;
    wait_for("the new worker to have its share", SOON, async || match owned(&next).await? {
        1 => Ok(()),
        some => Err(format!("it owns {some}")),
    })
    .await
}

#[tokio::test]
async fn a_gateway_that_is_stopped_says_so_finishes_what_it_takes_and_ends() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let (mut gateway, mut worker) = split.start().await?;
    let place = split.place();
    let ann = split.world.person_in(place.group, "Ann");

    // A request that is not complete yet keeps it from ending.
    let mut request = Unfinished::begin(&split).await?;
    gateway.signal(Signal::TERM)?;
    let readyz = gateway.admin("/readyz");
    let not_ready = wait_for("the gateway to say that it stops", PATIENCE, async || {
        let answer = http::client().get(&readyz).send().await.map_err(|error| error.to_string())?;
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap_or_default());
        if status == 503 { Ok(body) } else { Err(format!("{status} {body}")) }
    })
    .await?;
    assert!(not_ready.contains("stopping"), "{not_ready}");
    assert_eq!(request.end().await?, "HTTP/1.1 200 OK", "what was begun is finished");
    assert_eq!(gateway.exited(PATIENCE).await?, 0);

    // What is written meanwhile waits at Telegram for the next one.
    split.world.say(place.group, ann, "Is anybody there?")?;
    let _next = split.gateway().start().await?;
    wait_for("Telegram to have delivered everything", PATIENCE, async || match split.sim.pending_updates() {
        0 => Ok(()),
        left => Err(format!(
            "{left} are left; the last tries were {:?}",
            split.sim.deliveries().iter().rev().take(5).collect::<Vec<_>>()
        )),
    })
    .await?;
    assert_eq!(worker.stop().await?, 0);
    Ok(())
}

/// A webhook whose head the gateway has read and whose body it waits for.
pub(super) struct Unfinished(TcpStream);

impl Unfinished {
    const BODY: &str =
        r#"{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"from":{"id":7}}}"#;

    pub(super) async fn begin(split: &Split) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", split.webhook_port())).await?;
        // The interim answer is sent when the body is asked for: from then on the request is in the gateway's hands.
        let head = format!(
            "POST /telegram/webhook HTTP/1.1\r\nHost: localhost\r\nX-Telegram-Bot-Api-Secret-Token: {WEBHOOK_SECRET}\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            Self::BODY.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut begun = Self(stream);
        anyhow::ensure!(begun.line().await? == "HTTP/1.1 100 Continue", "no interim answer");
        begun.line().await?;
        Ok(begun)
    }

    /// The status line.
    pub(super) async fn end(&mut self) -> anyhow::Result<String> {
        self.0.write_all(Self::BODY.as_bytes()).await?;
        self.line().await
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(timeout(PATIENCE, self.0.read_u8()).await.context("no answer")??);
        }
        Ok(String::from_utf8(line)?.trim_end().to_owned())
    }
}
