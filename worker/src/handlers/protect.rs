//! `/protect` and `/unprotect`: an admin says which channel the group requires, and that it requires it no more.

use std::time::Duration;

use super::HandlerError;
use crate::{
    desk::{Desk, Stop, named_chat, username},
    enforce::{PROGRESS_EVERY, task},
    event::{ChatKind, MessagePosted, Task},
    fence::Fence,
    groups::Channel,
    telegram::chats::ChatRef,
    texts::{Words, reply, sentences},
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_protect(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    args: &str,
) -> Result<(), HandlerError> {
    let outcome = match message.chat.kind {
        ChatKind::Supergroup | ChatKind::Group => desk.protect(fence, message, args).await,
        ChatKind::Private => Err(Stop::say(sentences::ONLY_IN_GROUPS)),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    desk.answer(fence, message, outcome).await
}

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_unprotect(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    args: &str,
) -> Result<(), HandlerError> {
    let outcome = match message.chat.kind {
        ChatKind::Supergroup | ChatKind::Group => unprotect(desk, fence, message, args).await,
        ChatKind::Private => Err(Stop::say(sentences::ONLY_IN_GROUPS)),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    desk.answer(fence, message, outcome).await
}

async fn unprotect(desk: &Desk<'_>, fence: &Fence, message: &MessagePosted, args: &str) -> Result<Option<Words>, Stop> {
    let group = message.chat.id;
    if !desk.is_admin(group, &message.author).await? {
        return Ok(None);
    }
    let Some(rules) = desk.groups.rules(group).await? else {
        return Err(Stop::say(sentences::NOT_PROTECTED));
    };
    let named = args.split_whitespace().next().unwrap_or_default();
    let one = match named {
        "" => None,
        _ => Some(linked(&rules.channels, named).ok_or_else(|| Stop::say(sentences::NO_SUCH_LINK))?),
    };
    let mut tasks = desk.enforcer.judge_all(group).await?;
    let muted = i64::try_from(tasks.len()).unwrap_or(i64::MAX);
    let before = desk.store.count_released(group).await?;
    // What the group was told of a channel that it does not require any more has served.
    let dropped = rules.channel_ids().filter(|channel| one.is_none_or(|one| one.id == *channel));
    tasks.extend(dropped.map(|channel| task(group, &Task::Notice { channel }, Duration::ZERO)));
    fence.check()?;
    let unprotected = desk.store.unprotect(fence.into(), group, one.map(|channel| channel.id), &tasks).await?;
    desk.groups.forget(group).await;
    desk.enforcer.bell().ring([fence.shard]);
    desk.enforcer.look_if_paused(group, &rules).await?;
    tracing::info!(chat.id = group.0, muted, enabled = unprotected.enabled, "unprotected");
    if let Some(channel) = one.filter(|_| unprotected.enabled) {
        return Ok(Some(reply::unlinked(&channel.title).into()));
    }
    let told = reply::unprotected(muted);
    let sent = desk.enforcer.say(fence, group, told, message.topic, &[message.message]).await?;
    if let (Some(reply), true) = (sent, muted > 0) {
        let progress = Task::Progress { message: reply, total: muted, before: Some(before) };
        desk.enforcer.later(group, &progress, PROGRESS_EVERY).await?;
    }
    Ok(None)
}

/// The required channel that is meant: by its name, a link or its id, in the ways of `/protect`.
fn linked<'a>(channels: &'a [Channel], named: &str) -> Option<&'a Channel> {
    let asked = named_chat(named, None)?;
    channels.iter().find(|channel| match (&asked, &channel.username) {
        (ChatRef::Id(id), _) => channel.id.0 == id.0,
        (ChatRef::Username(_), Some(own)) => username(named).is_some_and(|name| own.eq_ignore_ascii_case(name)),
        (ChatRef::Username(_), None) => false,
    })
}
