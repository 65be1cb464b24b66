//! One chat as one person sees it.

use serde::Serialize;
use serde_json::Value;

use crate::control::view::may::{self, May};
use crate::control::view::members::{self, Row};
use crate::control::view::messages::{self, Bubble};
use crate::control::view::{Entry, Named, commands, entry, named};
use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::Permissions;
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};

#[derive(Serialize)]
pub(super) struct ChatView {
    #[serde(flatten)]
    entry: Entry,
    may: May,
    /// Why there are no messages to be seen; empty when there are.
    hidden: &'static str,
    messages: Vec<Bubble>,
    /// How many there are before those.
    earlier: usize,
    topics: Vec<Topic>,
    commands: Vec<Value>,
    /// The channels as which the person can write here.
    own_channels: Vec<Linked>,
    members_seen: Vec<Row>,
    more_members: usize,
    requests: Vec<Named>,
    permissions: Permissions,
    join_by_request: bool,
    linked: Option<Linked>,
    moved_to: Option<ChatId>,
}

#[derive(Serialize)]
struct Topic {
    id: MessageId,
    name: String,
}

/// Another chat, as it is called.
#[derive(Serialize)]
struct Linked {
    id: ChatId,
    title: String,
}

pub(super) fn view(state: &State, id: ChatId, me: Option<UserId>, most: usize) -> Option<ChatView> {
    if id.0 > 0 {
        // The bot's private chats are nobody else's.
        return me.filter(|me| ChatId::from(*me) == id).map(|me| private(state, id, me, most));
    }
    let chat = state.chats.get(&id)?;
    let visible = me.is_none_or(|me| may::can_see(state, chat, me));
    let may = may::in_chat(state, chat, me);
    let (messages, earlier) = if visible { messages::last(state, id, chat, me, most) } else { (Vec::new(), 0) };
    let (members_seen, more_members) = if may.members { members::rows(state, chat, me) } else { (Vec::new(), 0) };
    let writes_in_group = may.write.ok && chat.kind == ChatKind::Supergroup;
    Some(ChatView {
        entry: entry(state, id, chat, me),
        hidden: if visible { "" } else { "Only members can see what is written here" },
        messages,
        earlier,
        topics: chat.topics.iter().map(|(id, name)| Topic { id: *id, name: name.clone() }).collect(),
        commands: me.map(|me| commands::offered(state, id, me)).unwrap_or_default(),
        own_channels: me.filter(|_| writes_in_group).map(|me| own_channels(state, me)).unwrap_or_default(),
        members_seen,
        more_members,
        requests: chat.join_requests.keys().filter(|_| may.approve).map(|user| named(state, *user)).collect(),
        permissions: chat.permissions,
        join_by_request: chat.join_by_request,
        linked: chat.linked_chat.and_then(|id| Some(Linked { id, title: state.chats.get(&id)?.title.clone() })),
        moved_to: chat.migrated_to,
        may,
    })
}

fn own_channels(state: &State, me: UserId) -> Vec<Linked> {
    may::channels_of(state, me).into_iter().map(|(id, title)| Linked { id, title }).collect()
}

fn private(state: &State, id: ChatId, me: UserId, most: usize) -> ChatView {
    // Before the first word there is no chat yet, and yet there is a page to show.
    let empty = Chat::new(ChatKind::Private, "");
    let chat = state.chats.get(&id).unwrap_or(&empty);
    let (messages, earlier) = messages::last(state, id, chat, Some(me), most);
    let bot = named(state, state.bot);
    ChatView {
        entry: Entry {
            title: bot.name,
            username: bot.username,
            bot: "member",
            mine: "member",
            ..entry(state, id, chat, None)
        },
        may: may::in_private(state, me),
        hidden: "",
        messages,
        earlier,
        topics: Vec::new(),
        commands: commands::offered(state, id, me),
        own_channels: Vec::new(),
        members_seen: Vec::new(),
        more_members: 0,
        requests: Vec::new(),
        permissions: Permissions::none(),
        join_by_request: false,
        linked: None,
        moved_to: None,
    }
}
