//! `/protect` and `/unprotect`: an admin says which channel the group requires.
//!
//! Every check has its own answer that says what to do next, and all rows are written in one transaction at the end, so that a check that
//! fails leaves nothing behind.

use std::time::Duration;

use shared::ids::{BotId, ChannelId, ChatId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, PROGRESS_EVERY, task},
    event::{Author, ChatKind, MessagePosted, Person, Task},
    fence::Fence,
    groups::{Channel, Groups},
    store::{
        Store,
        groups::{ChannelRow, Protect},
    },
    telegram::{
        Telegram,
        budget::Priority,
        chats::ChatRef,
        error::Error,
        replies::{self, MemberStatus},
    },
    texts::reply,
};

/// What the commands are carried out with.
pub(crate) struct Desk<'a> {
    pub bot: BotId,
    pub groups: &'a Groups,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

/// Why a command ended early: something to say, or nothing it can say.
enum Stop {
    Say(String),
    Failed(HandlerError),
}

impl<E: Into<HandlerError>> From<E> for Stop {
    fn from(err: E) -> Self {
        Self::Failed(err.into())
    }
}

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_protect(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    args: &str,
) -> Result<(), HandlerError> {
    let outcome = match message.chat.kind {
        ChatKind::Supergroup => desk.protect(fence, message, args).await,
        ChatKind::Group => Err(Stop::Say(reply::BASIC_GROUP.to_owned())),
        ChatKind::Private => Err(Stop::Say(reply::IN_PRIVATE.to_owned())),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    desk.reply(fence, message, outcome).await
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
        ChatKind::Supergroup | ChatKind::Group => desk.unprotect(fence, message, args).await,
        ChatKind::Private => Err(Stop::Say(reply::IN_PRIVATE.to_owned())),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    desk.reply(fence, message, outcome).await
}

impl Desk<'_> {
    async fn reply(
        &self,
        fence: &Fence,
        message: &MessagePosted,
        outcome: Result<Option<String>, Stop>,
    ) -> Result<(), HandlerError> {
        let text = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(text)) | Err(Stop::Say(text)) => text,
            Err(Stop::Failed(HandlerError::Telegram(err @ (Error::FloodWait { .. } | Error::Unavailable(_))))) => {
                tracing::warn!(
                    chat.id = message.chat.id.0,
                    error = &err as &dyn std::error::Error,
                    "a command could not be checked"
                );
                reply::CHECK_LATER.to_owned()
            }
            Err(Stop::Failed(err)) => return Err(err),
        };
        let tidy = if message.chat.kind == ChatKind::Private { Vec::new() } else { vec![message.message] };
        self.enforcer.say(fence, message.chat.id, text, message.topic, &tidy).await.map(drop)
    }

    async fn protect(&self, fence: &Fence, message: &MessagePosted, args: &str) -> Result<Option<String>, Stop> {
        let group = message.chat.id;
        if !self.is_admin(group, &message.author).await? {
            return Ok(None);
        }
        let lacking = reply::lacking(self.telegram.member(group, UserId(self.bot.0), Priority::P0).await?.rights);
        if !lacking.is_empty() {
            return Err(Stop::Say(reply::rights_missing(&lacking)));
        }
        let channel = self.channel(message, args).await?;
        let title = channel.title.clone();
        if let Some(rules) = self.groups.rules(group).await? {
            self.enforcer.look_if_paused(group, &rules).await?;
            let text = if rules.channel_ids().any(|id| id == channel.channel) {
                reply::protected_already(&title)
            } else {
                reply::protected_by_other(&rules.channels)
            };
            return Err(Stop::Say(text));
        }
        let (owner, owner_username) = self.owner(group, &message.author).await?;
        fence.check()?;
        let protect = Protect { group, group_title: message.chat.title.clone(), owner, owner_username, channel };
        self.store.protect(fence.into(), &protect).await?;
        self.groups.forget(group).await;
        if self.store.breaker(protect.channel.channel).await?.is_some() {
            // It has just been seen to be in order.
            self.enforcer.later(protect.channel.channel.into(), &Task::Probe { about: None }, Duration::ZERO).await?;
        }
        tracing::info!(chat.id = group.0, channel.id = protect.channel.channel.0, "protected");
        Ok(Some(reply::protected(&title)))
    }

    /// The channel that is meant, found, checked, and with a way in.
    async fn channel(&self, message: &MessagePosted, args: &str) -> Result<ChannelRow, Stop> {
        let named = args.split_whitespace().next().unwrap_or_default();
        let asked =
            named_chat(named, message.replied_channel).ok_or_else(|| Stop::Say(reply::PROTECT_USAGE.to_owned()))?;
        let chat = match self.telegram.chat(asked).await {
            Ok(chat) => chat,
            Err(Error::ChatInaccessible { .. } | Error::Other { .. }) => {
                return Err(Stop::Say(reply::no_such_channel(named)));
            }
            Err(err) => return Err(err.into()),
        };
        let title = chat.title.clone().unwrap_or_else(|| named.to_owned());
        // What a private chat is called is only for those who are in it, and ids can be guessed.
        let shown = if chat.username.is_some() { title.as_str() } else { "" };
        if chat.kind != replies::ChatKind::Channel {
            return Err(Stop::Say(reply::not_a_channel(shown)));
        }
        match self.telegram.member(chat.id, UserId(self.bot.0), Priority::P0).await {
            Ok(own) if own.status == MemberStatus::Administrator => {}
            Ok(_) | Err(Error::ChatInaccessible { .. } | Error::MissingRight { .. } | Error::UserUnknown) => {
                return Err(Stop::Say(reply::not_admin_there(shown)));
            }
            Err(err) => return Err(err.into()),
        }
        let channel = ChannelId(chat.id.0);
        let invite_link = match &chat.username {
            Some(_) => None,
            None => Some(self.way_in(channel, &title, &message.author).await?),
        };
        Ok(ChannelRow { channel, title, username: chat.username, invite_link, broken: None })
    }

    /// A link into a private channel. Only the channel's own admins may hand it out, or strangers could get in by protecting a group of
    /// theirs with it.
    async fn way_in(&self, channel: ChannelId, title: &str, author: &Author) -> Result<String, Stop> {
        let Author::Person(person) = author else { return Err(Stop::Say(reply::ANONYMOUS_PRIVATE.to_owned())) };
        if !self.is_admin(channel.into(), &Author::Person(person.clone())).await? {
            return Err(Stop::Say(reply::CALLER_NOT_ADMIN_THERE.to_owned()));
        }
        if let Some(link) = self.store.channel_link(channel).await? {
            return Ok(link);
        }
        match self.telegram.create_invite_link(channel.into(), "gmbot").await {
            Ok(link) => Ok(link),
            Err(Error::MissingRight { .. }) => Err(Stop::Say(reply::no_link(title))),
            Err(err) => Err(err.into()),
        }
    }

    async fn unprotect(&self, fence: &Fence, message: &MessagePosted, args: &str) -> Result<Option<String>, Stop> {
        let group = message.chat.id;
        if !self.is_admin(group, &message.author).await? {
            return Ok(None);
        }
        let Some(rules) = self.groups.rules(group).await? else {
            return Err(Stop::Say(reply::NOT_PROTECTED.to_owned()));
        };
        let named = args.split_whitespace().next().unwrap_or_default();
        let one = match named {
            "" => None,
            _ => Some(linked(&rules.channels, named).ok_or_else(|| Stop::Say(reply::NO_SUCH_LINK.to_owned()))?),
        };
        let mut tasks = self.enforcer.judge_all(group).await?;
        let muted = i64::try_from(tasks.len()).unwrap_or(i64::MAX);
        // What the group was told of a channel that it does not require any more has served.
        let dropped = rules.channel_ids().filter(|channel| one.is_none_or(|one| one.id == *channel));
        tasks.extend(dropped.map(|channel| task(group, &Task::Notice { channel }, Duration::ZERO)));
        fence.check()?;
        let unprotected = self.store.unprotect(fence.into(), group, one.map(|channel| channel.id), &tasks).await?;
        self.groups.forget(group).await;
        self.enforcer.bell().ring([fence.shard]);
        self.enforcer.look_if_paused(group, &rules).await?;
        tracing::info!(chat.id = group.0, muted, enabled = unprotected.enabled, "unprotected");
        if let Some(channel) = one.filter(|_| unprotected.enabled) {
            return Ok(Some(reply::unlinked(&channel.title)));
        }
        let sent =
            self.enforcer.say(fence, group, reply::unprotected(muted), message.topic, &[message.message]).await?;
        if let (Some(reply), true) = (sent, muted > 0) {
            let progress = Task::Progress { message: reply, total: muted };
            self.enforcer.later(group, &progress, PROGRESS_EVERY).await?;
        }
        Ok(None)
    }

    async fn is_admin(&self, chat: ChatId, author: &Author) -> Result<bool, HandlerError> {
        match author {
            Author::AnonymousAdmin => Ok(true),
            Author::Person(person) => {
                let member = self.telegram.member(chat, person.id, Priority::P0).await?;
                Ok(matches!(member.status, MemberStatus::Administrator | MemberStatus::Creator))
            }
            Author::Channel(_) | Author::Exempt(_) => Ok(false),
        }
    }

    /// Whom to write to about the group: who asked, or its creator if they did so anonymously.
    async fn owner(&self, group: ChatId, author: &Author) -> Result<(UserId, Option<String>), HandlerError> {
        if let Author::Person(Person { id, username, .. }) = author {
            return Ok((*id, username.clone()));
        }
        let admins = self.telegram.admins(group, Priority::P0).await?;
        let creator = admins.iter().find(|(_, member)| member.status == MemberStatus::Creator);
        Ok((creator.or(admins.first()).map_or(UserId(0), |(user, _)| *user), None))
    }
}

/// `@name`, a link to it, a numeric id, or the channel whose post was forwarded.
fn named_chat(named: &str, replied: Option<ChannelId>) -> Option<ChatRef> {
    if named.is_empty() {
        return replied.map(|channel| ChatRef::Id(channel.into()));
    }
    if let Ok(id) = named.parse() {
        return Some(ChatRef::Id(ChatId(id)));
    }
    username(named).map(|name| ChatRef::Username(format!("@{name}")))
}

/// The name in `@name`, `t.me/name` or `https://t.me/name`: 4 to 32 letters, digits and underscores.
fn username(named: &str) -> Option<&str> {
    let bare = named.trim_start_matches("https://").trim_start_matches("http://");
    let name = bare.strip_prefix('@').or_else(|| bare.strip_prefix("t.me/")).unwrap_or(bare);
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && (4..=32).contains(&name.len())).then_some(name)
}

fn linked<'a>(channels: &'a [Channel], named: &str) -> Option<&'a Channel> {
    channels.iter().find(|channel| match (named.parse::<i64>(), username(named), &channel.username) {
        (Ok(id), _, _) => channel.id.0 == id,
        (_, Some(name), Some(own)) => own.eq_ignore_ascii_case(name),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_in_the_ways_people_name_them() {
        let by_name = |name: &str| Some(ChatRef::Username(format!("@{name}")));
        let cases = [
            ("@news_today", None, by_name("news_today")),
            ("news_today", None, by_name("news_today")),
            ("https://t.me/news_today", None, by_name("news_today")),
            ("t.me/news_today", None, by_name("news_today")),
            ("-1001234567890", None, Some(ChatRef::Id(ChatId(-1_001_234_567_890)))),
            ("", Some(ChannelId(-100)), Some(ChatRef::Id(ChatId(-100)))),
            ("", None, None),
            ("@a", None, None),
            ("@news-today", None, None),
            ("https://t.me/+AbCdEf", None, None),
        ];
        for (named, replied, expected) in cases {
            assert_eq!(named_chat(named, replied), expected, "{named:?}");
        }
    }
}
