//! Coming into a chat and going from it, with service messages, and asking to be let in.

use serde_json::json;

use crate::ids::{ChatId, UserId};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::JoinRequest;
use crate::state::member::Status;
use crate::state::membership::Entrance;
use crate::state::message::{Content, Message, Sender};
use crate::state::updates::{Kind, QueueId};

/// After asking to join, a person may be written to by the bot for this long.
const WRITE_AFTER_REQUEST_S: i64 = 300;

impl State {
    /// Lets somebody in; `actor` is themselves, or who added or approved them. False for the banned.
    pub(crate) fn enter(&mut self, chat_id: ChatId, user: UserId, actor: UserId, entrance: &Entrance) -> bool {
        let Some(status) = self.status(chat_id, user).joined() else {
            return false;
        };
        self.close_request(chat_id, user);
        if let Some(chat) = self.chats.get_mut(&chat_id)
            && let Some(url) = &entrance.link
            && let Some(link) = chat.links.iter_mut().find(|link| link.url == *url)
        {
            link.joined += 1;
        }
        if self.change_status(chat_id, user, status, actor, entrance) {
            let from = if entrance.via_join_request { user } else { actor };
            self.announce(chat_id, from, Content::NewMembers(vec![user]), self.config.quiet_joins_from);
        }
        true
    }

    /// Takes somebody out: by themselves, or with the status that `actor` gives them (a ban).
    pub(crate) fn depart(&mut self, chat_id: ChatId, user: UserId, actor: UserId, status: Status) {
        let was_present = self.status(chat_id, user).is_present();
        if self.change_status(chat_id, user, status, actor, &Entrance::default()) && was_present {
            self.announce(chat_id, actor, Content::LeftMember(user), self.config.quiet_leaves_from);
        }
    }

    /// A service message of a join or a leave; large groups do without.
    fn announce(&mut self, chat_id: ChatId, from: UserId, content: Content, quiet_from: usize) {
        let loud = self.chats.get(&chat_id).is_some_and(|chat| chat.is_group() && chat.present < quiet_from);
        if loud {
            let message = Message::new(Sender::User(from), self.now(), content);
            self.post(chat_id, message);
        }
    }

    /// The request is handled: the bot may not write first any more.
    pub(crate) fn close_request(&mut self, chat_id: ChatId, user: UserId) {
        let request = self.chats.get_mut(&chat_id).and_then(|chat| chat.join_requests.remove(&user));
        if request.is_some()
            && let Some(user) = self.users.get_mut(&user)
        {
            user.may_be_written_until = 0;
        }
    }

    /// Puts a request to join before the administrators.
    pub(crate) fn ask_to_join(&mut self, chat_id: ChatId, user: UserId, link: Option<String>) {
        let now = self.now();
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        chat.join_requests.insert(user, JoinRequest { link: link.clone() });
        if !self.bot_rights(chat_id).has(AdminRights::INVITE_USERS) {
            return;
        }
        if let Some(user) = self.users.get_mut(&user) {
            user.may_be_written_until = now + WRITE_AFTER_REQUEST_S;
            user.known_to_bot = true;
        }
        let mut object = json!({
            "chat": self.chat_json(chat_id),
            "from": self.user_json(user),
            "user_chat_id": user,
            "date": now,
        });
        if let Some(chat) = self.chats.get(&chat_id)
            && let Some(link) = link.and_then(|url| chat.link(&url))
        {
            object["invite_link"] = self.link_json(chat, link);
        }
        self.push_for_a_day(Kind::ChatJoinRequest, QueueId::Memberships(user), &object);
    }
}
