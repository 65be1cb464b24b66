//! A message: who it is from, what it says, and what hangs on it.

use serde_json::Value;

use crate::ids::{ChatId, MessageId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    User(UserId),
    /// An administrator who hides behind the group.
    AnonymousAdmin(UserId),
    /// Somebody who writes in a group as a channel of theirs.
    AsChannel {
        channel: ChatId,
        person: UserId,
    },
    /// A post of the linked channel, copied into the group by Telegram.
    LinkedChannel(ChatId),
    /// A post in the channel itself.
    Post {
        author: UserId,
    },
}

impl Sender {
    /// Who is really behind it, when a person is.
    pub(crate) const fn person(self) -> Option<UserId> {
        match self {
            Self::User(user)
            | Self::AnonymousAdmin(user)
            | Self::AsChannel { person: user, .. }
            | Self::Post { author: user } => Some(user),
            Self::LinkedChannel(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text {
        text: String,
        entities: Vec<Value>,
    },
    Photo {
        number: u64,
        caption: String,
        entities: Vec<Value>,
    },
    /// A live location, after so many moves.
    LiveLocation {
        moves: u32,
    },
    NewMembers(Vec<UserId>),
    LeftMember(UserId),
    MigratedTo(ChatId),
    MigratedFrom(ChatId),
    TopicCreated(String),
    GroupCreated,
}

impl Content {
    pub(crate) const fn is_service(&self) -> bool {
        !matches!(self, Self::Text { .. } | Self::Photo { .. } | Self::LiveLocation { .. })
    }

    /// The creation, migration and topic messages, which nobody can delete.
    pub(crate) const fn is_undeletable(&self) -> bool {
        matches!(self, Self::MigratedTo(_) | Self::MigratedFrom(_) | Self::TopicCreated(_) | Self::GroupCreated)
    }

    /// The words of it, be they text or caption.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Text { text, .. } | Self::Photo { caption: text, .. } => text,
            _ => "",
        }
    }
}

/// Where a forwarded message comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    User { user: UserId, date: i64 },
    Channel { chat: ChatId, message: MessageId, date: i64 },
    Chat { chat: ChatId, date: i64 },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) sender: Sender,
    pub(crate) date: i64,
    pub(crate) edit_date: Option<i64>,
    pub(crate) content: Content,
    /// The topic or thread, `None` in General and in groups without topics.
    pub(crate) thread: Option<MessageId>,
    pub(crate) is_topic_message: bool,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) origin: Option<Box<Origin>>,
    pub(crate) album: Option<Box<str>>,
    /// The inline keyboard, as it is shown.
    pub(crate) keyboard: Option<Box<Value>>,
}

impl Message {
    pub(crate) fn new(sender: Sender, date: i64, content: Content) -> Self {
        Self {
            sender,
            date,
            edit_date: None,
            content,
            thread: None,
            is_topic_message: false,
            reply_to: None,
            origin: None,
            album: None,
            keyboard: None,
        }
    }
}
