//! People coming and going, and groups becoming supergroups.

use crate::ids::{ChatId, UserId};
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;
use crate::state::membership::Entrance;
use crate::state::message::{Content, Message, Sender};
use crate::world::{Act, Refused, World, chat_of, owner};

impl World {
    /// Joins by oneself, as to a public chat or by a link that nobody recorded.
    ///
    /// # Errors
    ///
    /// They are banned, in already, or have to ask (see [`World::request_to_join`]).
    pub fn join(&self, chat: ChatId, user: UserId) -> Act<()> {
        self.act(|state| {
            if chat_of(state, chat)?.join_by_request {
                return Err(Refused::because("they have to ask to be let in"));
            }
            come_in(state, chat, user, user, &Entrance::default())
        })
    }

    /// Joins by an invite link; one that asks for approval only makes a request.
    ///
    /// # Errors
    ///
    /// The link is not valid any more, or they are banned or in already.
    pub fn join_by_link(&self, chat: ChatId, user: UserId, link: &str) -> Act<()> {
        self.act(|state| {
            let now = state.now();
            let found = chat_of(state, chat)?.link(link).cloned();
            let found = found.ok_or_else(|| Refused::because("there is no such link"))?;
            let expired = found.expires.is_some_and(|expires| expires <= now);
            let full = found.member_limit.is_some_and(|limit| found.joined >= limit);
            if found.is_revoked || expired || full {
                return Err(Refused::because("the link is not valid any more"));
            }
            if found.creates_join_request {
                return ask(state, chat, user, Some(found.url));
            }
            come_in(state, chat, user, user, &Entrance { link: Some(found.url), via_join_request: false })
        })
    }

    /// Somebody in the group brings another in.
    ///
    /// # Errors
    ///
    /// The adder is not in the group, or the other is banned or in already.
    pub fn join_by(&self, chat: ChatId, user: UserId, adder: UserId) -> Act<()> {
        self.act(|state| {
            if !state.status(chat, adder).is_present() {
                return Err(Refused::because("who adds them is not in the group"));
            }
            come_in(state, chat, user, adder, &Entrance::default())
        })
    }

    /// Leaves; an administrator is none when they come back.
    ///
    /// # Errors
    ///
    /// They are not in.
    pub fn leave(&self, chat: ChatId, user: UserId) -> Act<()> {
        self.act(|state| {
            let status = state.status(chat, user);
            if !status.is_present() {
                return Err(Refused::because("they are not in the chat"));
            }
            state.depart(chat, user, user, status.left());
            Ok(())
        })
    }

    /// Asks to be let in, by a link or without.
    ///
    /// # Errors
    ///
    /// They are banned or in already, or there is no such link.
    pub fn request_to_join(&self, chat: ChatId, user: UserId, link: Option<&str>) -> Act<()> {
        self.act(|state| {
            if let Some(link) = link
                && chat_of(state, chat)?.link(link).is_none()
            {
                return Err(Refused::because("there is no such link"));
            }
            ask(state, chat, user, link.map(str::to_owned))
        })
    }

    /// The owner lets somebody in who asked.
    ///
    /// # Errors
    ///
    /// They did not ask.
    pub fn approve(&self, chat: ChatId, user: UserId) -> Act<()> {
        self.act(|state| {
            let request = chat_of(state, chat)?.join_requests.get(&user).cloned();
            let link = request.ok_or_else(|| Refused::because("they did not ask"))?.link;
            let owner = owner(state, chat);
            come_in(state, chat, user, owner, &Entrance { link, via_join_request: true })
        })
    }

    /// The owner does not let somebody in who asked.
    ///
    /// # Errors
    ///
    /// They did not ask.
    pub fn decline(&self, chat: ChatId, user: UserId) -> Act<()> {
        self.act(|state| {
            if !chat_of(state, chat)?.join_requests.contains_key(&user) {
                return Err(Refused::because("they did not ask"));
            }
            state.close_request(chat, user);
            Ok(())
        })
    }

    /// Turns a basic group into a supergroup: everybody and everything the bot is moves there. Gives the new id.
    ///
    /// # Errors
    ///
    /// It is not a basic group, or was upgraded already.
    pub fn upgrade(&self, group: ChatId) -> Act<ChatId> {
        self.act(|state| {
            let old = chat_of(state, group)?;
            if old.kind != ChatKind::Basic {
                return Err(Refused::because("only a basic group becomes a supergroup"));
            }
            let (title, permissions, present) = (old.title.clone(), old.permissions, old.present);
            let members = old.members.clone();
            let (owner, now, bot) = (owner(state, group), state.now(), state.bot);
            let new = state.add_chat(ChatKind::Supergroup, &title);
            let bot_is_in = members.get(&bot).is_some_and(Status::is_present);
            if let Some(chat) = state.chats.get_mut(&new) {
                *chat = Chat {
                    members,
                    present,
                    permissions,
                    known_to_bot: bot_is_in,
                    ..Chat::new(ChatKind::Supergroup, &title)
                };
            }
            let leaving = Message::new(Sender::User(owner), now, Content::MigratedTo(new));
            state.post(group, leaving);
            if let Some(chat) = state.chats.get_mut(&group) {
                chat.migrated_to = Some(new);
            }
            let arriving = Message::new(Sender::User(owner), now, Content::MigratedFrom(group));
            state.post(new, arriving);
            Ok(new)
        })
    }
}

fn come_in(state: &mut State, chat: ChatId, user: UserId, actor: UserId, entrance: &Entrance) -> Act<()> {
    chat_of(state, chat)?;
    if state.status(chat, user).is_present() {
        return Err(Refused::because("they are in already"));
    }
    if state.enter(chat, user, actor, entrance) { Ok(()) } else { Err(Refused::because("they are banned")) }
}

fn ask(state: &mut State, chat: ChatId, user: UserId, link: Option<String>) -> Act<()> {
    let status = state.status(chat, user);
    if status.is_present() {
        return Err(Refused::because("they are in already"));
    }
    if matches!(status, Status::Banned { .. }) {
        return Err(Refused::because("they are banned"));
    }
    state.ask_to_join(chat, user, link);
    Ok(())
}
