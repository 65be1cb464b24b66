//! The worker's settings: each a flag and a variable, parsed to its final type.

use std::{collections::BTreeSet, time::Duration};

use clap::{Args, Parser, Subcommand};
use shared::{
    args,
    ids::{ChatId, UserId},
    shard::Shards,
};

mod broadcast;
mod letters;
mod limits;
mod reshard;

pub use broadcast::{Broadcast, BroadcastOn, examples};
pub use letters::{DeadLetters, LettersAction, LettersOn, Which};
pub use limits::ShowLimits;
pub use reshard::{Reshard, STEPS};

use crate::{
    cache::RedisUrl,
    store::{StoreConfig, url::DatabaseUrl},
    telegram::budget::LimiterConfig,
};

/// The whole command line.
pub type Cli = args::Invocation<Config, Command>;

#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Work on updates (the default).
    Run(Box<Config>),
    /// Bring the database to this program's version, or back.
    Migrate(Box<Migrate>),
    /// Look after what could not be handled: list it, show it, try it again, drop it.
    DeadLetters(Box<DeadLetters<LettersOn>>),
    /// Say something to all groups, or to their owners. The workers may run meanwhile.
    #[command(after_help = examples("worker"))]
    Broadcast(Box<Broadcast<BroadcastOn>>),
    /// Show what is left of each budget for calls to Telegram, and what Telegram has closed.
    Limits(Box<ShowLimits>),
    /// Give the queue the number of shards in SHARDS. Every worker has to be stopped before.
    #[command(after_help = STEPS)]
    Reshard(Box<Reshard>),
}

/// Takes updates from the queue, decides, and calls Telegram. Several share the chats, and take over from each other.
#[derive(Parser, Clone, Debug)]
#[command(name = "worker", version)]
pub struct Config {
    #[command(flatten)]
    pub process: args::Process,
    #[command(flatten)]
    pub bot: args::Bot,
    #[command(flatten)]
    pub queue: args::Queue,
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub limits: Limits,
}

/// Whom the bot works for.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Ids of the only groups that the bot works in, separated by commas; it leaves every other. Without it all groups are welcome.
    #[arg(long, env = "ALLOWED_GROUPS", allow_hyphen_values = true, value_parser = group_ids)]
    pub allowed_groups: Option<Ids>,
    /// Ids of the people who may ask the bot for /stats in private, separated by commas.
    #[arg(long, env = "OPERATOR_IDS", value_parser = user_ids)]
    pub operator_ids: Option<Ids>,
}

/// Numbers of groups, or of people.
pub type Ids = BTreeSet<i64>;

impl Access {
    /// Empty: all of them.
    pub fn groups(&self) -> BTreeSet<ChatId> {
        self.allowed_groups.iter().flatten().copied().map(ChatId).collect()
    }

    pub fn operators(&self) -> BTreeSet<UserId> {
        self.operator_ids.iter().flatten().copied().map(UserId).collect()
    }
}

/// Why a list of ids cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIds {
    #[error("ids of groups are negative numbers, such as -1001234567890, separated by commas")]
    Groups,
    #[error("ids of people are positive numbers, separated by commas")]
    People,
}

fn group_ids(text: &str) -> Result<Ids, NotIds> {
    ids(text).filter(|ids| ids.iter().all(|id| *id < 0)).ok_or(NotIds::Groups)
}

fn user_ids(text: &str) -> Result<Ids, NotIds> {
    ids(text).filter(|ids| ids.iter().all(|id| *id > 0)).ok_or(NotIds::People)
}

fn ids(text: &str) -> Option<Ids> {
    text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

/// Where groups, mutes and warnings are kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct Database {
    /// postgres://user:password@host/name, or the path of an SQLite file for a worker that is alone.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
    #[command(flatten)]
    pub pool: Pool,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct Pool {
    /// Connections to the database.
    ///
    /// More let more chats be written at once. All workers together must stay below the server's max_connections.
    #[arg(long, env = "DB_POOL_SIZE", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub db_pool_size: u32,
}

impl Database {
    pub fn store_config(&self, shards: Shards) -> StoreConfig {
        StoreConfig { url: self.database_url.clone(), pool_size: self.pool.db_pool_size, shards }
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheArgs {
    /// Redis that all workers share, e.g. redis://127.0.0.1:6379/0. Optional: without it each worker remembers for itself.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<RedisUrl>,
    /// Set before every key in Redis, for several bots on one server.
    #[arg(long, env = "REDIS_PREFIX", default_value = "")]
    pub redis_prefix: String,
}

/// How fast Telegram is called.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Messages a second, over all chats. Telegram allows about 30.
    #[arg(long, env = "LIMIT_SEND_PER_S", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_send_per_s: u32,
    /// Messages a minute into one group. Telegram allows 20.
    #[arg(long, env = "LIMIT_SEND_PER_GROUP_PER_MIN", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_send_per_group_per_min: u32,
    /// Questions a second (who is a member of what). Telegram names no limit; some dozens a second are known to pass.
    #[arg(long, env = "LIMIT_READ_PER_S", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_read_per_s: u32,
    /// Deletions and mutes a second. Telegram names no limit.
    #[arg(long, env = "LIMIT_MODERATE_PER_S", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_moderate_per_s: u32,
    /// Messages a second of a broadcast, at most. They come on top of the others.
    #[arg(long, env = "LIMIT_BROADCAST_PER_S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_broadcast_per_s: u32,
}

impl From<&Limits> for LimiterConfig {
    fn from(limits: &Limits) -> Self {
        Self {
            send_per_s: limits.limit_send_per_s,
            send_per_group_per_min: limits.limit_send_per_group_per_min,
            read_per_s: limits.limit_read_per_s,
            moderate_per_s: limits.limit_moderate_per_s,
            broadcast_per_s: limits.limit_broadcast_per_s,
        }
    }
}

/// `worker migrate`
#[derive(Args, Clone, Debug)]
pub struct Migrate {
    #[command(subcommand)]
    pub action: MigrateAction,
}

#[derive(Subcommand, Clone, Debug)]
pub enum MigrateAction {
    /// Apply everything that is missing.
    Up(MigrateOn),
    /// Take back the latest, or as many as said, and with them what is stored in the tables they made.
    Down {
        /// How many migrations to take back.
        #[arg(long, default_value_t = 1)]
        steps: usize,
        #[command(flatten)]
        on: MigrateOn,
    },
    /// Show what is applied.
    Status(MigrateOn),
}

#[derive(Args, Clone, Debug)]
pub struct MigrateOn {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub process: args::Process,
}

/// One request to Telegram. It sleeps up to 8 s inside a call rather than say 429, twice in some (telegram.md 5.2).
pub(crate) const TELEGRAM_TIMEOUT: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
    #[test]
    fn lists_of_ids_are_read_and_mistakes_named() {
        let cases = [
            ("-1001, -5,", group_ids as fn(&str) -> Result<Ids, NotIds>, Ok(Ids::from([-1001, -5]))),
            ("", group_ids, Ok(Ids::new())),
            ("1001", group_ids, Err(NotIds::Groups)),
            ("-1001 -5", group_ids, Err(NotIds::Groups)),
            ("7,8", user_ids, Ok(Ids::from([7, 8]))),
            ("@olga", user_ids, Err(NotIds::People)),
            ("-7", user_ids, Err(NotIds::People)),
        ];
        for (text, read, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
