//! Settings that every program has: each one a flag and a variable, checked before anything is bound.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use async_nats::ServerAddr;
use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::{ids::BotId, shard::Shards};

mod address;
mod invocation;
mod sentence;

pub use address::Address;
pub use invocation::Invocation;
pub use sentence::{BadSetting, exit, parse, python_leftovers};

/// How the process runs and shows itself, whatever it does.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Process")]
pub struct Process {
    /// Chooses the defaults of other settings: development is for a laptop, production for a server.
    #[arg(long, env = "ENVIRONMENT", value_enum, default_value_t = Environment::Development)]
    pub environment: Environment,
    /// Address to listen on, for every port [default: 127.0.0.1; 0.0.0.0 in production]
    #[arg(long, env = "HOST")]
    pub host: Option<IpAddr>,
    /// Port of /livez, /readyz, /health, /metrics and /log [default: gateway 8081, worker 8082, gmbot 8080]
    #[arg(long, env = "ADMIN_PORT")]
    pub admin_port: Option<u16>,
    /// "user:password" that /metrics and /log ask for; without it anyone who reaches the port may read the one and change the other.
    #[arg(long, env = "METRICS_AUTH", hide_env_values = true)]
    pub metrics_auth: Option<BasicAuth>,
    /// How long running work may go on after SIGTERM, in seconds.
    ///
    /// A worker among others gives its chats to them after two or three, whatever a slow call still does.
    /// Must be shorter than what the supervisor waits before SIGKILL (Kubernetes: 30).
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 25)]
    pub drain_seconds: u64,
    /// How log lines look [default: json in production, else pretty]
    #[arg(long, env = "LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: "info", "debug", "warn,gateway=debug" …
    #[arg(long = "log", env = "RUST_LOG", default_value = "info")]
    pub log: LogFilter,
    /// Where traces are sent (OTLP over HTTP), e.g. http://127.0.0.1:4318; without it none are sent.
    ///
    /// The other OTEL_* variables (sampler, headers, batch sizes, resource attributes) work as OpenTelemetry describes them.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<Address>,
    /// The same for traces alone, used as it is, e.g. http://127.0.0.1:4318/v1/traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")]
    pub otlp_traces_endpoint: Option<Address>,
}

impl Process {
    /// Where a port of this process is bound.
    pub fn address(&self, port: u16) -> SocketAddr {
        let host = self.host.unwrap_or(match self.environment {
            Environment::Development => Ipv4Addr::LOCALHOST.into(),
            Environment::Production => Ipv4Addr::UNSPECIFIED.into(),
        });
        SocketAddr::new(host, port)
    }

    /// Where the admin port is bound; every program has its own default.
    pub fn admin_address(&self, default_port: u16) -> SocketAddr {
        self.address(self.admin_port.unwrap_or(default_port))
    }

    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub fn log_format(&self) -> LogFormat {
        self.log_format.unwrap_or(match self.environment {
            Environment::Development => LogFormat::Pretty,
            Environment::Production => LogFormat::Json,
        })
    }

    /// The full address that traces are posted to, if any.
    pub fn traces_endpoint(&self) -> Option<String> {
        match (&self.otlp_traces_endpoint, &self.otlp_endpoint) {
            (Some(exact), _) => Some(exact.to_string()),
            // The specification appends the path to the base, whatever it ends in.
            (None, Some(base)) => Some(format!("{}/v1/traces", base.as_str().trim_end_matches('/'))),
            (None, None) => None,
        }
    }
}

/// Which bot, and where Telegram is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telegram")]
pub struct Bot {
    /// The bot's token, from @BotFather.
    #[arg(long, env = "BOT_TOKEN", hide_env_values = true)]
    pub bot_token: BotToken,
    /// Where the Bot API is: Telegram's, a server of your own, or the simulator.
    #[arg(long, env = "TELEGRAM_API_URL", default_value = "https://api.telegram.org")]
    pub telegram_api_url: Address,
}

/// The queue between gateways and workers. All of them must be given the same number of shards.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Queue")]
pub struct Queue {
    /// NATS servers, separated by commas.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: NatsServers,
    /// On how many NATS servers each update is stored: 1, 3 or 5.
    ///
    /// 3 survives the loss of a server and needs a cluster of at least three; each copy costs disk and time.
    /// Written into the queue when it is first made: the same in every gateway and worker, and another number is refused.
    /// `nats stream edit` changes it.
    #[arg(long, env = "NATS_REPLICAS", default_value_t = 1, value_parser = PossibleValuesParser::new(["1", "3", "5"]).try_map(|text| text.parse::<u8>()))]
    pub nats_replicas: u8,
    /// Room on each NATS server's disk for updates that are not yet handled, in MiB; what does not fit stays with Telegram.
    ///
    /// Reserved when the queue is first made; later it is changed at the server. Dead letters get a quarter of it on top.
    #[arg(long, env = "NATS_MAX_MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub nats_max_mib: u32,
    /// Into how many parts the chats are divided: an upper limit to the number of workers.
    ///
    /// Written into the queue's names when it is first made: the same in every gateway and worker, and another number is refused.
    /// `worker reshard` changes it.
    #[arg(long, env = "SHARDS", default_value = "32")]
    pub shards: Shards,
}

/// Whose queue a command is about that does not call Telegram.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Queue")]
pub struct QueueOf {
    /// The bot's token, if the queue of another bot is to be refused.
    #[arg(long, env = "BOT_TOKEN", hide_env_values = true)]
    pub bot_token: Option<BotToken>,
}

impl QueueOf {
    pub fn id(&self) -> Option<BotId> {
        self.bot_token.as_ref().map(BotToken::bot)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    Development,
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// Directives of `RUST_LOG` that are known to be well formed.
#[derive(Clone, Debug)]
pub struct LogFilter(pub(crate) String);

impl FromStr for LogFilter {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        tracing_subscriber::EnvFilter::try_new(text).map(|_| Self(text.to_owned()))
    }
}

/// A bot's token: the bot's id, a colon, and the secret.
#[derive(Clone)]
pub struct BotToken {
    bot: BotId,
    token: SecretString,
}

impl BotToken {
    pub fn bot(&self) -> BotId {
        self.bot
    }

    /// The whole token, for the path of a request and nothing else.
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }
}

impl FromStr for BotToken {
    type Err = NotAToken;

    /// Telegram wants at least 24 characters of base64url after the colon (telegram.md 1.4); the check here is looser, it only
    /// tells a token from something pasted by mistake.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bot, secret) = text.split_once(':').ok_or(NotAToken)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if secret.len() < 20 || !secret.chars().all(plain) || !bot.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAToken);
        }
        let bot = bot.parse().map_err(|_| NotAToken)?;
        Ok(Self { bot: BotId(bot), token: text.to_owned().into() })
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.bot)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is digits, a colon, and at least 20 letters, digits, _ or -, exactly as @BotFather gives it")]
pub struct NotAToken;

/// One user name and password.
#[derive(Clone)]
pub struct BasicAuth {
    user: String,
    password: SecretString,
}

impl BasicAuth {
    /// Whether these are the ones. Takes the same time wherever they differ.
    pub fn is(&self, user: &[u8], password: &[u8]) -> bool {
        let same_user = self.user.as_bytes().ct_eq(user);
        (same_user & self.password.expose_secret().as_bytes().ct_eq(password)).into()
    }
}

impl FromStr for BasicAuth {
    type Err = NotBasicAuth;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                Ok(Self { user: user.to_owned(), password: password.to_owned().into() })
            }
            _ => Err(NotBasicAuth),
        }
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a user name, a colon and a password")]
pub struct NotBasicAuth;

/// Addresses of NATS servers; any of them leads to the cluster. May hold a password, which is never printed.
#[derive(Clone)]
pub struct NatsServers(Vec<ServerAddr>);

impl NatsServers {
    pub(crate) fn addresses(&self) -> &[ServerAddr] {
        &self.0
    }

    /// User and password, as the first address that names them does: all lead to one cluster. The client itself leaves them unread.
    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        self.0.iter().find_map(|server| Some((server.username()?, server.password()?)))
    }
}

impl FromStr for NatsServers {
    type Err = NotNats;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let servers: Result<Vec<ServerAddr>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        servers.map(Self).map_err(|_| NotNats)
    }
}

impl fmt::Display for NatsServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, server) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", server.host(), server.port())?;
        }
        Ok(())
    }
}

impl fmt::Debug for NatsServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be one or more of nats://host:port or tls://host:port, separated by commas")]
pub struct NotNats;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";

    #[test]
    fn tokens_are_told_from_other_text() {
        let cases = [
            (TOKEN, Some(123_456)),
            ("123456", None),
            ("bot123456:TEST-token-for-the-simulator-only", None),
            (":TEST-token-for-the-simulator-only", None),
            ("123456:short", None),
            ("123456:TEST token for the simulator only", None),
            ("99999999999999999999:TEST-token-for-the-simulator-only", None),
        ];
        for (text, bot) in cases {
            assert_eq!(text.parse::<BotToken>().ok().map(|t| t.bot().0), bot, "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let token: BotToken = TOKEN.parse().expect("a token");
        assert_eq!(format!("{token:?}"), "123456:[redacted]");
        assert_eq!(token.expose(), TOKEN);
        let auth: BasicAuth = "me:secret".parse().expect("a pair");
        assert_eq!(format!("{auth:?}"), "[redacted]");
        let servers: NatsServers = "nats://me:secret@one:4222, tls://two".parse().expect("two servers");
        assert_eq!(format!("{servers:?}"), "one:4222,two:4222");
    }

    #[test]
    fn basic_auth_wants_both_parts_and_compares_both() {
        let auth: BasicAuth = "me:se:cret".parse().expect("a pair");
        assert!(auth.is(b"me", b"se:cret"));
        assert!(!auth.is(b"me", b"secret") && !auth.is(b"you", b"se:cret") && !auth.is(b"", b""));
        for wrong in ["me", "me:", ":secret", ""] {
            assert!(wrong.parse::<BasicAuth>().is_err(), "{wrong}");
        }
    }
}
