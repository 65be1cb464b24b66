//! The program `gateway`.

use std::process::ExitCode;

use gateway::{
    Listeners,
    bot_api::BotApi,
    config::{Command, Config, WebhookCommand},
    metrics::Metrics,
    registration,
};
use prometheus_client::registry::Registry;
use shared::{args, shutdown, telemetry};

fn main() -> ExitCode {
    args::exit(start(args::parse()))
}

#[tokio::main]
async fn start(config: Config) -> anyhow::Result<()> {
    match config.to_do() {
        Command::Run => run(config).await,
        Command::Webhook(command) => webhook(config, command).await,
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let source = config.source()?;
    let _telemetry = telemetry::init("gateway", &config.process)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?config, "starting");
    if let Some(line) = args::python_leftovers() {
        tracing::warn!("{line}");
    }
    let listeners = Listeners::bind(&config, &source).await?;
    gateway::run(config, source, listeners, shutdown::on_signal()?).await
}

#[expect(clippy::print_stdout, reason = "a person asked for it on the command line")]
async fn webhook(config: Config, command: WebhookCommand) -> anyhow::Result<()> {
    shared::tls::install();
    let api = BotApi::new(&config.bot, Metrics::new(&mut Registry::default()))?;
    for line in registration::command(&api, command, config.webhook()).await? {
        println!("{line}");
    }
    Ok(())
}
