//! The program `gmbot`: gateway and worker in one process.

// As in the library of the worker.
#![recursion_limit = "256"]

mod config;
#[cfg(feature = "demo")]
mod demo;
mod standalone;

use std::process::ExitCode;

use anyhow::Context as _;
use shared::{args, shutdown, telemetry};
use worker::config::{Broadcast, DeadLetters};

use config::{Cli, Command, Config, Database, File};

fn main() -> ExitCode {
    let cli: Cli = args::parse();
    args::exit(match cli {
        #[cfg(feature = "demo")]
        Cli::Command(Command::Demo(demo)) => block_on(demo::run(demo)),
        Cli::Command(Command::Migrate(migrate)) => block_on(worker::migrate(*migrate)),
        Cli::Command(Command::Broadcast(command)) => block_on(broadcast(*command)),
        Cli::Command(Command::DeadLetters(command)) => block_on(dead_letters(*command)),
        Cli::Command(Command::Run(config)) => block_on(run(*config)),
        Cli::Run(config) => block_on(run(config)),
    })
}

async fn run(config: Config) -> anyhow::Result<()> {
    let source = config.source()?;
    let _telemetry = telemetry::init("gmbot", &config.process)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?config, "starting");
    if let Some(line) = args::python_leftovers() {
        tracing::warn!("{line}");
    }
    let listeners = standalone::Listeners::bind(&config, &source).await?;
    standalone::run(config, source, listeners, shutdown::on_signal()?).await
}

async fn broadcast(command: Broadcast<Database>) -> anyhow::Result<()> {
    let file = command.on.store();
    worker::broadcast::run("gmbot-broadcast", &command, &file, None).await
}

async fn dead_letters(command: DeadLetters<File>) -> anyhow::Result<()> {
    let File { database, process } = command.on();
    let _telemetry = telemetry::init("gmbot-dead-letters", process)?;
    let file = database.store();
    worker::dead_letters::in_file(command, &file).await
}

fn block_on(program: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?.block_on(program)
}
