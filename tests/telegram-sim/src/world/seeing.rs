//! What there is to see: messages, members, and who may speak.

use serde::Serialize;
use serde_json::Value;

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
pub use crate::state::chronicle::{Event, Standing, What};
use crate::state::member::Status;
use crate::state::message::{Content, Message};
use crate::world::World;

/// A message as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub id: MessageId,
    /// Who wrote it, as a name: the person's, or the group's or channel's they hide behind.
    pub from: String,
    /// Who is really behind it.
    pub sender: Option<UserId>,
    pub is_from_bot: bool,
    pub is_service: bool,
    /// The text, or a photo's caption.
    pub text: String,
    pub entities: Vec<Value>,
    /// The rows of buttons under it.
    pub buttons: Vec<Vec<Button>>,
    pub thread: Option<MessageId>,
    pub reply_to: Option<MessageId>,
    pub date: i64,
    pub edited: bool,
    pub album: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    pub label: String,
    pub url: Option<String>,
    pub data: Option<String>,
}

impl Seen {
    /// The button with this label.
    #[must_use]
    pub fn button(&self, label: &str) -> Option<&Button> {
        self.buttons.iter().flatten().find(|button| button.label == label)
    }
}

/// What somebody is in a chat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Membership {
    /// `creator`, `administrator`, `member`, `restricted`, `left` or `kicked`.
    pub status: &'static str,
    pub is_present: bool,
    /// What they may do there now: their own exception and what the group allows.
    pub may: Permissions,
    /// The exception alone, for a restricted one.
    pub permissions: Option<Permissions>,
    /// The end of a restriction or ban in seconds; 0 is for ever.
    pub until_date: Option<i64>,
    pub rights: AdminRights,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChatSummary {
    pub id: ChatId,
    pub kind: &'static str,
    pub title: String,
    pub username: Option<String>,
    pub members: usize,
    pub is_forum: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct PersonSummary {
    pub id: UserId,
    pub first_name: String,
    pub last_name: Option<String>,
    pub username: Option<String>,
    pub is_bot: bool,
}

impl World {
    /// Keeps what happens from now on, for [`World::chronicle`].
    pub fn keep_chronicle(&self) {
        self.act(|state| {
            state.chronicle.get_or_insert_default();
        });
    }

    /// What has happened since [`World::keep_chronicle`], in its order, in all chats; from the event of this number on.
    #[must_use]
    pub fn chronicle(&self, from: usize) -> Vec<Event> {
        self.hub
            .read(|state| state.chronicle.as_deref().and_then(|events| events.get(from..)).unwrap_or_default().to_vec())
    }

    /// How many events the chronicle holds: the number of the next one.
    #[must_use]
    pub fn events(&self) -> usize {
        self.hub.read(|state| state.chronicle.as_ref().map_or(0, Vec::len))
    }

    /// Milliseconds since 1970 in this world.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.hub.clock.now_ms()
    }

    /// The messages that are there now, oldest first. For a private chat, give the person's id.
    #[must_use]
    pub fn messages(&self, chat: impl Into<ChatId>) -> Vec<Seen> {
        let id = chat.into();
        self.hub.read(|state| {
            let messages = state.chats.get(&id).map(|chat| &chat.messages);
            messages.into_iter().flatten().map(|(number, message)| seen(state, id, *number, message)).collect()
        })
    }

    /// One message, if it is still there.
    #[must_use]
    pub fn message(&self, chat: impl Into<ChatId>, id: MessageId) -> Option<Seen> {
        let chat = chat.into();
        self.hub.read(|state| {
            let message = state.chats.get(&chat)?.messages.get(&id)?;
            Some(seen(state, chat, id, message))
        })
    }

    /// The bot's messages that are there now.
    #[must_use]
    pub fn bot_messages(&self, chat: impl Into<ChatId>) -> Vec<Seen> {
        self.messages(chat).into_iter().filter(|message| message.is_from_bot).collect()
    }

    #[must_use]
    pub fn member(&self, chat: ChatId, user: UserId) -> Membership {
        self.hub.read(|state| {
            let now = state.now();
            let status = state.status(chat, user);
            let place = state.chats.get(&chat);
            let (permissions, until_date) = match status {
                Status::Restricted { permissions, until, .. } => (Some(permissions), Some(until)),
                Status::Banned { until } => (None, Some(until)),
                _ => (None, None),
            };
            Membership {
                status: status.name(),
                is_present: status.is_present(),
                may: place.map_or(Permissions::none(), |place| place.allowed(user, now)),
                permissions,
                until_date,
                rights: place.map_or(AdminRights::none(), |place| place.rights(user, now)),
            }
        })
    }

    /// Whether they could say something there now.
    #[must_use]
    pub fn can_speak(&self, chat: ChatId, user: UserId) -> bool {
        self.member(chat, user).may.has(Permissions::SEND_MESSAGES)
    }

    /// Who has asked to be let in.
    #[must_use]
    pub fn join_requests(&self, chat: ChatId) -> Vec<UserId> {
        self.hub.read(|state| {
            state.chats.get(&chat).map(|chat| chat.join_requests.keys().copied().collect()).unwrap_or_default()
        })
    }

    /// The members with their statuses, those who left with a restriction or ban included.
    #[must_use]
    pub fn members(&self, chat: ChatId) -> Vec<(UserId, Membership)> {
        let mut users: Vec<UserId> = self.hub.read(|state| {
            state.chats.get(&chat).map(|chat| chat.members.keys().copied().collect()).unwrap_or_default()
        });
        users.sort();
        users.into_iter().map(|user| (user, self.member(chat, user))).collect()
    }

    #[must_use]
    pub fn chats(&self) -> Vec<ChatSummary> {
        let mut chats: Vec<ChatSummary> = self.hub.read(|state| {
            let all = state.chats.iter().filter(|(id, _)| id.0 < 0);
            all.map(|(id, chat)| ChatSummary {
                id: *id,
                kind: chat.kind.name(),
                title: chat.title.clone(),
                username: chat.username.clone(),
                members: chat.present,
                is_forum: chat.is_forum,
            })
            .collect()
        });
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.id));
        chats
    }

    #[must_use]
    pub fn people(&self) -> Vec<PersonSummary> {
        let mut people: Vec<PersonSummary> = self.hub.read(|state| {
            let all = state.users.iter();
            all.map(|(id, user)| PersonSummary {
                id: *id,
                first_name: user.first_name.clone(),
                last_name: user.last_name.clone(),
                username: user.username.clone(),
                is_bot: user.is_bot,
            })
            .collect()
        });
        people.sort_by_key(|person| person.id);
        people
    }

    /// The commands the bot has set for a scope (`default` and so on; without ids) in no particular language.
    #[must_use]
    pub fn bot_commands(&self, scope: &str) -> Value {
        let key = (serde_json::json!({ "type": scope }).to_string(), String::new());
        self.hub.read(|state| state.commands.get(&key).cloned().unwrap_or_default())
    }
}

pub(crate) fn seen(state: &State, chat: ChatId, id: MessageId, message: &Message) -> Seen {
    let object = state.message_json(chat, id, message);
    let shown_sender = if object["sender_chat"].is_object() { &object["sender_chat"] } else { &object["from"] };
    let name = |field: &str| shown_sender[field].as_str().unwrap_or_default();
    let from = if name("title").is_empty() {
        format!("{} {}", name("first_name"), name("last_name")).trim().to_owned()
    } else {
        name("title").to_owned()
    };
    let entities = match &message.content {
        Content::Text { entities, .. } | Content::Photo { entities, .. } => entities.clone(),
        _ => Vec::new(),
    };
    Seen {
        id,
        from,
        sender: message.sender.person(),
        is_from_bot: message.sender.person() == Some(state.bot),
        is_service: message.content.is_service(),
        text: message.content.words().to_owned(),
        entities,
        buttons: buttons(message),
        thread: message.thread,
        reply_to: message.reply_to,
        date: message.date,
        edited: message.edit_date.is_some(),
        album: message.album.as_deref().map(str::to_owned),
    }
}

fn buttons(message: &Message) -> Vec<Vec<Button>> {
    let field = |button: &Value, name: &str| button[name].as_str().map(str::to_owned);
    let rows = message.keyboard.as_ref().and_then(|keyboard| keyboard["inline_keyboard"].as_array());
    rows.into_iter()
        .flatten()
        .map(|row| {
            let row = row.as_array().into_iter().flatten();
            row.map(|button| Button {
                label: field(button, "text").unwrap_or_default(),
                url: field(button, "url"),
                data: field(button, "callback_data"),
            })
            .collect()
        })
        .collect()
}
