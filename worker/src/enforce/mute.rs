//! Muting as a record says, and ending records.

use std::time::Duration;

use rand::Rng as _;
use shared::ids::{ChatId, UserId};

use super::{Enforcer, Seen, is_refusal, task};
use crate::{
    event::Task,
    fence::Fence,
    groups::Rules,
    handlers::HandlerError,
    ledger,
    membership::Freshness,
    policy::{Muted, Presence, Standing, is_fresh, judge},
    store::{
        mutes::{Mute, MuteState},
        tasks::NewTask,
    },
    telegram::{budget::Priority, error::Error, permissions::Permissions},
};

/// Under 30 s Telegram takes an end for "never" (Bot API, restrictChatMember), and a call may take 20 s to arrive.
const SHORTEST_MUTE_S: i64 = 60;

/// How long a look at a person may be acted on: admins ban spammers within seconds, just when we are at work. Milliseconds.
const LOOK_HOLDS_MS: i64 = 1_000;

impl Enforcer {
    /// Asks once more if too much time has passed since it was asked: who has subscribed meanwhile must not be muted, and muting somebody whom
    /// an admin has banned meanwhile would lift the ban. What is not known leaves the record as it is, for the later look.
    async fn may_still_be_muted(
        &self,
        fence: &Fence,
        rules: &Rules,
        mute: &Mute,
        seen: &Seen,
    ) -> Result<bool, HandlerError> {
        fence.check()?;
        let now_ms = shared::clock::now_ms();
        let (facts, member) = if is_fresh(&seen.facts, now_ms) && now_ms - seen.looked_ms < LOOK_HOLDS_MS {
            (seen.facts.clone(), None)
        } else {
            let ask = || self.membership.facts(mute.user, rules.channel_ids(), Freshness::Fresh, Priority::P0);
            let (facts, member) = tokio::join!(ask(), self.telegram.member(mute.group, mute.user, Priority::P0));
            // The look may have taken its time too.
            let facts = if is_fresh(&facts, shared::clock::now_ms()) { facts } else { ask().await };
            (facts, Some(member))
        };
        match judge(rules.settings.require, &facts) {
            Standing::Met => {
                self.close(fence, mute.id, "subscribed meanwhile").await?;
                self.unwarn(fence, mute.group, mute.user).await?;
                return Ok(false);
            }
            Standing::Missing(_) if is_fresh(&facts, shared::clock::now_ms()) => {}
            Standing::Missing(_) | Standing::Unknown => return Ok(false),
        }
        let member = match member {
            Some(Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_)))) => return Err(err.into()),
            Some(member) => member,
            None => return Ok(true),
        };
        match ledger::presence(&member, Some(mute)) {
            Presence::CanSpeak | Presence::Muted => Ok(true),
            Presence::Unknown => Ok(false),
            Presence::Admin | Presence::Banned | Presence::RestrictedByPerson => {
                self.close(fence, mute.id, "a person has decided meanwhile").await?;
                Ok(false)
            }
        }
    }

    /// Mutes as the record says, unless the person has subscribed, or a person has decided about them, since they were seen so.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn mute(
        &self,
        fence: &Fence,
        rules: &Rules,
        mute: &Mute,
        seen: &Seen,
    ) -> Result<(), HandlerError> {
        if self.try_mute(fence, rules, mute, seen).await? {
            return Ok(());
        }
        self.doubt(fence, mute.group).await.map(drop)
    }

    /// The same without a look at the bot's own rights. False: Telegram refused as if they were gone. Of many who are muted together all may
    /// be refused, and the group is told once.
    pub(super) async fn try_mute(
        &self,
        fence: &Fence,
        rules: &Rules,
        mute: &Mute,
        seen: &Seen,
    ) -> Result<bool, HandlerError> {
        if rules.paused {
            return self.close(fence, mute.id, "the bot lacks rights").await.map(|()| true);
        }
        if !self.may_still_be_muted(fence, rules, mute, seen).await? {
            return Ok(true);
        }
        let mut facts = Vec::new();
        for channel in rules.channel_ids() {
            facts.extend(self.membership.recall_newest(mute.user, channel).await);
        }
        let all_known = facts.len() == rules.channels.len();
        if all_known && judge(rules.settings.require, &facts) == Standing::Met {
            self.close(fence, mute.id, "subscribed meanwhile").await?;
            return self.unwarn(fence, mute.group, mute.user).await.map(|()| true);
        }
        if mute.until_s - shared::clock::now_s() < SHORTEST_MUTE_S {
            return self.close(fence, mute.id, "its time was over before it began").await.map(|()| true);
        }
        fence.check()?;
        let until = Some(mute.until_s);
        match self.telegram.restrict(mute.group, mute.user, Permissions::NONE, until, Priority::P0).await {
            Ok(()) => {
                self.store.confirm_mute(fence.into(), mute).await?;
                tracing::info!(chat.id = mute.group.0, user.id = mute.user.0, until_s = mute.until_s, "muted");
                Ok(true)
            }
            Err(Error::UserIsAdmin) => {
                self.groups.forget_admins(mute.group).await;
                self.close(fence, mute.id, "an admin").await?;
                self.unwarn(fence, mute.group, mute.user).await.map(|()| true)
            }
            Err(err) if is_refusal(&err) => {
                tracing::warn!(
                    chat.id = mute.group.0,
                    user.id = mute.user.0,
                    error = &err as &dyn std::error::Error,
                    "may not mute"
                );
                self.close(fence, mute.id, err.code()).await?;
                Ok(!matches!(err, Error::MissingRight { .. } | Error::ChatInaccessible { .. }))
            }
            Err(err) => Err(err.into()),
        }
    }

    /// Ends a record without touching the person.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn close(&self, fence: &Fence, mute: i64, why: &str) -> Result<(), HandlerError> {
        let open = [MuteState::Pending, MuteState::Active, MuteState::Releasing];
        self.store.set_mute_state(fence.into(), mute, &open, MuteState::Closed, Some(why), &[]).await?;
        Ok(())
    }

    /// Ends a record because of how the person was found. Telegram may show for a moment how things were before a mute of ours, and a mute
    /// whose call timed out may still land: then there would be one without a record, so they are looked at once more.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn close_as_found(
        &self,
        fence: &Fence,
        mute: &Mute,
        found: Muted,
        why: &str,
    ) -> Result<(), HandlerError> {
        let may_land = found == Muted::Free && mute.until_s > shared::clock::now_s();
        let again: Vec<NewTask> = may_land.then(|| self.look_again(mute.group, mute.user)).into_iter().collect();
        let open = [MuteState::Pending, MuteState::Active, MuteState::Releasing];
        self.store.set_mute_state(fence.into(), mute.id, &open, MuteState::Closed, Some(why), &again).await?;
        Ok(())
    }

    /// A look at the person 10 to 30 s from now: spread, so that a raid is not followed by a second one of questions.
    pub(super) fn look_again(&self, group: ChatId, user: UserId) -> NewTask {
        let after = Duration::from_secs(rand::rng().random_range(10..=30));
        task(group, &Task::Judge { user, bulk: false, recheck: true }, after)
    }
}
