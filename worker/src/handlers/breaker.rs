//! A channel whose members cannot be asked about: the bot has lost its place there, or the channel is gone.
//!
//! Its breaker is a row, written in the channel's own lane once Telegram has confirmed it. As long as it is open nobody is asked about
//! there, whoever was muted only because of it is free, and the groups know why. Their lanes are told by tasks, the news paced and behind
//! everything else: a thousand groups may require one channel.

use std::time::Duration;

use rand::Rng as _;
use shared::ids::{BotId, ChannelId, ChatId, MessageId, UserId};

use super::HandlerError;
use crate::{
    breakers::Breakers,
    enforce::{Enforcer, task},
    event::{ChatKind, OwnChanged, Task},
    fence::Fence,
    groups::Groups,
    policy,
    store::{
        Store,
        breakers::{Breaker, Notice, NoticeState},
        tasks::{NewTask, TaskRow},
    },
    telegram::{
        Telegram,
        budget::Priority,
        error::Error,
        message::Outgoing,
        replies::MemberStatus,
        sending::{Occasion, SendSlot},
    },
    texts::notice,
};

/// Between the news to two groups, and to two owners: some 10 of the 25 messages that all groups together may be sent in a second.
const NEWS_EVERY: Duration = Duration::from_millis(200);

/// When news that finds no room in the budget comes again, beside what the budget says: many of them must not come back at once.
const CROWDED: Duration = Duration::from_secs(5);

/// How long the good news stays in the group.
const BACK_STAYS: Duration = Duration::from_secs(3600);

/// A message whose outcome is not known is repeated once: twice is better than none, and three times is not.
const SENT_AT_MOST: i64 = 2;

/// When a message whose outcome is not known is looked at again.
const UNKNOWN_WAIT: Duration = Duration::from_secs(5);

/// What a channel's breaker is kept with.
pub(crate) struct Watch<'a> {
    pub bot: BotId,
    pub groups: &'a Groups,
    pub breakers: &'a Breakers,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

/// What Telegram says of a channel.
enum Look {
    Fine,
    Broken(&'static str),
    Unknown,
}

impl Watch<'_> {
    /// The bot's own standing changed. In a channel that groups require: looks whether it still can be asked about.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn on_own_standing(&self, change: &OwnChanged) -> Result<(), HandlerError> {
        let channel = ChannelId(change.chat.id.0);
        if change.chat.kind == ChatKind::Channel && !self.store.groups_requiring(channel).await?.is_empty() {
            self.breakers.probe(channel, None).await?;
        }
        Ok(())
    }

    /// Can this channel be asked about? Opens or closes its breaker, and says when to look again as long as it is open.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn probe(
        &self,
        fence: &Fence,
        channel: ChannelId,
        about: Option<UserId>,
    ) -> Result<Option<Duration>, HandlerError> {
        let open = self.store.breaker(channel).await?;
        let groups = self.store.groups_requiring(channel).await?;
        // Nobody asks about it any more.
        let look = if groups.is_empty() { Look::Fine } else { self.look(channel, about).await? };
        match (look, open) {
            (Look::Fine, Some(_)) => self.close(fence, channel, &groups).await.map(|()| None),
            (Look::Broken(reason), None) => self.open(fence, channel, &groups, reason).await,
            (Look::Fine | Look::Unknown, None) => Ok(None),
            (Look::Broken(_) | Look::Unknown, Some(breaker)) => {
                let now_ms = shared::clock::now_ms();
                self.store.breaker_probed(fence.into(), channel, now_ms).await?;
                Ok(Some(again_after(&breaker, now_ms)))
            }
        }
    }

    /// The bot has to be an admin there; and whoever could not be asked about before has to be found, or to be unknown for a reason of
    /// their own.
    async fn look(&self, channel: ChannelId, about: Option<UserId>) -> Result<Look, HandlerError> {
        match self.telegram.member(channel.into(), UserId(self.bot.0), Priority::P1).await {
            Ok(own) if matches!(own.status, MemberStatus::Administrator | MemberStatus::Creator) => {}
            Ok(own) if own.status == MemberStatus::Other => return Ok(Look::Unknown),
            Ok(_) => return Ok(Look::Broken("not_admin")),
            Err(err) => return trouble(err),
        }
        let Some(about) = about else { return Ok(Look::Fine) };
        match self.telegram.member(channel.into(), about, Priority::P1).await {
            Ok(_) => Ok(Look::Fine),
            Err(err) => match trouble(err)? {
                Look::Unknown => Ok(Look::Fine),
                look => Ok(look),
            },
        }
    }

    async fn open(
        &self,
        fence: &Fence,
        channel: ChannelId,
        groups: &[ChatId],
        reason: &'static str,
    ) -> Result<Option<Duration>, HandlerError> {
        let mut tasks = breaker_tasks(channel, groups);
        tasks.extend(paced(groups, &Task::Notice { channel }));
        tasks.extend(self.owner_tasks(channel, true).await?);
        fence.check()?;
        let now_ms = shared::clock::now_ms();
        if let Some(rows) = self.store.open_breaker(fence.into(), channel, reason, now_ms, &tasks).await? {
            tracing::warn!(
                channel.id = channel.0,
                reason,
                groups = groups.len(),
                "the channel's set-up is broken: it is not asked for until that is mended"
            );
            self.changed(channel, &rows).await;
        }
        Ok(Some(policy::recheck_after(Duration::ZERO)))
    }

    async fn close(&self, fence: &Fence, channel: ChannelId, groups: &[ChatId]) -> Result<(), HandlerError> {
        let mut tasks = breaker_tasks(channel, groups);
        tasks.extend(paced(&self.store.groups_with_notice(channel).await?, &Task::Notice { channel }));
        tasks.extend(self.owner_tasks(channel, false).await?);
        fence.check()?;
        if let Some(rows) = self.store.close_breaker(fence.into(), channel, &tasks).await? {
            tracing::info!(channel.id = channel.0, "the channel can be asked about again");
            self.changed(channel, &rows).await;
        }
        Ok(())
    }

    async fn changed(&self, channel: ChannelId, rows: &[TaskRow]) {
        self.breakers.forget(channel).await;
        self.enforcer.bell().ring(rows.iter().map(|row| row.shard));
    }

    async fn owner_tasks(&self, channel: ChannelId, broken: bool) -> Result<Vec<NewTask>, HandlerError> {
        let owners: Vec<ChatId> = self.store.owners_requiring(channel).await?.into_iter().map(ChatId::from).collect();
        Ok(paced(&owners, &Task::Tell { channel, broken }))
    }

    /// In a group's lane: forgets how the channel was, and looks at everybody who is muted if it cannot be asked about any more.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn follow(&self, group: ChatId, channel: ChannelId) -> Result<(), HandlerError> {
        self.breakers.forget(channel).await;
        self.groups.forget(group).await;
        if self.store.breaker(channel).await?.is_some() {
            let tasks = self.enforcer.judge_all(group).await?;
            let rows = self.store.add_tasks(&tasks).await?;
            self.enforcer.bell().ring(rows.iter().map(|row| row.shard));
        }
        Ok(())
    }

    /// In a group's lane: does the group know how things stand with the channel? Says when to ask again, if there was no room to tell.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn notice(
        &self,
        fence: &Fence,
        group: ChatId,
        channel: ChannelId,
    ) -> Result<Option<Duration>, HandlerError> {
        let rules = self.groups.rules(group).await?;
        let required = rules.iter().flat_map(|rules| &rules.channels).find(|required| required.id == channel);
        let broken = self.store.breaker(channel).await?.is_some();
        let told = self.store.notice(group, channel).await?;
        match (required, told) {
            (Some(required), told) if broken => match told {
                None => self.announce(fence, group, channel, &required.title).await,
                Some(Notice { state: NoticeState::Sending, attempts, .. }) if attempts < SENT_AT_MOST => {
                    self.announce(fence, group, channel, &required.title).await
                }
                // Broken again while it was being said that it was mended.
                Some(told) if told.state == NoticeState::Resolving => {
                    self.resolve(fence, group, channel, &told, None).await?;
                    Ok(Some(Duration::ZERO))
                }
                Some(Notice { state: NoticeState::Sending, .. }) => {
                    self.store.notice_moved(fence.into(), group, channel, NoticeState::Lost, None).await?;
                    Ok(None)
                }
                Some(_) => Ok(None),
            },
            (Some(required), Some(told)) => self.resolve(fence, group, channel, &told, Some(&required.title)).await,
            (None, Some(told)) => self.resolve(fence, group, channel, &told, None).await,
            (_, None) => Ok(None),
        }
    }

    async fn announce(
        &self,
        fence: &Fence,
        group: ChatId,
        channel: ChannelId,
        title: &str,
    ) -> Result<Option<Duration>, HandlerError> {
        fence.check()?;
        let slot = match self.slot(group).await {
            Ok(slot) => slot,
            Err(wait) => return Ok(Some(wait)),
        };
        self.store.notice_sending(fence.into(), group, channel).await?;
        match self.send(slot, notice::broken(title)).await {
            Ok(message) => {
                let state = if message.is_some() { NoticeState::Sent } else { NoticeState::Lost };
                self.store.notice_moved(fence.into(), group, channel, state, message).await?;
                Ok(None)
            }
            Err(Error::OutcomeUnknown(_)) => Ok(Some(UNKNOWN_WAIT)),
            Err(err) => {
                self.store.notice_gone(fence.into(), group, channel).await?;
                Err(err.into())
            }
        }
    }

    /// The notice goes; if the channel is still required, that it is back is said, once.
    async fn resolve(
        &self,
        fence: &Fence,
        group: ChatId,
        channel: ChannelId,
        told: &Notice,
        back: Option<&str>,
    ) -> Result<Option<Duration>, HandlerError> {
        fence.check()?;
        if let Some(title) = back.filter(|_| matches!(told.state, NoticeState::Sent | NoticeState::Sending)) {
            let slot = match self.slot(group).await {
                Ok(slot) => slot,
                Err(wait) => return Ok(Some(wait)),
            };
            self.store.notice_moved(fence.into(), group, channel, NoticeState::Resolving, None).await?;
            match self.send(slot, notice::back(title)).await {
                Ok(Some(said)) => self.enforcer.later(group, &Task::Tidy { messages: vec![said] }, BACK_STAYS).await?,
                Ok(None) | Err(Error::OutcomeUnknown(_)) => {}
                Err(err) => {
                    self.store.notice_moved(fence.into(), group, channel, told.state, None).await?;
                    return Err(err.into());
                }
            }
        }
        if let Some(message) = told.message {
            self.enforcer.remove(fence, group, &[message]).await?;
        }
        self.store.notice_gone(fence.into(), group, channel).await?;
        Ok(None)
    }

    /// In the lane of somebody's private chat: tells them how things stand with a channel that groups of theirs require.
    ///
    /// # Errors
    /// Telegram or the database is away.
    pub(crate) async fn tell(
        &self,
        fence: &Fence,
        person: ChatId,
        channel: ChannelId,
        broken: bool,
    ) -> Result<Option<Duration>, HandlerError> {
        let Some(row) = self.store.channel(channel).await?.filter(|row| row.broken.is_some() == broken) else {
            return Ok(None);
        };
        fence.check()?;
        let slot = match self.slot(person).await {
            Ok(slot) => slot,
            Err(wait) => return Ok(Some(wait)),
        };
        let text = if broken { notice::broken_for_owner(&row.title) } else { notice::back_for_owner(&row.title) };
        match self.send(slot, text).await {
            Ok(_) | Err(Error::OutcomeUnknown(_)) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    async fn slot(&self, chat: ChatId) -> Result<SendSlot, Duration> {
        self.telegram
            .send_slot(chat, Occasion::Ordinary, Priority::P2)
            .await
            .map_err(|wait| wait + CROWDED.mul_f64(rand::rng().random()))
    }

    /// None: Telegram refuses, and will the next time.
    async fn send(&self, slot: SendSlot, text: String) -> Result<Option<MessageId>, Error> {
        match self.telegram.send(slot, &Outgoing { text, ..Outgoing::default() }).await {
            Ok(message) => Ok(Some(message)),
            Err(err @ (Error::OutcomeUnknown(_) | Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err),
            Err(err) => {
                tracing::info!(error = &err as &dyn std::error::Error, "news of a channel could not be told");
                Ok(None)
            }
        }
    }
}

fn trouble(err: Error) -> Result<Look, HandlerError> {
    match err {
        err if err.says_setup_is_broken() => Ok(Look::Broken(err.code())),
        err @ (Error::FloodWait { .. } | Error::Unavailable(_)) => Err(err.into()),
        err => {
            tracing::info!(error = &err as &dyn std::error::Error, "whether the channel can be asked about is unknown");
            Ok(Look::Unknown)
        }
    }
}

fn again_after(breaker: &Breaker, now_ms: i64) -> Duration {
    policy::recheck_after(Duration::from_millis(u64::try_from(now_ms - breaker.since_ms).unwrap_or(0)))
}

fn breaker_tasks(channel: ChannelId, groups: &[ChatId]) -> Vec<NewTask> {
    groups.iter().map(|group| task(*group, &Task::Breaker { channel }, Duration::ZERO)).collect()
}

/// The same task for each chat, one after another.
fn paced(chats: &[ChatId], what: &Task) -> Vec<NewTask> {
    (0_u32..).zip(chats).map(|(n, chat)| task(*chat, what, NEWS_EVERY.saturating_mul(n))).collect()
}
