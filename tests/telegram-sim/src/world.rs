//! The handle on the simulated world: makes people and chats, and lets people act in them.

use std::sync::Arc;

use crate::hub::Hub;
use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;
use crate::state::membership::Entrance;
use crate::state::message::{Content, Message, Sender};
use crate::state::user::User;

pub mod buttons;
pub mod coming;
mod faces;
pub mod moderating;
pub mod posting;
pub mod seeding;
pub mod seeing;
pub mod talking;

/// Why Telegram would not let them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Telegram would not let them: {0}")]
pub struct Refused(pub String);

impl Refused {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Whether Telegram lets somebody do something, and what comes of it.
pub type Act<T> = Result<T, Refused>;

/// Everything people can do. Cheap to clone; all clones act in the same world.
#[derive(Clone)]
pub struct World {
    pub(crate) hub: Arc<Hub>,
}

/// A person about to be made.
#[derive(Clone, Debug, Default)]
pub struct Person<'a> {
    pub first_name: &'a str,
    pub last_name: Option<&'a str>,
    /// Without the `@`.
    pub username: Option<&'a str>,
    pub language: Option<&'a str>,
    pub is_bot: bool,
}

impl World {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.hub.change(act)
    }

    /// The bot's own id.
    #[must_use]
    pub fn bot(&self) -> UserId {
        self.hub.read(|state| state.bot)
    }

    /// A new person with this first name.
    #[must_use]
    pub fn person(&self, first_name: &str) -> UserId {
        self.person_like(&Person { first_name, ..Person::default() })
    }

    /// A new person.
    #[must_use]
    pub fn person_like(&self, person: &Person<'_>) -> UserId {
        let user = User {
            last_name: person.last_name.map(str::to_owned),
            username: person.username.map(str::to_owned),
            language: person.language.map(str::to_owned),
            is_bot: person.is_bot,
            ..User::named(person.first_name)
        };
        self.act(|state| state.add_user(user))
    }

    /// A new person who is a member of the chat already, without any update of it.
    #[must_use]
    pub fn person_in(&self, chat: ChatId, first_name: &str) -> UserId {
        self.act(|state| {
            let user = state.add_user(User::named(first_name));
            let now = state.now();
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.set_status(user, Status::Member, now);
            }
            if state.bot_status(chat).is_present() {
                state.meet(user);
            }
            user
        })
    }

    /// A channel; with a username it is public.
    #[must_use]
    pub fn channel(&self, title: &str, username: Option<&str>, owner: UserId) -> ChatId {
        self.found(ChatKind::Channel, title, username, owner)
    }

    /// A private supergroup.
    #[must_use]
    pub fn group(&self, title: &str, owner: UserId) -> ChatId {
        self.found(ChatKind::Supergroup, title, None, owner)
    }

    /// A supergroup with a public name.
    #[must_use]
    pub fn public_group(&self, title: &str, username: &str, owner: UserId) -> ChatId {
        self.found(ChatKind::Supergroup, title, Some(username), owner)
    }

    /// A supergroup with topics; see [`World::topic`].
    #[must_use]
    pub fn forum(&self, title: &str, owner: UserId) -> ChatId {
        let chat = self.group(title, owner);
        self.change_chat(chat, |chat| chat.is_forum = true);
        chat
    }

    /// A basic group, which cannot mute anybody; see [`World::upgrade`].
    #[must_use]
    pub fn basic_group(&self, title: &str, owner: UserId) -> ChatId {
        self.found(ChatKind::Basic, title, None, owner)
    }

    fn found(&self, kind: ChatKind, title: &str, username: Option<&str>, owner: UserId) -> ChatId {
        self.act(|state| {
            let id = state.add_chat(kind, title);
            state.set_username(id, username);
            let now = state.now();
            if let Some(chat) = state.chats.get_mut(&id) {
                chat.set_status(owner, Status::Creator { is_member: true, is_anonymous: false }, now);
                if kind == ChatKind::Supergroup {
                    // Message 1, which nobody can delete.
                    chat.append(Message::new(Sender::User(owner), now, Content::GroupCreated));
                }
            }
            id
        })
    }

    /// A new topic of a forum; its number is the thread's.
    ///
    /// # Errors
    ///
    /// The chat is not a forum.
    pub fn topic(&self, forum: ChatId, by: UserId, name: &str) -> Act<MessageId> {
        self.act(|state| {
            chat_of(state, forum)?;
            if !state.chats.get(&forum).is_some_and(|chat| chat.is_forum) {
                return Err(Refused::because("the group has no topics"));
            }
            let mut message = Message::new(Sender::User(by), state.now(), Content::TopicCreated(name.to_owned()));
            // The topic's first message is in the topic, and gives it its number.
            let id = state.chats.get(&forum).map_or(MessageId(0), |chat| MessageId(chat.next_message));
            message.thread = Some(id);
            message.is_topic_message = true;
            if let Some(chat) = state.chats.get_mut(&forum) {
                chat.topics.insert(id, name.to_owned());
            }
            Ok(state.post(forum, message))
        })
    }

    /// Closes a topic, for all but those who manage topics, or opens it again.
    pub fn set_topic_closed(&self, forum: ChatId, topic: MessageId, closed: bool) {
        self.change_chat(forum, |chat| {
            if closed {
                chat.closed_topics.insert(topic)
            } else {
                chat.closed_topics.remove(&topic)
            };
        });
    }

    /// The owner deletes a basic group, for everybody.
    ///
    /// # Errors
    ///
    /// It is not a basic group, or is none any more.
    pub fn delete_group(&self, group: ChatId) -> Act<()> {
        self.act(|state| {
            if chat_of(state, group)?.kind != ChatKind::Basic {
                return Err(Refused::because("only a basic group can be deleted like that"));
            }
            if let Some(chat) = state.chats.get_mut(&group) {
                chat.is_deleted = true;
            }
            Ok(())
        })
    }

    /// Somebody deletes their account. They are gone from nowhere, but nobody can be reached by it.
    pub fn delete_account(&self, user: UserId) {
        self.act(|state| {
            if let Some(user) = state.users.get_mut(&user) {
                user.is_deleted = true;
            }
        });
    }

    /// Makes the group the channel's discussion group: posts are copied there.
    ///
    /// # Errors
    ///
    /// It is not a channel and a supergroup.
    pub fn link(&self, channel: ChatId, group: ChatId) -> Act<()> {
        self.act(|state| {
            let fits = chat_of(state, channel)?.is_channel() && chat_of(state, group)?.kind == ChatKind::Supergroup;
            if !fits {
                return Err(Refused::because("only a supergroup can be the discussion group of a channel"));
            }
            for (one, other) in [(channel, group), (group, channel)] {
                if let Some(chat) = state.chats.get_mut(&one) {
                    chat.linked_chat = Some(other);
                }
            }
            Ok(())
        })
    }

    /// Changes a group's or channel's public name.
    pub fn set_username(&self, chat: ChatId, username: Option<&str>) {
        self.act(|state| state.set_username(chat, username));
    }

    pub fn set_title(&self, chat: ChatId, title: &str) {
        self.change_chat(chat, |chat| title.clone_into(&mut chat.title));
    }

    /// An administrator revokes an invite link. Nobody is told, not the bot either that has made it.
    pub fn revoke_link(&self, chat: ChatId, link: &str) {
        self.change_chat(chat, |chat| {
            for link in chat.links.iter_mut().filter(|known| known.url == link) {
                link.is_revoked = true;
            }
        });
    }

    /// Whether people have to be approved before they are in.
    pub fn set_join_by_request(&self, chat: ChatId, on: bool) {
        self.change_chat(chat, |chat| chat.join_by_request = on);
    }

    /// Whether only administrators may list members.
    pub fn set_hidden_members(&self, chat: ChatId, on: bool) {
        self.change_chat(chat, |chat| chat.has_hidden_members = on);
    }

    fn change_chat(&self, id: ChatId, change: impl FnOnce(&mut Chat)) {
        self.act(|state| {
            if let Some(chat) = state.chats.get_mut(&id) {
                change(chat);
            }
        });
    }

    /// The chat's owner makes the bot an administrator, bringing it in if need be.
    pub fn add_bot(&self, chat: ChatId, rights: AdminRights) {
        self.act(|state| {
            let owner = owner(state, chat);
            let rights = rights.fitting(state.chats.get(&chat).is_some_and(Chat::is_channel));
            let bot = state.bot;
            let is_channel = state.chats.get(&chat).is_some_and(Chat::is_channel);
            if !is_channel && !state.bot_status(chat).is_present() {
                unban_silently(state, chat);
                state.enter(chat, bot, owner, &Entrance::default());
            }
            let status = Status::Administrator { rights, promoted_by: owner };
            state.change_status(chat, bot, status, owner, &Entrance::default());
        });
    }

    /// The owner brings the bot into a group as a plain member.
    pub fn add_bot_as_member(&self, chat: ChatId) {
        self.act(|state| {
            let (owner, bot) = (owner(state, chat), state.bot);
            unban_silently(state, chat);
            state.enter(chat, bot, owner, &Entrance::default());
            state.change_status(chat, bot, Status::Member, owner, &Entrance::default());
        });
    }

    /// The owner makes the bot a plain member: in a group it is there still, in a channel it reads like anybody.
    pub fn take_bot_rights(&self, chat: ChatId) {
        self.act(|state| {
            let (owner, bot) = (owner(state, chat), state.bot);
            if state.bot_status(chat).is_admin() {
                state.change_status(chat, bot, Status::Member, owner, &Entrance::default());
            }
        });
    }

    /// The owner throws the bot out. It is kicked until it is added again.
    pub fn remove_bot(&self, chat: ChatId) {
        self.act(|state| {
            let (owner, bot) = (owner(state, chat), state.bot);
            state.depart(chat, bot, owner, Status::Banned { until: 0 });
        });
    }
}

/// Adding lifts the bot's ban, which no update tells of separately.
fn unban_silently(state: &mut State, chat: ChatId) {
    let (bot, now) = (state.bot, state.now());
    if let Some(chat) = state.chats.get_mut(&chat)
        && matches!(chat.status(bot, now), Status::Banned { .. })
    {
        chat.set_status(bot, Status::Left, now);
    }
}

/// The chat's owner; every chat that is founded here has one.
pub(crate) fn owner(state: &State, chat: ChatId) -> UserId {
    let owner = state.chats.get(&chat).and_then(|chat| {
        chat.members.iter().find(|(_, status)| matches!(status, Status::Creator { .. })).map(|(user, _)| *user)
    });
    owner.unwrap_or(state.bot)
}

/// The chat, if people can still do something there.
pub(crate) fn chat_of(state: &State, id: ChatId) -> Act<&Chat> {
    let chat = state.chats.get(&id).ok_or_else(|| Refused::because("there is no such chat"))?;
    if chat.migrated_to.is_some() || chat.is_deleted {
        return Err(Refused::because("the group is no more"));
    }
    Ok(chat)
}
