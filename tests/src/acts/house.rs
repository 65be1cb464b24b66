//! gmbot in either form, on the run's clock: started, killed, and asked whether it has come to rest.

use std::{collections::HashMap, time::Duration};

use anyhow::Context as _;
use async_nats::jetstream::context::Context as JetStream;
use serde_json::Value;
use sqlx::{PgConnection, SqliteConnection};
use telegram_sim::{ids::ChatId, simulator::Simulator};
use tokio::time::{Instant, sleep};

use crate::clock::RunClock;
use crate::{
    http,
    process::Process,
    split::{Split, stored},
    stage::Form,
    standalone::Standalone,
    wait::PATIENCE,
};

/// Inactive for so long and with nothing left in its queue, the bot has come to rest.
const QUIET: Duration = Duration::from_millis(20);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// People here are much quicker than people are. That the bot keeps Telegram's limits is another test's matter.
const LIMITS: [(&str, &str); 4] = [
    ("LIMIT_SEND_PER_S", "1000"),
    ("LIMIT_SEND_PER_GROUP_PER_MIN", "6000"),
    ("LIMIT_READ_PER_S", "5000"),
    ("LIMIT_MODERATE_PER_S", "5000"),
];

/// A group's rules, as far as they decide who may be muted.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) enforces: bool,
    /// One of the channels is enough.
    pub(super) any: bool,
    pub(super) warning_ttl: Duration,
    pub(super) channels: Vec<i64>,
    pub(super) allowed: Vec<i64>,
}

/// What the bot does when it has been left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: all that it has been told of is done.
    Done,
    /// It waits for a time to come.
    Waits,
    /// It waits for Telegram's answer.
    Calls,
}

/// How long the bot may be inactive with something left to do until it is held up, and needs the time to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Whether it is held up or just slow makes no difference: life goes on.
    Short,
    /// It may be waiting for NATS, Postgres, Redis or a busy machine, which nobody sees. A leap of the time makes it begin the periods of its
    /// shards anew, so one who leaps while it does so can keep it from its work for ever.
    Long,
}

impl Patience {
    const fn lasts(self, parts: &Parts) -> Duration {
        Duration::from_millis(match (self, parts) {
            (Self::Short, Parts::StandAlone { .. }) => 100,
            (Self::Short, Parts::Split(_)) => 400,
            (Self::Long, Parts::StandAlone { .. }) => 250,
            (Self::Long, Parts::Split(_)) => 3_000,
        })
    }
}

/// A running gmbot with everything around it. All of it ends with this value.
pub(super) struct House {
    parts: Parts,
    clock: RunClock,
    http: reqwest::Client,
}

enum Parts {
    StandAlone { standalone: Box<Standalone>, database: SqliteConnection },
    Split(Box<SplitParts>),
}

struct SplitParts {
    split: Split,
    gateway: Process,
    worker: Process,
    jetstream: JetStream,
    database: PgConnection,
}

/// Rows of a group's id and another number.
type Pairs = Vec<(i64, i64)>;

impl House {
    /// # Errors
    /// Something is not built or installed, or does not start.
    pub(super) async fn open(form: Form) -> anyhow::Result<Self> {
        let clock = RunClock::new()?;
        let env: Vec<(&str, &str)> = clock.env()?.into_iter().chain(LIMITS).chain([("RUST_LOG", "info")]).collect();
        let parts = match form {
            Form::StandAlone => {
                let standalone = Standalone::start_silent(&env).await?;
                Parts::StandAlone { database: standalone.database().await?, standalone: Box::new(standalone) }
            }
            Form::Split => {
                let prepared = Split::prepare().await?.silent();
                let split = env.iter().fold(prepared, |split, (name, value)| split.env(name, value));
                let (gateway, worker) = split.start().await?;
                let (jetstream, database) = (split.jetstream().await?, split.servers.database.connect().await?);
                Parts::Split(Box::new(SplitParts { split, gateway, worker, jetstream, database }))
            }
        };
        Ok(Self { parts, clock, http: http::client() })
    }

    pub(super) fn sim(&self) -> &Simulator {
        match &self.parts {
            Parts::StandAlone { standalone, .. } => &standalone.sim,
            Parts::Split(parts) => &parts.split.sim,
        }
    }

    /// Ends the process that works without a warning.
    ///
    /// # Errors
    /// It had ended by itself.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        match &mut self.parts {
            Parts::StandAlone { standalone, .. } => standalone.process.kill().await,
            Parts::Split(parts) => parts.worker.kill().await,
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn start_again(&mut self) -> anyhow::Result<()> {
        match &mut self.parts {
            Parts::StandAlone { standalone, .. } => standalone.start_again().await,
            Parts::Split(parts) => {
                parts.worker = parts.split.worker().start().await?;
                Ok(())
            }
        }
    }

    /// Moves the time, and lets every process notice: one that sleeps would do so at the end of its sleep only.
    ///
    /// # Errors
    /// A process has ended.
    pub(super) async fn advance(&mut self, by: Duration) -> anyhow::Result<()> {
        let telegram = self.sim().clock();
        self.clock.advance(&telegram, by)?;
        for process in self.processes() {
            let asked = self.http.get(process.admin("/livez")).send().await;
            asked.and_then(reqwest::Response::error_for_status).context("a process of gmbot does not live")?;
        }
        Ok(())
    }

    /// Waits until the bot does nothing any more, or nothing but wait.
    ///
    /// # Errors
    /// Its database or queue cannot be asked.
    pub(super) async fn rests_in(&mut self, patience: Patience) -> anyhow::Result<Rest> {
        let held_up = patience.lasts(&self.parts);
        let mut calls = self.sim().last_call();
        let mut active = Instant::now();
        while active.elapsed() < held_up {
            sleep(LOOK_EVERY).await;
            let now = self.sim().last_call();
            if now != calls || self.processes().iter().any(|process| process.is_busy()) {
                (calls, active) = (now, Instant::now());
            } else if active.elapsed() >= QUIET
                && self.sim().calls_in_hand() == 0
                && self.sim().pending_updates() == 0
                && self.waiting().await? == 0
            {
                return Ok(Rest::Done);
            }
        }
        Ok(if self.sim().calls_in_hand() == 0 { Rest::Waits } else { Rest::Calls })
    }

    /// The same, until all is done.
    ///
    /// # Errors
    /// It does not get everything done, or its database or queue cannot be asked.
    pub(super) async fn rests_at_last(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + PATIENCE;
        while self.rests_in(Patience::Long).await? != Rest::Done {
            anyhow::ensure!(Instant::now() < give_up, "gmbot does not get done {}", self.left_to_do().await?);
        }
        Ok(())
    }

    fn processes(&self) -> Vec<&Process> {
        match &self.parts {
            Parts::StandAlone { standalone, .. } => vec![&standalone.process],
            Parts::Split(parts) => vec![&parts.gateway, &parts.worker],
        }
    }

    /// What is in the bot's queue, and what is due and not yet there.
    async fn waiting(&mut self) -> anyhow::Result<u64> {
        const DUE: &str = "SELECT COUNT(*) FROM tasks WHERE due_ms <= $1";
        let now_ms = self.sim().clock().now_ms();
        let waiting = match &mut self.parts {
            Parts::StandAlone { database, .. } => {
                let inbox: i64 =
                    sqlx::query_scalar("SELECT COUNT(*) FROM inbox WHERE done = 0").fetch_one(&mut *database).await?;
                let due: i64 = sqlx::query_scalar(DUE).bind(now_ms).fetch_one(&mut *database).await?;
                inbox + due
            }
            Parts::Split(parts) => {
                let due: i64 = sqlx::query_scalar(DUE).bind(now_ms).fetch_one(&mut parts.database).await?;
                due + i64::try_from(stored(&parts.jetstream, "UPD").await?)?
            }
        };
        Ok(u64::try_from(waiting)?)
    }

    /// What that is, to be told.
    ///
    /// # Errors
    /// Its database cannot be asked.
    pub(super) async fn left_to_do(&mut self) -> anyhow::Result<String> {
        const DUE: &str = "SELECT chat_id, key FROM tasks WHERE due_ms <= $1";
        let now_ms = self.sim().clock().now_ms();
        let due: Vec<(i64, String)> = match &mut self.parts {
            Parts::StandAlone { database, .. } => sqlx::query_as(DUE).bind(now_ms).fetch_all(database).await?,
            Parts::Split(parts) => sqlx::query_as(DUE).bind(now_ms).fetch_all(&mut parts.database).await?,
        };
        let waiting = self.waiting().await?;
        let (calls, pending) = (self.sim().calls_in_hand(), self.sim().pending_updates());
        let is_busy = self.processes().iter().any(|process| process.is_busy());
        Ok(format!(
            "{waiting} updates and tasks, of them due and not in the queue: {due:?}; calls in hand: {calls}, updates at Telegram: {pending}, \
             busy: {is_busy}"
        ))
    }

    /// What could not be handled: there must be nothing.
    ///
    /// # Errors
    /// The queue cannot be asked.
    pub(super) async fn dead_letters(&mut self) -> anyhow::Result<Vec<String>> {
        Ok(match &mut self.parts {
            Parts::StandAlone { database, .. } => {
                sqlx::query_scalar("SELECT reason FROM dead_letters ORDER BY id").fetch_all(database).await?
            }
            Parts::Split(parts) => match stored(&parts.jetstream, "DLQ").await? {
                0 => Vec::new(),
                letters => vec![format!("{letters} in the stream DLQ")],
            },
        })
    }

    /// What the bot holds to be each group's rules now: what its admins have brought about.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn rules(&mut self) -> anyhow::Result<HashMap<ChatId, Rules>> {
        const GROUPS: &str = "SELECT group_id, CAST(CASE WHEN enabled THEN 1 ELSE 0 END AS BIGINT), CAST(params AS TEXT) FROM protected_groups";
        const LINKS: &str = "SELECT group_id, channel_id FROM group_channel_links";
        const ALLOWED: &str = "SELECT group_id, subject_id FROM allowed_users";
        let (groups, links, allowed): (Vec<(i64, i64, String)>, Pairs, Pairs) = match &mut self.parts {
            Parts::StandAlone { database, .. } => (
                sqlx::query_as(GROUPS).fetch_all(&mut *database).await?,
                sqlx::query_as(LINKS).fetch_all(&mut *database).await?,
                sqlx::query_as(ALLOWED).fetch_all(&mut *database).await?,
            ),
            Parts::Split(parts) => (
                sqlx::query_as(GROUPS).fetch_all(&mut parts.database).await?,
                sqlx::query_as(LINKS).fetch_all(&mut parts.database).await?,
                sqlx::query_as(ALLOWED).fetch_all(&mut parts.database).await?,
            ),
        };
        let mut rules = HashMap::new();
        for (group, enabled, params) in groups {
            let params: Value = serde_json::from_str(&params)?;
            let of = |pairs: &[(i64, i64)]| pairs.iter().filter(|(of, _)| *of == group).map(|(_, id)| *id).collect();
            let row = Rules {
                enforces: enabled == 1 && params["mode"] != "observe",
                any: params["require"] == "any",
                warning_ttl: Duration::from_secs(params["warning_ttl"].as_u64().unwrap_or(300)),
                channels: of(&links),
                allowed: of(&allowed),
            };
            rules.insert(ChatId(group), row);
        }
        Ok(rules)
    }

    /// The last lines of the process that works.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.parts {
            Parts::StandAlone { standalone, .. } => standalone.process.lines(),
            Parts::Split(parts) => parts.worker.lines(),
        }
    }
}
