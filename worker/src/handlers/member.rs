//! Somebody's standing in a chat changed. In a channel: what is remembered follows at once, and their groups are asked to judge them again. In
//! a group: what an admin has decided about somebody closes our record of them.

use std::time::Duration;

use shared::ids::{BotId, ChannelId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, task},
    event::{ChatKind, MemberChanged, Status, Task},
    fence::Fence,
    ledger,
    policy::{self, Answer, Muted, Release},
    store::tasks::NewTask,
    telegram::{budget::Priority, error::Error, replies::MemberStatus},
    trial::Trial,
};

/// What a change is handled with.
pub(crate) struct Registry<'a> {
    pub bot: BotId,
    pub trial: Trial<'a>,
    pub enforcer: &'a Enforcer,
}

/// Handles a change; `update` marks its effects.
///
/// # Errors
/// Telegram or the database is away, or the shard is not ours any more.
pub(crate) async fn on_change(
    registry: &Registry<'_>,
    fence: &Fence,
    change: &MemberChanged,
    update: &str,
) -> Result<(), HandlerError> {
    match change.chat.kind {
        ChatKind::Channel => registry.in_channel(change).await,
        ChatKind::Group | ChatKind::Supergroup => registry.in_group(fence, change, update).await,
        ChatKind::Private | ChatKind::Unknown => Ok(()),
    }
}

impl Registry<'_> {
    /// The verdict first, then the ledger: the group's lane does it the other way round, so one of the two sees the other.
    async fn in_channel(&self, change: &MemberChanged) -> Result<(), HandlerError> {
        let answer = match change.status {
            status if status.is_in() => Answer::Yes,
            Status::Banned => Answer::No { banned: true },
            _ => Answer::No { banned: false },
        };
        let (user, channel) = (change.user.id, ChannelId(change.chat.id.0));
        self.trial.membership.learn(user, channel, answer, change.date_s, change.until_s).await;
        let was_in = change.before.is_none_or(|before| before.status.is_in());
        let tasks = match answer {
            Answer::Yes => self.waiting_for(user).await?,
            _ if was_in => {
                let name = change.user.name.clone();
                let seek = Task::Seek { channel, name, date_s: change.date_s, after: None };
                vec![task(user.into(), &seek, Duration::ZERO)]
            }
            _ => Vec::new(),
        };
        let rows = self.trial.store.add_tasks(&tasks).await?;
        self.enforcer.bell().ring(rows.iter().map(|row| row.shard));
        Ok(())
    }

    /// Asks the lanes of the groups where they are muted, or wait to be let in, to look again.
    async fn waiting_for(&self, user: UserId) -> Result<Vec<NewTask>, HandlerError> {
        let judge = Task::Judge { user, bulk: false, recheck: false };
        let muted = self.trial.store.open_mutes_of(user).await?;
        let asking = self.trial.store.open_join_requests_of(user).await?;
        let judged = muted.iter().map(|mute| task(mute.group, &judge, Duration::ZERO));
        let admitted = asking.iter().map(|request| task(request.group, &Task::Admit { user }, Duration::ZERO));
        Ok(judged.chain(admitted).collect())
    }

    async fn in_group(&self, fence: &Fence, change: &MemberChanged, update: &str) -> Result<(), HandlerError> {
        let (group, user) = (change.chat.id, change.user.id);
        let is_admin = matches!(change.status, Status::Owner | Status::Admin);
        self.trial.groups.note_standing(group, user, is_admin).await;
        if change.by == UserId(self.bot.0) {
            return self.restore_ban(fence, change, update).await;
        }
        // Leaving and coming back is nobody's decision about a mute.
        if is_admin || change.by != user {
            self.follow_admin(fence, change).await?;
        }
        if !change.status.is_in() {
            self.unwarn_absent(fence, change).await?;
        }
        Ok(())
    }

    /// An admin has done something about them. The restriction is what they made of it; if that is not our mute any more, our record is
    /// closed. Telegram is asked, because the update may tell of what was before our mute, or of an admin who only brought them back in.
    async fn follow_admin(&self, fence: &Fence, change: &MemberChanged) -> Result<(), HandlerError> {
        let (group, user) = (change.chat.id, change.user.id);
        let Some(mute) = self.trial.store.open_mutes(group, &[user]).await?.into_iter().next() else { return Ok(()) };
        fence.check()?;
        let found = match self.trial.telegram.member(group, user, Priority::P1).await {
            Ok(member) => ledger::muted(&member, &mute),
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => return Err(err.into()),
            Err(_) => Muted::Unknown,
        };
        if let Release::Close(why) = policy::release(true, found) {
            self.enforcer.close_as_found(fence, &mute, found, why).await?;
            self.enforcer.unwarn(fence, group, user).await?;
        }
        Ok(())
    }

    /// Who has left does not need their warning. The record of the mute stays: the mute does too, and they may come back.
    async fn unwarn_absent(&self, fence: &Fence, change: &MemberChanged) -> Result<(), HandlerError> {
        let (group, user) = (change.chat.id, change.user.id);
        if self.trial.store.warnings_of(group, user).await?.is_empty() {
            return Ok(());
        }
        fence.check()?;
        // They may be back already, and this the second update of how they left.
        match self.trial.telegram.member(group, user, Priority::P1).await {
            Ok(member) if member.is_member == Some(true) => Ok(()),
            Ok(_) => self.enforcer.unwarn(fence, group, user).await,
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err.into()),
            Err(_) => Ok(()),
        }
    }

    /// Any restrictChatMember lifts a ban (telegram.md 3.5, trap 1). If an admin has banned somebody between our look and our call, they are
    /// banned again as they were, unless somebody has decided otherwise since.
    async fn restore_ban(&self, fence: &Fence, change: &MemberChanged, update: &str) -> Result<(), HandlerError> {
        let (group, user) = (change.chat.id, change.user.id);
        let Some(before) = change.before.filter(|before| before.status == Status::Banned) else { return Ok(()) };
        let update = update.to_owned();
        if change.status == Status::Banned || !self.trial.store.marked(std::slice::from_ref(&update)).await?.is_empty()
        {
            return Ok(());
        }
        let mute = self.trial.store.last_mute(group, user).await?;
        fence.check()?;
        let member = self.trial.telegram.member(group, user, Priority::P0).await?;
        let is_muted_by_us = mute.as_ref().is_some_and(|mute| ledger::muted(&member, mute) == Muted::ByUs);
        let is_released_by_us = change.status == Status::Left && member.status == MemberStatus::Left;
        if is_muted_by_us || is_released_by_us {
            fence.check()?;
            self.trial.telegram.ban(group, user, before.until_s, Priority::P0).await?;
            tracing::warn!(
                chat.id = group.0,
                user.id = user.0,
                "banned again: a call of ours had lifted an admin's ban"
            );
        }
        if let Some(mute) = mute {
            self.enforcer.close(fence, mute.id, "banned by a person").await?;
        }
        self.enforcer.unwarn(fence, group, user).await?;
        Ok(self.trial.store.mark(fence.into(), &update, shared::clock::now_ms()).await?)
    }
}
