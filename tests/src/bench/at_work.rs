//! gmbot and the reference at work: what is measured, started and loaded.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use telegram_sim::{
    ids::{ChatId, UserId},
    rights::AdminRights,
};
use tokio::time::Instant;

use super::{
    options::Options,
    post::{Posted, post},
    reference,
    run::Turn,
    usage::{Usage, usage},
};
use crate::{
    ports,
    process::{Launch, Process, built},
    services::{nats::Nats, postgres::Postgres, redis::Redis},
    split::{Servers, Split, UNLIMITED, migrate, stored},
    wait::{PATIENCE, wait_for},
};

/// The queue has room for a turn.
const ROOM: (&str, &str) = ("NATS_MAX_MIB", "4096");

const GROUPS: usize = 100;
const MEMBERS: usize = 10;

/// The reference has as many subjects.
pub(super) const CHATS: usize = 4096;

/// The number of the simulator's own updates stays far below.
const FIRST_UPDATE: usize = 1_000_000_000;

/// What gateway and worker store in.
const STREAM: &str = "UPD";

/// As long as what is stored takes to be settled, at the slowest.
const DRAIN: Duration = Duration::from_secs(120);

/// Servers, and groups with subscribers who write.
pub(super) struct Site {
    pub split: Split,
    nats: Nats,
    members: Vec<(ChatId, UserId)>,
    /// The next update.
    next: AtomicUsize,
    _postgres: Postgres,
    _redis: Redis,
}

/// Processes that are measured, with the names that they have in tables.
pub(super) struct AtWork {
    pub processes: Vec<(&'static str, Process)>,
    port: u16,
    /// Where what is taken waits until it is settled. None: nobody settles it.
    drains: Option<&'static str>,
}

impl Site {
    pub(super) async fn open(tell: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let (nats, postgres, redis) = tokio::try_join!(Nats::own(), Postgres::own(), Redis::own())?;
        let database = postgres.database_like("migrated", migrate).await?;
        let servers = Servers { nats: nats.account()?, database, redis: redis.database()? };
        let split = Split::on(servers).await?.silent();
        let split = UNLIMITED.iter().chain([&ROOM]).fold(split, |split, (name, value)| split.env(name, value));
        let (mut gateway, mut worker) = split.start().await?;
        let owner = split.world.person("Olga");
        let channel = split.world.channel("News", Some("daily_news"), owner);
        split.world.add_bot(channel, AdminRights::INVITE_USERS);
        let places = split.world.seed(GROUPS, MEMBERS, AdminRights::MODERATOR);
        for place in &places {
            split.world.seed_members(channel, &place.members);
        }
        split.protect(channel, &places.iter().map(|place| (place.group, place.owner)).collect::<Vec<_>>()).await?;
        gateway.stop().await?;
        worker.stop().await?;
        tell(&format!("{GROUPS} groups of {MEMBERS} subscribers"));
        let members =
            places.iter().flat_map(|place| place.members.iter().map(|member| (place.group, *member))).collect();
        let next = AtomicUsize::new(0);
        Ok(Self { split, nats, members, next, _postgres: postgres, _redis: redis })
    }

    /// gmbot's gateway, and so many workers.
    pub(super) async fn gmbot(&self, workers: usize, env: &[(&str, &str)]) -> anyhow::Result<AtWork> {
        let with = |launch: Launch| env.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let mut processes = vec![("gateway", with(self.split.gateway()).spawn()?)];
        for _ in 0..workers {
            processes.push(("worker", with(self.split.worker()).spawn()?));
        }
        for (_, process) in &mut processes {
            process.ready().await?;
        }
        Ok(AtWork { processes, port: self.split.webhook_port(), drains: (workers > 0).then_some(STREAM) })
    }

    /// The least that could do it; with `drain` it settles what it has stored.
    pub(super) async fn reference(&self, drain: bool) -> anyhow::Result<AtWork> {
        let jetstream = self.split.jetstream().await?;
        let mut config = jetstream.get_stream(STREAM).await?.cached_info().config.clone();
        config.name = reference::STREAM.to_owned();
        config.subjects = vec!["bare.*.*".to_owned()];
        config.metadata.clear();
        // All of a turn waits in few subjects.
        config.max_messages_per_subject = 100_000_000;
        jetstream.get_or_create_stream(config).await?;
        let port = ports::free()?;
        let launch = Launch::new("reference", built().join("bench"))
            .silent()
            .args(["reference", "--nats-url", &self.split.servers.nats, "--port", &port.to_string()])
            .args(drain.then_some("--drain"));
        let mut process = launch.spawn()?;
        let listens = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(drop);
        let listening = wait_for("the reference to listen", PATIENCE, async || match process.exit_code() {
            Some(code) => Ok(Some(code)),
            None => listens().await.map(|()| None).map_err(|err| err.to_string()),
        });
        if let Some(code) = listening.await? {
            anyhow::bail!("the reference ended with {code}: {:?}", process.lines());
        }
        Ok(AtWork { processes: vec![("reference", process)], port, drains: drain.then_some(reference::STREAM) })
    }

    /// What is stored and was never to be settled goes.
    pub(super) async fn purge(&self) -> anyhow::Result<()> {
        let jetstream = self.split.jetstream().await?;
        for stream in [STREAM, reference::STREAM] {
            if let Ok(stream) = jetstream.get_stream(stream).await {
                stream.purge().await?;
            }
        }
        Ok(())
    }

    /// Loads it for as long as the options say, after a second of warming up, and waits until all is settled.
    pub(super) async fn turn(&self, options: &Options, at_work: &AtWork) -> anyhow::Result<Turn> {
        self.load(options, at_work, Duration::from_secs(1)).await?;
        let before = self.usages(at_work)?;
        let began = Instant::now();
        let posted = self.load(options, at_work, Duration::from_secs(options.seconds.into())).await?;
        let took = began.elapsed();
        let after = self.usages(at_work)?;
        let spent = before.into_iter().zip(after).map(|((name, before), (_, after))| {
            (name.to_owned(), Usage { cpu_us: after.cpu_us - before.cpu_us, rss_mb: after.rss_mb })
        });
        Ok(Turn {
            taken: u32::try_from(posted.taken)?,
            took,
            refused: u32::try_from(posted.refused).map(f64::from)?,
            answered: posted.answered.spread(),
            processes: spent.collect(),
        })
    }

    async fn load(&self, options: &Options, at_work: &AtWork, lasts: Duration) -> anyhow::Result<Posted> {
        let members = self.members.clone();
        let date_s = shared::clock::now_s();
        // Where nobody settles anything there have to be more chats, or they would be full.
        let is_spread = at_work.drains.is_none();
        let body = move |n: usize| {
            let (group, person) = members[n % members.len()];
            let group = if is_spread { group.0 - i64::try_from(n % CHATS).unwrap_or_default() } else { group.0 };
            update(FIRST_UPDATE + n, group, person, date_s)
        };
        let first = self.next.load(Ordering::Relaxed);
        let posted = post(at_work.port, options.connections, lasts, first, body).await?;
        self.next.fetch_add(posted.taken + posted.refused + usize::from(options.connections), Ordering::Relaxed);
        if let Some(stream) = at_work.drains {
            let jetstream = self.split.jetstream().await?;
            let settled = async || match stored(&jetstream, stream).await {
                Ok(0) => Ok(()),
                other => Err(format!("{other:?} are stored")),
            };
            wait_for("all to be settled", DRAIN, settled).await?;
        }
        Ok(posted)
    }

    fn usages(&self, at_work: &AtWork) -> anyhow::Result<Vec<(&'static str, Usage)>> {
        let nats = ("nats", self.nats.pid().context("NATS runs")?);
        let all = at_work.processes.iter().map(|(name, process)| (*name, process.pid())).chain([nats]);
        all.map(|(name, pid)| Ok((name, usage(pid)?))).collect()
    }
}

impl AtWork {
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        for (name, process) in &mut self.processes {
            // The reference knows no way to end.
            if *name == "reference" { process.kill().await? } else { process.stop().await.map(drop)? }
        }
        Ok(())
    }
}

/// A message of some words, as Telegram writes it.
fn update(number: usize, group: i64, person: UserId, date_s: i64) -> Bytes {
    let person = person.0;
    format!(
        r#"{{"update_id":{number},"message":{{"message_id":{number},"from":{{"id":{person},"is_bot":false,"first_name":"Ann","last_name":"Walker","username":"ann_{person}","language_code":"en"}},"chat":{{"id":{group},"title":"Readers of the daily news","username":"readers_of_news","type":"supergroup"}},"date":{date_s},"text":"Good morning! Has anybody read what they wrote about the new bridge? I think it is a good idea.","entities":[]}}}}"#
    )
    .into()
}
