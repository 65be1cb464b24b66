//! The split system for one test: gateway and worker as processes, joined by a NATS account, a database and a Redis database that nobody
//! else has, and a simulated Telegram that posts to the gateway.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use system_tests::split::Split;
//!
//! let split = Split::prepare().await?;
//! let (gateway, mut worker) = split.start().await?;
//! let place = split.protected_group().await?;
//! worker.kill().await?;
//! # Ok(()) }
//! ```

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use async_nats::jetstream::{self, context::Context as JetStream};
use sqlx::Row as _;
use telegram_sim::{
    config::SimConfig,
    floods::FloodLimits,
    ids::{ChatId, UserId},
    rights::AdminRights,
    simulator::Simulator,
    world::World,
};

use crate::{
    place::Place,
    ports,
    process::{Launch, Process, Program},
    services::{
        nats::{self, Nats},
        postgres::{Database, Postgres},
        redis::Redis,
    },
    wait::{PATIENCE, wait_for},
};

/// `SHARDS`, unless a test sets another number.
pub const SHARDS: u16 = 32;

/// Settings of a worker: no limit of the bot's own is in the way of what is measured.
pub const UNLIMITED: [(&str, &str); 4] = [
    ("LIMIT_SEND_PER_S", "2000"),
    ("LIMIT_SEND_PER_GROUP_PER_MIN", "2000"),
    ("LIMIT_READ_PER_S", "5000"),
    ("LIMIT_MODERATE_PER_S", "5000"),
];

/// What the gateway expects from Telegram.
pub const WEBHOOK_SECRET: &str = "test-webhook-secret";

/// The servers that the two programs are given.
pub struct Servers {
    /// `NATS_URL`
    pub nats: String,
    pub database: Database,
    /// `REDIS_URL`
    pub redis: String,
}

impl Servers {
    /// Parts of the servers that all tests share; the database has its tables.
    ///
    /// # Errors
    /// A server does not start, or the tables are not made.
    pub async fn shared() -> anyhow::Result<Self> {
        Ok(Self {
            nats: Nats::shared().await?.account()?,
            database: Postgres::shared().await?.database_like("migrated", migrate).await?,
            redis: Redis::shared().await?.database()?,
        })
    }
}

/// Makes the tables with `worker migrate up`.
///
/// # Errors
/// It is not built, or fails.
pub async fn migrate(database: &Database) -> anyhow::Result<()> {
    let command = Program::Worker.launch().silent().args(["migrate", "up"]).env("DATABASE_URL", database.url());
    let ended = command.run(PATIENCE).await?;
    anyhow::ensure!(ended.code == 0, "worker migrate up ended with {}: {:?}", ended.code, ended.lines);
    Ok(())
}

/// Everything but the two programs, which a test starts when it wants them.
pub struct Split {
    pub sim: Simulator,
    pub world: World,
    pub servers: Servers,
    gateway: Launch,
    worker: Launch,
    webhook_port: u16,
    /// How many groups and channels were made, for their names.
    places: AtomicUsize,
}

/// The state of rows, by group and person, oldest first.
pub type States = BTreeMap<(ChatId, UserId), Vec<String>>;

impl Split {
    /// On the shared servers.
    ///
    /// # Errors
    /// A server or the simulator does not start.
    pub async fn prepare() -> anyhow::Result<Self> {
        Self::on(Servers::shared().await?).await
    }

    /// On these servers; they need not run yet.
    ///
    /// # Errors
    /// The simulator does not start.
    pub async fn on(servers: Servers) -> anyhow::Result<Self> {
        // Telegram's limits are the matter of the tests that set them; the others would only be slowed down.
        let sim = Simulator::start(SimConfig { floods: FloodLimits::off(), ..SimConfig::default() }).await?;
        let webhook_port = ports::free()?;
        let common = |program: Program| {
            program
                .launch()
                .env("ENVIRONMENT", "production")
                .env("HOST", "127.0.0.1")
                .env("BOT_TOKEN", sim.token())
                .env("TELEGRAM_API_URL", sim.api_url())
                .env("NATS_URL", &servers.nats)
                .env("SHARDS", SHARDS.to_string())
                // Reserved at the server, which many tests share.
                .env("NATS_MAX_MIB", "16")
        };
        let gateway = common(Program::Gateway)
            .env("PORT", webhook_port.to_string())
            .env("WEBHOOK_URL", format!("http://127.0.0.1:{webhook_port}"))
            .env("WEBHOOK_SECRET", WEBHOOK_SECRET);
        let worker =
            common(Program::Worker).env("DATABASE_URL", servers.database.url()).env("REDIS_URL", &servers.redis);
        Ok(Self { world: sim.world(), sim, servers, gateway, worker, webhook_port, places: AtomicUsize::new(0) })
    }

    /// Sets a variable of both programs.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        Self { gateway: self.gateway.env(name, value), worker: self.worker.env(name, value), ..self }
    }

    /// Their last lines are not shown at their end.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { gateway: self.gateway.silent(), worker: self.worker.silent(), ..self }
    }

    /// Sets a variable of the worker.
    #[must_use]
    pub fn worker_env(self, name: &str, value: &str) -> Self {
        Self { worker: self.worker.env(name, value), ..self }
    }

    /// How the gateway is started.
    pub fn gateway(&self) -> Launch {
        self.gateway.clone()
    }

    /// How a worker is started.
    pub fn worker(&self) -> Launch {
        self.worker.clone()
    }

    /// Where the gateway takes webhooks.
    pub fn webhook_port(&self) -> u16 {
        self.webhook_port
    }

    /// Starts both programs and waits until they serve and Telegram knows the gateway.
    ///
    /// # Errors
    /// One of them is not built, ends, or is not ready in time.
    pub async fn start(&self) -> anyhow::Result<(Process, Process)> {
        let (mut gateway, mut worker) = (self.gateway.spawn()?, self.worker.spawn()?);
        gateway.ready().await?;
        worker.ready().await?;
        let registered = |calls: &telegram_sim::ledger::Calls| calls.of("setWebhook").ok().iter().next().map(drop);
        self.sim.wait_for("the webhook to be registered", PATIENCE, registered).await?;
        Ok((gateway, worker))
    }

    /// A group and a public channel with the bot an admin of both, and no `/protect` yet.
    pub fn place(&self) -> Place {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let owner = self.world.person("Olga");
        let channel = self.world.channel(&format!("News {number}"), Some(&format!("daily_news_{number}")), owner);
        let group = self.world.group(&format!("Readers {number}"), owner);
        self.world.add_bot(channel, AdminRights::INVITE_USERS);
        self.world.add_bot(group, AdminRights::MODERATOR);
        Place { group, channel, owner }
    }

    /// A group whose owner has protected it. Both programs must run.
    ///
    /// # Errors
    /// The owner was not answered as expected.
    pub async fn protected_group(&self) -> anyhow::Result<Place> {
        let place = self.place();
        self.protect(place.channel, &[(place.group, place.owner)]).await?;
        Ok(place)
    }

    /// The groups' owners protect them with the channel, all at once.
    ///
    /// # Errors
    /// One of them was not answered as expected.
    pub async fn protect(&self, channel: ChatId, groups: &[(ChatId, UserId)]) -> anyhow::Result<()> {
        let chat = self.world.chats().into_iter().find(|chat| chat.id == channel);
        let name = chat.and_then(|chat| chat.username).context("the channel has a public name")?;
        for (group, owner) in groups {
            self.world.say(*group, *owner, &format!("/protect @{name}"))?;
        }
        let unanswered = async || {
            // The greeting goes with it.
            let done = |group| {
                let said = |words| self.world.bot_messages(group).iter().any(|seen| seen.text.starts_with(words));
                said("Done!") && !said("Hello! ")
            };
            match groups.iter().filter(|(group, _)| !done(*group)).count() {
                0 => Ok(()),
                left => Err(format!("{left} of {} are not, after {} calls", groups.len(), self.sim.last_call())),
            }
        };
        wait_for("every /protect to be answered", PATIENCE, unanswered).await
    }

    /// The test's own connection to the account of the two programs.
    ///
    /// # Errors
    /// NATS does not run.
    pub async fn jetstream(&self) -> anyhow::Result<JetStream> {
        Ok(jetstream::new(nats::connect(&self.servers.nats).await?))
    }

    /// Mutes by group and person, closed ones too: their state, with the reason if there is one.
    ///
    /// # Errors
    /// The database does not run.
    pub async fn mutes(&self) -> anyhow::Result<States> {
        self.states(
            "SELECT group_id, user_id, state || coalesce(': ' || closed_why, '') AS state FROM mutes ORDER BY id",
        )
        .await
    }

    /// Warnings by group and person, closed ones too: their state.
    ///
    /// # Errors
    /// The database does not run.
    pub async fn warnings(&self) -> anyhow::Result<States> {
        self.states("SELECT group_id, user_id, state FROM warnings ORDER BY id").await
    }

    async fn states(&self, sql: &'static str) -> anyhow::Result<States> {
        let mut connection = self.servers.database.connect().await?;
        let mut states = States::new();
        for row in sqlx::query(sql).fetch_all(&mut connection).await? {
            let key = (ChatId(row.try_get("group_id")?), UserId(row.try_get("user_id")?));
            states.entry(key).or_default().push(row.try_get("state")?);
        }
        Ok(states)
    }
}

/// How many messages a stream holds.
///
/// # Errors
/// NATS does not run, or there is no such stream.
pub async fn stored(jetstream: &JetStream, stream: &str) -> anyhow::Result<u64> {
    Ok(jetstream.get_stream(stream).await?.cached_info().state.messages)
}
