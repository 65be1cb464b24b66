//! Everything the playground shows at one moment, in one answer: the chats and people, and one chat as one person
//! sees it, with what they may do there and why not.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Control, shown};
use crate::control::view::chat::ChatView;
use crate::faults::Fault;
use crate::ids::{ChatId, UserId};
use crate::state::State as World;
use crate::state::chat::{Chat, ChatKind};
use crate::state::user::{PrivateChat, User};

mod chat;
mod commands;
mod may;
mod members;
mod messages;

/// A page lists no more than this; a world of 100,000 people would not fit on one anyway.
const MOST_PEOPLE: usize = 300;
const MOST_CHATS: usize = 200;
const MESSAGES: usize = 100;
const MOST_MESSAGES: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Who looks; without it somebody who sees everything and can do nothing.
    #[serde(rename = "as")]
    person: Option<UserId>,
    chat: Option<ChatId>,
    messages: Option<usize>,
}

#[derive(Serialize)]
struct View {
    now_ms: i64,
    /// What the bot needs besides the address.
    token: String,
    bot: Named,
    me: Option<Me>,
    people: Vec<Named>,
    more_people: usize,
    chats: Vec<Entry>,
    more_chats: usize,
    faults: Vec<(u64, Fault)>,
    chat: Option<ChatView>,
}

/// Somebody, as they are called.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Named {
    id: UserId,
    name: String,
    username: Option<String>,
    is_bot: bool,
}

#[derive(Serialize)]
struct Me {
    #[serde(flatten)]
    named: Named,
    /// `not_started`, `open` or `blocked`.
    private_chat: &'static str,
}

/// A line in the list of chats.
#[derive(Serialize)]
struct Entry {
    id: ChatId,
    kind: &'static str,
    title: String,
    username: Option<String>,
    is_forum: bool,
    members: usize,
    /// The bot there: `admin`, `member` or `absent`.
    bot: &'static str,
    /// What the one who looks is there.
    mine: &'static str,
    last: Option<Last>,
}

/// The newest message, for the list.
#[derive(Serialize)]
struct Last {
    from: String,
    text: String,
    date: i64,
}

pub(super) async fn view(State(hub): Control, Query(asked): Query<Asked>) -> Response {
    let faults = hub.faults(|plan, _| plan.list());
    let view = hub.read(|state| {
        let me = asked.person.filter(|id| state.users.contains_key(id));
        let (chats, more_chats) = chats(state, me);
        let (people, more_people) = people(state);
        let most = asked.messages.unwrap_or(MESSAGES).min(MOST_MESSAGES);
        View {
            now_ms: state.clock.now_ms(),
            token: hub.config.token.clone(),
            bot: named(state, state.bot),
            me: me
                .and_then(|id| Some(Me { named: named(state, id), private_chat: private_chat(state.users.get(&id)?) })),
            people,
            more_people,
            chats,
            more_chats,
            faults,
            chat: asked.chat.and_then(|id| chat::view(state, id, me, most)),
        }
    });
    shown(&view)
}

fn named(state: &World, id: UserId) -> Named {
    let user = state.user_json(id);
    let text = |field: &str| user[field].as_str().unwrap_or_default();
    Named {
        id,
        name: format!("{} {}", text("first_name"), text("last_name")).trim().to_owned(),
        username: user["username"].as_str().map(str::to_owned),
        is_bot: user["is_bot"] == Value::Bool(true),
    }
}

const fn private_chat(user: &User) -> &'static str {
    match user.private_chat {
        PrivateChat::NotStarted => "not_started",
        PrivateChat::Open => "open",
        PrivateChat::Blocked => "blocked",
    }
}

/// The people one can be: everybody but the bot.
fn people(state: &World) -> (Vec<Named>, usize) {
    let mut ids: Vec<UserId> = state.users.keys().copied().filter(|id| *id != state.bot).collect();
    ids.sort();
    let more = ids.len().saturating_sub(MOST_PEOPLE);
    (ids.into_iter().take(MOST_PEOPLE).map(|id| named(state, id)).collect(), more)
}

/// Groups and channels in the order in which they were made, a basic group's supergroup instead of it. If there are
/// too many, those come first where the one who looks is in.
fn chats(state: &World, me: Option<UserId>) -> (Vec<Entry>, usize) {
    let now = state.now();
    let mut ids: Vec<ChatId> = state.chats.iter().filter(|(_, chat)| is_listed(chat)).map(|(id, _)| *id).collect();
    let more = ids.len().saturating_sub(MOST_CHATS);
    let is_in = |id: &ChatId| {
        let chat = state.chats.get(id);
        chat.zip(me).is_some_and(|(chat, me)| chat.status(me, now).is_present())
    };
    ids.sort_by_key(|id| (more > 0 && !is_in(id), std::cmp::Reverse(*id)));
    let listed = ids.into_iter().take(MOST_CHATS).filter_map(|id| Some(entry(state, id, state.chats.get(&id)?, me)));
    (listed.collect(), more)
}

fn is_listed(chat: &Chat) -> bool {
    chat.kind != ChatKind::Private && chat.migrated_to.is_none() && !chat.is_deleted
}

fn entry(state: &World, id: ChatId, chat: &Chat, me: Option<UserId>) -> Entry {
    let now = state.now();
    let visible = me.is_none_or(|me| may::can_see(state, chat, me));
    Entry {
        id,
        kind: chat.kind.name(),
        title: chat.title.clone(),
        username: chat.username.clone(),
        is_forum: chat.is_forum,
        members: chat.present,
        bot: bot_in(state, chat),
        mine: me.map_or("left", |me| chat.status(me, now).name()),
        last: chat.messages.last_key_value().filter(|_| visible).map(|(number, message)| {
            let seen = crate::world::seeing::seen(state, id, *number, message);
            Last { from: seen.from, text: messages::gist(state, message), date: message.date }
        }),
    }
}

fn bot_in(state: &World, chat: &Chat) -> &'static str {
    let status = chat.status(state.bot, state.now());
    if status.is_admin() {
        "admin"
    } else if status.is_present() {
        "member"
    } else {
        "absent"
    }
}
