//! What a gateway answers when the queue does not take an update, over a real server: 503 in time, and never 200 for what is not stored.

use std::{
    collections::BTreeSet,
    ops::Range,
    time::{Duration, Instant},
};

use async_nats::jetstream::{context::Context as JetStream, stream::Config};
use futures::{TryStreamExt as _, future::join_all};
use serde_json::{Value, json};
use system_tests::{
    child::Signal,
    http, ports,
    services::{nats::Nats, postgres::Postgres, redis::Redis},
    split::{Servers, Split, WEBHOOK_SECRET, migrate, stored},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::rights::AdminRights;
use tokio::{io::copy_bidirectional, net::TcpListener, net::TcpStream, task::JoinSet};

use super::drain::Unfinished;

/// The queue is waited for twice 2 s; the rest is for a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(6);

/// How Telegram was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    retry_after: Option<u32>,
}

impl Answer {
    const STORED: Self = Self { status: 200, retry_after: None };

    const fn later(seconds: u32) -> Self {
        Self { status: 503, retry_after: Some(seconds) }
    }
}

fn message(id: i64, chat: i64) -> Value {
    json!({ "update_id": id, "message": { "message_id": id, "chat": { "id": chat }, "from": { "id": 7 } } })
}

fn press(id: i64, chat: i64) -> Value {
    let on = json!({ "message_id": 1, "chat": { "id": chat } });
    json!({ "update_id": id, "callback_query": { "id": "1", "from": { "id": 7 }, "message": on } })
}

async fn post(split: &Split, update: &Value) -> anyhow::Result<Answer> {
    let url = format!("http://127.0.0.1:{}/telegram/webhook", split.webhook_port());
    let request = http::client().post(url).header("X-Telegram-Bot-Api-Secret-Token", WEBHOOK_SECRET);
    let began = Instant::now();
    let answer = request.body(update.to_string()).send().await?;
    let took = began.elapsed();
    anyhow::ensure!(took < ANSWERED_WITHIN, "answered after {took:?}");
    let retry_after = answer.headers().get("retry-after").map(|value| anyhow::Ok(value.to_str()?.parse()?));
    Ok(Answer { status: answer.status().as_u16(), retry_after: retry_after.transpose()? })
}

/// Messages of different chats, all at once; those that were refused.
async fn post_all(split: &Split, ids: Range<i64>) -> anyhow::Result<Vec<i64>> {
    let posted = join_all(ids.map(async |id| anyhow::Ok((id, post(split, &message(id, -id)).await?)))).await;
    let mut refused = Vec::new();
    for answer in posted {
        match answer? {
            (_, Answer::STORED) => {}
            (id, Answer { status: 503, retry_after: Some(1..=5) }) => refused.push(id),
            (id, other) => anyhow::bail!("update {id} was answered {other:?}"),
        }
    }
    Ok(refused)
}

async fn change(jetstream: &JetStream, change: impl FnOnce(&mut Config)) -> anyhow::Result<()> {
    let mut config = jetstream.get_stream("UPD").await?.cached_info().config.clone();
    change(&mut config);
    jetstream.update_stream(config).await?;
    Ok(())
}

#[tokio::test]
async fn while_nats_is_frozen_every_webhook_is_refused_in_time_and_nothing_is_lost() -> anyhow::Result<()> {
    let mut nats = Nats::own().await?;
    let servers = Servers {
        nats: nats.account()?,
        database: Postgres::shared().await?.database_like("migrated", migrate).await?,
        redis: Redis::shared().await?.database()?,
    };
    let split = Split::on(servers).await?;
    let mut gateway = split.gateway().start().await?;
    assert!(post_all(&split, 1..20).await?.is_empty());

    nats.signal(Signal::STOP)?;
    // The connection stands, and nobody answers; later it is known to be broken.
    let mut refused = Vec::new();
    for ids in [20..60, 60..100, 100..140] {
        let of_these = post_all(&split, ids.clone()).await?;
        assert_eq!(of_these, ids.collect::<Vec<_>>(), "some were said to be stored");
        refused.extend(of_these);
    }
    nats.signal(Signal::CONT)?;
    wait_for("what was refused to be taken", PATIENCE, async || {
        for id in std::mem::take(&mut refused) {
            if post(&split, &message(id, -id)).await.map_err(|error| error.to_string())? != Answer::STORED {
                refused.push(id);
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(format!("{} are still refused", refused.len())) }
    })
    .await?;
    // What had arrived nevertheless was recognized.
    assert_eq!(stored(&split.jetstream().await?, "UPD").await?, 139);

    // A gateway that is stopped meanwhile answers what it has in hand, and ends.
    nats.signal(Signal::STOP)?;
    let mut request = Unfinished::begin(&split).await?;
    gateway.signal(Signal::TERM)?;
    let readyz = gateway.admin("/readyz");
    wait_for("the gateway to say that it stops", PATIENCE, async || {
        let answer = http::client().get(&readyz).send().await.map_err(|error| error.to_string())?;
        if answer.status() == 503 { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await?;
    assert_eq!(request.end().await?, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(gateway.exited(PATIENCE).await?, 0);
    nats.signal(Signal::CONT)
}

#[tokio::test]
async fn a_chat_that_has_all_it_may_have_is_refused_alone() -> anyhow::Result<()> {
    const ROOM: i64 = 3;
    const HOT: i64 = -100;
    let split = Split::prepare().await?;
    let _gateway = split.gateway().start().await?;
    let jetstream = split.jetstream().await?;
    change(&jetstream, |config| config.max_messages_per_subject = ROOM).await?;
    for id in 1..=ROOM {
        assert_eq!(post(&split, &message(id, HOT)).await?, Answer::STORED);
    }
    assert_eq!(post(&split, &message(10, HOT)).await?, Answer::later(2));
    assert_eq!(post(&split, &message(1, HOT)).await?, Answer::STORED, "what is stored is stored");
    assert_eq!(post(&split, &press(11, HOT)).await?, Answer::STORED, "another of Telegram's queues");
    assert_eq!(post(&split, &message(12, -200)).await?, Answer::STORED, "another chat");

    // Over the simulator: it keeps what is refused, of this chat alone, and brings it when there is room.
    for (place, messages) in split.world.seed(3, 1, AdminRights::MODERATOR).into_iter().zip([10, 2, 2]) {
        for n in 0..messages {
            split.world.say(place.group, place.members[0], &format!("Message {n}"))?;
        }
    }
    let left = async |wanted: usize| {
        wait_for("Telegram to keep what is too much", PATIENCE, async || match split.sim.pending_updates() {
            left if left == wanted => Ok(()),
            left => Err(format!("{left} instead of {wanted}")),
        })
        .await
    };
    left(10 - usize::try_from(ROOM)?).await?;
    let _worker = split.worker().start().await?;
    left(0).await?;
    wait_for("all to be handled", PATIENCE, async || match stored(&jetstream, "UPD").await {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

#[tokio::test]
async fn a_full_queue_refuses_everybody_until_there_is_room() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let gateway = split.gateway().start().await?;
    let jetstream = split.jetstream().await?;
    assert_eq!(post(&split, &message(1, -1)).await?, Answer::STORED);
    let room = jetstream.get_stream("UPD").await?.cached_info().config.max_bytes;
    change(&jetstream, |config| config.max_bytes = 1).await?;
    for chat in [-1, -2] {
        assert_eq!(post(&split, &message(2 - chat, chat)).await?, Answer::later(5));
    }
    assert_eq!(gateway.lines_with("the queue takes no updates").len(), 1, "said once");
    change(&jetstream, |config| config.max_bytes = room).await?;
    for chat in [-1, -2] {
        assert_eq!(post(&split, &message(2 - chat, chat)).await?, Answer::STORED);
    }
    assert_eq!(stored(&jetstream, "UPD").await?, 3);
    gateway.line_with("the queue takes updates again", PATIENCE).await.map(drop)
}

#[tokio::test]
async fn of_two_gateways_one_is_killed_under_load_and_every_update_is_stored_once() -> anyhow::Result<()> {
    const GROUPS: usize = 30;
    const MESSAGES: usize = 600;
    let split = Split::prepare().await?;
    let (one, two) = (ports::free()?, ports::free()?);
    let front = Front::start(vec![one, two]).await?;
    let gateway = |port: u16| split.gateway().env("PORT", port.to_string()).env("WEBHOOK_URL", front.url());
    let mut first = gateway(one).start().await?;
    let _second = gateway(two).start().await?;
    let members: Vec<_> = split.world.seed(GROUPS, 1, AdminRights::MODERATOR);
    let jetstream = split.jetstream().await?;
    let delivered = async |at_least: usize| {
        wait_for("updates to be stored", PATIENCE, async || {
            let stored = stored(&jetstream, "UPD").await.map_err(|error| error.to_string())?;
            let left = split.sim.pending_updates();
            if usize::try_from(stored).is_ok_and(|stored| stored >= at_least) {
                Ok(left)
            } else {
                Err(format!("{stored} of {at_least} are, {left} are at Telegram"))
            }
        })
        .await
    };
    for n in 0..MESSAGES {
        let place = &members[n % GROUPS];
        split.world.say(place.group, place.members[0], &format!("Message {n}"))?;
    }
    let left = delivered(MESSAGES / 10).await?;
    first.kill().await?;
    assert!(left > 0, "it was killed when all was over");
    delivered(MESSAGES).await?;
    wait_for("Telegram to have nothing left", PATIENCE, async || match split.sim.pending_updates() {
        0 => Ok(()),
        left => Err(left.to_string()),
    })
    .await?;
    let stream = jetstream.get_stream("UPD").await?;
    let subjects: Vec<(String, usize)> = stream.info_with_subjects("upd.>").await?.try_collect().await?;
    let per_chat: BTreeSet<usize> = subjects.iter().map(|(_, count)| *count).collect();
    assert_eq!(
        (subjects.len(), per_chat),
        (GROUPS, BTreeSet::from([MESSAGES / GROUPS])),
        "each update once: {subjects:?}"
    );
    Ok(())
}

/// What stands before several gateways: takes turns among those that can be reached. Ends with this value.
struct Front {
    port: u16,
    _connections: JoinSet<()>,
}

impl Front {
    async fn start(gateways: Vec<u16>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut passed = JoinSet::new();
            for turn in 0.. {
                let Ok((mut from, _)) = listener.accept().await else { return };
                let gateways = gateways.clone();
                passed.spawn(async move {
                    for n in 0..gateways.len() {
                        if let Ok(mut to) =
                            TcpStream::connect(("127.0.0.1", gateways[(turn + n) % gateways.len()])).await
                        {
                            // A cut is the matter of the two who talk.
                            let _ = copy_bidirectional(&mut from, &mut to).await;
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { port, _connections: connections })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
