//! Somebody left a required channel: in which groups does that matter, and do they still meet the rule there?
//!
//! Nobody but Telegram knows which groups a person is in. So their own lane asks, a page of groups at a time and behind everything that
//! somebody waits for, and only where they are a member now does a group's lane hear of it.

use std::time::Duration;

use futures::future::join_all;
use shared::ids::{ChannelId, ChatId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, Offender, task},
    event::Task,
    fence::Fence,
    groups::{Mode, OnChannelLeave},
    ledger::Presence,
    membership::Freshness,
    policy::{Answer, Sentence},
    store::{mutes::MuteState, tasks::NewTask, warnings::WarningKind},
    telegram::{budget::Priority, error::Error},
    trial::{Found, Trial},
};

/// Groups that are asked about together.
const PAGE: i64 = 20;

/// Between two pages: a channel that thousands of groups require must not take the budget from everybody else when one person leaves it.
const PAGE_EVERY: Duration = Duration::from_secs(1);

/// Who left, and how far they have been sought.
pub(crate) struct Sought<'a> {
    pub user: UserId,
    pub channel: ChannelId,
    pub name: &'a str,
    pub date_s: i64,
    pub after: Option<ChatId>,
}

/// Looks for the groups in which they are, and asks these groups' lanes to judge them.
///
/// # Errors
/// Telegram or the database is away. Repeating it is harmless.
pub(crate) async fn seek(trial: &Trial<'_>, enforcer: &Enforcer, sought: &Sought<'_>) -> Result<(), HandlerError> {
    let Sought { user, channel, name, date_s, after } = *sought;
    // They are back.
    if trial.membership.recall(user, channel).await.is_some_and(|fact| fact.answer == Answer::Yes) {
        return Ok(());
    }
    let page = trial.store.groups_requiring_after(channel, after, PAGE).await?;
    let priority = if after.is_none() { Priority::P1 } else { Priority::P2 };
    let looks = join_all(page.iter().map(|group| is_there(trial, *group, user, priority))).await;
    let left = Task::Left { user, name: name.to_owned(), date_s };
    let mut tasks: Vec<NewTask> = Vec::new();
    for (group, is_there) in page.iter().zip(looks) {
        if is_there? {
            tasks.push(task(*group, &left, Duration::ZERO));
        }
    }
    if let Some(last) = page.last().filter(|_| i64::try_from(page.len()).is_ok_and(|len| len == PAGE)) {
        let next = Task::Seek { channel, name: name.to_owned(), date_s, after: Some(*last) };
        tasks.push(task(user.into(), &next, PAGE_EVERY));
    }
    let rows = trial.store.add_tasks(&tasks).await?;
    enforcer.bell().ring(rows.iter().map(|row| row.shard));
    Ok(())
}

async fn is_there(trial: &Trial<'_>, group: ChatId, user: UserId, priority: Priority) -> Result<bool, HandlerError> {
    match trial.groups.rules(group).await? {
        Some(rules) if !rules.allowed.contains(&user.0) => {}
        Some(_) | None => return Ok(false),
    }
    match trial.telegram.member(group, user, priority).await {
        Ok(member) => Ok(member.is_member == Some(true)),
        Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err.into()),
        // The bot is not in that group any more, or Telegram does not know them: nothing can be done there.
        Err(_) => Ok(false),
    }
}

/// In a group's lane: mutes them and says why, if the group wants that and its whole rule is not met any more. What was remembered of them
/// is renewed in any case.
///
/// # Errors
/// Something it needs is away, or the shard is not ours any more. Repeating it is harmless.
pub(crate) async fn on_left(
    trial: &Trial<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    group: ChatId,
    user: UserId,
    name: &str,
    date_s: i64,
) -> Result<(), HandlerError> {
    let Some(rules) = trial.groups.rules(group).await?.filter(|rules| !rules.paused) else { return Ok(()) };
    let guilty = match trial.hold(group, &rules, user, Freshness::Anew).await? {
        Found::Guilty(guilty) => guilty,
        Found::Innocent(why) => {
            tracing::debug!(chat.id = group.0, user.id = user.0, why, "left a channel and is left alone");
            return Ok(());
        }
    };
    if rules.settings.mode == Mode::Observe {
        tracing::info!(chat.id = group.0, user.id = user.0, "left a channel: observed, not enforced");
        return Ok(());
    }
    if rules.settings.on_channel_leave == OnChannelLeave::NextMessage {
        return Ok(());
    }
    // Names the leaving: asked twice, it is answered once, whatever a person has decided since.
    let mark = format!("left:{group}:{user}:{date_s}");
    let sentence = match guilty.presence {
        Presence::CanSpeak => Sentence::DeleteMuteWarn,
        // Cut short between the mute and the notice: that is still owed to them.
        Presence::Muted if !trial.store.marked(std::slice::from_ref(&mark)).await?.is_empty() => Sentence::DeleteWarn,
        _ => return Ok(()),
    };
    let resumes = guilty.open().is_some_and(|mute| mute.state == MuteState::Pending);
    let offender = Offender {
        user,
        name: name.to_owned(),
        messages: Vec::new(),
        topic: None,
        sentence,
        notice: WarningKind::Left,
        stale: false,
        lifted: guilty.open().filter(|_| !resumes && guilty.presence == Presence::CanSpeak).map(|mute| mute.id),
        missing: guilty.missing,
        mark,
    };
    enforcer.punish(fence, group, &rules, &[offender], &[]).await
}
