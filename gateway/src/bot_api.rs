//! The few calls of the Bot API that the gateway makes: where updates go, and fetching them.
//!
//! Replies are read loosely: whatever is not an answer is trouble that passes, and only Telegram's own words are believed. No error and no log
//! line holds the token.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use shared::args::{BadSetting, Bot, BotToken};
use url::Url;

use crate::{config::Webhook, metrics::Metrics};

/// What the worker reads. Named in full, because Telegram's default leaves `chat_member` out; `channel_post` is left out because nothing
/// depends on it and a busy channel has many.
pub const ALLOWED_UPDATES: [&str; 6] =
    ["message", "edited_message", "callback_query", "my_chat_member", "chat_member", "chat_join_request"];

/// Longer than any method without a wait of its own takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Telegram cuts at about 4 MiB (telegram.md 2.2).
const MAX_REPLY_BYTES: usize = 16 << 20;

/// A client for one bot.
pub struct BotApi {
    http: reqwest::Client,
    base: Url,
    token: BotToken,
    metrics: Metrics,
}

/// Why a call had no result, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Telegram does not know the token: no use trying again.
    #[error("Telegram does not accept the token: {description}")]
    Token { description: String },
    /// Another program fetches or a webhook is set.
    #[error("{description}")]
    Conflict { description: String },
    #[error("Telegram asks to wait {} s", .after.as_secs())]
    FloodWait { after: Duration },
    /// Telegram understood and refuses.
    #[error("Telegram refuses: {code} {description}")]
    Refused { code: i64, description: String },
    /// No answer, or one that is none.
    #[error("no answer from Telegram: {what}")]
    Trouble {
        what: String,
        #[source]
        source: Option<reqwest::Error>,
    },
}

impl Error {
    /// The label of this error in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Conflict { .. } => "conflict",
            Self::FloodWait { .. } => "flood_wait",
            Self::Refused { .. } => "refused",
            Self::Trouble { .. } => "trouble",
        }
    }

    /// How long Telegram wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::FloodWait { after } => Some(*after),
            Self::Token { .. } | Self::Conflict { .. } | Self::Refused { .. } | Self::Trouble { .. } => None,
        }
    }

    /// A token that is not accepted ends the program: it is a setting.
    pub(crate) fn bad_token(&self) -> Option<BadSetting> {
        match self {
            Self::Token { description } => Some(BadSetting(format!(
                "BOT_TOKEN is not accepted by Telegram ({description}): get a token from @BotFather, and check TELEGRAM_API_URL."
            ))),
            Self::Conflict { .. } | Self::FloodWait { .. } | Self::Refused { .. } | Self::Trouble { .. } => None,
        }
    }

    fn trouble(what: impl Into<String>) -> Self {
        Self::Trouble { what: what.into(), source: None }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The URL holds the token.
        let error = error.without_url();
        let what = if error.is_timeout() { "time-out" } else { "connection" };
        Self::Trouble { what: what.to_owned(), source: Some(error) }
    }
}

/// What Telegram has registered. Every field may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookInfo {
    pub url: String,
    pub pending_update_count: i64,
    pub last_error_date: Option<i64>,
    pub last_error_message: Option<String>,
    pub max_connections: Option<i64>,
    pub allowed_updates: Option<Vec<String>>,
}

impl WebhookInfo {
    /// The host alone: some keep a secret in the path.
    pub fn host(&self) -> String {
        let url = Url::parse(&self.url).ok();
        url.as_ref().and_then(Url::host_str).unwrap_or("an unreadable address").to_owned()
    }

    /// Whether all that can be seen is as wanted. The secret cannot be seen.
    pub fn matches(&self, wanted: &Webhook) -> bool {
        let mut found = self.allowed_updates.clone().unwrap_or_default();
        found.sort_unstable();
        let mut ours = ALLOWED_UPDATES;
        ours.sort_unstable();
        self.url == wanted.url.as_str() && self.max_connections == Some(wanted.connections.into()) && found == ours
    }
}

impl BotApi {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(bot: &Bot, metrics: Metrics) -> Result<Self, Error> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT).build()?;
        Ok(Self { http, base: Url::clone(&bot.telegram_api_url), token: bot.bot_token.clone(), metrics })
    }

    /// # Errors
    /// See [`Error`], as for every call here.
    pub async fn get_webhook_info(&self) -> Result<WebhookInfo, Error> {
        let result = self.call("getWebhookInfo", &json!({}), CALL_TIMEOUT).await?;
        read(&result)
    }

    /// # Errors
    /// See [`Error`].
    pub async fn set_webhook(&self, webhook: &Webhook) -> Result<(), Error> {
        let arguments = json!({
            "url": webhook.url,
            "secret_token": webhook.secrets.registered(),
            "allowed_updates": ALLOWED_UPDATES,
            "max_connections": webhook.connections,
        });
        self.call("setWebhook", &arguments, CALL_TIMEOUT).await.map(|_| ())
    }

    /// Updates that wait stay: nobody is to lose what was said meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_webhook(&self) -> Result<(), Error> {
        self.call("deleteWebhook", &json!({}), CALL_TIMEOUT).await.map(|_| ())
    }

    /// The updates from `offset` on, each as the bytes that came. Confirms those below.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_updates(&self, offset: i64, limit: u8, wait: Duration) -> Result<Vec<Bytes>, Error> {
        let arguments = json!({
            "offset": offset,
            "limit": limit,
            "timeout": wait.as_secs(),
            "allowed_updates": ALLOWED_UPDATES,
        });
        let result = self.call("getUpdates", &arguments, CALL_TIMEOUT + wait).await?;
        let updates: Vec<&RawValue> = read(&result)?;
        Ok(updates.into_iter().map(|update| result.slice_ref(update.get().as_bytes())).collect())
    }

    /// The bytes of `result`.
    async fn call(&self, method: &'static str, arguments: &serde_json::Value, limit: Duration) -> Result<Bytes, Error> {
        let result = self.post(method, arguments, limit).await;
        if let Err(error) = &result {
            self.metrics.telegram_error(method, error.code());
        }
        result
    }

    async fn post(&self, method: &str, arguments: &serde_json::Value, limit: Duration) -> Result<Bytes, Error> {
        let url = format!("{}/bot{}/{method}", self.base.as_str().trim_end_matches('/'), self.token.expose());
        let request = self.http.post(url).timeout(limit).header(http::header::CONTENT_TYPE, "application/json");
        let mut response = request.body(arguments.to_string()).send().await?;
        let status = response.status();
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > MAX_REPLY_BYTES {
                return Err(Error::trouble("a reply without end"));
            }
            body.extend_from_slice(&piece);
        }
        result(status, body.freeze()).map_err(|error| self.redacted(error))
    }

    /// A server that repeats the request in its error must not bring the token into a log.
    fn redacted(&self, error: Error) -> Error {
        let clean = |text: String| text.replace(self.token.expose(), "[token]");
        match error {
            Error::Token { description } => Error::Token { description: clean(description) },
            Error::Conflict { description } => Error::Conflict { description: clean(description) },
            Error::Refused { code, description } => Error::Refused { code, description: clean(description) },
            Error::FloodWait { .. } | Error::Trouble { .. } => error,
        }
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(default)]
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error_code: Option<i64>,
    #[serde(default)]
    description: String,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

/// When Telegram says "wait" and not how long.
const UNSAID_WAIT_S: u64 = 5;

/// Sorts a reply. The status is believed only where the body says nothing.
fn result(status: StatusCode, body: Bytes) -> Result<Bytes, Error> {
    let Ok(reply) = serde_json::from_slice::<Reply<'_>>(&body) else {
        return Err(Error::trouble(format!("HTTP status {} and no JSON", status.as_u16())));
    };
    if reply.ok {
        return match reply.result.filter(|result| result.get() != "null") {
            Some(result) => Ok(body.slice_ref(result.get().as_bytes())),
            None => Err(Error::trouble("a reply without a result")),
        };
    }
    let code = reply.error_code.unwrap_or_else(|| status.as_u16().into());
    let description = if reply.description.is_empty() { "no reason given".to_owned() } else { reply.description };
    Err(match code {
        401 | 404 => Error::Token { description },
        409 => Error::Conflict { description },
        429 => {
            let seconds = reply.parameters.and_then(|parameters| parameters.retry_after).unwrap_or(UNSAID_WAIT_S);
            Error::FloodWait { after: Duration::from_secs(seconds) }
        }
        400..=499 => Error::Refused { code, description },
        _ => Error::trouble(format!("{code} {description}")),
    })
}

fn read<'a, T: Deserialize<'a>>(result: &'a Bytes) -> Result<T, Error> {
    serde_json::from_slice(result).map_err(|_| Error::trouble("a result of another shape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_loosely() {
        let cases: [(u16, &str, Result<&str, &str>); 16] = [
            (200, r#"{"ok":true,"result":[1]}"#, Ok("[1]")),
            (200, r#"{"ok":true,"result":true,"description":"Webhook was set","novelty":{}}"#, Ok("true")),
            (200, r#"{"ok":true,"result":null}"#, Err("trouble")),
            (200, r#"{"ok":true}"#, Err("trouble")),
            (200, r#"{"ok":false}"#, Err("trouble")),
            (200, r#"{"ok":false,"error_code":400,"description":"Bad Request"}"#, Err("refused")),
            (200, "{}", Err("trouble")),
            (200, "", Err("trouble")),
            (500, "", Err("trouble")),
            (502, "<html>Bad Gateway</html>", Err("trouble")),
            (404, "<html>Not Found</html>", Err("trouble")),
            (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, Err("token")),
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, Err("token")),
            (409, r#"{"ok":false,"error_code":409,"description":"Conflict: …"}"#, Err("conflict")),
            (429, r#"{"ok":false,"error_code":429,"description":"Too Many Requests"}"#, Err("flood_wait")),
            (500, r#"{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}"#, Err("trouble")),
        ];
        for (status, body, wanted) in cases {
            let status = StatusCode::from_u16(status).expect("a status");
            let result = result(status, Bytes::from(body));
            let seen = result.as_ref().map(|bytes| std::str::from_utf8(bytes).expect("text")).map_err(Error::code);
            assert_eq!(seen, wanted, "{status} {body}");
        }
    }

    #[test]
    fn a_wait_is_as_long_as_said() {
        let cases = [(r#"{"retry_after":35}"#, 35), ("{}", UNSAID_WAIT_S), ("null", UNSAID_WAIT_S)];
        for (parameters, seconds) in cases {
            let body = format!(r#"{{"ok":false,"error_code":429,"parameters":{parameters}}}"#);
            let error = result(StatusCode::TOO_MANY_REQUESTS, Bytes::from(body)).expect_err("a flood wait");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{parameters}");
        }
    }

    #[test]
    fn a_webhook_is_compared_by_what_can_be_seen() {
        let wanted = Webhook {
            url: Url::parse("https://bot.example.org/telegram/webhook").expect("a URL"),
            secrets: "secret".parse().expect("a secret"),
            connections: 40,
        };
        let same = WebhookInfo {
            url: wanted.url.to_string(),
            max_connections: Some(40),
            allowed_updates: Some(ALLOWED_UPDATES.iter().rev().map(|kind| (*kind).to_owned()).collect()),
            ..WebhookInfo::default()
        };
        assert!(same.matches(&wanted));
        let others = [
            WebhookInfo { url: String::new(), ..same.clone() },
            WebhookInfo { url: "https://laptop.example.org/".to_owned(), ..same.clone() },
            WebhookInfo { allowed_updates: None, ..same.clone() },
            WebhookInfo { max_connections: Some(1), ..same },
        ];
        for other in others {
            assert!(!other.matches(&wanted), "{other:?}");
        }
    }
}
