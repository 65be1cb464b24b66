//! What the bot asks about chats and people, and what it arranges in a chat apart from messages.

use serde_json::Value;
use shared::ids::{ChatId, UserId};
use teloxide_core::payloads;
use teloxide_core::types::{BotCommand, BotCommandScope, Recipient};

use super::Telegram;
use super::budget::{Ask, Class, Priority};
use super::calls::Terms;
use super::error::Error;
use super::replies::{self, Chat, Me, Member};

/// How a chat is named: by its id, or a public one by its username with the "@" before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatRef {
    Id(ChatId),
    Username(String),
}

/// Who sees a list of commands (Bot API `BotCommandScope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandScope {
    Default,
    AllPrivateChats,
    AllGroupChats,
    AllChatAdministrators,
}

impl Telegram {
    /// Who the bot is. Never needs the network on Telegram's side: the test of the token.
    ///
    /// # Errors
    /// [`Error::TokenDead`] if the token is not accepted; otherwise Telegram cannot be reached.
    pub async fn get_me(&self) -> Result<Me, Error> {
        self.call(&payloads::GetMe::new(), read_without_chat(), Me::read).await
    }

    /// A chat's kind, title and links. Public channels and groups can be read without being in them.
    ///
    /// # Errors
    /// [`Error::ChatInaccessible`] if there is no such chat or the bot may not see it.
    pub async fn chat(&self, chat: ChatRef) -> Result<Chat, Error> {
        let (recipient, terms) = match chat {
            ChatRef::Id(chat) => (recipient(chat), Terms::queued(Class::Read, chat, Priority::P0)),
            ChatRef::Username(name) => (Recipient::ChannelUsername(name), read_without_chat()),
        };
        self.call(&payloads::GetChat::new(recipient), terms, Chat::read).await
    }

    /// What the user is in the chat. Somebody who is not in it is not an error: the status is `Left`.
    ///
    /// # Errors
    /// [`Error::UserUnknown`] is no verdict. [`Error::ChatInaccessible`]: the bot is no administrator of that channel.
    pub async fn member(&self, chat: ChatId, user: UserId, priority: Priority) -> Result<Member, Error> {
        self.dated_member(chat, user, priority).await.map(|(member, _)| member)
    }

    /// The same, and when Telegram was asked, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// See [`Telegram::member`].
    pub async fn dated_member(&self, chat: ChatId, user: UserId, priority: Priority) -> Result<(Member, i64), Error> {
        let payload = payloads::GetChatMember::new(recipient(chat), user_id(user)?);
        self.dated_call(&payload, Terms::queued(Class::Read, chat, priority), Member::read).await
    }

    /// The administrators of a group or channel, other bots left out.
    ///
    /// # Errors
    /// [`Error::ChatInaccessible`]: the bot is no administrator of that channel.
    pub async fn admins(&self, chat: ChatId, priority: Priority) -> Result<Vec<(UserId, Member)>, Error> {
        let payload = payloads::GetChatAdministrators::new(recipient(chat));
        self.call(&payload, Terms::queued(Class::Read, chat, priority), Member::read_all).await
    }

    /// Makes one more invite link; those that exist stay valid. `name` is for the chat's administrators, at most 32 characters.
    ///
    /// # Errors
    /// [`Error::MissingRight`] without `can_invite_users`.
    pub async fn create_invite_link(&self, chat: ChatId, name: &str) -> Result<String, Error> {
        let mut payload = payloads::CreateChatInviteLink::new(recipient(chat));
        payload.name = Some(name.to_owned());
        self.call(&payload, Terms::queued(Class::Moderate, chat, Priority::P1), read_link).await
    }

    /// Lets somebody in who asked to join. A request that is settled already is a success.
    ///
    /// # Errors
    /// [`Error::MissingRight`] without `can_invite_users`.
    pub async fn approve_join(&self, chat: ChatId, user: UserId) -> Result<(), Error> {
        let payload = payloads::ApproveChatJoinRequest::new(recipient(chat), user_id(user)?);
        match self.call(&payload, Terms::queued(Class::Moderate, chat, Priority::P0), replies::read_true).await {
            Err(Error::RequestSettled) => Ok(()),
            outcome => outcome,
        }
    }

    /// Sets the commands (name, description) that clients offer. Names are 1 to 32 of `a-z0-9_`.
    ///
    /// # Errors
    /// [`Error::Other`] if a name or description is not acceptable.
    pub async fn set_my_commands(
        &self,
        scope: CommandScope,
        language_code: Option<&str>,
        commands: &[(&str, &str)],
    ) -> Result<(), Error> {
        let commands = commands.iter().map(|(name, description)| BotCommand::new(*name, *description));
        let mut payload = payloads::SetMyCommands::new(commands);
        payload.scope = Some(scope.into());
        payload.language_code = language_code.map(str::to_owned);
        let terms = Terms::Queued(Ask { class: Class::Moderate, chat: None, priority: Priority::P2 });
        self.call(&payload, terms, replies::read_true).await
    }

    /// The commands (name, description) that clients offer, in no particular language.
    ///
    /// # Errors
    /// Telegram cannot be reached.
    pub async fn my_commands(&self, scope: CommandScope) -> Result<Vec<(String, String)>, Error> {
        let mut payload = payloads::GetMyCommands::new();
        payload.scope = Some(scope.into());
        let terms = Terms::Queued(Ask { class: Class::Read, chat: None, priority: Priority::P2 });
        self.call(&payload, terms, read_commands).await
    }

    /// Leaves a group or channel. Telegram may answer with an error though it worked.
    ///
    /// # Errors
    /// [`Error::ChatInaccessible`] if the bot has left already.
    pub async fn leave_chat(&self, chat: ChatId) -> Result<(), Error> {
        let payload = payloads::LeaveChat::new(recipient(chat));
        self.call(&payload, Terms::queued(Class::Moderate, chat, Priority::P2), replies::read_true).await
    }
}

impl From<CommandScope> for BotCommandScope {
    fn from(scope: CommandScope) -> Self {
        match scope {
            CommandScope::Default => Self::Default,
            CommandScope::AllPrivateChats => Self::AllPrivateChats,
            CommandScope::AllGroupChats => Self::AllGroupChats,
            CommandScope::AllChatAdministrators => Self::AllChatAdministrators,
        }
    }
}

pub(super) fn recipient(chat: ChatId) -> Recipient {
    Recipient::Id(teloxide_core::types::ChatId(chat.0))
}

/// teloxide's ids of users cannot be negative. Ours come from updates and from people, and Telegram's answer to such a one is known.
fn user_id(user: UserId) -> Result<teloxide_core::types::UserId, Error> {
    u64::try_from(user.0).map(teloxide_core::types::UserId).map_err(|_| Error::UserUnknown)
}

fn read_without_chat() -> Terms {
    Terms::Queued(Ask { class: Class::Read, chat: None, priority: Priority::P0 })
}

fn read_commands(reply: &Value) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let commands = reply.as_array()?.iter();
    Some(commands.filter_map(|one| Some((text(&one["command"])?, text(&one["description"])?))).collect())
}

fn read_link(reply: &Value) -> Option<String> {
    reply["invite_link"].as_str().map(str::to_owned)
}
