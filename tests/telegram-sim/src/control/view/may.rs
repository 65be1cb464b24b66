//! What somebody may do in a chat, and in plain words why not.

use serde::Serialize;

use crate::ids::{ChatId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;
use crate::state::user::PrivateChat;

/// Whether they may write, or why not.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Writing {
    pub(super) ok: bool,
    /// For programs: `onlooker`, `not_in`, `banned`, `muted`, `closed`, `channel`, `not_started`, `blocked` or `moved`.
    pub(super) reason: &'static str,
    /// For people: a sentence without its full stop, so that the end of a mute can follow.
    pub(super) why: String,
    /// The end of a mute or ban in seconds; 0 is for ever.
    pub(super) until: Option<i64>,
}

impl Writing {
    const fn yes() -> Self {
        Self { ok: true, reason: "", why: String::new(), until: None }
    }

    fn no(reason: &'static str, why: impl Into<String>) -> Self {
        Self { ok: false, reason, why: why.into(), until: None }
    }
}

/// Everything one may do here, apart from what one may do to single members and messages.
#[derive(Debug, Serialize)]
pub(super) struct May {
    pub(super) write: Writing,
    /// Send an album.
    album: bool,
    /// Write behind the group's name.
    anonymously: bool,
    /// How to get to where one can write: `join`, `ask`, `asked` (and wait), `start` or `unblock`.
    way_in: Option<&'static str>,
    leave: bool,
    block: bool,
    /// See who is here.
    pub(super) members: bool,
    /// Let people in who asked.
    pub(super) approve: bool,
    /// Change what everybody may do.
    permissions: bool,
    /// Add and remove the bot, link a channel, turn approval of new members on: the owner's.
    own: bool,
    upgrade: bool,
    topics: bool,
}

/// Members see a chat, and anybody a public one; not the banned.
pub(super) fn can_see(state: &State, chat: &Chat, user: UserId) -> bool {
    let status = chat.status(user, state.now());
    status.is_present() || (chat.is_public() && !matches!(status, Status::Banned { .. }))
}

pub(super) fn in_chat(state: &State, chat: &Chat, me: Option<UserId>) -> May {
    let Some(me) = me else {
        return May { members: true, ..nothing(Writing::no("onlooker", "Choose who you are to take part")) };
    };
    if chat.migrated_to.is_some() {
        return nothing(Writing::no("moved", "This group has become a supergroup"));
    }
    let now = state.now();
    let status = chat.status(me, now);
    let rights = chat.rights(me, now);
    let owner = matches!(status, Status::Creator { .. });
    let is_group = chat.is_group();
    let asked = chat.join_requests.contains_key(&me);
    let way_in = match (&status, chat.join_by_request, asked) {
        (Status::Banned { .. }, ..) => None,
        (status, ..) if status.is_present() => None,
        // By a link one can have to ask where others just join.
        (_, _, true) => Some("asked"),
        (_, true, false) => Some("ask"),
        (_, false, false) => Some("join"),
    };
    let write = writing(state, chat, me);
    May {
        album: is_group && write.ok && chat.allowed(me, now).has(Permissions::SEND_PHOTOS),
        // A basic group's admins show who they are.
        anonymously: chat.kind == ChatKind::Supergroup && write.ok && status.is_admin(),
        way_in,
        leave: status.is_present(),
        block: false,
        members: if is_group { status.is_present() } else { status.is_admin() },
        approve: rights.has(AdminRights::INVITE_USERS),
        permissions: is_group && rights.has(AdminRights::RESTRICT_MEMBERS),
        own: owner,
        upgrade: owner && chat.kind == ChatKind::Basic,
        topics: chat.is_forum && write.ok && (status.is_admin() || chat.permissions.has(Permissions::MANAGE_TOPICS)),
        write,
    }
}

/// The private chat with the bot; only its person looks at it.
pub(super) fn in_private(state: &State, me: UserId) -> May {
    let standing = state.users.get(&me).map_or(PrivateChat::NotStarted, |user| user.private_chat);
    match standing {
        PrivateChat::NotStarted => {
            May { way_in: Some("start"), ..nothing(Writing::no("not_started", "Press Start to talk to the bot")) }
        }
        PrivateChat::Open => May { block: true, ..nothing(Writing::yes()) },
        PrivateChat::Blocked => {
            May { way_in: Some("unblock"), ..nothing(Writing::no("blocked", "You have blocked the bot")) }
        }
    }
}

fn nothing(write: Writing) -> May {
    May {
        write,
        album: false,
        anonymously: false,
        way_in: None,
        leave: false,
        block: false,
        members: false,
        approve: false,
        permissions: false,
        own: false,
        upgrade: false,
        topics: false,
    }
}

fn writing(state: &State, chat: &Chat, me: UserId) -> Writing {
    let now = state.now();
    let status = chat.status(me, now);
    let by = || chat.sanctioned_by.get(&me).map(|by| format!(" by {}", called(state, *by))).unwrap_or_default();
    match status {
        Status::Banned { until } => {
            let place = if chat.is_channel() { "channel" } else { "group" };
            let why = format!("You are banned from this {place}{}", by());
            return Writing { until: Some(until), ..Writing::no("banned", why) };
        }
        status if chat.is_channel() => {
            return match status.is_admin() {
                true if chat.rights(me, now).has(AdminRights::POST_MESSAGES) => Writing::yes(),
                true => Writing::no("channel", "You are an admin here, but without the right to post"),
                false => Writing::no("channel", "Only admins can write in a channel"),
            };
        }
        status if !status.is_present() => {
            return Writing::no("not_in", "You have to join first");
        }
        Status::Restricted { permissions, until, .. } if !permissions.has(Permissions::SEND_MESSAGES) => {
            return Writing { until: Some(until), ..Writing::no("muted", format!("You are muted{}", by())) };
        }
        _ => {}
    }
    if chat.allowed(me, now).has(Permissions::SEND_MESSAGES) {
        Writing::yes()
    } else {
        Writing::no("closed", "Only admins can write in this group now")
    }
}

/// Of all bots there is only one that counts here.
pub(super) fn called(state: &State, user: UserId) -> String {
    if user == state.bot {
        return "the bot".to_owned();
    }
    super::named(state, user).name
}

/// The channels of theirs as which somebody can write in a group.
pub(super) fn channels_of(state: &State, me: UserId) -> Vec<(ChatId, String)> {
    let now = state.now();
    let mut own: Vec<(ChatId, String)> = state
        .chats
        .iter()
        .filter(|(_, chat)| chat.is_channel() && chat.status(me, now).is_admin())
        .map(|(id, chat)| (*id, chat.title.clone()))
        .collect();
    own.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    own
}
