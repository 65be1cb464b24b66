//! The gateway's settings, and what follows from several of them together: webhooks or polling.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::args::{Address, BadSetting, Bot, Environment, Process, Queue};
use url::Url;

use crate::verify::Secrets;

/// Where Telegram posts updates, below the public base address.
pub const WEBHOOK_PATH: &str = "/telegram/webhook";

/// Takes updates from Telegram, by webhook or by polling, and stores them in the queue.
#[derive(Clone, Debug, Parser)]
#[command(name = "gateway", version)]
pub struct Config {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub bot: Bot,
    #[command(flatten)]
    pub updates: Updates,
    #[command(flatten)]
    pub queue: Queue,
    #[command(flatten)]
    pub process: Process,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the gateway (the default).
    Run,
    /// Look at or change where Telegram sends this bot's updates, and end.
    #[command(subcommand)]
    Webhook(WebhookCommand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum WebhookCommand {
    /// Register WEBHOOK_URL with WEBHOOK_SECRET. The running gateway does this by itself.
    Set,
    /// Show what Telegram has registered, and its last error.
    Info,
    /// Delete it; updates wait at Telegram until they are fetched another way.
    Delete,
}

/// How updates come.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Updates")]
pub struct Updates {
    /// How updates come [default: webhook in production with WEBHOOK_URL, else polling]
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Poll even if a webhook is set for this bot: it is deleted first.
    #[arg(long)]
    pub take_over: bool,
    /// Public https address under which Telegram reaches this gateway, without the path /telegram/webhook
    #[arg(long, env = "WEBHOOK_URL")]
    pub webhook_url: Option<Address>,
    /// What Telegram sends with each webhook, so that nobody else can: 1 to 256 letters, digits, _ or -.
    ///
    /// Several, separated by commas, are all accepted and the first is registered: put the new one in front, and take the old one away
    /// when every gateway has the new one.
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<Secrets>,
    /// Port for webhooks.
    #[arg(long, env = "PORT", default_value_t = 8443)]
    pub port: u16,
    /// How many webhooks Telegram may send at once (1 to 100).
    ///
    /// More of them empty a backlog faster; each is one publish in flight.
    #[arg(long, env = "WEBHOOK_CONNECTIONS", default_value_t = 40, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub webhook_connections: u8,
    /// Certificate chain (PEM), to serve https without a proxy in front.
    #[arg(long, env = "TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of TLS_CERT.
    #[arg(long, env = "TLS_KEY", requires = "tls_cert", hide_env_values = true)]
    pub tls_key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Webhook,
    Polling,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook => "webhook",
            Self::Polling => "polling",
        })
    }
}

/// How updates come, with all that it needs.
#[derive(Clone, Debug)]
pub enum Source {
    Webhook(Webhook),
    Polling { take_over: bool },
}

/// What is registered at Telegram and expected from it.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The full address, path included.
    pub url: Url,
    pub secrets: Secrets,
    pub connections: u8,
}

impl Config {
    pub fn to_do(&self) -> Command {
        self.command.unwrap_or(Command::Run)
    }

    /// Webhooks or polling.
    ///
    /// # Errors
    /// Webhooks are wanted, and their address or secret is missing or of no use.
    pub fn source(&self) -> Result<Source, BadSetting> {
        self.updates.source(self.process.environment, &self.bot)
    }

    /// The webhook to register.
    ///
    /// # Errors
    /// Its address or its secret is missing, or Telegram would not take the address.
    pub fn webhook(&self) -> Result<Webhook, BadSetting> {
        self.updates.webhook(&self.bot)
    }
}

impl Updates {
    /// Webhooks or polling.
    ///
    /// # Errors
    /// Webhooks are wanted, and their address or secret is missing or of no use.
    pub fn source(&self, environment: Environment, bot: &Bot) -> Result<Source, BadSetting> {
        let production = environment == Environment::Production;
        let usual = if production && self.webhook_url.is_some() { Mode::Webhook } else { Mode::Polling };
        match self.mode.unwrap_or(usual) {
            Mode::Webhook => self.webhook(bot).map(Source::Webhook),
            Mode::Polling => Ok(Source::Polling { take_over: self.take_over }),
        }
    }

    fn webhook(&self, bot: &Bot) -> Result<Webhook, BadSetting> {
        let bad = |sentence: &str| BadSetting(sentence.to_owned());
        let base = self.webhook_url.as_ref().ok_or_else(|| {
            bad("WEBHOOK_URL is missing: set it to the public https address of this gateway, or pass --mode polling.")
        })?;
        let secrets = self.webhook_secret.clone().ok_or_else(|| {
            bad("WEBHOOK_SECRET is missing: set it to a long random word, such as `openssl rand -hex 32` gives.")
        })?;
        // A Bot API server of one's own takes any address, and so does the simulator.
        let telegram_itself = bot.telegram_api_url.host_str() == Some("api.telegram.org");
        if telegram_itself && base.scheme() != "https" {
            return Err(bad("WEBHOOK_URL must begin with https://: Telegram sends updates to nothing else."));
        }
        if telegram_itself && !matches!(base.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
            return Err(bad("WEBHOOK_URL must have one of the ports 443, 80, 88 and 8443: Telegram uses no others."));
        }
        let url = format!("{}{WEBHOOK_PATH}", base.as_str().trim_end_matches('/'));
        let url = Url::from_str(&url).map_err(|_| bad("WEBHOOK_URL must be an address without a query."))?;
        Ok(Webhook { url, secrets, connections: self.webhook_connections })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const TOKEN: &str = "--bot-token=123456:TEST-token-for-the-simulator-only";
    const URL: &str = "--webhook-url=https://bot.example.org/";
    const SECRET: &str = "--webhook-secret=new,old";
    const PRODUCTION: &str = "--environment=production";
    const LOCAL: &str = "--telegram-api-url=http://127.0.0.1:8081";

    fn config(args: &[&str]) -> Config {
        Config::try_parse_from(["gateway", TOKEN].iter().chain(args)).expect("settings")
    }

    #[test]
    fn the_settings_are_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn the_mode_follows_from_the_settings() {
        let cases: [(&[&str], &str); 10] = [
            (&[], "polling"),
            (&[PRODUCTION], "polling"),
            (&[URL, SECRET], "polling"),
            (&[PRODUCTION, URL, SECRET], "https://bot.example.org/telegram/webhook"),
            (&[PRODUCTION, URL, SECRET, "--mode=polling"], "polling"),
            (&["--mode=webhook", URL, SECRET], "https://bot.example.org/telegram/webhook"),
            (
                &["--mode=webhook", SECRET, LOCAL, "--webhook-url=http://127.0.0.1:9000/base"],
                "http://127.0.0.1:9000/base/telegram/webhook",
            ),
            (
                &[PRODUCTION, URL],
                "WEBHOOK_SECRET is missing: set it to a long random word, such as `openssl rand -hex 32` gives.",
            ),
            (
                &["--mode=webhook", SECRET],
                "WEBHOOK_URL is missing: set it to the public https address of this gateway, or pass --mode polling.",
            ),
            (
                &["--mode=webhook", SECRET, "--webhook-url=http://bot.example.org"],
                "WEBHOOK_URL must begin with https://: Telegram sends updates to nothing else.",
            ),
        ];
        for (args, wanted) in cases {
            let source = match config(args).source() {
                Ok(Source::Polling { .. }) => "polling".to_owned(),
                Ok(Source::Webhook(webhook)) => webhook.url.to_string(),
                Err(BadSetting(sentence)) => sentence,
            };
            assert_eq!(source, wanted, "{args:?}");
        }
    }

    #[test]
    fn commands_stand_behind_the_settings() {
        assert_eq!(config(&[]).to_do(), Command::Run);
        assert_eq!(config(&["run"]).to_do(), Command::Run);
        assert_eq!(config(&["webhook", "info"]).to_do(), Command::Webhook(WebhookCommand::Info));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let parsed = Config::try_parse_from(["gateway", TOKEN, "--tls-cert=chain.pem"]);
        assert_eq!(
            parsed.map(|_| ()).map_err(|error| error.kind()),
            Err(clap::error::ErrorKind::MissingRequiredArgument)
        );
    }

    #[test]
    fn no_secret_is_printed() {
        let shown = format!("{:?}", config(&[PRODUCTION, URL, "--webhook-secret=hunter2"]));
        assert!(!shown.contains("hunter2") && !shown.contains("TEST-token"), "{shown}");
    }
}
