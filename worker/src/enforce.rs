//! Decision -> calls, in this order: delete; one transaction that records mute, warning and mark; mute; warn; close the rows on
//! Telegram's yes. Whoever comes after a crash finds in the rows how far it came.

mod admit;
mod mute;
mod release;
mod say;
mod standing;
mod warn;

use std::{collections::BTreeMap, time::Duration};

use shared::ids::{ChatId, MessageId, UserId};

use crate::{
    event::Task,
    fence::Fence,
    groups::{Groups, Rules},
    handlers::HandlerError,
    membership::Membership,
    policy::{Fact, Missing, Sentence},
    store::{
        Store,
        effects::{EffectMark, NewMute, NewWarning, Offence},
        mutes::MuteState,
        tasks::NewTask,
        warnings::WarningKind,
    },
    telegram::{Telegram, budget::Priority, error::Error},
    timers::Bell,
};

pub(crate) use release::Released;
pub(crate) use say::Reply;
pub(crate) use standing::Identity;

/// Acts on people and messages. Checks the fence before every effect.
#[derive(Clone)]
pub(crate) struct Enforcer {
    store: Store,
    telegram: Telegram,
    groups: Groups,
    membership: Membership,
    bell: Bell,
    identity: Identity,
}

/// One person's offence in a batch of messages.
#[derive(Clone, Debug)]
pub(crate) struct Offender {
    pub user: UserId,
    pub name: String,
    pub messages: Vec<MessageId>,
    pub topic: Option<i64>,
    pub sentence: Sentence,
    /// What they are told.
    pub notice: WarningKind,
    pub missing: Vec<Missing>,
    pub seen: Seen,
    /// The open record of an earlier mute that somebody has lifted: closed before this one is written.
    pub lifted: Option<i64>,
    /// All of it happened long ago, before an outage: they are told together with the others of that time.
    pub stale: bool,
    /// Names the update, so that its effects are not begun twice.
    pub mark: String,
}

/// What is known of somebody who is to be muted, and of when. It ages while others of the batch are asked about and messages are deleted.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub facts: Vec<Fact>,
    /// When Telegram was asked what they are in the group, in milliseconds since the Unix epoch; 0: it was not.
    pub looked_ms: i64,
}

/// A warning whose update was cut short is sent by a task, at the latest this long after it was written down. The update comes again and
/// mostly does that itself; but by then Telegram may not say how things stand, and a message is left alone that nobody can judge.
const WARN_AT_LAST_AFTER: Duration = Duration::from_secs(30);

/// The shortest mute that is written down, so that it can still be sent after a retry or two.
const SHORTEST_PLANNED: Duration = Duration::from_secs(90);

/// After an outage the offenders of that time are warned together: this long after the first of them is punished.
const WARN_STALE_AFTER: Duration = Duration::from_secs(3);

/// How often a release of many is reported: the group's send budget is 20 a minute, and warnings need it too.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(3);

impl Enforcer {
    pub(crate) fn new(
        identity: Identity,
        store: Store,
        telegram: Telegram,
        groups: Groups,
        membership: Membership,
        bell: Bell,
    ) -> Self {
        Self { store, telegram, groups, membership, bell, identity }
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Deletes what was written, mutes and warns who wrote it.
    ///
    /// # Errors
    /// Something is away, or the shard is not ours any more. Repeating goes on where this stopped.
    pub(crate) async fn punish(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        offenders: &[Offender],
        channel_posts: &[MessageId],
    ) -> Result<(), HandlerError> {
        if rules.paused {
            return Ok(());
        }
        let messages: Vec<MessageId> =
            offenders.iter().flat_map(|offender| &offender.messages).chain(channel_posts).copied().collect();
        if !self.delete(fence, group, &messages).await? && !self.doubt(fence, group).await? {
            return Ok(());
        }
        let (offences, tasks) = self.offences(group, rules, offenders);
        if offences.is_empty() {
            return Ok(());
        }
        for lifted in offenders.iter().filter_map(|offender| offender.lifted) {
            self.close(fence, lifted, "lifted by a person").await?;
        }
        let now_ms = shared::clock::now_ms();
        let recorded = self.store.record_offences(fence.into(), group, &offences, &tasks, now_ms).await?;
        let pending =
            recorded.iter().filter_map(|row| row.mute.as_ref()).filter(|mute| mute.state == MuteState::Pending);
        let seen: BTreeMap<UserId, &Seen> = offenders.iter().map(|offender| (offender.user, &offender.seen)).collect();
        // All at once, as far as the budget goes: in a raid the last one must not write on while the first ones are being muted.
        let mutes = pending.map(|mute| self.try_mute(fence, rules, mute, seen[&mute.user]));
        let mutes = futures::future::join_all(mutes).await;
        if mutes.iter().any(|muted| matches!(muted, Ok(false))) {
            self.doubt(fence, group).await?;
        }
        mutes.into_iter().collect::<Result<Vec<bool>, HandlerError>>()?;
        let own = offenders.iter().filter(|offender| !offender.stale && offender.sentence != Sentence::Delete);
        self.warn_each(fence, group, rules, &own.map(|offender| offender.user).collect::<Vec<_>>()).await
    }

    /// False: Telegram refused some of it.
    async fn delete(&self, fence: &Fence, group: ChatId, messages: &[MessageId]) -> Result<bool, HandlerError> {
        fence.check()?;
        match self.telegram.delete(group, messages, Priority::P0).await {
            Ok(left) if left.is_empty() => Ok(true),
            Ok(left) => {
                tracing::info!(chat.id = group.0, count = left.len(), "messages that cannot be deleted");
                Ok(false)
            }
            Err(err) if is_refusal(&err) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "may not delete here");
                Ok(false)
            }
            Err(err) => Err(err.into()),
        }
    }

    /// The rows to write, and later looks at every mute and every warning: a call may land long after its time-out, and whoever has the update
    /// in hand may not live to finish what it began.
    fn offences(&self, group: ChatId, rules: &Rules, offenders: &[Offender]) -> (Vec<Offence>, Vec<NewTask>) {
        let mute_for = rules.settings.mute_for.max(SHORTEST_PLANNED);
        let until_s = shared::clock::now_s().saturating_add(i64::try_from(mute_for.as_secs()).unwrap_or(i64::MAX));
        let told = offenders.iter().filter(|offender| offender.sentence != Sentence::Delete);
        let offences: Vec<Offence> = told
            .map(|offender| Offence {
                user: offender.user,
                name: offender.name.clone(),
                mute: (offender.sentence == Sentence::DeleteMuteWarn).then_some(NewMute { until_s, before: None }),
                warning: Some(NewWarning {
                    kind: offender.notice,
                    thread: offender.topic,
                    missing: offender.missing.iter().map(|missing| missing.channel).collect(),
                }),
                mark: EffectMark(offender.mark.clone()),
            })
            .collect();
        let muted = offences.iter().filter(|offence| offence.mute.is_some());
        let mut tasks: Vec<NewTask> = muted.map(|offence| self.look_again(group, offence.user)).collect();
        if !offences.is_empty() {
            let is_stale = |offender: &Offender| offender.stale && offender.sentence != Sentence::Delete;
            let after = if offenders.iter().any(is_stale) { WARN_STALE_AFTER } else { WARN_AT_LAST_AFTER };
            tasks.push(task(group, &Task::Warn, after));
        }
        (offences, tasks)
    }

    /// Puts a task into the database, to be asked when it is due.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn later(&self, chat: ChatId, what: &Task, after: Duration) -> Result<(), HandlerError> {
        let rows = self.store.add_tasks(&[task(chat, what, after)]).await?;
        self.bell.ring(rows.iter().map(|row| row.shard));
        Ok(())
    }
}

/// A due row for a task.
pub(crate) fn task(chat: ChatId, what: &Task, after: Duration) -> NewTask {
    NewTask {
        chat,
        key: what.key(),
        body: serde_json::to_string(what).expect("a task is plain data"),
        due_ms: shared::clock::now_ms() + i64::try_from(after.as_millis()).unwrap_or(i64::MAX / 2),
        trace: shared::trace_context::traceparent(),
    }
}

/// Telegram will say the same next time: a right is missing, the chat or the person is out of reach.
fn is_refusal(err: &Error) -> bool {
    matches!(
        err,
        Error::MissingRight { .. }
            | Error::ChatInaccessible { .. }
            | Error::CannotWrite { .. }
            | Error::OnlySupergroups
            | Error::UserUnknown
            | Error::UserUnreachable
            | Error::Other { .. }
    )
}
