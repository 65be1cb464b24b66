//! The Bot API client: every call to Telegram passes here, through one budget and one way of reading answers and errors.
//!
//! - [`chats`], [`moderation`] and [`sending`] are the calls the bot makes; [`message`], [`permissions`] and [`replies`] what they carry;
//! - [`error`] is why one fails;
//! - `calls` makes a call over HTTP and repeats it where that is right, `envelope` opens the answers;
//! - `limiter` says whose turn it is, `budget`, `shared_budget` and `window` how much Telegram bears.

pub mod budget;
mod calls;
pub mod chats;
mod envelope;
pub mod error;
pub(crate) mod holdings;
mod limiter;
pub mod message;
pub mod metrics;
pub mod moderation;
pub mod permissions;
mod reach;
pub mod replies;
pub mod sending;
mod shared_budget;
mod window;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use budget::{Class, LimiterConfig};
use limiter::Limiter;
use metrics::TelegramMetrics;
use reach::Reach;

use crate::cache::Redis;

/// How to reach Telegram.
#[derive(Clone, Debug)]
pub struct TelegramConfig {
    /// `https://api.telegram.org`, or a server that speaks like it.
    pub api_url: Url,
    pub token: SecretString,
    pub limits: LimiterConfig,
    /// Where all workers count together what they call. None: this process is alone.
    pub redis: Option<Redis>,
    /// For one request. At least 20 s: Telegram sleeps up to 8 s inside a call rather than say 429, twice in some.
    pub timeout: Duration,
}

/// The client. Cloning it is cheap, and all clones share the budget.
#[derive(Clone)]
pub struct Telegram(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    /// Without a slash at the end.
    api_url: String,
    token: SecretString,
    timeout: Duration,
    limiter: Arc<Limiter>,
    metrics: TelegramMetrics,
    reach: Reach,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It is not shown, being a secret.
    #[error("the bot token is not of the form 123456:letters-and-digits")]
    Token,
    #[error("setting up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// To find out that nobody is there; telling a slow answer from none is the other time-out's business.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Telegram {
    /// Makes no call yet. The program has installed rustls's crypto provider before.
    ///
    /// # Errors
    /// The token cannot be one, or the HTTP client cannot be built.
    pub fn new(config: TelegramConfig, metrics: TelegramMetrics) -> Result<Self, SetupError> {
        if !could_be_a_token(config.token.expose_secret()) {
            return Err(SetupError::Token);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // The token is in the path, and a redirect would carry it elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(SetupError::Http)?;
        Ok(Self(Arc::new(Inner {
            http,
            api_url: config.api_url.as_str().trim_end_matches('/').to_owned(),
            token: config.token,
            timeout: config.timeout,
            limiter: Limiter::new(&config.limits, config.redis, metrics.clone()),
            metrics,
            reach: Reach::default(),
        })))
    }
}

impl Telegram {
    /// So many workers live: each has its share of the ceilings while Redis is away.
    pub fn shared_by(&self, workers: u32) {
        self.0.limiter.share(workers);
    }

    /// How many questions this worker may ask within that time, if all others ask as many.
    pub fn questions_within(&self, time: Duration) -> usize {
        self.0.limiter.share_within(Class::Read, time)
    }
}

impl std::fmt::Debug for Telegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram").finish_non_exhaustive()
    }
}

/// A token becomes a part of a URL's path, so it must not have what ends or changes one.
fn could_be_a_token(token: &str) -> bool {
    let (id, secret) = token.split_once(':').unwrap_or_default();
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    digits && !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests;
