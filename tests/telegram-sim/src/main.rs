//! The program: a simulated Telegram on a port, until it is stopped.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use clap::Parser;
use telegram_sim::config::{SimConfig, TEST_TOKEN};
use telegram_sim::floods::FloodLimits;
use telegram_sim::simulator::{Simulator, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A simulated Telegram: the Bot API for a bot, and a control API to act as people.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// 0 takes a free port.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// The bot's token: a number, a colon, and at least 24 letters, digits, `_` or `-`.
    #[arg(long, default_value = TEST_TOKEN)]
    token: String,
    /// The bot's name, without the @.
    #[arg(long, default_value = "gatekeeper_test_bot")]
    username: String,
    /// Take webhooks only as the public server does: HTTPS, ports 80, 88, 443 and 8443, public addresses.
    #[arg(long)]
    strict_webhooks: bool,
    /// Never answer 429.
    #[arg(long)]
    no_floods: bool,
    /// Do not hold what is sent against the Bot API's schema.
    #[arg(long)]
    no_schema_check: bool,
    /// Everything random follows from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let simulator = Simulator::start(SimConfig {
        listen: SocketAddr::new(options.host, options.port),
        token: options.token,
        bot_username: options.username,
        seed: options.seed,
        floods: if options.no_floods { FloodLimits::off() } else { FloodLimits::telegram() },
        strict_webhooks: options.strict_webhooks,
        check_schema: !options.no_schema_check,
        ..SimConfig::default()
    })
    .await
    .map_err(explained)?;
    announce(&simulator);
    asked_to_stop().await.context("waiting for a signal")?;
    let violations = simulator.take_violations();
    simulator.stop().await;
    for violation in &violations {
        eprintln!("{violation}");
    }
    anyhow::ensure!(violations.is_empty(), "the simulator sent what Telegram would not: {} mistakes", violations.len());
    Ok(())
}

/// With a way out, where there is an easy one.
fn explained(error: StartError) -> anyhow::Error {
    let is_taken =
        matches!(&error, StartError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse);
    let error = anyhow::Error::new(error);
    if is_taken { error.context("the port is taken: choose another with --port (0 takes a free one)") } else { error }
}

/// Ctrl-C, or what a supervisor sends.
async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "where it listens is what the program has to say")]
fn announce(simulator: &Simulator) {
    println!("Playground: {}/playground", simulator.api_url());
    println!("Bot API: {}", simulator.api_url());
    println!("Control: {}/control", simulator.api_url());
}
