//! Who and what: a type for every kind of id, so that none is passed for another.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// The bot: the number before the colon of its token.
    BotId
);
id!(
    /// Any chat: a group, a private chat (then equal to the user's id), or a channel met as a chat.
    ChatId
);
id!(
    /// A channel that a group requires.
    ChannelId
);
id!(
    /// A person or a bot account.
    UserId
);
id!(
    /// A message; unique only within its chat.
    MessageId
);
id!(
    /// An update as Telegram numbers it. May go down over the life of a bot (Bot API, "Update"), so it is never compared by size.
    UpdateId
);

impl ChatId {
    /// Whether it is the id of a basic group, which may become a supergroup with another id. Supergroups and channels lie below the bound
    /// (Bot API, "Dialog IDs").
    pub fn is_basic_group(self) -> bool {
        (-999_999_999_999..0).contains(&self.0)
    }
}

impl From<ChannelId> for ChatId {
    /// A channel is also a chat to ask about.
    fn from(id: ChannelId) -> Self {
        Self(id.0)
    }
}

impl From<UserId> for ChatId {
    /// The private chat with a user has the user's id.
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}
