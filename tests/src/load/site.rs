//! gmbot and servers of its own, with a Telegram that keeps its limits.

use std::time::Duration;

use anyhow::Context as _;
use telegram_sim::{
    floods::{Ceiling, FloodLimits},
    ids::ChatId,
    rights::AdminRights,
    world::seeding::SeededGroup,
};
use tokio::time::{Instant, sleep_until};

use crate::{
    http,
    process::Process,
    services::{nats::Nats, postgres::Postgres, redis::Redis},
    split::{Servers, Split, migrate},
};

/// What Telegram states, and for what it states nothing a fifth more than the bot allows itself, with the waits that are reported: above
/// that a worker has not counted with the others. A restriction is a question too.
pub(super) fn strict() -> FloodLimits {
    let ceiling = |per_second, retry_after| Some(Ceiling { per_second, retry_after, per_chat: false });
    FloodLimits {
        reads: ceiling(180, 8),
        restricts: ceiling(120, 8),
        deletes: ceiling(120, 6),
        ..FloodLimits::telegram()
    }
}

pub(super) struct Site {
    pub split: Split,
    pub redis: Redis,
    pub workers: Vec<Process>,
    _gateway: Process,
    _nats: Nats,
    _postgres: Postgres,
}

impl Site {
    /// Starts everything; the workers with these variables.
    pub(super) async fn open(workers: u8, env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (nats, postgres, redis) = tokio::try_join!(Nats::own(), Postgres::own(), Redis::own())?;
        let database = postgres.database_like("migrated", migrate).await?;
        let split = Split::on(Servers { nats: nats.account()?, database, redis: redis.database()? }).await?.silent();
        let (gateway, first) = started(&split, env).await?;
        let mut site = Self { split, redis, workers: vec![first], _gateway: gateway, _nats: nats, _postgres: postgres };
        for _ in 1..workers {
            site.workers.push(launched(&site.split, env)?);
        }
        for worker in &mut site.workers {
            worker.ready().await?;
        }
        Ok(site)
    }

    /// Stops the workers and starts as many with other variables.
    pub(super) async fn restart(&mut self, env: &[(&str, &str)]) -> anyhow::Result<()> {
        let count = self.workers.len();
        for mut worker in self.workers.drain(..) {
            worker.stop().await?;
        }
        for _ in 0..count {
            self.workers.push(launched(&self.split, env)?);
        }
        for worker in &mut self.workers {
            worker.ready().await?;
        }
        Ok(())
    }

    /// Groups with people who are not subscribed, so many protected with each channel; with their channels.
    pub(super) async fn protected(
        &self,
        groups: u16,
        members_each: usize,
        groups_a_channel: usize,
    ) -> anyhow::Result<Vec<(SeededGroup, ChatId)>> {
        let world = &self.split.world;
        let owner = world.person("Olga");
        let seeded = world.seed(groups.into(), members_each, AdminRights::MODERATOR);
        let mut places = Vec::new();
        for (n, some) in seeded.chunks(groups_a_channel).enumerate() {
            let channel = world.channel(&format!("News {n}"), Some(&format!("daily_news_{n}")), owner);
            world.add_bot(channel, AdminRights::INVITE_USERS);
            let theirs: Vec<_> = some.iter().map(|place| (place.group, place.owner)).collect();
            self.split.protect(channel, &theirs).await?;
            places.extend(some.iter().cloned().map(|place| (place, channel)));
        }
        Ok(places)
    }

    /// The sum of a counter over all workers.
    pub(super) async fn counted(&self, counter: &str) -> anyhow::Result<f64> {
        let client = http::client();
        let mut sum = 0.0;
        for worker in &self.workers {
            let page = client.get(worker.admin("/metrics")).send().await?.error_for_status()?.text().await?;
            let samples = page.lines().filter_map(|line| line.strip_prefix(counter));
            let values = samples.filter(|rest| rest.starts_with(['{', ' '])).filter_map(|rest| rest.rsplit(' ').next());
            for value in values {
                sum += value.parse::<f64>().with_context(|| format!("{counter} {value}"))?;
            }
        }
        Ok(sum)
    }
}

async fn started(split: &Split, env: &[(&str, &str)]) -> anyhow::Result<(Process, Process)> {
    let (mut gateway, mut worker) = (split.gateway().spawn()?, launched(split, env)?);
    gateway.ready().await?;
    worker.ready().await?;
    let registered = |calls: &telegram_sim::ledger::Calls| calls.of("setWebhook").ok().iter().next().map(drop);
    split.sim.wait_for("the webhook to be registered", crate::wait::PATIENCE, registered).await?;
    Ok((gateway, worker))
}

fn launched(split: &Split, env: &[(&str, &str)]) -> anyhow::Result<Process> {
    env.iter().fold(split.worker(), |worker, (name, value)| worker.env(name, value)).spawn()
}

/// Does something so often a second, evenly, for so long.
pub(super) async fn evenly(rate: u32, lasts: Duration, mut act: impl FnMut(u32)) {
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < lasts {
        act(done);
        done += 1;
        sleep_until(began + Duration::from_secs(1) * done / rate).await;
    }
}
