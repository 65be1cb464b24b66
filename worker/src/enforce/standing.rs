//! The bot's own standing in a group: what it may do there, what it says of that, and enforcement that stops and goes on with it.
//!
//! It is always looked up, never taken from an update: an update may be old, and where one was lost a call that fails leads here too. What
//! was said is a row before it is said, so that it is said once.

use std::time::Duration;

use shared::ids::{ChatId, MessageId, UserId};

use super::{Enforcer, is_refusal, task};
use crate::{
    event::{Stay, Task},
    fence::Fence,
    groups::Rules,
    handlers::HandlerError,
    policy::{
        self,
        standing::{Lack, Next, Own, Said, next},
    },
    store::{standings::Standing, tasks::NewTask},
    telegram::{
        budget::Priority,
        error::Error,
        replies::{Member, MemberStatus},
        sending::Occasion,
    },
    texts::{own, sentences},
};

/// Who the bot is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub id: UserId,
    /// Without the `@`.
    pub username: String,
}

/// Says that there is no message to correct or take away, or none that is known.
const NO_MESSAGE: MessageId = MessageId(0);

/// Whoever finds the rights gone may not live to say so, and once the pause is written down nothing that is said in the group leads here again:
/// it is looked at and said at the latest this long after. By then a call whose outcome was waited for has ended.
const SAY_AT_LAST_AFTER: Duration = Duration::from_secs(30);

/// What Telegram shows of the bot itself.
enum Look {
    In(Lack),
    Out,
    Unknown,
}

impl Enforcer {
    /// Looks at what the bot may do in the group, and does and says what follows from it. Says when to look again, if that has to be: the
    /// update that tells of rights that are back may be lost.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more. Repeating goes on where this stopped.
    pub(crate) async fn review_standing(&self, fence: &Fence, group: ChatId) -> Result<Option<Duration>, HandlerError> {
        let lack = match self.look_at_itself(group).await? {
            Look::In(lack) => lack,
            Look::Out => {
                self.left(fence, group).await?;
                return Ok(None);
            }
            Look::Unknown => return self.look_at_pause_again(group).await,
        };
        let row = self.store.standing(group).await?;
        let said = row.as_ref().and_then(|row| Said::read(&row.said));
        let own = Own {
            lack,
            is_basic: group.is_basic_group(),
            is_served: self.groups.serves(group).await?,
            is_protected: self.store.group(group).await?.is_some_and(|row| row.enabled && !row.channels.is_empty()),
        };
        match next(own, said) {
            Next::Nothing => {
                if let (Some(said), Some(Standing { message: None, .. })) = (said, &row) {
                    self.voice(fence, group, said).await?;
                }
            }
            Next::Say(said) => self.voice(fence, group, said).await?,
            Next::Correct(said) => {
                let message = row.as_ref().and_then(|row| row.message);
                self.correct(fence, group, said, message.unwrap_or(NO_MESSAGE)).await?;
            }
            Next::Resume => {
                let mut tasks = self.judge_all(group).await?;
                let text = sentences::RESUMED.to_owned();
                let say = Task::Say { text, topic: None, tidy: Vec::new(), buttons: None, stay: Stay::Briefly };
                tasks.push(task(group, &say, Duration::ZERO));
                self.settle(fence, group, row.as_ref(), &tasks).await?;
                tracing::info!(chat.id = group.0, "the bot has its rights again: enforcement goes on");
                return Ok(None);
            }
            Next::Settle => self.settle(fence, group, row.as_ref(), &[]).await?,
            Next::Leave => return self.leave(fence, group, said).await,
        }
        self.look_at_pause_again(group).await
    }

    /// When a protection that is paused is looked at once more.
    async fn look_at_pause_again(&self, group: ChatId) -> Result<Option<Duration>, HandlerError> {
        Ok(self.store.standing(group).await?.filter(is_paused).map(|row| {
            let age_ms = shared::clock::now_ms() - row.since_ms;
            policy::recheck_after(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
        }))
    }

    /// The same after a call that Telegram refused. Says whether the group is still enforced.
    ///
    /// # Errors
    /// See [`Self::review_standing`].
    pub(super) async fn doubt(&self, fence: &Fence, group: ChatId) -> Result<bool, HandlerError> {
        if let Some(after) = self.review_standing(fence, group).await? {
            self.later(group, &Task::Standing, after).await?;
        }
        self.enforces(group).await
    }

    /// Somebody sees to the group: while its protection is paused that is worth a look.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn look_if_paused(&self, group: ChatId, rules: &Rules) -> Result<(), HandlerError> {
        if rules.paused { self.later(group, &Task::Standing, Duration::ZERO).await } else { Ok(()) }
    }

    /// The group has just been protected: a greeting that still names the next step has served.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn outgrow_greeting(&self, group: ChatId) -> Result<(), HandlerError> {
        let said = self.store.standing(group).await?.and_then(|row| Said::read(&row.said));
        if said.is_some_and(Said::greets) { self.later(group, &Task::Standing, Duration::ZERO).await } else { Ok(()) }
    }

    /// The button under a greeting was pressed, which tells where one stands whose sending was never confirmed: it is kept true from here, or
    /// goes if it has served.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn meet_greeting(
        &self,
        fence: &Fence,
        group: ChatId,
        message: MessageId,
    ) -> Result<(), HandlerError> {
        match self.store.standing(group).await?.and_then(|row| Said::read(&row.said)) {
            Some(said) if said.greets() => self.note(fence, group, said, message).await,
            Some(_) => self.soon_goes(group, message).await,
            None => Ok(()),
        }
    }

    /// # Errors
    /// The database is away.
    pub(super) async fn enforces(&self, group: ChatId) -> Result<bool, HandlerError> {
        Ok(self.groups.rules(group).await?.is_some_and(|rules| rules.enforces()))
    }

    /// The bot is not in the group any more: the protection ends. Whom it had muted there is free when their time is over, or released when
    /// it is added again.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn left(&self, fence: &Fence, group: ChatId) -> Result<(), HandlerError> {
        self.left_by(fence, group, i64::MAX).await
    }

    /// The same for a stay that was over by some time (Unix seconds): a protection that was set up since then proves that the bot is back, and
    /// that the update came late. Telegram keeps no order between that update and the messages of the group (telegram.md 2.5).
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn left_by(&self, fence: &Fence, group: ChatId, until_s: i64) -> Result<(), HandlerError> {
        if self.store.leave_group(fence.into(), group, until_s.saturating_mul(1000)).await? {
            tracing::info!(chat.id = group.0, "the bot is not in the group any more: its protection has ended");
        }
        self.groups.forget(group).await;
        Ok(())
    }

    async fn look_at_itself(&self, group: ChatId) -> Result<Look, HandlerError> {
        match self.telegram.member(group, self.identity.id, Priority::P1).await {
            Ok(Member { status: MemberStatus::Left | MemberStatus::Kicked, .. }) => Ok(Look::Out),
            Ok(Member { status: MemberStatus::Other, .. }) => Ok(Look::Unknown),
            Ok(Member { rights, .. }) => {
                Ok(Look::In(Lack { delete: !rights.can_delete_messages, restrict: !rights.can_restrict_members }))
            }
            Err(Error::ChatInaccessible { description }) if says_out(&description) => Ok(Look::Out),
            Err(
                err @ (Error::FloodWait { .. }
                | Error::Unavailable(_)
                | Error::Migrated { .. }
                | Error::TokenDead { .. }),
            ) => Err(err.into()),
            Err(err) => {
                let error = &err as &dyn std::error::Error;
                tracing::warn!(chat.id = group.0, error, "the bot's own rights are unknown: all stays as it is");
                Ok(Look::Unknown)
            }
        }
    }

    /// Says it in a new message, now or when the group's budget allows.
    async fn voice(&self, fence: &Fence, group: ChatId, said: Said) -> Result<(), HandlerError> {
        let standing =
            |message| Standing { said: said.as_str().to_owned(), message, since_ms: shared::clock::now_ms() };
        let look = said.pauses().then(|| task(group, &Task::Standing, SAY_AT_LAST_AFTER));
        self.store.set_standing(fence.into(), group, &standing(None), look.as_slice()).await?;
        if said.pauses() {
            self.groups.forget(group).await;
            self.bell.ring([fence.shard]);
            tracing::warn!(chat.id = group.0, said = said.as_str(), "enforcement stops until the bot has its rights");
        }
        let Some(message) = own::words(said, &self.identity.username) else { return Ok(()) };
        let slot = match self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1).await {
            Ok(slot) => slot,
            Err(wait) => return self.later(group, &Task::Standing, wait).await,
        };
        fence.check()?;
        let sent = match self.telegram.send(slot, &message).await {
            Ok(sent) => sent,
            Err(Error::FloodWait { retry_after, .. }) => return self.later(group, &Task::Standing, retry_after).await,
            Err(err @ (Error::Unavailable(_) | Error::Migrated { .. } | Error::TokenDead { .. })) => {
                return Err(err.into());
            }
            // Once more might be twice, and who may not write need not try.
            Err(err) => {
                let error = &err as &dyn std::error::Error;
                tracing::warn!(chat.id = group.0, error, "what the bot needs was not said, or may not have been");
                NO_MESSAGE
            }
        };
        Ok(self.store.set_standing(fence.into(), group, &standing(Some(sent)), &[]).await?)
    }

    /// Says it in place of what stands in a message. A greeting that somebody has removed is not said again; a notice is.
    async fn correct(&self, fence: &Fence, group: ChatId, said: Said, message: MessageId) -> Result<(), HandlerError> {
        let text = own::words(said, &self.identity.username).unwrap_or_default();
        fence.check()?;
        if message != NO_MESSAGE {
            match self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1).await {
                Ok(slot) => match self.telegram.edit(slot, message, &text).await {
                    Ok(()) => return self.note(fence, group, said, message).await,
                    Err(Error::FloodWait { retry_after, .. }) => {
                        return self.later(group, &Task::Standing, retry_after).await;
                    }
                    Err(err @ Error::Unavailable(_)) => return Err(err.into()),
                    Err(_) => {}
                },
                Err(wait) => return self.later(group, &Task::Standing, wait).await,
            }
        }
        if said.pauses() {
            self.voice(fence, group, said).await
        } else {
            self.note(fence, group, said, NO_MESSAGE).await
        }
    }

    async fn note(&self, fence: &Fence, group: ChatId, said: Said, message: MessageId) -> Result<(), HandlerError> {
        let since_ms = shared::clock::now_ms();
        let standing = Standing { said: said.as_str().to_owned(), message: Some(message), since_ms };
        self.store.set_standing(fence.into(), group, &standing, &[]).await?;
        Ok(())
    }

    /// The notice goes first: once the row has forgotten it nobody would find it.
    async fn settle(
        &self,
        fence: &Fence,
        group: ChatId,
        row: Option<&Standing>,
        tasks: &[NewTask],
    ) -> Result<(), HandlerError> {
        if let Some(notice) = row.and_then(|row| row.message).filter(|message| *message != NO_MESSAGE) {
            self.remove(fence, group, &[notice]).await?;
        }
        let since_ms = shared::clock::now_ms();
        let well = Standing { said: Said::Well.as_str().to_owned(), message: Some(NO_MESSAGE), since_ms };
        self.store.set_standing(fence.into(), group, &well, tasks).await?;
        self.groups.forget(group).await;
        self.bell.ring([fence.shard]);
        Ok(())
    }

    /// A group that the operator has not named.
    async fn leave(&self, fence: &Fence, group: ChatId, said: Option<Said>) -> Result<Option<Duration>, HandlerError> {
        if said != Some(Said::Goodbye) {
            // Once, also when the outcome is not known: a goodbye that is lost does no harm.
            self.note(fence, group, Said::Goodbye, NO_MESSAGE).await?;
            if let Some(goodbye) = own::words(Said::Goodbye, &self.identity.username)
                && let Ok(slot) = self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1).await
                && let Err(err) = self.telegram.send(slot, &goodbye).await
            {
                tracing::info!(chat.id = group.0, error = &err as &dyn std::error::Error, "left without a goodbye");
            }
        }
        fence.check()?;
        match self.telegram.leave_chat(group).await {
            Ok(()) => {}
            // It may have worked all the same (telegram.md 1.3); if not, the next update from there leads here again.
            Err(err) if is_refusal(&err) => {
                tracing::info!(chat.id = group.0, error = &err as &dyn std::error::Error, "leaving was refused");
            }
            Err(err) => return Err(err.into()),
        }
        tracing::info!(chat.id = group.0, "left a group that is not in ALLOWED_GROUPS");
        self.left(fence, group).await?;
        Ok(None)
    }
}

fn is_paused(row: &Standing) -> bool {
    Said::read(&row.said).is_some_and(Said::pauses)
}

/// The Bot API server's own sentences about a bot that is outside (telegram.md 3.0). Other reasons why a chat cannot be seen may pass, and end
/// nothing.
fn says_out(description: &str) -> bool {
    let description = description.to_lowercase();
    ["bot was kicked", "bot is not a member", "group chat was deleted"].iter().any(|part| description.contains(part))
}
