//! A person or a bot.

/// How a person stands to the bot's private chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrivateChat {
    /// Never wrote to the bot: the bot cannot write first.
    NotStarted,
    Open,
    Blocked,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) is_bot: bool,
    pub(crate) first_name: String,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) is_deleted: bool,
    /// The bot has seen them somewhere and may use their id.
    pub(crate) known_to_bot: bool,
    pub(crate) private_chat: PrivateChat,
    /// After a join request the bot may write first until then (in seconds), though the private chat is not open.
    pub(crate) may_be_written_until: i64,
}

impl User {
    pub(crate) fn named(first_name: &str) -> Self {
        Self {
            is_bot: false,
            first_name: first_name.to_owned(),
            last_name: None,
            username: None,
            language: None,
            is_deleted: false,
            known_to_bot: false,
            private_chat: PrivateChat::NotStarted,
            may_be_written_until: 0,
        }
    }
}
