//! Settings of the stand-alone program: the gateway's and the worker's, with an SQLite file in place of the servers.

use clap::{Args, Parser, Subcommand};
use gateway::config::Source;
use shared::{
    args::{self, BadSetting},
    shard::Shards,
};
use worker::{
    config::{Access, Broadcast, DeadLetters, Limits, Migrate, Pool},
    store::{StoreConfig, url::DatabaseUrl},
};

/// The whole command line.
pub(crate) type Cli = args::Invocation<Config, Command>;

#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// Run the bot (the default).
    Run(Box<Config>),
    /// Watch the bot at work, against a make-believe Telegram: no token, no network.
    #[cfg(feature = "demo")]
    Demo(Demo),
    /// Bring the database to this program's version, or back. Running the bot does it by itself.
    Migrate(Box<Migrate>),
    /// Look after what could not be handled: list it, show it, try it again, drop it. The bot may run meanwhile.
    DeadLetters(Box<DeadLetters<File>>),
    /// Say something to all groups, or to their owners. The bot may run meanwhile.
    #[command(after_help = worker::config::examples("gmbot"))]
    Broadcast(Box<Broadcast<Database>>),
}

/// Where an operator's command works.
#[derive(Args, Clone, Debug)]
pub(crate) struct File {
    #[command(flatten)]
    pub(crate) database: Database,
    #[command(flatten)]
    pub(crate) process: args::Process,
}

/// gmbot in one process: needs a bot token and nothing else.
#[derive(Parser, Clone, Debug)]
#[command(name = "gmbot", version)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) bot: args::Bot,
    #[command(flatten)]
    pub(crate) updates: gateway::config::Updates,
    #[command(flatten)]
    pub(crate) database: Database,
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) process: args::Process,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub(crate) struct Database {
    /// The file everything is kept in; it is made when missing.
    #[arg(long, env = "DATABASE_URL", default_value = "./gmbot.db", hide_env_values = true, value_parser = file)]
    pub(crate) database_url: DatabaseUrl,
    #[command(flatten)]
    pub(crate) pool: Pool,
}

impl Database {
    pub(crate) fn store(&self) -> StoreConfig {
        StoreConfig { url: self.database_url.clone(), pool_size: self.pool.db_pool_size, shards: Config::shards() }
    }
}

/// The error does not repeat the text, which may hold a password.
fn file(text: &str) -> anyhow::Result<DatabaseUrl> {
    let url: DatabaseUrl = text.parse()?;
    anyhow::ensure!(
        url.is_sqlite(),
        "here it must be a file, such as ./gmbot.db: for Postgres, run gateway and worker"
    );
    Ok(url)
}

#[cfg(feature = "demo")]
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// Stay after the story, until Ctrl-C, with a page in the browser where you are the people in the group.
    #[arg(long)]
    pub(crate) stay: bool,
    /// Show the program's own log beside the story.
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// One process needs its shards only to work on several chats' tasks at once.
const SHARDS: u16 = 8;

impl Config {
    /// Parts of the queue in the file. The number is written into no name, and rows keep the shard they were given.
    pub(crate) fn shards() -> Shards {
        Shards::new(std::num::NonZeroU16::new(SHARDS).expect("not zero"))
    }

    /// Webhooks or polling.
    ///
    /// # Errors
    /// Webhooks are wanted, and their address or secret is missing or of no use.
    pub(crate) fn source(&self) -> Result<Source, BadSetting> {
        self.updates.source(self.process.environment, &self.bot)
    }

    pub(crate) fn store(&self) -> StoreConfig {
        self.database.store()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
