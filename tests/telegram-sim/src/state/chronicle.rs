//! What happened in the world, in its order: who became what by whom, and which messages came, changed and went.
//!
//! The [ledger](crate::ledger) says what the bot asked for; this says what came of it, and what people did in between. Nothing is kept until
//! somebody [asks for it](crate::world::World::keep_chronicle), and then all of it.

use serde::Serialize;

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::Permissions;
use crate::state::State;
use crate::state::member::Status;
use crate::state::message::Message;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Counts up by one from the first, over all chats.
    pub number: usize,
    /// In the world's milliseconds since 1970.
    pub at_ms: i64,
    pub chat: ChatId,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Somebody's membership became another one.
    Became {
        user: UserId,
        by: UserId,
        old: Standing,
        new: Standing,
    },
    /// A message came. Nobody in particular wrote a channel's post in its linked group.
    Wrote {
        message: MessageId,
        by: Option<UserId>,
        text: String,
        is_service: bool,
    },
    Edited {
        message: MessageId,
    },
    /// These messages went, all by one call.
    Deleted {
        messages: Vec<MessageId>,
        by: UserId,
    },
}

/// What somebody is in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// As `getChatMember` names it.
    pub status: &'static str,
    pub is_present: bool,
    /// The exception made for a restricted one.
    pub permissions: Option<Permissions>,
    /// The end of a restriction or ban in seconds; 0 is for ever.
    pub until: i64,
}

impl Standing {
    pub(crate) fn of(status: &Status) -> Self {
        let (permissions, until) = match status {
            Status::Restricted { permissions, until, .. } => (Some(*permissions), *until),
            Status::Banned { until } => (None, *until),
            Status::Creator { .. } | Status::Administrator { .. } | Status::Member | Status::Left => (None, 0),
        };
        Self { status: status.name(), is_present: status.is_present(), permissions, until }
    }
}

impl State {
    pub(crate) fn note(&mut self, chat: ChatId, what: What) {
        let at_ms = self.clock.now_ms();
        if let Some(events) = &mut self.chronicle {
            events.push(Event { number: events.len(), at_ms, chat, what });
        }
    }

    pub(crate) fn note_message(&mut self, chat: ChatId, id: MessageId, message: &Message) {
        let (by, is_service) = (message.sender.person(), message.content.is_service());
        self.note(chat, What::Wrote { message: id, by, text: message.content.words().to_owned(), is_service });
    }
}
