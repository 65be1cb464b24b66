//! The program `worker`.

// As in the library of the worker.
#![recursion_limit = "256"]

use std::process::ExitCode;

use anyhow::Context as _;
use shared::{args, shutdown, telemetry};
use tokio::net::TcpListener;
use worker::config::{Cli, Command, Config};

fn main() -> ExitCode {
    let cli: Cli = args::parse();
    args::exit(match cli {
        Cli::Command(Command::Migrate(migrate)) => block_on(worker::migrate(*migrate)),
        Cli::Command(Command::Broadcast(command)) => block_on(worker::broadcast::on_servers(*command)),
        Cli::Command(Command::DeadLetters(command)) => block_on(worker::dead_letters::on_servers(*command)),
        Cli::Command(Command::Limits(command)) => block_on(worker::limits(*command)),
        Cli::Command(Command::Reshard(reshard)) => block_on(worker::reshard(*reshard)),
        Cli::Command(Command::Run(config)) => block_on(run(*config)),
        Cli::Run(config) => block_on(run(config)),
    })
}

const ADMIN_PORT: u16 = 8082;

async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("worker", &config.process)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?config, "starting");
    if let Some(line) = args::python_leftovers() {
        tracing::warn!("{line}");
    }
    let address = config.process.admin_address(ADMIN_PORT);
    let admin = TcpListener::bind(address).await.with_context(|| format!("binding ADMIN_PORT at {address}"))?;
    worker::run(config, admin, shutdown::on_signal()?).await
}

fn block_on(program: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?.block_on(program)
}
