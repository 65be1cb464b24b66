//! Which channel is meant, and whether it can be required: found, a channel, the bot an admin there, and with a way in.

use shared::ids::{ChannelId, ChatId, UserId};

use super::{Desk, Stop, is_admin};
use crate::{
    event::Author,
    store::groups::ChannelRow,
    telegram::{
        budget::Priority,
        chats::ChatRef,
        error::Error,
        replies::{self, MemberStatus},
    },
    texts::{reply, sentences},
};

/// What stands between a channel's id as some apps show it and as the Bot API does: -100 in front of it.
const MARK: i64 = -1_000_000_000_000;

/// The older kind of invite link has this in the place of a name.
const INVITATION: &str = "joinchat";

/// The way into a private channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The link that is known, if there is one.
    AsKnown,
    /// A new link. Nobody tells the bot that an admin of the channel has revoked the one before.
    Anew,
}

impl Desk<'_> {
    /// The channel that is meant, ready to be required by whoever asks. `entry` says, of a private one, which way in it is to have.
    pub(super) async fn channel(
        &self,
        asker: &Author,
        asked: ChatRef,
        named: &str,
        entry: impl FnOnce(ChannelId) -> Entry,
    ) -> Result<ChannelRow, Stop> {
        let chat = match self.telegram.chat(asked.clone()).await {
            Ok(chat) => chat,
            Err(Error::ChatInaccessible { .. } | Error::UserUnknown | Error::Other { .. }) => {
                return Err(match asked {
                    // By a number or a post: it may well be there, unseen.
                    ChatRef::Id(id) => Stop::Say(reply::unseen(ChannelId(id.0), self.links)),
                    ChatRef::Username(_) => Stop::say(reply::no_such_channel(named)),
                });
            }
            Err(err) => return Err(err.into()),
        };
        let title = chat.title.clone().unwrap_or_else(|| named.to_owned());
        // What a private chat is called is only for those who are in it, and ids can be guessed.
        let shown = if chat.username.is_some() { title.as_str() } else { "" };
        if chat.kind != replies::ChatKind::Channel {
            return Err(Stop::say(reply::not_a_channel(shown)));
        }
        let channel = ChannelId(chat.id.0);
        match self.telegram.member(chat.id, UserId(self.bot.0), Priority::P0).await {
            Ok(own) if own.status == MemberStatus::Administrator => {}
            Ok(_) | Err(Error::ChatInaccessible { .. } | Error::MissingRight { .. } | Error::UserUnknown) => {
                return Err(Stop::Say(reply::not_admin_there(shown, channel, self.links)));
            }
            Err(err) => return Err(err.into()),
        }
        let invite_link = match &chat.username {
            Some(_) => None,
            None => Some(self.way_in(channel, &title, asker, entry(channel)).await?),
        };
        Ok(ChannelRow { channel, title, username: chat.username, invite_link, broken: None })
    }

    /// Its id, if it can be found, for a button that asks again.
    pub(super) async fn found(&self, asked: ChatRef) -> Option<ChannelId> {
        match asked {
            ChatRef::Id(id) => Some(ChannelId(id.0)),
            name @ ChatRef::Username(_) => self.telegram.chat(name).await.ok().map(|chat| ChannelId(chat.id.0)),
        }
    }

    /// A link into a private channel. Only the channel's own admins may hand it out, or strangers could get in by protecting a group of
    /// theirs with it.
    async fn way_in(&self, channel: ChannelId, title: &str, asker: &Author, entry: Entry) -> Result<String, Stop> {
        let Author::Person(person) = asker else { return Err(Stop::say(sentences::ANONYMOUS_PRIVATE)) };
        match self.telegram.member(channel.into(), person.id, Priority::P0).await {
            Ok(member) if is_admin(&member) => {}
            Ok(_) | Err(Error::UserUnknown) => return Err(Stop::say(sentences::CALLER_NOT_ADMIN_THERE)),
            Err(err) => return Err(err.into()),
        }
        let known = self.store.channel_link(channel).await?;
        if let (Entry::AsKnown, Some(link)) = (entry, &known) {
            return Ok(link.clone());
        }
        match (self.telegram.create_invite_link(channel.into(), sentences::INVITE_LINK_NAME).await, known) {
            (Ok(link), _) | (Err(Error::MissingRight { .. }), Some(link)) => Ok(link),
            (Err(Error::MissingRight { .. }), None) => Err(Stop::Say(reply::no_link(title, channel, self.links))),
            (Err(err), _) => Err(err.into()),
        }
    }
}

/// A channel by `@name`, a link to it or to one of its posts, a numeric id, or the post of it that was forwarded.
pub(crate) fn named_chat(named: &str, forwarded: Option<ChannelId>) -> Option<ChatRef> {
    if named.is_empty() {
        return forwarded.map(|channel| ChatRef::Id(channel.into()));
    }
    if named.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit()) {
        return numbered(named).map(ChatRef::Id);
    }
    if let Some(private) = path(named).and_then(|path| path.strip_prefix("c/")) {
        return numbered(first(private)).map(ChatRef::Id);
    }
    username(named).map(|name| ChatRef::Username(format!("@{name}")))
}

/// The name in `@name`, `t.me/name`, `https://t.me/name` or a link to a post: 4 to 32 letters, digits and underscores, a letter first.
pub(crate) fn username(named: &str) -> Option<&str> {
    let name = match path(named) {
        Some(path) => first(path.strip_prefix("s/").unwrap_or(path)),
        None => named.strip_prefix('@').unwrap_or(named),
    };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let letter_first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (plain && letter_first && name != INVITATION && (4..=32).contains(&name.len())).then_some(name)
}

/// Whether it is a link that lets people into a private channel, which tells a bot nothing.
pub(super) fn is_invitation(named: &str) -> bool {
    path(named).is_some_and(|path| path.starts_with('+') || first(path) == INVITATION)
}

/// What follows Telegram's own host in a link.
fn path(named: &str) -> Option<&str> {
    let bare = named.strip_prefix("https://").or_else(|| named.strip_prefix("http://")).unwrap_or(named);
    let (host, path) = bare.split_once('/')?;
    ["t.me", "www.t.me", "telegram.me", "telegram.dog"].iter().any(|own| own.eq_ignore_ascii_case(host)).then_some(path)
}

fn first(path: &str) -> &str {
    path.split(['/', '?', '#']).next().unwrap_or_default()
}

/// As the Bot API writes it, or as apps show it.
fn numbered(digits: &str) -> Option<ChatId> {
    match digits.parse().ok()? {
        id @ ..0 => Some(ChatId(id)),
        0 => None,
        bare => MARK.checked_sub(bare).map(ChatId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_in_the_ways_people_name_them() {
        let by_name = |name: &str| Some(ChatRef::Username(format!("@{name}")));
        let by_id = |id: i64| Some(ChatRef::Id(ChatId(id)));
        let cases = [
            ("@news_today", None, by_name("news_today")),
            ("news_today", None, by_name("news_today")),
            ("https://t.me/news_today", None, by_name("news_today")),
            ("http://t.me/news_today", None, by_name("news_today")),
            ("t.me/news_today", None, by_name("news_today")),
            ("https://telegram.me/news_today", None, by_name("news_today")),
            ("https://T.me/news_today/", None, by_name("news_today")),
            ("https://t.me/news_today/123", None, by_name("news_today")),
            ("https://t.me/news_today?boost", None, by_name("news_today")),
            ("https://t.me/s/news_today", None, by_name("news_today")),
            ("https://t.me/c/1234567890/12", None, by_id(-1_001_234_567_890)),
            ("-1001234567890", None, by_id(-1_001_234_567_890)),
            ("1234567890", None, by_id(-1_001_234_567_890)),
            ("", Some(ChannelId(-100)), by_id(-100)),
            ("", None, None),
            ("@a", None, None),
            ("@news-today", None, None),
            ("@1234567", None, None),
            // Not an id, and no name either: it must not be looked up as one.
            ("9223372036854775807", None, None),
            ("9223372036854775808", None, None),
            ("-9223372036854775809", None, None),
            ("00000", None, None),
            ("0", None, None),
            ("-", None, None),
            ("https://t.me/+AbCdEf", None, None),
            ("https://t.me/joinchat/AbCdEf", None, None),
            ("https://t.me/c/x/12", None, None),
            ("https://t.me/", None, None),
            ("https://example.com/news_today", None, None),
        ];
        for (named, forwarded, expected) in cases {
            assert_eq!(named_chat(named, forwarded), expected, "{named:?}");
        }
        for (named, expected) in [
            ("https://t.me/+AbCdEf", true),
            ("t.me/joinchat/AbCdEf", true),
            ("https://t.me/news_today", false),
            ("+1234567890", false),
            ("", false),
        ] {
            assert_eq!(is_invitation(named), expected, "{named:?}");
        }
    }
}
