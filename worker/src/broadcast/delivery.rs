//! One chat after another gets the text, and how far it is stands in the row, until all have it or somebody says stop.

use std::{future::Future, time::Duration};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use shared::{args::BadSetting, ids::ChatId};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{say, shown};
use crate::{
    store::{
        Store,
        broadcasts::{Broadcast, Hold, State},
        error::StoreError,
    },
    telegram::{Telegram, budget::Priority, error::Error, message::Outgoing, sending::Occasion},
};

/// Between tries while Telegram or the database does not answer.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Between signs of life, with which a cancelling is seen too.
const SIGN_EVERY: Duration = Duration::from_secs(1);
/// A sign of life that takes longer has not been given.
const SIGN_WITHIN: Duration = Duration::from_secs(4);
/// Where there is no terminal, a line after so many chats.
const LINE_EVERY: i64 = 100;
/// Shorter waits are the ordinary pace, and nothing to tell of.
const LONG: Duration = Duration::from_secs(3);

/// A broadcast that this process holds.
pub(super) struct Delivery<'a> {
    store: &'a Store,
    telegram: &'a Telegram,
    hold: Hold,
    broadcast: Broadcast,
    message: Outgoing,
    bar: ProgressBar,
}

/// What became of it in one chat.
enum Outcome {
    Sent,
    /// The bot cannot write there: that is so, and nobody's fault.
    Skipped,
    Failed,
}

impl<'a> Delivery<'a> {
    /// # Errors
    /// The row's numbers make no sense.
    pub(super) fn new(
        store: &'a Store,
        telegram: &'a Telegram,
        hold: Hold,
        broadcast: Broadcast,
    ) -> anyhow::Result<Self> {
        let text = broadcast.body.clone();
        let message = Outgoing { text, entities: Vec::new(), keyboard: None, thread: None, reply_to: None };
        let bar = ProgressBar::new(u64::try_from(broadcast.total)?);
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left{msg}")?);
        bar.set_position(u64::try_from(tried(&broadcast))?);
        // What was done before says nothing of the pace now.
        bar.reset_eta();
        Ok(Self { store, telegram, hold, broadcast, message, bar })
    }

    /// Sends it until all have it, somebody cancels or takes it, or `signal`; gives how it ended.
    ///
    /// # Errors
    /// The token does not work, or the database is away for too long.
    pub(super) async fn run(mut self, signal: &CancellationToken) -> anyhow::Result<Broadcast> {
        let (store, hold, id) = (self.store, self.hold.clone(), self.broadcast.id);
        let stop = signal.child_token();
        let over = CancellationToken::new();
        let sending = async {
            let sent = self.send_to_all(&stop).await;
            over.cancel();
            sent
        };
        let (sent, ()) = tokio::join!(sending, give_signs(store, id, &hold, &stop, &over));
        self.bar.abandon();
        let to = if matches!(sent, Ok(true)) { State::Done } else { State::Paused };
        let let_go = store.release_broadcast(id, &hold, to).await;
        sent?;
        let state = let_go.context("--resume goes on when the database is back")?;
        self.broadcast.held = None;
        self.broadcast.state = state.context(
            "Another process has gone on with this broadcast, and this one has stopped: --status shows how far it is.",
        )?;
        Ok(self.broadcast)
    }

    /// Whether all have it; else it was told to stop.
    async fn send_to_all(&mut self, stop: &CancellationToken) -> anyhow::Result<bool> {
        loop {
            let Broadcast { audience, position, .. } = self.broadcast;
            let Some(next) = patiently(stop, || self.store.audience_after(audience, position)).await? else {
                return Ok(true);
            };
            let Some(outcome) = self.send(ChatId(next), stop).await? else {
                return Ok(false);
            };
            self.bar.set_message("");
            self.broadcast.position = next;
            *match outcome {
                Outcome::Sent => &mut self.broadcast.sent,
                Outcome::Skipped => &mut self.broadcast.skipped,
                Outcome::Failed => &mut self.broadcast.failed,
            } += 1;
            let state = patiently(stop, || self.store.advance_broadcast(&self.broadcast, &self.hold)).await?;
            self.bar.inc(1);
            if state != Some(State::Running) {
                return Ok(false);
            }
            let tried = tried(&self.broadcast);
            if self.bar.is_hidden() && tried % LINE_EVERY == 0 {
                say(&format!("{tried} of {}", shown::people(self.broadcast.total, audience)))?;
            }
        }
    }

    /// None: told to stop before it was sent. A request under way is heard out, or it would be repeated. Waits as long as Telegram asks or
    /// is away; a chat that cannot be written to is none of the others' business.
    async fn send(&self, mut chat: ChatId, stop: &CancellationToken) -> anyhow::Result<Option<Outcome>> {
        let mut is_away = false;
        while !stop.is_cancelled() {
            let slot = self.telegram.send_slot(chat, Occasion::Broadcast, Priority::P2).await;
            let outcome = match slot {
                Ok(slot) => self.telegram.send(slot, &self.message).await,
                Err(retry_after) => Err(Error::FloodWait { retry_after, asked: false }),
            };
            let wait = match outcome {
                Ok(_) => return Ok(Some(Outcome::Sent)),
                Err(Error::FloodWait { retry_after, .. }) => {
                    if retry_after >= LONG {
                        self.notice(&format!("Telegram asks to wait {} s", retry_after.as_secs()))?;
                    }
                    retry_after
                }
                Err(Error::Unavailable(_)) => {
                    if !std::mem::replace(&mut is_away, true) {
                        self.notice("Telegram does not answer, trying again")?;
                    }
                    TRY_EVERY
                }
                Err(Error::Migrated { to }) if to != chat => {
                    chat = to;
                    continue;
                }
                Err(err @ Error::TokenDead { .. }) => {
                    let told = format!("BOT_TOKEN does not work: {err}. Get a valid one from @BotFather.");
                    return Err(BadSetting(told).into());
                }
                Err(err) => return Ok(Some(self.not_sent(chat, &err))),
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(None)
    }

    fn not_sent(&self, chat: ChatId, err: &Error) -> Outcome {
        match err {
            Error::ChatInaccessible { .. }
            | Error::MissingRight { .. }
            | Error::CannotWrite { .. }
            | Error::TopicGone
            | Error::UserUnknown
            | Error::UserUnreachable => {
                tracing::debug!(chat.id = chat.0, code = err.code(), "the broadcast skips a chat");
                Outcome::Skipped
            }
            // Once more might be twice.
            Error::OutcomeUnknown(_)
            | Error::FloodWait { .. }
            | Error::Unavailable(_)
            | Error::Migrated { .. }
            | Error::TokenDead { .. }
            | Error::OnlySupergroups
            | Error::UserIsAdmin
            | Error::MessageGone
            | Error::MessageStays
            | Error::NotModified
            | Error::QueryTooOld
            | Error::RequestSettled
            | Error::Other { .. } => {
                let error = err as &dyn std::error::Error;
                self.bar.suspend(|| tracing::warn!(chat.id = chat.0, error, "a chat may not have got the broadcast"));
                Outcome::Failed
            }
        }
    }

    /// Why it does not move.
    fn notice(&self, text: &str) -> anyhow::Result<()> {
        if self.bar.is_hidden() {
            return say(&format!("{text}."));
        }
        self.bar.set_message(format!(". {text}."));
        Ok(())
    }
}

fn tried(broadcast: &Broadcast) -> i64 {
    broadcast.sent + broadcast.skipped + broadcast.failed
}

/// Says again and again that the holder is alive. Stops it when the broadcast is not its own any more: cancelled, taken by another, or the
/// database has been away for so long that another may.
async fn give_signs(store: &Store, id: i64, hold: &Hold, stop: &CancellationToken, over: &CancellationToken) {
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = sleep(SIGN_EVERY) => {}
            () = over.cancelled() => return,
        }
        let asked = Instant::now();
        match timeout(SIGN_WITHIN, store.keep_broadcast(id, hold)).await {
            Ok(Ok(Some(State::Running))) => last = asked,
            Ok(Ok(_)) => return stop.cancel(),
            Ok(Err(_)) | Err(_) if last.elapsed() + SIGN_WITHIN + SIGN_EVERY < hold.lasts => {}
            Ok(Err(_)) | Err(_) => return stop.cancel(),
        }
    }
}

/// A database that is away is asked again, until told to stop.
async fn patiently<T, F>(stop: &CancellationToken, question: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match question().await {
            Err(StoreError::Unavailable(_)) if !stop.is_cancelled() => sleep(TRY_EVERY).await,
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{broadcasts::Audience, tests::database::Database};

    /// A database that is away, on a clock that does not wait.
    async fn away() -> Database {
        let database = Database::sqlite().await;
        database.store.close().await;
        tokio::time::pause();
        database
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_borne_as_long_as_nobody_else_may_go_on() {
        let (database, stop, over) = (away().await, CancellationToken::new(), CancellationToken::new());
        let hold = Hold { holder: "process 1".to_owned(), lasts: Duration::from_secs(15) };
        let began = Instant::now();
        give_signs(&database.store, 1, &hold, &stop, &over).await;
        assert!(stop.is_cancelled());
        let took = began.elapsed();
        assert!(took > hold.lasts / 2 && took + SIGN_WITHIN <= hold.lasts, "{took:?}");
    }

    #[tokio::test]
    async fn what_was_done_is_written_down_when_the_database_is_back_and_no_sooner_given_up_than_told_to() {
        let (database, stop) = (away().await, CancellationToken::new());
        let question = patiently(&stop, || database.store.audience_after(Audience::Groups, 0));
        let told = async {
            sleep(Duration::from_secs(60)).await;
            stop.cancel();
        };
        let began = Instant::now();
        let (answer, ()) = tokio::join!(question, told);
        assert!(matches!(answer, Err(StoreError::Unavailable(_))) && began.elapsed() >= Duration::from_secs(60));

        let left = std::sync::atomic::AtomicU32::new(3);
        let never = CancellationToken::new();
        let back = patiently(&never, || async {
            match left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) {
                1 => Ok(7),
                _ => database.store.ping().await.map(|()| 0),
            }
        });
        assert_eq!(back.await.ok(), Some(7));
    }
}
