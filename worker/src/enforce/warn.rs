//! Warnings: each is a row first, sent when the group's budget allows, and taken away again.

use std::{collections::BTreeMap, time::Duration};

use shared::ids::{ChannelId, ChatId, MessageId, UserId};

use super::{Enforcer, is_refusal, task};
use crate::{
    event::Task,
    fence::Fence,
    groups::Rules,
    handlers::HandlerError,
    policy::{Answer, Missing},
    store::warnings::{Attempt, SENT_AT_MOST, Warning, WarningEnd, WarningKind, WarningState},
    telegram::{budget::Priority, error::Error, message::Outgoing, sending::Occasion},
    texts::{self, Named},
};

/// When a send whose outcome is not known is looked at again.
const UNKNOWN_WAIT: Duration = Duration::from_secs(5);

/// Several people are named in a message of their own for at most this long after its first; later ones get another. With the longest
/// `warning_ttl` it still goes before Telegram stops deleting it (48 h).
const OPEN_TO_OTHERS_MS: i64 = 15 * 60 * 1000;

/// Names that leave a message within this time leave it by one edit.
const RENAME_AFTER: Duration = Duration::from_secs(1);

/// The same for names whose time is over: nobody waits for that, and after a raid the times of many end one after another.
const RENAME_EXPIRED_AFTER: Duration = Duration::from_secs(15);

/// A message that warns several people, and whom it names.
struct Board {
    message: MessageId,
    named: Vec<Warning>,
}

/// Into which message warnings go.
enum Into {
    /// One of their own.
    Own,
    /// One for several people.
    Shared(Option<Board>),
}

impl Enforcer {
    /// Sends what waits for these people, one warning each, as far as the budget goes. The rest merges into one when it opens again.
    pub(super) async fn warn_each(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        people: &[UserId],
    ) -> Result<(), HandlerError> {
        let wanted = self.store.wanted_warnings(group).await?;
        // A mute may have shown that the bot has lost its rights.
        if !self.enforces(group).await? {
            return self.drop_wanted(fence, &wanted).await;
        }
        for warning in wanted.into_iter().filter(|warning| people.contains(&warning.user)) {
            if !self.warn(fence, group, rules, vec![warning], Into::Own).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends what waits in the group, merged into one message for each topic: a new one, or the one that does so already. Nobody is warned
    /// any more where nothing is enforced by now.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn warn_together(&self, fence: &Fence, group: ChatId) -> Result<(), HandlerError> {
        let wanted = self.store.wanted_warnings(group).await?;
        let Some(rules) = self.groups.rules(group).await?.filter(|rules| rules.enforces()) else {
            return self.drop_wanted(fence, &wanted).await;
        };
        let mut by_topic: BTreeMap<Option<i64>, Vec<Warning>> = BTreeMap::new();
        for warning in wanted {
            by_topic.entry(warning.thread).or_default().push(warning);
        }
        if by_topic.is_empty() {
            return Ok(());
        }
        let shared = self.store.shared_warnings(group).await?;
        for (topic, warnings) in by_topic {
            let board = board(&shared, topic, shared::clock::now_ms());
            if !self.warn(fence, group, &rules, warnings, Into::Shared(board)).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn drop_wanted(&self, fence: &Fence, wanted: &[Warning]) -> Result<(), HandlerError> {
        let ids: Vec<i64> = wanted.iter().map(|warning| warning.id).collect();
        self.store.warning_closed(fence.into(), &ids, WarningEnd::Removed).await?;
        Ok(())
    }

    /// One message for these. False: the budget is spent, and a task will come back to what is left.
    async fn warn(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        warnings: Vec<Warning>,
        into: Into,
    ) -> Result<bool, HandlerError> {
        let (warnings, lost): (Vec<Warning>, Vec<Warning>) =
            warnings.into_iter().partition(|warning| warning.attempts < SENT_AT_MOST);
        if !lost.is_empty() {
            self.store.warning_closed(fence.into(), &ids(&lost), WarningEnd::Lost).await?;
        }
        let new = ids(&warnings);
        let Some(topic) = warnings.first().map(|first| first.thread) else { return Ok(true) };
        fence.check()?;
        let slot = match self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1).await {
            Ok(slot) => slot,
            Err(wait) => {
                self.later(group, &Task::Warn, wait).await?;
                return Ok(false);
            }
        };
        let (shared, board) = match into {
            Into::Own => (false, None),
            Into::Shared(board) => (true, board),
        };
        let (onto, mut named) = board.map_or((None, Vec::new()), |board| (Some(board.message), board.named));
        let sends: Vec<Attempt> =
            warnings.iter().map(|warning| Attempt { warning: warning.id, number: warning.attempts + 1 }).collect();
        named.extend(warnings);
        let message = self.wording(rules, &named, topic).await;

        self.store.warning_sending(fence.into(), &new).await?;
        // Writing that down may have taken long, and a second message is what nobody can take back unseen.
        if let Err(lost) = fence.check() {
            // The database may not know yet that the shard is lost: then this is no attempt.
            self.store.warning_wanted(fence.into(), &new).await?;
            return Err(lost.into());
        }
        let carried = match onto {
            Some(onto) => self.telegram.edit(slot, onto, &message).await.map(|()| onto),
            None => self.telegram.send(slot, &message).await,
        };
        match carried {
            Ok(carrier) => {
                let ttl = rules.settings.warning_ttl;
                let removals: Vec<_> =
                    new.iter().map(|warning| task(group, &Task::Unwarn { warning: *warning }, ttl)).collect();
                let known = self.store.warning_sent(group, &sends, carrier, shared, &removals).await?;
                if known.len() < sends.len() {
                    self.take_back(group, carrier, known.is_empty() && onto.is_none()).await?;
                }
                Ok(true)
            }
            Err(Error::OutcomeUnknown(err)) => {
                tracing::warn!(
                    chat.id = group.0,
                    error = &err as &dyn std::error::Error,
                    "a warning may not have been sent"
                );
                self.later(group, &Task::Warn, UNKNOWN_WAIT).await?;
                Ok(false)
            }
            Err(err @ Error::FloodWait { retry_after, .. }) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "a warning has to wait");
                self.store.warning_wanted(fence.into(), &new).await?;
                self.later(group, &Task::Warn, retry_after).await?;
                Ok(false)
            }
            // An admin has deleted it. Whom it named are not told again; the others get a message of their own.
            Err(Error::MessageGone | Error::MessageStays) if onto.is_some() => {
                let orphans: Vec<i64> = named.iter().map(|one| one.id).filter(|id| !new.contains(id)).collect();
                self.store.warning_closed(fence.into(), &orphans, WarningEnd::Removed).await?;
                self.store.warning_wanted(fence.into(), &new).await?;
                self.later(group, &Task::Warn, Duration::ZERO).await?;
                Ok(false)
            }
            // The mute holds in the whole group, so they are told outside of the topic.
            Err(err @ Error::TopicGone) if topic.is_some() => {
                tracing::info!(
                    chat.id = group.0,
                    error = &err as &dyn std::error::Error,
                    "warning outside of the topic"
                );
                self.store.warning_wanted_outside(fence.into(), &new).await?;
                self.later(group, &Task::Warn, Duration::ZERO).await?;
                Ok(true)
            }
            Err(err) if is_refusal(&err) || matches!(err, Error::TopicGone) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "may not warn here");
                self.store.warning_closed(fence.into(), &new, WarningEnd::Lost).await?;
                Ok(true)
            }
            Err(err) => {
                self.store.warning_wanted(fence.into(), &new).await?;
                Err(err.into())
            }
        }
    }

    /// The shard was lost while this message was on its way, and its next owner has told some of them again. A message that nobody needs goes;
    /// another one loses those names. By a task: what is said in the chat is the owner's business now.
    async fn take_back(&self, group: ChatId, message: MessageId, is_needless: bool) -> Result<(), HandlerError> {
        tracing::debug!(chat.id = group.0, message.id = message.0, "a warning was overtaken by the next owner's");
        let task = if is_needless { Task::Tidy { messages: vec![message] } } else { Task::Rename { message } };
        self.later(group, &task, Duration::ZERO).await
    }

    /// Names whom a message for several people still is for. Says when to ask again, if the budget has no room for an edit.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn rename(
        &self,
        fence: &Fence,
        group: ChatId,
        message: MessageId,
    ) -> Result<Option<Duration>, HandlerError> {
        let named = self.store.warnings_with_message(group, message).await?;
        let (Some(first), Some(rules)) = (named.first(), self.groups.rules(group).await?) else { return Ok(None) };
        fence.check()?;
        let slot = match self.telegram.send_slot(group, Occasion::Ordinary, Priority::P2).await {
            Ok(slot) => slot,
            Err(wait) => return Ok(Some(wait)),
        };
        let wording = self.wording(&rules, &named, first.thread).await;
        match self.telegram.edit(slot, message, &wording).await {
            Ok(()) => Ok(None),
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err.into()),
            Err(err) => {
                tracing::debug!(chat.id = group.0, error = &err as &dyn std::error::Error, "names could not leave");
                Ok(None)
            }
        }
    }

    async fn wording(&self, rules: &Rules, warnings: &[Warning], topic: Option<i64>) -> Outgoing {
        let people: Vec<Named> =
            warnings.iter().map(|warning| Named { user: warning.user, name: warning.name.clone() }).collect();
        // What is said to several must be true of all.
        let kind = match warnings {
            [first, rest @ ..] if rest.iter().all(|warning| warning.kind == first.kind) => first.kind,
            _ => WarningKind::Offence,
        };
        texts::warning(rules, kind, &people, &self.missing(warnings).await, topic)
    }

    /// The channels that any of them misses, and whether the only one warned is banned there.
    async fn missing(&self, warnings: &[Warning]) -> Vec<Missing> {
        let mut channels: Vec<ChannelId> = Vec::new();
        for channel in warnings.iter().flat_map(|warning| &warning.missing) {
            if !channels.contains(channel) {
                channels.push(*channel);
            }
        }
        let mut missing = Vec::with_capacity(channels.len());
        for channel in channels {
            let banned = match warnings {
                [one] => self.membership.recall(one.user, channel).await.map(|fact| fact.answer),
                _ => None,
            };
            missing.push(Missing { channel, banned: banned == Some(Answer::No { banned: true }) });
        }
        missing
    }

    /// Takes a person's warnings away: they are released. Their name leaves a message that is for others too.
    ///
    /// # Errors
    /// Telegram or the database is away.
    pub(crate) async fn unwarn(&self, fence: &Fence, group: ChatId, user: UserId) -> Result<(), HandlerError> {
        for warning in self.store.warnings_of(group, user).await? {
            self.remove_warning(fence, &warning, RENAME_AFTER).await?;
        }
        Ok(())
    }

    /// Takes a warning away whose time is over.
    ///
    /// # Errors
    /// Telegram or the database is away.
    pub(crate) async fn expire_warning(&self, fence: &Fence, warning: &Warning) -> Result<(), HandlerError> {
        self.remove_warning(fence, warning, RENAME_EXPIRED_AFTER).await
    }

    /// Closes a warning and deletes its message. One that names somebody else whose warning still stands only loses the name, after a while.
    async fn remove_warning(
        &self,
        fence: &Fence,
        warning: &Warning,
        rename_after: Duration,
    ) -> Result<(), HandlerError> {
        self.store.warning_closed(fence.into(), &[warning.id], WarningEnd::Removed).await?;
        let Some(message) = warning.message else { return Ok(()) };
        let others = self.store.warnings_with_message(warning.group, message).await?;
        if others.iter().any(|other| other.id != warning.id && other.state == WarningState::Sent) {
            return self.later(warning.group, &Task::Rename { message }, rename_after).await;
        }
        self.remove(fence, warning.group, &[message]).await
    }

    /// Deletes messages of ours that have served.
    ///
    /// # Errors
    /// Telegram is away.
    pub(crate) async fn remove(&self, fence: &Fence, chat: ChatId, messages: &[MessageId]) -> Result<(), HandlerError> {
        fence.check()?;
        match self.telegram.delete(chat, messages, Priority::P2).await {
            Ok(_) => Ok(()),
            // After a move to a supergroup these messages are out of reach, and the same numbers mean others.
            Err(err) if is_refusal(&err) || matches!(err, Error::Migrated { .. }) => {
                tracing::debug!(chat.id = chat.0, error = &err as &dyn std::error::Error, "could not tidy up");
                Ok(())
            }
            Err(err) => Err(err.into()),
        }
    }
}

/// The newest message of the topic that is for several people, unless its time is nearly over.
fn board(shared: &[Warning], topic: Option<i64>, now_ms: i64) -> Option<Board> {
    let here = || shared.iter().filter(|warning| warning.thread == topic);
    let message = here().filter_map(|warning| warning.message).max_by_key(|message| message.0)?;
    let named: Vec<Warning> = here().filter(|warning| warning.message == Some(message)).cloned().collect();
    let is_open = named.iter().all(|warning| now_ms - warning.created_ms < OPEN_TO_OTHERS_MS);
    is_open.then_some(Board { message, named })
}

fn ids(warnings: &[Warning]) -> Vec<i64> {
    warnings.iter().map(|warning| warning.id).collect()
}
