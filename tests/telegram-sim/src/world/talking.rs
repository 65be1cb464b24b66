//! What people say in groups and to the bot, and change and take back.

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
use crate::state::chat::ChatKind;
use crate::state::entities;
use crate::state::message::{Content, Message, Origin, Sender};
use crate::state::user::PrivateChat;
use crate::world::{Act, Refused, World, chat_of};

/// Where and how something is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saying {
    /// A topic of a forum.
    pub topic: Option<MessageId>,
    pub reply_to: Option<MessageId>,
}

pub(super) fn plain(text: &str) -> Content {
    Content::Text { text: text.to_owned(), entities: entities::find(text) }
}

impl World {
    /// Says something in a group.
    ///
    /// # Errors
    ///
    /// They are not in the group, are muted, or it is a channel.
    pub fn say(&self, chat: ChatId, user: UserId, text: &str) -> Act<MessageId> {
        self.say_there(chat, user, text, Saying::default())
    }

    /// Says something in a topic, or in reply.
    ///
    /// # Errors
    ///
    /// As for [`World::say`]; or there is no such topic or message.
    pub fn say_there(&self, chat: ChatId, user: UserId, text: &str, how: Saying) -> Act<MessageId> {
        self.act(|state| {
            may_say(state, chat, user, Permissions::SEND_MESSAGES)?;
            let message = placed(state, chat, Message::new(Sender::User(user), state.now(), plain(text)), how)?;
            Ok(state.post(chat, message))
        })
    }

    /// Says several things in one go.
    ///
    /// # Errors
    ///
    /// As for [`World::say`]; what was said before the first refusal stands.
    pub fn say_many(&self, chat: ChatId, user: UserId, texts: &[&str]) -> Act<Vec<MessageId>> {
        texts.iter().map(|text| self.say(chat, user, text)).collect()
    }

    /// Sends several photos as one album, the caption on the first.
    ///
    /// # Errors
    ///
    /// They are not in the group, or may not send photos; or it is no album: 2 to 10 photos are one.
    pub fn album(&self, chat: ChatId, user: UserId, photos: usize, caption: &str) -> Act<Vec<MessageId>> {
        self.album_there(chat, user, photos, caption, Saying::default())
    }

    /// Sends an album to a topic, or in reply.
    ///
    /// # Errors
    ///
    /// As for [`World::album`]; or there is no such topic or message.
    pub fn album_there(
        &self,
        chat: ChatId,
        user: UserId,
        photos: usize,
        caption: &str,
        how: Saying,
    ) -> Act<Vec<MessageId>> {
        self.act(|state| {
            may_say(state, chat, user, Permissions::SEND_PHOTOS)?;
            if !(2..=10).contains(&photos) {
                return Err(Refused::because("an album has 2 to 10 photos"));
            }
            let album = state.next_album();
            let sent = (0..photos).map(|index| {
                let caption = if index == 0 { caption } else { "" };
                let content = Content::Photo {
                    number: u64::try_from(index).unwrap_or_default(),
                    caption: caption.to_owned(),
                    entities: entities::find(caption),
                };
                let mut message = placed(state, chat, Message::new(Sender::User(user), state.now(), content), how)?;
                message.album = Some(album.as_str().into());
                Ok(state.post(chat, message))
            });
            sent.collect()
        })
    }

    /// Shows where they are, for an hour.
    ///
    /// # Errors
    ///
    /// As for [`World::say`].
    pub fn share_location(&self, chat: ChatId, user: UserId) -> Act<MessageId> {
        self.act(|state| {
            may_say(state, chat, user, Permissions::SEND_MESSAGES)?;
            let message = Message::new(Sender::User(user), state.now(), Content::LiveLocation { moves: 0 });
            Ok(state.post(chat, message))
        })
    }

    /// Somebody who shows where they are moves: Telegram edits the message.
    ///
    /// # Errors
    ///
    /// It is no live location of theirs.
    pub fn move_location(&self, chat: ChatId, user: UserId, message: MessageId) -> Act<()> {
        self.act(|state| {
            let found = chat_of(state, chat)?.messages.get(&message);
            let found = found.filter(|found| found.sender.person() == Some(user));
            let Some(Content::LiveLocation { moves }) = found.map(|found| found.content.clone()) else {
                return Err(Refused::because("it is no live location of theirs"));
            };
            state.edit(chat, message, Content::LiveLocation { moves: moves + 1 }, None);
            Ok(())
        })
    }

    /// Forwards a message of another chat into a group.
    ///
    /// # Errors
    ///
    /// They may not write there, or there is no such message.
    pub fn forward(&self, chat: ChatId, user: UserId, from: ChatId, message: MessageId) -> Act<MessageId> {
        self.act(|state| {
            may_say(state, chat, user, Permissions::SEND_MESSAGES)?;
            let forwarded = forwarded(state, from, message, Sender::User(user))?;
            Ok(state.post(chat, forwarded))
        })
    }

    /// Changes the words of one's own message. False if that changes nothing; then nobody is told.
    /// Somebody who left, or is muted, can still do that.
    ///
    /// # Errors
    ///
    /// There is no such message, or it is not theirs.
    pub fn edit(&self, chat: ChatId, user: UserId, message: MessageId, text: &str) -> Act<bool> {
        self.act(|state| {
            let found = chat_of(state, chat)?.messages.get(&message);
            let found = found.ok_or_else(|| Refused::because("there is no such message"))?;
            let words = matches!(found.content, Content::Text { .. } | Content::Photo { .. });
            if found.sender.person() != Some(user) || !words {
                return Err(Refused::because("it is not their message"));
            }
            let content = match &found.content {
                Content::Photo { number, .. } => {
                    Content::Photo { number: *number, caption: text.to_owned(), entities: entities::find(text) }
                }
                _ => plain(text),
            };
            let keyboard = found.keyboard.clone();
            Ok(state.edit(chat, message, content, keyboard))
        })
    }

    /// Deletes a message: one's own, or any as an administrator with that right. The bot is not told.
    ///
    /// # Errors
    ///
    /// There is no such message, or they may not.
    pub fn delete(&self, chat: ChatId, user: UserId, message: MessageId) -> Act<()> {
        self.act(|state| {
            let now = state.now();
            let place = chat_of(state, chat)?;
            let found = place.messages.get(&message).ok_or_else(|| Refused::because("there is no such message"))?;
            let own = found.sender.person() == Some(user);
            if !own && chat.0 < 0 && !place.rights(user, now).has(AdminRights::DELETE_MESSAGES) {
                return Err(Refused::because("they may not delete that"));
            }
            state.delete(chat, &[message], user);
            Ok(())
        })
    }

    /// Writes to the bot in private, which also lets the bot write to them.
    ///
    /// # Errors
    ///
    /// They have blocked the bot.
    pub fn direct(&self, user: UserId, text: &str) -> Act<MessageId> {
        self.direct_reply(user, text, None)
    }

    /// Writes to the bot in private, in reply to one of the messages there.
    ///
    /// # Errors
    ///
    /// As for [`World::direct`]; or there is no such message.
    pub fn direct_reply(&self, user: UserId, text: &str, reply_to: Option<MessageId>) -> Act<MessageId> {
        self.act(|state| {
            open_private(state, user)?;
            let chat = state.private_chat(user);
            let message = Message::new(Sender::User(user), state.now(), plain(text));
            let message = placed(state, chat, message, Saying { reply_to, ..Saying::default() })?;
            Ok(state.post(chat, message))
        })
    }

    /// Forwards a message of another chat to the bot in private.
    ///
    /// # Errors
    ///
    /// They have blocked the bot, or there is no such message.
    pub fn forward_to_bot(&self, user: UserId, from: ChatId, message: MessageId) -> Act<MessageId> {
        self.act(|state| {
            open_private(state, user)?;
            let forwarded = forwarded(state, from, message, Sender::User(user))?;
            let chat = state.private_chat(user);
            Ok(state.post(chat, forwarded))
        })
    }

    /// Blocks the bot in private.
    pub fn block_bot(&self, user: UserId) {
        self.set_blocked(user, PrivateChat::Blocked);
    }

    /// Lets the bot write in private again.
    pub fn unblock_bot(&self, user: UserId) {
        self.set_blocked(user, PrivateChat::Open);
    }

    fn set_blocked(&self, id: UserId, now: PrivateChat) {
        self.act(|state| {
            let Some(user) = state.users.get_mut(&id) else {
                return;
            };
            user.known_to_bot = true;
            if std::mem::replace(&mut user.private_chat, now) != now {
                state.tell_private_block(id, now == PrivateChat::Blocked);
            }
        });
    }
}

fn open_private(state: &mut State, user: UserId) -> Act<()> {
    let person = state.users.get_mut(&user).ok_or_else(|| Refused::because("there is no such person"))?;
    if person.private_chat == PrivateChat::Blocked {
        return Err(Refused::because("they have blocked the bot"));
    }
    person.private_chat = PrivateChat::Open;
    person.known_to_bot = true;
    Ok(())
}

/// Whether somebody may send such a thing into a group, in words if not.
pub(crate) fn may_say(state: &State, chat: ChatId, user: UserId, what: Permissions) -> Act<()> {
    let now = state.now();
    let place = chat_of(state, chat)?;
    match place.kind {
        ChatKind::Channel => {
            return Err(Refused::because("only the channel's administrators can write there"));
        }
        ChatKind::Private => return Err(Refused::because("that is somebody's private chat")),
        ChatKind::Basic | ChatKind::Supergroup => {}
    }
    let status = place.status(user, now);
    if !status.is_present() {
        return Err(Refused::because(match status.name() {
            "kicked" => "they are banned from the group",
            _ => "they are not in the group",
        }));
    }
    if place.allowed(user, now).has(what) {
        return Ok(());
    }
    let reason = if status.name() == "restricted" { "they are muted" } else { "the group lets nobody do that" };
    Err(Refused::because(reason))
}

pub(super) fn placed(state: &State, chat: ChatId, mut message: Message, how: Saying) -> Act<Message> {
    let place = chat_of(state, chat)?;
    if let Some(topic) = how.topic {
        if !place.topics.contains_key(&topic) {
            return Err(Refused::because("there is no such topic"));
        }
        let may_manage = || {
            let by = message.sender.person();
            by.is_some_and(|user| place.rights(user, state.now()).has(AdminRights::MANAGE_TOPICS))
        };
        if place.closed_topics.contains(&topic) && !may_manage() {
            return Err(Refused::because("the topic is closed"));
        }
        message.thread = Some(topic);
        message.is_topic_message = true;
    }
    if let Some(original) = how.reply_to {
        if !place.messages.contains_key(&original) {
            return Err(Refused::because("there is no message to reply to"));
        }
        message.reply_to = Some(original);
    }
    Ok(message)
}

fn forwarded(state: &State, from: ChatId, id: MessageId, by: Sender) -> Act<Message> {
    let original = state.chats.get(&from).and_then(|chat| chat.messages.get(&id));
    let original = original.ok_or_else(|| Refused::because("there is no message to forward"))?;
    let date = original.date;
    let origin = match original.sender {
        Sender::User(user) => Origin::User { user, date },
        Sender::AnonymousAdmin(_) => Origin::Chat { chat: from, date },
        Sender::AsChannel { channel, .. } => Origin::Chat { chat: channel, date },
        Sender::LinkedChannel(channel) => Origin::Channel { chat: channel, message: id, date },
        Sender::Post { .. } => Origin::Channel { chat: from, message: id, date },
    };
    let mut message = Message::new(by, state.now(), original.content.clone());
    message.origin = Some(Box::new(original.origin.as_deref().cloned().unwrap_or(origin)));
    Ok(message)
}
