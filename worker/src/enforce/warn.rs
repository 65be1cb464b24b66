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
    store::warnings::{Warning, WarningEnd, WarningKind, WarningState},
    telegram::{budget::Priority, error::Error, sending::Occasion},
    texts::{self, Named},
};

/// A send whose outcome is not known is repeated once: a warning twice is better than none, and three times is not.
const SENT_AT_MOST: i64 = 2;

/// When a send whose outcome is not known is looked at again.
const UNKNOWN_WAIT: Duration = Duration::from_secs(5);

impl Enforcer {
    /// Sends what waits in the group, one warning a person, as far as the budget goes. The rest merges into one when it opens again.
    pub(super) async fn warn_each(&self, fence: &Fence, group: ChatId, rules: &Rules) -> Result<(), HandlerError> {
        for warning in self.store.wanted_warnings(group).await? {
            if !self.warn(fence, group, rules, &[warning]).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends what waits in the group, merged into one message for each topic.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn warn_together(&self, fence: &Fence, group: ChatId) -> Result<(), HandlerError> {
        let wanted = self.store.wanted_warnings(group).await?;
        let Some(rules) = self.groups.rules(group).await? else {
            let ids: Vec<i64> = wanted.iter().map(|warning| warning.id).collect();
            self.store.warning_closed(fence.into(), &ids, WarningEnd::Removed).await?;
            return Ok(());
        };
        let mut by_topic: BTreeMap<Option<i64>, Vec<Warning>> = BTreeMap::new();
        for warning in wanted {
            by_topic.entry(warning.thread).or_default().push(warning);
        }
        for warnings in by_topic.values() {
            if !self.warn(fence, group, &rules, warnings).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One message for these. False: the budget is spent, and a task will come back to what is left.
    async fn warn(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        warnings: &[Warning],
    ) -> Result<bool, HandlerError> {
        let (warnings, lost): (Vec<&Warning>, Vec<&Warning>) =
            warnings.iter().partition(|warning| warning.attempts < SENT_AT_MOST);
        if !lost.is_empty() {
            self.store.warning_closed(fence.into(), &ids(&lost), WarningEnd::Lost).await?;
        }
        let Some(first) = warnings.first() else { return Ok(true) };
        fence.check()?;
        let slot = match self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1) {
            Ok(slot) => slot,
            Err(wait) => {
                self.later(group, &Task::Warn, wait).await?;
                return Ok(false);
            }
        };
        let people: Vec<Named> =
            warnings.iter().map(|warning| Named { user: warning.user, name: warning.name.clone() }).collect();
        let missing = self.missing(&warnings).await;
        // What is said to several must be true of all.
        let same = warnings.iter().all(|warning| warning.kind == first.kind);
        let kind = if same { first.kind } else { WarningKind::Offence };
        let message = texts::warning(rules, kind, &people, &missing, first.thread);

        self.store.warning_sending(fence.into(), &ids(&warnings)).await?;
        match self.telegram.send(slot, &message).await {
            Ok(sent) => {
                let ttl = rules.settings.warning_ttl;
                let removals: Vec<_> =
                    warnings.iter().map(|warning| task(group, &Task::Unwarn { warning: warning.id }, ttl)).collect();
                self.store.warning_sent(fence.into(), &ids(&warnings), sent, &removals).await?;
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
            Err(err @ Error::FloodWait { retry_after }) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "a warning has to wait");
                self.store.warning_wanted(fence.into(), &ids(&warnings)).await?;
                self.later(group, &Task::Warn, retry_after).await?;
                Ok(false)
            }
            Err(err) if is_refusal(&err) || matches!(err, Error::TopicGone) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "may not warn here");
                self.store.warning_closed(fence.into(), &ids(&warnings), WarningEnd::Lost).await?;
                Ok(true)
            }
            Err(err) => {
                self.store.warning_wanted(fence.into(), &ids(&warnings)).await?;
                Err(err.into())
            }
        }
    }

    /// The channels that any of them misses, and whether the only one warned is banned there.
    async fn missing(&self, warnings: &[&Warning]) -> Vec<Missing> {
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

    /// Takes a person's warnings away: they are released.
    ///
    /// # Errors
    /// Telegram or the database is away.
    pub(crate) async fn unwarn(&self, fence: &Fence, group: ChatId, user: UserId) -> Result<(), HandlerError> {
        for warning in self.store.warnings_of(group, user).await? {
            self.remove_warning(fence, &warning).await?;
        }
        Ok(())
    }

    /// Closes a warning and deletes its message, unless that names somebody else whose warning still stands.
    ///
    /// # Errors
    /// Telegram or the database is away.
    pub(crate) async fn remove_warning(&self, fence: &Fence, warning: &Warning) -> Result<(), HandlerError> {
        self.store.warning_closed(fence.into(), &[warning.id], WarningEnd::Removed).await?;
        let Some(message) = warning.message else { return Ok(()) };
        let others = self.store.warnings_with_message(warning.group, message).await?;
        if others.iter().any(|other| other.id != warning.id && other.state == WarningState::Sent) {
            return Ok(());
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

fn ids(warnings: &[&Warning]) -> Vec<i64> {
    warnings.iter().map(|warning| warning.id).collect()
}
