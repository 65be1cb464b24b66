//! Where a link or a mention leads within the simulated world.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{Control, shown};
use crate::ids::{ChatId, UserId};
use crate::state::State as World;

#[derive(Deserialize)]
pub(super) struct Link {
    url: String,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    /// A group or channel; with the invite link, if it was one.
    Chat {
        id: ChatId,
        invite: Option<String>,
    },
    /// The bot's private chat, to be started with this payload.
    Bot {
        start: String,
    },
    /// The dialogue that adds the bot to a group or channel, with these rights ticked.
    AddBot {
        to_channel: bool,
        rights: Vec<String>,
    },
    Person {
        id: UserId,
    },
    /// A link of Telegram's that leads nowhere here.
    Nothing,
    /// Some other site.
    Elsewhere,
}

pub(super) async fn resolve(State(hub): Control, Query(link): Query<Link>) -> Response {
    shown(&hub.read(|state| target(state, &link.url)))
}

fn target(state: &World, url: &str) -> Target {
    let Some(path) = telegram_path(url) else {
        return Target::Elsewhere;
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path.starts_with('+') || path.starts_with("joinchat/") {
        let invite = format!("https://t.me/{path}");
        let found = state.chats.iter().find(|(_, chat)| chat.link(&invite).is_some());
        return found.map_or(Target::Nothing, |(id, _)| Target::Chat { id: *id, invite: Some(invite) });
    }
    let name = path.split('/').next().unwrap_or_default();
    if let Some(id) = state.chat_named(name) {
        return Target::Chat { id, invite: None };
    }
    let named = state.users.iter().find(|(_, user)| {
        user.username.as_ref().is_some_and(|username| !name.is_empty() && username.eq_ignore_ascii_case(name))
    });
    match named {
        Some((id, _)) if *id == state.bot => of_bot(query),
        Some((id, _)) => Target::Person { id: *id },
        None => Target::Nothing,
    }
}

fn of_bot(query: &str) -> Target {
    let pairs = || query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let value = |wanted: &str| pairs().find_map(|(name, value)| (name == wanted).then_some(value));
    let to_channel = value("startchannel").is_some();
    if to_channel || value("startgroup").is_some() {
        let rights = value("admin").unwrap_or_default().split('+').filter(|right| !right.is_empty());
        return Target::AddBot { to_channel, rights: rights.map(|right| format!("can_{right}")).collect() };
    }
    Target::Bot { start: value("start").unwrap_or_default().to_owned() }
}

/// What comes after `t.me/`, or the name after an `@`.
fn telegram_path(url: &str) -> Option<&str> {
    if let Some(name) = url.strip_prefix('@') {
        return Some(name);
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    ["t.me/", "telegram.me/"].iter().find_map(|host| rest.strip_prefix(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_bot_opens_its_chat_or_the_dialogue_that_adds_it() {
        let add = |to_channel, rights: &[&str]| Target::AddBot {
            to_channel,
            rights: rights.iter().map(|&right| right.to_owned()).collect(),
        };
        for (query, expected) in [
            ("", Target::Bot { start: String::new() }),
            ("start=help", Target::Bot { start: "help".to_owned() }),
            ("startgroup", add(false, &[])),
            (
                "startgroup=setup&admin=delete_messages+restrict_members",
                add(false, &["can_delete_messages", "can_restrict_members"]),
            ),
            ("startchannel&admin=invite_users", add(true, &["can_invite_users"])),
        ] {
            assert_eq!(of_bot(query), expected, "{query}");
        }
    }

    #[test]
    fn links_of_telegram_are_told_from_others() {
        for (url, expected) in [
            ("https://t.me/daily_news", Some("daily_news")),
            ("t.me/+00AA", Some("+00AA")),
            ("@daily_news", Some("daily_news")),
            ("https://example.org/t.me/x", None),
            ("javascript:alert(1)", None),
        ] {
            assert_eq!(telegram_path(url), expected, "{url}");
        }
    }
}
