//! Fetches updates with getUpdates. An update is confirmed to Telegram, which then forgets it, only once it is stored.

use std::time::Duration;

use shared::{args::BadSetting, queue::Publish};
use tokio_util::sync::CancellationToken;

use crate::{
    accept::Accept,
    bot_api::{BotApi, Error},
    outage::Outage,
    verify::Trusted,
};

/// How long Telegram holds the question when there is nothing to tell.
const WAIT: Duration = Duration::from_secs(30);
/// The most that Telegram gives at once.
const BATCH: u8 = 100;
/// How long the last confirmation may take at the end.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Fetches and stores until `stop`. Waits out whatever passes.
///
/// # Errors
/// The token is not accepted, or a webhook is set and `take_over` is not.
pub async fn run<Q: Publish>(
    api: &BotApi,
    accept: &Accept<Q>,
    take_over: bool,
    stop: &CancellationToken,
) -> Result<(), BadSetting> {
    let mut polling = Polling { api, accept, stop, offset: 0 };
    match polling.start(take_over).await {
        Err(Stopped::BySetting(bad)) => return Err(bad),
        Err(Stopped::BySignal) => return Ok(()),
        Ok(()) => tracing::info!("polling"),
    }
    let ended = polling.fetch_on_and_on().await;
    polling.confirm().await;
    match ended {
        Stopped::BySetting(bad) => Err(bad),
        Stopped::BySignal => Ok(()),
    }
}

struct Polling<'a, Q> {
    api: &'a BotApi,
    accept: &'a Accept<Q>,
    stop: &'a CancellationToken,
    /// Everything below is stored; 0 before the first one.
    offset: i64,
}

enum Stopped {
    BySignal,
    BySetting(BadSetting),
}

impl<Q: Publish> Polling<'_, Q> {
    /// Sees to it that no webhook is set. A laptop with the wrong token must not silence production.
    async fn start(&self, take_over: bool) -> Result<(), Stopped> {
        let mut outage = Outage::of("ask Telegram whether a webhook is set");
        loop {
            let asked = async {
                let info = self.api.get_webhook_info().await?;
                if info.url.is_empty() || !take_over {
                    return Ok(info);
                }
                self.api.delete_webhook().await?;
                tracing::warn!(host = info.host(), "deleted the webhook that was set, as --take-over says");
                Ok(crate::bot_api::WebhookInfo::default())
            };
            match self.unless_stopped(asked).await? {
                Ok(info) if info.url.is_empty() => {
                    outage.over();
                    return Ok(());
                }
                Ok(info) => {
                    return Err(Stopped::BySetting(BadSetting(format!(
                        "BOT_TOKEN belongs to a bot whose updates go to a webhook at {}: pass --take-over to delete it and poll here, or \
                         use another token.",
                        info.host()
                    ))));
                }
                Err(error) => self.pause(&mut outage, &error).await?,
            }
        }
    }

    async fn fetch_on_and_on(&mut self) -> Stopped {
        let mut outage = Outage::of("fetch updates");
        loop {
            let fetched = match self.unless_stopped(self.api.get_updates(self.offset, BATCH, WAIT)).await {
                Ok(fetched) => fetched,
                Err(stopped) => return stopped,
            };
            let stored = match fetched {
                Ok(updates) => {
                    outage.over();
                    self.store(updates).await
                }
                Err(error) => self.pause(&mut outage, &explained(error)).await,
            };
            if let Err(stopped) = stored {
                return stopped;
            }
        }
    }

    /// One after another, as Telegram ordered them. One that cannot be stored holds up all that follow: skipping it would lose it.
    async fn store(&mut self, updates: Vec<bytes::Bytes>) -> Result<(), Stopped> {
        let before = self.offset;
        let any = !updates.is_empty();
        for update in updates {
            let update = Trusted::answered_by_telegram().read(update);
            let mut outage = Outage::of("store an update");
            while let Err(error) = self.accept.accept(update.clone()).await {
                self.sleep(outage.failed(&error, None)).await?;
            }
            outage.over();
            // Ids may go down over the years, so the next one is what counts, not the highest.
            if let Some(about) = update.about() {
                self.offset = about.id.0.saturating_add(1);
            }
        }
        if any && self.offset == before {
            // None had an id to confirm it by, so the same ones come again.
            self.sleep(Duration::from_secs(5)).await?;
        }
        Ok(())
    }

    /// Tells Telegram what is stored, so that the next start does not get it again.
    async fn confirm(&self) {
        if self.offset == 0 {
            return;
        }
        let confirmed = tokio::time::timeout(LAST_WORD, self.api.get_updates(self.offset, 1, Duration::ZERO)).await;
        if !matches!(confirmed, Ok(Ok(_))) {
            tracing::info!("the last updates were not confirmed to Telegram; they will come again and be recognized");
        }
    }

    async fn pause(&self, outage: &mut Outage, error: &Error) -> Result<(), Stopped> {
        if let Some(bad) = error.bad_token() {
            return Err(Stopped::BySetting(bad));
        }
        self.sleep(outage.failed(error, error.retry_after())).await
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Stopped> {
        self.unless_stopped(tokio::time::sleep(pause)).await
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped::BySignal),
            done = work => Ok(done),
        }
    }
}

/// A conflict in words of what to do.
fn explained(error: Error) -> Error {
    match error {
        Error::Conflict { description } if description.contains("webhook") => Error::Conflict {
            description: format!("a webhook has been set for this bot meanwhile, and gets the updates ({description})"),
        },
        Error::Conflict { description } => Error::Conflict {
            description: format!("another program polls with the same token; stop one of them ({description})"),
        },
        other => other,
    }
}
