//! A bot for tests: calls methods, polls updates, and keeps a webhook that records what comes.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use telegram_sim::simulator::Simulator;

/// Long enough for a slow machine; a wait that succeeds takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) type TestResult = anyhow::Result<()>;

/// What a bot that wants everything asks for.
pub(crate) const ALL_KINDS: [&str; 8] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
];

pub(crate) struct Bot {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    offset: Cell<i64>,
    last_asked: Cell<i64>,
    /// The simulator runs while there is a bot.
    _sim: Arc<Simulator>,
}

/// A reply, whatever it was.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Reply {
    /// The description of an error, with its code; both as sent.
    pub(crate) fn error(&self) -> String {
        assert_eq!(self.body["error_code"], self.status, "the HTTP status is the error code: {self:?}");
        self.body["description"].as_str().unwrap_or_default().to_owned()
    }
}

/// A simulator without limits on calls. Those are rule 6's matter: other tests would only be slowed down by them.
pub(crate) fn roomy() -> SimConfig {
    SimConfig { floods: FloodLimits::off(), ..SimConfig::default() }
}

pub(crate) async fn start() -> anyhow::Result<(Arc<Simulator>, Bot)> {
    start_with(roomy()).await
}

pub(crate) async fn start_with(config: SimConfig) -> anyhow::Result<(Arc<Simulator>, Bot)> {
    let simulator = Arc::new(Simulator::start(config).await?);
    let base = format!("{}/bot{}", simulator.api_url(), simulator.token());
    let bot = Bot {
        http: reqwest::Client::builder().no_proxy().build()?,
        base,
        offset: 1.into(),
        last_asked: 0.into(),
        _sim: simulator.clone(),
    };
    // From here on every kind of update is made.
    bot.call("getUpdates", json!({ "allowed_updates": ALL_KINDS })).await?;
    Ok((simulator, bot))
}

impl Bot {
    pub(crate) async fn call(&self, method: &str, args: Value) -> anyhow::Result<Reply> {
        let request = self.http.post(format!("{}/{method}", self.base));
        let request = request.header("content-type", "application/json").body(args.to_string());
        let response = request.send().await?;
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = response.status().as_u16();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply { status, retry_after, body })
    }

    /// The result of a call that has to succeed.
    pub(crate) async fn ok(&self, method: &str, args: Value) -> anyhow::Result<Value> {
        let reply = self.call(method, args).await?;
        anyhow::ensure!(reply.status == 200 && reply.body["ok"] == true, "{method}: {reply:?}");
        Ok(reply.body["result"].clone())
    }

    /// The text of a call that has to fail.
    pub(crate) async fn error(&self, method: &str, args: Value) -> anyhow::Result<String> {
        let reply = self.call(method, args).await?;
        anyhow::ensure!(reply.status != 200 && reply.body["ok"] == false, "{method}: {reply:?}");
        Ok(reply.error())
    }

    /// The updates since the last time, confirmed with the next call. Does not wait if there are none.
    pub(crate) async fn updates(&self) -> anyhow::Result<Vec<Value>> {
        // A poll with the offset of the last one is braked; the one before confirms nothing more.
        let offset = self.offset.get();
        let offset = if self.last_asked.get() == offset { offset - 1 } else { offset };
        self.last_asked.set(offset);
        let updates = self.ok("getUpdates", json!({ "offset": offset })).await?;
        let updates: Vec<Value> = updates.as_array().cloned().unwrap_or_default();
        if let Some(last) = updates.last().and_then(|update| update["update_id"].as_i64()) {
            self.offset.set(last + 1);
        }
        Ok(updates)
    }
}

/// The kind of an update: its field beside `update_id`.
pub(crate) fn kind(update: &Value) -> &str {
    let fields: Vec<&str> =
        update.as_object().map(|fields| fields.keys().map(String::as_str).collect()).unwrap_or_default();
    fields.into_iter().find(|name| *name != "update_id").unwrap_or_default()
}

/// The kinds of several, in order.
pub(crate) fn kinds(updates: &[Value]) -> Vec<&str> {
    updates.iter().map(kind).collect()
}
