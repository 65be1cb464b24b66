//! Decision -> calls, in this order: delete; one transaction that records mute, warning and mark; mute; warn; close the rows on
//! Telegram's yes. Whoever comes after a crash finds in the rows how far it came.

mod admit;
mod mute;
mod release;
mod say;
mod warn;

use std::time::Duration;

use shared::ids::{ChatId, MessageId, UserId};
use tokio::time::Instant;

use crate::{
    event::Task,
    fence::Fence,
    groups::{Groups, Rules},
    handlers::HandlerError,
    membership::Membership,
    policy::{Missing, Sentence},
    store::{
        Store,
        effects::{EffectMark, NewMute, NewWarning, Offence},
        mutes::{Mute, MuteState},
        tasks::NewTask,
        warnings::WarningKind,
    },
    telegram::{Telegram, budget::Priority, error::Error},
    timers::Bell,
};

pub(crate) use release::Released;
pub(crate) use say::Reply;

/// Acts on people and messages. Checks the fence before every effect.
#[derive(Clone)]
pub(crate) struct Enforcer {
    store: Store,
    telegram: Telegram,
    groups: Groups,
    membership: Membership,
    bell: Bell,
}

/// One person's offence in a batch of messages.
#[derive(Clone, Debug)]
pub(crate) struct Offender {
    pub user: UserId,
    pub name: String,
    pub messages: Vec<MessageId>,
    pub topic: Option<i64>,
    pub sentence: Sentence,
    /// What they are told; none: nothing.
    pub notice: Option<WarningKind>,
    pub missing: Vec<Missing>,
    /// The open record of an earlier mute that somebody has lifted: closed before this one is written.
    pub lifted: Option<i64>,
    /// Names the update, so that its effects are not begun twice.
    pub mark: String,
}

/// How long what was seen of a person may be acted on: admins ban spammers within seconds, just when we are at work.
const LOOK_HOLDS: Duration = Duration::from_secs(1);

/// The shortest mute that is written down, so that it can still be sent after a retry or two.
const SHORTEST_PLANNED: Duration = Duration::from_secs(90);

/// Mutes read at a time.
const MUTES_AT_ONCE: i64 = 500;

/// How often a release of many is reported: the group's send budget is 20 a minute, and warnings need it too.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(3);

impl Enforcer {
    pub(crate) fn new(store: Store, telegram: Telegram, groups: Groups, membership: Membership, bell: Bell) -> Self {
        Self { store, telegram, groups, membership, bell }
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
        let looked_at = Instant::now();
        let messages: Vec<MessageId> =
            offenders.iter().flat_map(|offender| &offender.messages).chain(channel_posts).copied().collect();
        self.delete(fence, group, &messages).await?;

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
        // All at once, as far as the budget goes: in a raid the last one must not write on while the first ones are being muted.
        let mutes = pending.map(async |mute| {
            if looked_at.elapsed() < LOOK_HOLDS || self.may_still_be_muted(fence, mute).await? {
                self.mute(fence, rules, mute).await?;
            }
            Ok::<(), HandlerError>(())
        });
        futures::future::join_all(mutes).await.into_iter().collect::<Result<(), _>>()?;
        self.warn_each(fence, group, rules).await
    }

    async fn delete(&self, fence: &Fence, group: ChatId, messages: &[MessageId]) -> Result<(), HandlerError> {
        fence.check()?;
        match self.telegram.delete(group, messages, Priority::P0).await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => {
                tracing::info!(chat.id = group.0, count = left.len(), "messages that cannot be deleted any more");
                Ok(())
            }
            Err(err) if is_refusal(&err) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "may not delete here");
                Ok(())
            }
            Err(err) => Err(err.into()),
        }
    }

    /// The rows to write, and a later look at every mute: a call may land long after its time-out.
    fn offences(&self, group: ChatId, rules: &Rules, offenders: &[Offender]) -> (Vec<Offence>, Vec<NewTask>) {
        let mute_for = rules.settings.mute_for.max(SHORTEST_PLANNED);
        let until_s = shared::clock::now_s().saturating_add(i64::try_from(mute_for.as_secs()).unwrap_or(i64::MAX));
        let told = offenders.iter().filter(|offender| offender.sentence != Sentence::Delete);
        let offences: Vec<Offence> = told
            .map(|offender| Offence {
                user: offender.user,
                name: offender.name.clone(),
                mute: (offender.sentence == Sentence::DeleteMuteWarn).then_some(NewMute { until_s, before: None }),
                warning: offender.notice.map(|kind| NewWarning {
                    kind,
                    thread: offender.topic,
                    missing: offender.missing.iter().map(|missing| missing.channel).collect(),
                }),
                mark: EffectMark(offender.mark.clone()),
            })
            .collect();
        let muted = offences.iter().filter(|offence| offence.mute.is_some());
        let tasks = muted.map(|offence| self.look_again(group, offence.user)).collect();
        (offences, tasks)
    }

    /// A question about everybody who is muted in the group: do they still deserve it?
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn judge_all(&self, group: ChatId) -> Result<Vec<NewTask>, HandlerError> {
        let mut tasks = Vec::new();
        let mut after = 0;
        loop {
            let some = self.store.open_mutes_in(group, after, MUTES_AT_ONCE).await?;
            let Some(last) = some.last() else { return Ok(tasks) };
            after = last.id;
            let judge = |mute: &Mute| task(group, &Task::Judge { user: mute.user, bulk: true }, Duration::ZERO);
            tasks.extend(some.iter().map(judge));
        }
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
