//! Questions that lanes and timers ask: late or twice, the answer does no harm.

use std::time::Duration;

use shared::ids::{ChatId, MessageId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, PROGRESS_EVERY, Released, Seen},
    fence::Fence,
    groups::{Groups, Mode, Rules},
    ledger,
    membership::{Freshness, Membership},
    policy::{self, Muted, Standing},
    store::{
        Store,
        mutes::{Mute, MuteState},
    },
    telegram::{Telegram, budget::Priority, error::Error, message::Outgoing, sending::Occasion},
    texts::reply,
};

/// Clocks differ, and Telegram takes a moment to end a mute. Seconds.
const TIME_OVER_S: i64 = 60;

/// How long after its end a mute is looked for. Sooner there would be nothing late yet.
///
/// A record keeps its due row from its birth to the last of these looks, unless its time is over or a person has set something else, which
/// is not ours to lift. Nobody begins a call for a record that is closed: its lane writes the end after the last call was answered or given
/// up, and who has lost the shard begins none. So what can still land was on its way at the end, and was given up half a minute later at the
/// latest; but how long Telegram keeps a call that was given up nobody knows. The first look finds what was merely slow, the second what the
/// longest time-outs on the way let through, and the last whatever an outage has held back.
const LOOKS_AFTER_THE_END: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(2 * 60), Duration::from_secs(15 * 60)];

/// What a person's mute is judged with.
pub(crate) struct Review<'a> {
    pub groups: &'a Groups,
    pub membership: &'a Membership,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

impl Review<'_> {
    /// Does what we did to this person still fit what they are? Says when to ask again, as long as the mute is open.
    ///
    /// # Errors
    /// Something it needs is away, or the shard is not ours any more.
    pub(crate) async fn judge(
        &self,
        fence: &Fence,
        group: ChatId,
        user: UserId,
        priority: Priority,
    ) -> Result<Option<Duration>, HandlerError> {
        let Some(mute) = self.store.last_mute(group, user).await? else { return Ok(None) };
        if mute.state == MuteState::Closed {
            return self.after_the_end(fence, &mute).await;
        }
        let rules = self.groups.rules(group).await?;
        let deserved = match &rules {
            Some(rules) => self.is_deserved(fence, rules, group, user, priority).await?,
            None => Some(false),
        };
        match deserved {
            Some(false) => match self.enforcer.release(fence, &mute, priority).await? {
                Released::Lifted | Released::Closed(_) => return Ok(None),
                // The bot may be out of the group for good, and nobody will say how it ended.
                Released::Unknown => {}
            },
            Some(true) => {
                if let Some(rules) = &rules
                    && !self.still_stands(fence, rules, &mute, priority).await?
                {
                    return Ok(None);
                }
            }
            None => {}
        }
        if mute.until_s + TIME_OVER_S <= shared::clock::now_s() {
            // Nobody is held by it any more, whatever could not be found out; to ask on would be for ever.
            self.enforcer.close(fence, mute.id, "its time is over").await?;
            return Ok(None);
        }
        let age = Duration::from_millis(u64::try_from(shared::clock::now_ms() - mute.created_ms).unwrap_or(0));
        Ok(Some(policy::recheck_after(age)))
    }

    /// None: unknown.
    async fn is_deserved(
        &self,
        fence: &Fence,
        rules: &Rules,
        group: ChatId,
        user: UserId,
        priority: Priority,
    ) -> Result<Option<bool>, HandlerError> {
        if rules.settings.mode == Mode::Observe || rules.allowed.contains(&user.0) {
            return Ok(Some(false));
        }
        let facts = self.membership.facts(user, rules.channel_ids(), Freshness::Anew, priority).await;
        fence.check()?;
        Ok(match policy::judge(rules.settings.require, &facts) {
            Standing::Met => Some(false),
            // It is asked when it is its turn, and not only at the next look.
            Standing::Unknown => match policy::not_yet(&facts) {
                Some(wait) => return Err(HandlerError::has_to_wait(wait)),
                None => None,
            },
            Standing::Missing(_) => match self.groups.admins(group).await {
                Ok(admins) => Some(!admins.contains(&user)),
                Err(err) => match *err {
                    Error::FloodWait { retry_after, asked: false } => {
                        return Err(HandlerError::has_to_wait(retry_after));
                    }
                    _ => None,
                },
            },
        })
    }

    /// A deserved mute is left alone, finished if it never came to pass, or closed if time or a person ended it. False: it is closed.
    async fn still_stands(
        &self,
        fence: &Fence,
        rules: &Rules,
        mute: &Mute,
        priority: Priority,
    ) -> Result<bool, HandlerError> {
        fence.check()?;
        let (member, looked_ms) = match self.telegram.dated_member(mute.group, mute.user, priority).await {
            Ok(looked) => looked,
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => return Err(err.into()),
            Err(_) => return Ok(true),
        };
        let found = ledger::muted(&member, mute);
        if found == Muted::Free && mute.state == MuteState::Pending {
            // A restriction of somebody who is not in the group would stay behind. Who comes again, or writes as a guest in the comments of a
            // linked channel, is judged by that.
            if member.is_member != Some(true) {
                return Ok(true);
            }
            let facts = self.membership.facts(mute.user, rules.channel_ids(), Freshness::Fresh, priority).await;
            self.enforcer.mute(fence, rules, mute, &Seen { facts, looked_ms }).await?;
            return Ok(true);
        }
        if found == Muted::ByUs {
            self.store.confirm_mute(fence.into(), mute).await?;
        }
        match policy::release(true, found) {
            policy::Release::Close(why) => {
                self.enforcer.close_as_found(fence, mute, found, why).await?;
                self.enforcer.unwarn(fence, mute.group, mute.user).await?;
                Ok(false)
            }
            policy::Release::Keep | policy::Release::Lift => Ok(true),
        }
    }

    /// A mute whose call timed out may land after its release. It would look exactly as the closed record says. Says when to look once more.
    async fn after_the_end(&self, fence: &Fence, mute: &Mute) -> Result<Option<Duration>, HandlerError> {
        let ended = mute.closed_ms.map_or(0, |closed_ms| shared::clock::now_ms() - closed_ms);
        let ended = Duration::from_millis(u64::try_from(ended).unwrap_or(0));
        let [first, ..] = LOOKS_AFTER_THE_END;
        if ended < first {
            // A question about something else has taken the place of the later look (two of one key are one): this one does its work.
            return Ok(Some(first));
        }
        match self.lift_late(fence, mute).await {
            Ok(()) => {}
            Err(err @ HandlerError::Telegram(Error::FloodWait { .. } | Error::Unavailable(_))) => return Err(err),
            // The bot is out of the group or lacks the right. It may not be so at the next look.
            Err(HandlerError::Telegram(err)) => tracing::info!(
                chat.id = mute.group.0,
                user.id = mute.user.0,
                error = &err as &dyn std::error::Error,
                "not known whether a mute has landed after its release, or it cannot be lifted"
            ),
            Err(err) => return Err(err),
        }
        let next = LOOKS_AFTER_THE_END.into_iter().find(|after| *after > ended);
        Ok(next.filter(|_| mute.until_s > shared::clock::now_s()).map(|after| after.saturating_sub(ended)))
    }

    async fn lift_late(&self, fence: &Fence, mute: &Mute) -> Result<(), HandlerError> {
        fence.check()?;
        let member = self.telegram.member(mute.group, mute.user, Priority::P2).await?;
        if ledger::muted(&member, mute) == Muted::ByUs {
            self.enforcer.lift_late(fence, mute, Priority::P2).await?;
        }
        Ok(())
    }
}

/// Takes away a warning whose time is over.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn unwarn(
    enforcer: &Enforcer,
    store: &Store,
    fence: &Fence,
    warning: i64,
) -> Result<(), HandlerError> {
    match store.warning(warning).await? {
        Some(warning) => enforcer.expire_warning(fence, &warning).await,
        None => Ok(()),
    }
}

/// A release of many, of which a reply tells.
pub(crate) struct BulkRelease {
    pub message: MessageId,
    /// How many were to be released.
    pub total: i64,
    /// How many had been released in the group before. Of those who were to be, some may turn out to be a person's business by now.
    pub before: Option<i64>,
}

/// Tells how a release of many goes on; says when to tell again, until it is done.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn progress(
    store: &Store,
    telegram: &Telegram,
    fence: &Fence,
    group: ChatId,
    release: &BulkRelease,
) -> Result<Option<Duration>, HandlerError> {
    let left = store.count_open_mutes(group).await?;
    let total = match release.before {
        Some(before) if left == 0 => (store.count_released(group).await? - before).clamp(0, release.total),
        _ => release.total,
    };
    fence.check()?;
    match telegram.send_slot(group, Occasion::Ordinary, Priority::P2).await {
        Ok(slot) => {
            let text = Outgoing { text: reply::freeing(left.min(total), total), ..Outgoing::default() };
            match telegram.edit(slot, release.message, &text).await {
                Ok(()) if left == 0 => Ok(None),
                Ok(()) => Ok(Some(PROGRESS_EVERY)),
                Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err.into()),
                // The reply is gone, and with it the place to tell.
                Err(_) => Ok(None),
            }
        }
        Err(wait) => Ok(Some(wait)),
    }
}
