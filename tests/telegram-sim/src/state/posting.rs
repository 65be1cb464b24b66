//! Messages coming into a chat, changing and going, and which of them the bot is told about.

use serde_json::Value;

use crate::ids::{ChatId, MessageId, UserId};
use crate::state::State;
use crate::state::chat::ChatKind;
use crate::state::chronicle::What;
use crate::state::entities;
use crate::state::membership::DAY_MS;
use crate::state::message::{Content, Message, Origin, Sender};
use crate::state::updates::{Kind, QueueId};

impl State {
    /// Keeps the message, tells the bot if it may see it, and copies a channel's post into the linked group.
    pub(crate) fn post(&mut self, chat_id: ChatId, message: Message) -> MessageId {
        let from_bot = message.sender == Sender::User(self.bot) || message.sender == Sender::Post { author: self.bot };
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return MessageId(0);
        };
        let copied_to = chat.linked_chat.filter(|_| chat.is_channel());
        let id = chat.append(message.clone());
        self.note_message(chat_id, id, &message);
        if !from_bot && self.bot_sees(chat_id, id, &message) {
            let kind = if matches!(message.sender, Sender::Post { .. }) { Kind::ChannelPost } else { Kind::Message };
            self.tell_message(kind, chat_id, id, &message, message.date);
        }
        if let Some(group) = copied_to {
            let mut copy = Message::new(Sender::LinkedChannel(chat_id), message.date, message.content);
            copy.origin = Some(Box::new(Origin::Channel { chat: chat_id, message: id, date: message.date }));
            copy.album = message.album;
            self.post(group, copy);
        }
        id
    }

    /// Changes a message's words. Nothing visible changed: no update, and false.
    pub(crate) fn edit(
        &mut self,
        chat_id: ChatId,
        id: MessageId,
        content: Content,
        keyboard: Option<Box<Value>>,
    ) -> bool {
        let now = self.now();
        let Some(message) = self.chats.get_mut(&chat_id).and_then(|chat| chat.messages.get_mut(&id)) else {
            return false;
        };
        if message.content == content && message.keyboard == keyboard {
            return false;
        }
        message.content = content;
        message.keyboard = keyboard;
        message.edit_date = Some(now);
        let message = message.clone();
        self.note(chat_id, What::Edited { message: id });
        let own = message.sender == Sender::User(self.bot) || message.sender == Sender::Post { author: self.bot };
        if !own && self.bot_sees(chat_id, id, &message) {
            let is_post = matches!(message.sender, Sender::Post { .. });
            let kind = if is_post { Kind::EditedChannelPost } else { Kind::EditedMessage };
            self.tell_message(kind, chat_id, id, &message, now);
        }
        true
    }

    fn tell_message(&mut self, kind: Kind, chat_id: ChatId, id: MessageId, message: &Message, date: i64) {
        if let Some(person) = message.sender.person() {
            self.meet(person);
        }
        if !self.updates.allows(kind) {
            return;
        }
        let object = self.message_json(chat_id, id, message);
        let now_ms = self.clock.now_ms();
        self.updates.push(kind, QueueId::Chat(chat_id), now_ms, date * 1000 + DAY_MS, &object);
    }

    /// Whether the bot is told of a message: it must be there, not come later, and privacy mode must let it.
    fn bot_sees(&self, chat_id: ChatId, id: MessageId, message: &Message) -> bool {
        let Some(chat) = self.chats.get(&chat_id) else {
            return false;
        };
        if id < chat.bot_since {
            return false;
        }
        let status = chat.status(self.bot, self.now());
        match chat.kind {
            ChatKind::Private => true,
            ChatKind::Channel => status.is_admin(),
            ChatKind::Basic | ChatKind::Supergroup if !status.is_present() => false,
            ChatKind::Basic | ChatKind::Supergroup => {
                let by_other_bot =
                    message.sender.person().and_then(|user| self.users.get(&user)).is_some_and(|user| user.is_bot);
                let unhidden = status.is_admin() || !self.config.privacy_mode || self.concerns_bot(chat_id, message);
                unhidden && (!by_other_bot || message.content.is_service())
            }
        }
    }

    /// What a bot in privacy mode still sees: service messages, commands, mentions of it, replies to it.
    fn concerns_bot(&self, chat_id: ChatId, message: &Message) -> bool {
        let words = message.content.words();
        let addressed = words.to_lowercase().contains(&format!("@{}", self.config.bot_username.to_lowercase()));
        let is_command =
            words.starts_with('/') && entities::find(words).first().is_some_and(|found| found["type"] == "bot_command");
        let replies_to_bot = message
            .reply_to
            .and_then(|original| self.chats.get(&chat_id)?.messages.get(&original))
            .is_some_and(|original| original.sender == Sender::User(self.bot));
        message.content.is_service() || is_command || addressed || replies_to_bot
    }

    /// Takes away those messages that are there.
    pub(crate) fn delete(&mut self, chat_id: ChatId, ids: &[MessageId], by: UserId) {
        let Some(chat) = self.chats.get_mut(&chat_id) else { return };
        let messages: Vec<MessageId> = ids.iter().copied().filter(|id| chat.remove(*id, by)).collect();
        if !messages.is_empty() {
            self.note(chat_id, What::Deleted { messages, by });
        }
    }
}
