//! `/allow` and `/disallow`: who may write without subscribing. Allowing somebody releases them at once.

use std::time::Duration;

use shared::ids::{ChatId, UserId};

use super::HandlerError;
use crate::{
    desk::{Desk, Stop, named_chat, username},
    enforce::task,
    event::{Author, ButtonPressed, ChatKind, MessagePosted, Person, Replied, Task},
    fence::Fence,
    store::allowed::Allowed,
    telegram::{chats::ChatRef, error::Error, replies::ChatKind as Kind},
    texts::{Named, Words, alert, allow, sentences},
};

/// Which of the two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Allow,
    Disallow,
}

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_command(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    which: Which,
    args: &str,
) -> Result<(), HandlerError> {
    let outcome = match message.chat.kind {
        ChatKind::Supergroup | ChatKind::Group => carry_out(desk, fence, message, which, args).await,
        ChatKind::Private => Err(Stop::say(sentences::ONLY_IN_GROUPS)),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    desk.answer(fence, message, outcome).await
}

/// One of several people in a warning was chosen. Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_press(
    desk: &Desk<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    user: UserId,
) -> Result<String, HandlerError> {
    desk.reply_goes(press).await?;
    if !desk.may_press(press).await? {
        return Ok(sentences::ADMINS_ONLY.to_owned());
    }
    if desk.groups.rules(press.chat).await?.is_none() {
        return Ok(sentences::STOPPED.to_owned());
    }
    let who = Allowed { subject: user.0, name: known_name(desk, press.chat, user).await? };
    allow_one(desk, fence, press.chat, &who, press.by.id).await?;
    let told = allow::allowed(&who);
    desk.show(fence, press, told.clone().into(), &alert::short(&told)).await
}

async fn carry_out(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    which: Which,
    args: &str,
) -> Result<Option<Words>, Stop> {
    let group = message.chat.id;
    if !desk.is_admin(group, &message.author).await? {
        return Ok(None);
    }
    if desk.groups.rules(group).await?.is_none() {
        return Err(Stop::say(sentences::NOT_PROTECTED));
    }
    let named = args.split_whitespace().next().unwrap_or_default();
    let who = match (named, &message.replied) {
        ("", None) => return Ok(Some(allow::usage(&desk.store.allowed(group).await?).into())),
        ("", Some(replied)) => meant_by_reply(desk, group, replied, which).await?,
        (named, _) => meant_by_name(desk, group, named).await?,
    };
    let text = match which {
        Which::Allow => {
            let by = if let Author::Person(person) = &message.author { person.id } else { UserId(group.0) };
            allow_one(desk, fence, group, &who, by).await?;
            allow::allowed(&who)
        }
        Which::Disallow => {
            fence.check()?;
            let was_listed = desk.store.disallow(fence.into(), group, who.subject).await?;
            desk.groups.forget(group).await;
            if was_listed { allow::disallowed(&who) } else { allow::not_listed(&who) }
        }
    };
    Ok(Some(text.into()))
}

/// The row and the question about their mute in one transaction: whoever is allowed is released at once.
async fn allow_one(
    desk: &Desk<'_>,
    fence: &Fence,
    group: ChatId,
    who: &Allowed,
    by: UserId,
) -> Result<(), HandlerError> {
    let judge = task(group, &Task::Judge { user: UserId(who.subject), bulk: false, recheck: false }, Duration::ZERO);
    fence.check()?;
    desk.store.allow(fence.into(), group, who, by, &[judge]).await?;
    desk.groups.forget(group).await;
    desk.enforcer.bell().ring([fence.shard]);
    tracing::info!(chat.id = group.0, subject.id = who.subject, "allowed");
    Ok(())
}

/// Whoever wrote the message that the command replies to, or whom our warning is for.
async fn meant_by_reply(desk: &Desk<'_>, group: ChatId, replied: &Replied, which: Which) -> Result<Allowed, Stop> {
    if replied.ours {
        let people = warned(desk, group, replied).await?;
        return match (people.as_slice(), which) {
            ([], _) => Err(Stop::Say(sentences::NO_SUCH_ID.into())),
            ([one], _) => Ok(Allowed { subject: one.user.0, name: one.name.clone() }),
            (several, Which::Allow) => Err(Stop::Say(allow::which_one(several))),
            (_, Which::Disallow) => Err(Stop::say(sentences::DISALLOW_WHOM)),
        };
    }
    match &replied.author {
        Author::Person(Person { id, name, .. }) => Ok(Allowed { subject: id.0, name: name.clone() }),
        Author::Channel(channel) => Ok(Allowed { subject: channel.0, name: title(desk, (*channel).into()).await }),
        Author::AnonymousAdmin => Err(Stop::say(sentences::ALREADY_FREE)),
        Author::Exempt(_) => Err(Stop::say(sentences::NOT_CHECKED)),
    }
}

/// The people of a warning: by its rows, or by those it mentions once the rows are closed.
async fn warned(desk: &Desk<'_>, group: ChatId, replied: &Replied) -> Result<Vec<Named>, HandlerError> {
    let rows = desk.store.warnings_with_message(group, replied.message).await?;
    if rows.is_empty() {
        let mentioned = replied.mentioned.iter();
        return Ok(mentioned.map(|person| Named { user: person.id, name: person.name.clone() }).collect());
    }
    Ok(rows.into_iter().map(|row| Named { user: row.user, name: row.name }).collect())
}

/// By a numeric id, or a channel's name: Telegram does not tell bots who a person's username belongs to.
async fn meant_by_name(desk: &Desk<'_>, group: ChatId, named: &str) -> Result<Allowed, Stop> {
    match named.parse::<i64>() {
        Ok(user) if user > 0 => Ok(Allowed { subject: user, name: known_name(desk, group, UserId(user)).await? }),
        Ok(channel) if channel < 0 => {
            Ok(Allowed { subject: channel, name: public_title(desk, group, ChatId(channel)).await? })
        }
        Ok(_) => Err(Stop::say(sentences::NO_SUCH_ID)),
        Err(_) => {
            let by_name = username(named).and_then(|_| named_chat(named, None));
            let asked = by_name.ok_or_else(|| Stop::say(sentences::NO_SUCH_ID))?;
            match desk.telegram.chat(asked).await {
                Ok(chat) if chat.kind == Kind::Channel => {
                    Ok(Allowed { subject: chat.id.0, name: chat.title.unwrap_or_default() })
                }
                Ok(_) | Err(Error::ChatInaccessible { .. } | Error::Other { .. }) => {
                    Err(Stop::say(sentences::NO_SUCH_ID))
                }
                Err(err) => Err(err.into()),
            }
        }
    }
}

/// As they were called when they were last muted, if they were.
async fn known_name(desk: &Desk<'_>, group: ChatId, user: UserId) -> Result<String, HandlerError> {
    Ok(desk.store.last_mute(group, user).await?.map(|mute| mute.name).unwrap_or_default())
}

/// What a private chat is called is only for those who are in it, and ids can be guessed. What the group requires is known there.
async fn public_title(desk: &Desk<'_>, group: ChatId, chat: ChatId) -> Result<String, HandlerError> {
    let rules = desk.groups.rules(group).await?;
    let required = rules.iter().flat_map(|rules| &rules.channels).find(|channel| channel.id.0 == chat.0);
    if let Some(channel) = required {
        return Ok(channel.title.clone());
    }
    let found = desk.telegram.chat(ChatRef::Id(chat)).await.ok().filter(|chat| chat.username.is_some());
    Ok(found.and_then(|chat| chat.title).unwrap_or_default())
}

/// A name is for the eye alone: without one the id has to do.
async fn title(desk: &Desk<'_>, chat: ChatId) -> String {
    desk.telegram.chat(ChatRef::Id(chat)).await.ok().and_then(|chat| chat.title).unwrap_or_default()
}
