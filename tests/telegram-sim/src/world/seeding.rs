//! Filling the world with many people and groups at once, without any update of it.

use crate::ids::{ChatId, UserId};
use crate::rights::AdminRights;
use crate::state::chat::ChatKind;
use crate::state::member::Status;
use crate::state::message::{Content, Message, Sender};
use crate::state::user::User;
use crate::world::{World, owner};

/// A group that was made in bulk.
#[derive(Clone, Debug)]
pub struct SeededGroup {
    pub group: ChatId,
    pub owner: UserId,
    pub members: Vec<UserId>,
}

impl World {
    /// Makes this many supergroups with this many new members each, the bot their administrator.
    #[must_use]
    pub fn seed(&self, groups: usize, members_each: usize, bot_rights: AdminRights) -> Vec<SeededGroup> {
        (0..groups).map(|number| self.seed_group(number, members_each, bot_rights)).collect()
    }

    fn seed_group(&self, number: usize, members: usize, bot_rights: AdminRights) -> SeededGroup {
        self.act(|state| {
            let owner = state.add_user(User { known_to_bot: true, ..User::named(&format!("Owner {number}")) });
            let group = state.add_chat(ChatKind::Supergroup, &format!("Group {number}"));
            let people: Vec<UserId> = (0..members)
                .map(|member| {
                    state.add_user(User { known_to_bot: true, ..User::named(&format!("Member {number}-{member}")) })
                })
                .collect();
            let (bot, now) = (state.bot, state.now());
            if let Some(chat) = state.chats.get_mut(&group) {
                chat.known_to_bot = true;
                chat.set_status(owner, Status::Creator { is_member: true, is_anonymous: false }, now);
                let rights = bot_rights.fitting(false);
                chat.known_to_bot = true;
                chat.set_status(bot, Status::Administrator { rights, promoted_by: owner }, now);
                for person in &people {
                    chat.set_status(*person, Status::Member, now);
                }
                // Message 1, as every group has it.
                chat.append(Message::new(Sender::User(owner), now, Content::GroupCreated));
            }
            SeededGroup { group, owner, members: people }
        })
    }

    /// Makes these people members of a chat, such as a channel, without any update of it.
    pub fn seed_members(&self, chat: ChatId, people: &[UserId]) {
        self.act(|state| {
            let now = state.now();
            let bot_is_there = state.bot_status(chat).is_present();
            if let Some(chat) = state.chats.get_mut(&chat) {
                for person in people {
                    chat.set_status(*person, Status::Member, now);
                }
            }
            if bot_is_there {
                for person in people {
                    state.meet(*person);
                }
            }
        });
    }

    /// The bot is an administrator with these rights from now on, and the update that tells of it is lost.
    pub fn seed_bot(&self, chat: ChatId, rights: AdminRights) {
        self.act(|state| {
            let (owner, bot, now) = (owner(state, chat), state.bot, state.now());
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.known_to_bot = true;
                chat.set_status(bot, Status::Administrator { rights, promoted_by: owner }, now);
            }
        });
    }
}
