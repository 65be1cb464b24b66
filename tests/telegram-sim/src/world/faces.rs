//! What people say under another name than their own: the group's, or a channel's.

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::Permissions;
use crate::state::message::{Message, Sender};
use crate::world::talking::{Saying, may_say, placed, plain};
use crate::world::{Act, Refused, World, chat_of};

impl World {
    /// An administrator writes behind the group's name.
    ///
    /// # Errors
    ///
    /// They are not an administrator of the group.
    pub fn say_anonymously(&self, chat: ChatId, admin: UserId, text: &str) -> Act<MessageId> {
        self.say_anonymously_there(chat, admin, text, Saying::default())
    }

    /// The same in a topic, or in reply.
    ///
    /// # Errors
    ///
    /// As for [`World::say_anonymously`]; or there is no such topic or message.
    pub fn say_anonymously_there(&self, chat: ChatId, admin: UserId, text: &str, how: Saying) -> Act<MessageId> {
        self.act(|state| {
            chat_of(state, chat)?;
            if !state.status(chat, admin).is_admin() {
                return Err(Refused::because("only an administrator can be anonymous"));
            }
            let message = Message::new(Sender::AnonymousAdmin(admin), state.now(), plain(text));
            let message = placed(state, chat, message, how)?;
            Ok(state.post(chat, message))
        })
    }

    /// Somebody writes in a group as their channel.
    ///
    /// # Errors
    ///
    /// The channel is not theirs, or they may not write in the group.
    pub fn say_as_channel(&self, chat: ChatId, channel: ChatId, person: UserId, text: &str) -> Act<MessageId> {
        self.say_as_channel_there(chat, channel, person, text, Saying::default())
    }

    /// The same in a topic, or in reply.
    ///
    /// # Errors
    ///
    /// As for [`World::say_as_channel`]; or there is no such topic or message.
    pub fn say_as_channel_there(
        &self,
        chat: ChatId,
        channel: ChatId,
        person: UserId,
        text: &str,
        how: Saying,
    ) -> Act<MessageId> {
        self.act(|state| {
            if !state.status(channel, person).is_admin() {
                return Err(Refused::because("the channel is not theirs"));
            }
            may_say(state, chat, person, Permissions::SEND_MESSAGES)?;
            let message = Message::new(Sender::AsChannel { channel, person }, state.now(), plain(text));
            let message = placed(state, chat, message, how)?;
            Ok(state.post(chat, message))
        })
    }
}
