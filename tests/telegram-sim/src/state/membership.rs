//! Changing what somebody is in a chat, with the updates that follow from it.

use serde_json::{Value, json};

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chronicle::{Standing, What};
use crate::state::member::Status;
use crate::state::updates::{Kind, QueueId};

/// How somebody came in, where that is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entrance {
    pub(crate) link: Option<String>,
    pub(crate) via_join_request: bool,
}

/// Updates are kept this long.
pub(crate) const DAY_MS: i64 = 86_400_000;

impl State {
    pub(crate) fn status(&self, chat: ChatId, user: UserId) -> Status {
        self.chats.get(&chat).map_or(Status::Left, |chat| chat.status(user, self.now()))
    }

    pub(crate) fn bot_status(&self, chat: ChatId) -> Status {
        self.status(chat, self.bot)
    }

    /// What the bot may do there as an administrator.
    pub(crate) fn bot_rights(&self, chat: ChatId) -> AdminRights {
        self.chats.get(&chat).map_or(AdminRights::none(), |chat| chat.rights(self.bot, self.now()))
    }

    /// Gives somebody a status. The same as now changes nothing and makes no update; false then.
    pub(crate) fn change_status(
        &mut self,
        chat_id: ChatId,
        user: UserId,
        new: Status,
        actor: UserId,
        entrance: &Entrance,
    ) -> bool {
        let now = self.now();
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return false;
        };
        let new = if chat.is_channel() { new.without_restriction() } else { new };
        let old = chat.status(user, now);
        if old == new {
            return false;
        }
        chat.set_status(user, new.clone(), now);
        if matches!(new, Status::Restricted { .. } | Status::Banned { .. }) {
            // Leaving and coming back keep a restriction, and whose it is.
            if actor != user {
                chat.sanctioned_by.insert(user, actor);
            }
        } else {
            chat.sanctioned_by.remove(&user);
        }
        let became = What::Became { user, by: actor, old: Standing::of(&old), new: Standing::of(&new) };
        self.note(chat_id, became);
        if user == self.bot {
            self.bot_changed(chat_id, &old, &new);
        } else {
            if self.bot_status(chat_id).is_present() {
                self.meet(user);
            }
            if self.loses_push(chat_id, user, actor) {
                // The push is what the cache and the update are both made of.
                return true;
            }
            self.push_member(chat_id, user, &new);
        }
        self.tell_membership(chat_id, user, &old, &new, actor, entrance);
        true
    }

    /// The bot came: it meets everybody there, and sees messages from here on. Or it is no administrator any more.
    fn bot_changed(&mut self, chat_id: ChatId, old: &Status, new: &Status) {
        if !new.is_admin() {
            self.forget_members(chat_id);
        }
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        if old.is_present() || !new.is_present() {
            return;
        }
        chat.known_to_bot = true;
        chat.bot_since = MessageId(chat.next_message);
        let members: Vec<UserId> = chat.members.keys().copied().collect();
        for member in members {
            self.meet(member);
        }
    }

    fn tell_membership(
        &mut self,
        chat_id: ChatId,
        user: UserId,
        old: &Status,
        new: &Status,
        actor: UserId,
        entrance: &Entrance,
    ) {
        let of_itself = user == self.bot;
        if !of_itself
            && (!self.bot_status(chat_id).is_admin() || (actor == self.bot && !self.config.own_acts_make_updates))
        {
            return;
        }
        let (kind, queue) = if of_itself {
            (Kind::MyChatMember, QueueId::OwnMembership(chat_id))
        } else {
            (Kind::ChatMember, QueueId::Memberships(user))
        };
        self.meet(actor);
        if !self.updates.allows(kind) {
            return;
        }
        let Some(chat) = self.chats.get(&chat_id) else {
            return;
        };
        let mut object = json!({
            "chat": self.chat_json(chat_id),
            "from": self.user_json(actor),
            "date": self.now(),
            "old_chat_member": self.member_json(chat, user, old),
            "new_chat_member": self.member_json(chat, user, new),
        });
        if let Some(link) = entrance.link.as_ref().and_then(|url| chat.link(url)) {
            object["invite_link"] = self.link_json(chat, link);
        }
        if entrance.via_join_request {
            object["via_join_request"] = true.into();
        }
        self.push_for_a_day(kind, queue, &object);
    }

    pub(crate) fn push_for_a_day(&mut self, kind: Kind, queue: QueueId, object: &Value) {
        let now_ms = self.clock.now_ms();
        self.updates.push(kind, queue, now_ms, now_ms + DAY_MS, object);
    }

    /// The bot's standing with a person in private: blocked or not.
    pub(crate) fn tell_private_block(&mut self, user: UserId, blocked: bool) {
        let chat_id = self.private_chat(user);
        let status = |blocked| {
            if blocked { Status::Banned { until: 0 } } else { Status::Member }
        };
        let Some(chat) = self.chats.get(&chat_id) else {
            return;
        };
        let object = json!({
            "chat": self.chat_json(chat_id),
            "from": self.user_json(user),
            "date": self.now(),
            "old_chat_member": self.member_json(chat, self.bot, &status(!blocked)),
            "new_chat_member": self.member_json(chat, self.bot, &status(blocked)),
        });
        self.push_for_a_day(Kind::MyChatMember, QueueId::OwnMembership(chat_id), &object);
    }
}
