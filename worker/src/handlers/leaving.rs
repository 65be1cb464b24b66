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
    groups::{Mode, OnChannelLeave, Rules},
    ledger::Presence,
    membership::Freshness,
    policy::{Answer, Fact, Sentence},
    store::{
        mutes::{Mute, MuteState},
        tasks::NewTask,
        warnings::WarningKind,
    },
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
    if trial.membership.recall_newest(user, channel).await.is_some_and(|fact| is_back(fact, date_s)) {
        return Ok(());
    }
    let page = trial.store.groups_requiring_after(channel, after, PAGE).await?;
    let priority = if after.is_none() { Priority::P1 } else { Priority::P2 };
    let looks = join_all(page.iter().map(|group| is_there(trial, *group, user, priority))).await;
    let left = Task::Left { user, name: name.to_owned(), date_s };
    let is_last = i64::try_from(page.len()).is_ok_and(|len| len < PAGE);
    let mut tasks: Vec<NewTask> = Vec::new();
    let (mut asked, mut wait) = (after, (!is_last).then_some(PAGE_EVERY));
    for (group, is_there) in page.iter().zip(looks) {
        match is_there {
            Ok(true) => tasks.push(task(*group, &left, Duration::ZERO)),
            Ok(false) => {}
            // The others are asked about when it is their turn, and not all of them once more.
            Err(HandlerError::Telegram(Error::FloodWait { retry_after, asked: false })) if asked != after => {
                wait = Some(retry_after.max(PAGE_EVERY));
                break;
            }
            Err(err) => return Err(err),
        }
        asked = Some(*group);
    }
    if let Some(wait) = wait {
        let next = Task::Seek { channel, name: name.to_owned(), date_s, after: asked };
        tasks.push(task(user.into(), &next, wait));
    }
    let rows = trial.store.add_tasks(&tasks).await?;
    enforcer.bell().ring(rows.iter().map(|row| row.shard));
    Ok(())
}

/// Whether they have come back since they left. What was known from before says nothing of that: it is another worker that was told.
fn is_back(fact: Fact, left_s: i64) -> bool {
    fact.answer == Answer::Yes && fact.as_of_ms > left_s * 1000 + 999
}

/// Telegram is asked about them only where something may follow. Observe mode is no reason not to ask: it tells what would happen.
async fn is_there(trial: &Trial<'_>, group: ChatId, user: UserId, priority: Priority) -> Result<bool, HandlerError> {
    match trial.groups.rules(group).await? {
        Some(rules) if mutes_who_leaves(&rules) && !rules.allowed.contains(&user.0) => {}
        Some(_) | None => return Ok(false),
    }
    match trial.telegram.member(group, user, priority).await {
        Ok(member) => Ok(member.is_member == Some(true)),
        Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => Err(err.into()),
        // The bot is not in that group any more, or Telegram does not know them: nothing can be done there.
        Err(_) => Ok(false),
    }
}

fn mutes_who_leaves(rules: &Rules) -> bool {
    !rules.paused && rules.settings.on_channel_leave == OnChannelLeave::Mute
}

/// In a group's lane: mutes them and says why, if the group wants that and its whole rule is not met any more. Says what became of it, as
/// metrics name it.
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
) -> Result<&'static str, HandlerError> {
    let Some(rules) = trial.groups.rules(group).await? else { return Ok("not_protected") };
    if !mutes_who_leaves(&rules) {
        return Ok(if rules.paused { "paused" } else { "next_message" });
    }
    let guilty = match trial.hold(fence, group, &rules, user, Freshness::Anew).await? {
        Found::Guilty(guilty) => guilty,
        Found::Innocent(why) => {
            tracing::debug!(chat.id = group.0, user.id = user.0, why, "left a channel and is left alone");
            return Ok(why);
        }
    };
    if rules.settings.mode == Mode::Observe {
        tracing::info!(chat.id = group.0, user.id = user.0, "left a channel: observed, not enforced");
        return Ok("observed");
    }
    // They were muted since, so that was answered. If they can speak now, time or a person has decided so.
    let is_answered = |mute: &Mute| mute.state != MuteState::Pending && mute.created_ms / 1000 > date_s;
    if guilty.presence == Presence::CanSpeak && guilty.last.as_ref().is_some_and(is_answered) {
        return Ok("answered");
    }
    // Names the leaving: asked twice, it is answered once, whatever a person has decided since.
    let mark = format!("left:{group}:{user}:{date_s}");
    let sentence = match guilty.presence {
        Presence::CanSpeak => Sentence::DeleteMuteWarn,
        // Cut short between the mute and the notice: that is still owed to them.
        Presence::Muted if !trial.store.marked(std::slice::from_ref(&mark)).await?.is_empty() => Sentence::DeleteWarn,
        _ => return Ok("left"),
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
        seen: guilty.seen,
        mark,
    };
    enforcer.punish(fence, group, &rules, &[offender], &[]).await?;
    Ok("left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_seen_in_the_channel_after_the_leaving_is_back() {
        const LEFT_S: i64 = 1_790_000_000;
        let no = Answer::No { banned: false };
        let cases = [
            (Answer::Yes, LEFT_S * 1000 - 1, false),
            // The second of the leaving itself: nobody knows which was first.
            (Answer::Yes, LEFT_S * 1000 + 999, false),
            (Answer::Yes, LEFT_S * 1000 + 1000, true),
            (no, LEFT_S * 1000 + 999, false),
            (no, LEFT_S * 1000 + 5000, false),
        ];
        for (answer, as_of_ms, expected) in cases {
            let fact = Fact { channel: ChannelId(-1), answer, as_of_ms };
            assert_eq!(is_back(fact, LEFT_S), expected, "{fact:?}");
        }
    }
}
