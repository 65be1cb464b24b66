//! What a channel publishes.

use crate::ids::{ChatId, MessageId};
use crate::state::entities;
use crate::state::message::{Content, Message, Sender};
use crate::world::{Act, Refused, World, chat_of, owner};

impl World {
    /// The channel's owner publishes a post; a linked group gets its copy.
    ///
    /// # Errors
    ///
    /// It is not a channel.
    pub fn post(&self, channel: ChatId, text: &str) -> Act<MessageId> {
        self.act(|state| {
            if !chat_of(state, channel)?.is_channel() {
                return Err(Refused::because("it is not a channel"));
            }
            let author = owner(state, channel);
            let content = Content::Text { text: text.to_owned(), entities: entities::find(text) };
            let message = Message::new(Sender::Post { author }, state.now(), content);
            Ok(state.post(channel, message))
        })
    }

    /// The owner changes a post. The copy in a linked group stays as it was.
    ///
    /// # Errors
    ///
    /// There is no such post.
    pub fn edit_post(&self, channel: ChatId, post: MessageId, text: &str) -> Act<bool> {
        self.act(|state| {
            let found = chat_of(state, channel)?.messages.get(&post);
            let keyboard = found.ok_or_else(|| Refused::because("there is no such post"))?.keyboard.clone();
            let content = Content::Text { text: text.to_owned(), entities: entities::find(text) };
            Ok(state.edit(channel, post, content, keyboard))
        })
    }
}
