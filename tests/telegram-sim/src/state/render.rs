//! The Bot API's objects: users, chats, members and messages as the bot is shown them.

use serde_json::{Map, Value, json};

use crate::ids::{CHANNEL_BOT, ChatId, GROUP_ANONYMOUS_BOT, MessageId, TELEGRAM, UserId};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::{Chat, ChatKind, InviteLink};
use crate::state::member::Status;
use crate::state::message::{Content, Message, Origin, Sender};

impl State {
    /// A `User`. Absent fields are left out, never null.
    pub(crate) fn user_json(&self, id: UserId) -> Value {
        let fixed = match id {
            GROUP_ANONYMOUS_BOT => Some((true, "Group", "GroupAnonymousBot")),
            CHANNEL_BOT => Some((true, "Channel", "Channel_Bot")),
            TELEGRAM => Some((false, "Telegram", "")),
            _ => None,
        };
        if let Some((is_bot, name, username)) = fixed {
            let mut user = json!({ "id": id, "is_bot": is_bot, "first_name": name });
            if !username.is_empty() {
                user["username"] = username.into();
            }
            return user;
        }
        let Some(user) = self.users.get(&id) else {
            return json!({ "id": id, "is_bot": false, "first_name": "" });
        };
        let mut object = json!({ "id": id, "is_bot": user.is_bot, "first_name": user.first_name });
        let optional =
            [("last_name", &user.last_name), ("username", &user.username), ("language_code", &user.language)];
        for (name, value) in optional {
            if let Some(value) = value {
                object[name] = value.as_str().into();
            }
        }
        object
    }

    /// A `Chat`.
    pub(crate) fn chat_json(&self, id: ChatId) -> Value {
        let Some(chat) = self.chats.get(&id) else {
            return json!({ "id": id, "type": "supergroup" });
        };
        let mut object = json!({ "id": id, "type": chat.kind.name() });
        if chat.kind == ChatKind::Private {
            if let Some(user) = self.users.get(&UserId(id.0)) {
                object["first_name"] = user.first_name.as_str().into();
                for (name, value) in [("last_name", &user.last_name), ("username", &user.username)] {
                    if let Some(value) = value {
                        object[name] = value.as_str().into();
                    }
                }
            }
            return object;
        }
        object["title"] = chat.title.as_str().into();
        if let Some(username) = &chat.username {
            object["username"] = username.as_str().into();
        }
        if chat.is_forum {
            object["is_forum"] = true.into();
        }
        object
    }

    /// A `ChatMember` of this status. Whether the bot may edit an administrator depends on the chat.
    pub(crate) fn member_json(&self, chat: &Chat, user: UserId, status: &Status) -> Value {
        let mut object = Map::new();
        object.insert("status".into(), status.name().into());
        object.insert("user".into(), self.user_json(user));
        match status {
            Status::Creator { is_anonymous, .. } => {
                object.insert("is_anonymous".into(), (*is_anonymous).into());
            }
            Status::Administrator { rights, promoted_by } => {
                let may_edit = *promoted_by == self.bot
                    && user != self.bot
                    && chat.rights(self.bot, self.now()).has(AdminRights::PROMOTE_MEMBERS);
                object.insert("can_be_edited".into(), may_edit.into());
                for (name, flag) in AdminRights::FIELDS {
                    if AdminRights::shows(*flag, chat.is_channel()) {
                        object.insert((*name).into(), rights.has(*flag).into());
                    }
                }
            }
            Status::Restricted { permissions, until, is_member } => {
                permissions.write(&mut object);
                object.insert("until_date".into(), (*until).into());
                object.insert("is_member".into(), (*is_member).into());
            }
            Status::Banned { until } => {
                object.insert("until_date".into(), (*until).into());
            }
            Status::Member | Status::Left => {}
        }
        Value::Object(object)
    }

    /// A `ChatInviteLink`.
    pub(crate) fn link_json(&self, chat: &Chat, link: &InviteLink) -> Value {
        let mut object = json!({
            "invite_link": link.url,
            "creator": self.user_json(link.creator),
            "creates_join_request": link.creates_join_request,
            "is_primary": link.is_primary,
            "is_revoked": link.is_revoked,
        });
        if let Some(name) = &link.name {
            object["name"] = name.as_str().into();
        }
        if let Some(expires) = link.expires {
            object["expire_date"] = expires.into();
        }
        if let Some(limit) = link.member_limit {
            object["member_limit"] = limit.into();
        }
        let pending = chat.join_requests.values().filter(|request| request.link.as_ref() == Some(&link.url)).count();
        if pending > 0 {
            object["pending_join_request_count"] = pending.into();
        }
        object
    }

    /// A `Message`, with the one it replies to (but not what that one replies to).
    pub(crate) fn message_json(&self, chat_id: ChatId, id: MessageId, message: &Message) -> Value {
        let mut object = self.message_without_reply(chat_id, id, message);
        if let Some(reply_to) = message.reply_to
            && let Some(original) = self.chats.get(&chat_id).and_then(|chat| chat.messages.get(&reply_to))
        {
            object["reply_to_message"] = self.message_without_reply(chat_id, reply_to, original);
        }
        object
    }

    fn message_without_reply(&self, chat_id: ChatId, id: MessageId, message: &Message) -> Value {
        let mut object = json!({ "message_id": id, "date": message.date, "chat": self.chat_json(chat_id) });
        match message.sender {
            Sender::User(user) => object["from"] = self.user_json(user),
            Sender::AnonymousAdmin(_) => {
                object["from"] = self.user_json(GROUP_ANONYMOUS_BOT);
                object["sender_chat"] = self.chat_json(chat_id);
            }
            Sender::AsChannel { channel, .. } => {
                object["from"] = self.user_json(CHANNEL_BOT);
                object["sender_chat"] = self.chat_json(channel);
            }
            Sender::LinkedChannel(channel) => {
                object["from"] = self.user_json(TELEGRAM);
                object["sender_chat"] = self.chat_json(channel);
                object["is_automatic_forward"] = true.into();
            }
            Sender::Post { .. } => object["sender_chat"] = self.chat_json(chat_id),
        }
        if let Some(edited) = message.edit_date {
            object["edit_date"] = edited.into();
        }
        if let Some(thread) = message.thread {
            object["message_thread_id"] = thread.0.into();
        }
        if message.is_topic_message {
            object["is_topic_message"] = true.into();
        }
        if let Some(album) = &message.album {
            object["media_group_id"] = (**album).into();
        }
        if let Some(origin) = &message.origin {
            object["forward_origin"] = self.origin_json(origin);
        }
        if let Some(keyboard) = &message.keyboard {
            object["reply_markup"] = (**keyboard).clone();
        }
        self.write_content(&mut object, &message.content);
        object
    }

    fn origin_json(&self, origin: &Origin) -> Value {
        match origin {
            Origin::User { user, date } => {
                json!({ "type": "user", "date": date, "sender_user": self.user_json(*user) })
            }
            Origin::Channel { chat, message, date } => {
                json!({ "type": "channel", "date": date, "chat": self.chat_json(*chat), "message_id": message })
            }
            Origin::Chat { chat, date } => {
                json!({ "type": "chat", "date": date, "sender_chat": self.chat_json(*chat) })
            }
        }
    }

    fn write_content(&self, object: &mut Value, content: &Content) {
        match content {
            Content::Text { text, entities } => {
                object["text"] = text.as_str().into();
                if !entities.is_empty() {
                    object["entities"] = Value::Array(entities.clone());
                }
            }
            Content::Photo { number, caption, entities } => {
                object["photo"] = json!([{
                    "file_id": format!("simulated-photo-{number}"),
                    "file_unique_id": format!("photo{number}"),
                    "width": 90,
                    "height": 60,
                }]);
                if !caption.is_empty() {
                    object["caption"] = caption.as_str().into();
                }
                if !entities.is_empty() {
                    object["caption_entities"] = Value::Array(entities.clone());
                }
            }
            Content::LiveLocation { moves } => {
                let longitude = 13.0 + f64::from(*moves) / 1000.0;
                object["location"] = json!({ "latitude": 52.5, "longitude": longitude, "live_period": 3600 });
            }
            Content::NewMembers(users) => {
                let users: Vec<Value> = users.iter().map(|user| self.user_json(*user)).collect();
                // The first two are what older libraries read.
                if let Some(first) = users.first() {
                    object["new_chat_participant"] = first.clone();
                    object["new_chat_member"] = first.clone();
                }
                object["new_chat_members"] = Value::Array(users);
            }
            Content::LeftMember(user) => {
                object["left_chat_participant"] = self.user_json(*user);
                object["left_chat_member"] = self.user_json(*user);
            }
            Content::MigratedTo(chat) => object["migrate_to_chat_id"] = chat.0.into(),
            Content::MigratedFrom(chat) => object["migrate_from_chat_id"] = chat.0.into(),
            Content::TopicCreated(name) => {
                object["forum_topic_created"] = json!({ "name": name, "icon_color": 7_322_096 });
            }
            Content::GroupCreated => object["supergroup_chat_created"] = true.into(),
        }
    }
}
