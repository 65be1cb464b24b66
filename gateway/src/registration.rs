//! Makes Telegram send updates where the settings say, keeps it so, and shows what Telegram says of it.

use std::time::Duration;

use shared::args::BadSetting;
use tokio_util::sync::CancellationToken;

use crate::{
    bot_api::{BotApi, Error, WebhookInfo},
    config::{Webhook, WebhookCommand},
    metrics::Metrics,
    outage::Outage,
};

/// Telegram's errors are seen, and a laptop that took over is answered, within this.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Telegram takes one registration a second.
const SET_AGAIN: Duration = Duration::from_secs(2);

/// Registers the webhook and looks after it until `stop`. The gateway serves meanwhile: what was registered before still works.
///
/// # Errors
/// The token has never been accepted. Later such an answer is an outage like any other: it must not stop what works.
pub async fn keep(
    api: &BotApi,
    webhook: &Webhook,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<(), BadSetting> {
    let mut keeper = Keeper { api, webhook, metrics, set: false, ever: false, told: None, refused: 0 };
    tokio::select! {
        bad = keeper.keep() => Err(bad),
        () = stop.cancelled() => Ok(()),
    }
}

struct Keeper<'a> {
    api: &'a BotApi,
    webhook: &'a Webhook,
    metrics: &'a Metrics,
    /// The secret cannot be read back, so it is set at every start, and again when something else is seen to differ.
    set: bool,
    ever: bool,
    /// The date of the last delivery error that was seen.
    told: Option<i64>,
    /// How many updates we had refused for the moment by then.
    refused: u64,
}

impl Keeper<'_> {
    async fn keep(&mut self) -> BadSetting {
        let mut outage = Outage::of("register the webhook");
        let mut as_wanted = true;
        loop {
            let pause = match self.set_and_look().await {
                Ok(info) => {
                    outage.over();
                    self.metrics.webhook(info.pending_update_count, info.last_error_date.unwrap_or_default());
                    self.tell(&info);
                    let was = std::mem::replace(&mut as_wanted, info.matches(self.webhook));
                    self.set = as_wanted;
                    match (was, as_wanted) {
                        (true, false) => {
                            tracing::warn!(host = info.host(), "the webhook is not as we set it; setting it again");
                            SET_AGAIN
                        }
                        // Somebody else means it: two gateways with different settings must not do nothing else.
                        (false, false) | (_, true) => LOOK_EVERY,
                    }
                }
                Err(error) => match error.bad_token().filter(|_| !self.ever) {
                    Some(bad) => return bad,
                    None => outage.failed(&error, error.retry_after()),
                },
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn set_and_look(&mut self) -> Result<WebhookInfo, Error> {
        if !self.set {
            self.api.set_webhook(self.webhook).await?;
            (self.set, self.ever) = (true, true);
            tracing::info!(url = %self.webhook.url, "webhook registered");
        }
        self.api.get_webhook_info().await
    }

    /// One line for each new error that Telegram met at our door. The first look shows what was before this start.
    fn tell(&mut self, info: &WebhookInfo) {
        let last = info.last_error_date.unwrap_or_default();
        let told = self.told.replace(last);
        if told.is_some_and(|told| told != last) && last != 0 {
            // Not named `message`: that is the name of the line itself.
            let error = info.last_error_message.as_deref().unwrap_or("no reason given");
            let refused = self.metrics.refused();
            if std::mem::replace(&mut self.refused, refused) != refused && error.contains(" 503 ") {
                // That is our own answer while the queue takes nothing, of which is told already.
                tracing::debug!(error, pending = info.pending_update_count, "Telegram was asked to come again");
            } else {
                tracing::warn!(error, pending = info.pending_update_count, "Telegram could not deliver to the webhook");
            }
        }
    }
}

/// One of the commands `gateway webhook …`; the lines to print.
///
/// # Errors
/// Telegram refuses or does not answer: a person is waiting, so it is tried once.
pub async fn command(
    api: &BotApi,
    command: WebhookCommand,
    webhook: Result<Webhook, BadSetting>,
) -> anyhow::Result<Vec<String>> {
    let done = async {
        match command {
            WebhookCommand::Set => {
                let webhook = webhook.as_ref().map_err(|bad| CommandError::Setting(bad.clone()))?;
                api.set_webhook(webhook).await?;
                Ok(vec![format!("Telegram sends updates to {}.", webhook.url)])
            }
            WebhookCommand::Delete => {
                api.delete_webhook().await?;
                Ok(vec!["The webhook is deleted; updates wait at Telegram for a day.".to_owned()])
            }
            WebhookCommand::Info => Ok(lines(&api.get_webhook_info().await?)),
        }
    };
    done.await.map_err(|error| match error {
        CommandError::Setting(bad) => bad.into(),
        CommandError::Telegram(error) => match error.bad_token() {
            Some(bad) => bad.into(),
            None => error.into(),
        },
    })
}

enum CommandError {
    Setting(BadSetting),
    Telegram(Error),
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Telegram(error)
    }
}

fn lines(info: &WebhookInfo) -> Vec<String> {
    if info.url.is_empty() {
        return vec![format!("No webhook is set; {} updates wait.", info.pending_update_count)];
    }
    let kinds = info.allowed_updates.as_ref().map_or_else(|| "Telegram's default".to_owned(), |kinds| kinds.join(", "));
    let mut lines = vec![
        format!("Address: {}", info.url),
        format!("Waiting: {} updates", info.pending_update_count),
        format!("Kinds: {kinds}"),
        format!("Connections: {}", info.max_connections.map_or_else(|| "40".to_owned(), |most| most.to_string())),
    ];
    match (info.last_error_date, &info.last_error_message) {
        (None, _) => lines.push("Last error: none".to_owned()),
        (Some(date), message) => {
            let ago = shared::clock::now_s().saturating_sub(date);
            let message = message.as_deref().unwrap_or("no reason given");
            lines.push(format!("Last error: {message}, {ago} s ago"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_shown_in_lines() {
        let none = WebhookInfo { pending_update_count: 3, ..WebhookInfo::default() };
        assert_eq!(lines(&none), ["No webhook is set; 3 updates wait."]);
        let set = WebhookInfo { url: "https://bot.example.org/telegram/webhook".to_owned(), ..WebhookInfo::default() };
        assert_eq!(
            lines(&set),
            [
                "Address: https://bot.example.org/telegram/webhook",
                "Waiting: 0 updates",
                "Kinds: Telegram's default",
                "Connections: 40",
                "Last error: none"
            ]
        );
    }
}
