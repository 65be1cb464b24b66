//! What people, chats and messages are called.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A person or a bot; positive.
    UserId
}
id! {
    /// A chat: a supergroup or channel (`-100…`), a basic group (negative), or the private chat with the user of the same number.
    ChatId
}
id! {
    /// A message; unique within its chat only.
    MessageId
}

impl From<UserId> for ChatId {
    /// The private chat between the bot and this person.
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

/// Stands for an anonymous administrator of a group.
pub const GROUP_ANONYMOUS_BOT: UserId = UserId(1_087_968_824);
/// Stands for somebody who writes as a channel.
pub const CHANNEL_BOT: UserId = UserId(136_817_688);
/// The sender of a channel's posts in its linked group. The only one of the three that is not marked as a bot.
pub const TELEGRAM: UserId = UserId(777_000);
