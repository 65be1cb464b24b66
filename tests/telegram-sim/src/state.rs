//! Everything there is in the simulated world: people, chats, the bot, and what waits to be delivered to it.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::SimConfig;
use crate::ids::{ChatId, UserId};
use crate::state::callbacks::Callbacks;
use crate::state::chat::{Chat, ChatKind};
use crate::state::chronicle::Event;
use crate::state::member_cache::Cache;
use crate::state::updates::Updates;
use crate::state::user::User;

pub(crate) mod callbacks;
pub(crate) mod chat;
pub(crate) mod chronicle;
pub(crate) mod entities;
pub(crate) mod joining;
pub(crate) mod member;
pub(crate) mod member_cache;
pub(crate) mod membership;
pub(crate) mod message;
pub(crate) mod posting;
pub(crate) mod render;
pub(crate) mod updates;
pub(crate) mod user;
pub(crate) mod webhook;

/// The world, behind one lock with short critical sections.
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) config: SimConfig,
    pub(crate) bot: UserId,
    pub(crate) users: HashMap<UserId, User>,
    pub(crate) chats: HashMap<ChatId, Chat>,
    /// Lower-cased public names of groups and channels.
    usernames: HashMap<String, ChatId>,
    pub(crate) updates: Updates,
    pub(crate) webhook: webhook::Webhook,
    /// The bot has called logOut: no method answers any more.
    pub(crate) logged_out: bool,
    pub(crate) callbacks: Callbacks,
    pub(crate) member_cache: Cache,
    /// The bot's commands, by scope (its JSON text) and language.
    pub(crate) commands: HashMap<(String, String), Value>,
    pub(crate) rng: StdRng,
    /// What has happened, once somebody asks for it.
    pub(crate) chronicle: Option<Vec<Event>>,
    next_user: i64,
    next_supergroup: i64,
    next_basic_group: i64,
    next_link: u64,
    next_album: u64,
}

impl State {
    pub(crate) fn new(clock: Clock, config: SimConfig, bot: UserId) -> Self {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let mut state = Self {
            clock,
            bot,
            users: HashMap::new(),
            chats: HashMap::new(),
            usernames: HashMap::new(),
            updates: Updates::new(&mut rng, config.seed),
            webhook: webhook::Webhook::default(),
            logged_out: false,
            callbacks: Callbacks::default(),
            member_cache: Cache::new(config.seed),
            commands: HashMap::new(),
            rng,
            chronicle: None,
            next_user: 10_000_001,
            next_supergroup: -1_001_000_000_001,
            next_basic_group: -4_000_001,
            next_link: 1,
            next_album: 13_000_000_000_001,
            config,
        };
        let bot = User {
            is_bot: true,
            username: Some(state.config.bot_username.clone()),
            known_to_bot: true,
            ..User::named(&state.config.bot_name)
        };
        state.users.insert(state.bot, bot);
        state
    }

    /// The world's time in seconds, as messages are dated.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    pub(crate) fn add_user(&mut self, user: User) -> UserId {
        while self.next_user == self.bot.0 {
            self.next_user += 1;
        }
        let id = UserId(self.next_user);
        self.next_user += 1;
        self.users.insert(id, user);
        id
    }

    pub(crate) fn add_chat(&mut self, kind: ChatKind, title: &str) -> ChatId {
        let next = match kind {
            ChatKind::Basic => &mut self.next_basic_group,
            ChatKind::Supergroup | ChatKind::Channel | ChatKind::Private => &mut self.next_supergroup,
        };
        let id = ChatId(*next);
        *next -= 1;
        self.chats.insert(id, Chat::new(kind, title));
        id
    }

    /// The private chat with this person, made when first needed.
    pub(crate) fn private_chat(&mut self, user: UserId) -> ChatId {
        let id = ChatId::from(user);
        self.chats.entry(id).or_insert_with(|| Chat { known_to_bot: true, ..Chat::new(ChatKind::Private, "") });
        id
    }

    /// Gives a group or channel a public name, or takes it away.
    pub(crate) fn set_username(&mut self, chat: ChatId, username: Option<&str>) {
        let Some(entry) = self.chats.get_mut(&chat) else {
            return;
        };
        if let Some(old) = entry.username.take() {
            self.usernames.remove(&old.to_lowercase());
        }
        if let Some(name) = username {
            entry.username = Some(name.to_owned());
            self.usernames.insert(name.to_lowercase(), chat);
        }
    }

    /// The group or channel with this public name, with or without the `@`.
    pub(crate) fn chat_named(&self, name: &str) -> Option<ChatId> {
        self.usernames.get(&name.trim_start_matches('@').to_lowercase()).copied()
    }

    pub(crate) fn next_invite_link(&mut self) -> String {
        let number = self.next_link;
        self.next_link += 1;
        format!("https://t.me/+{number:016X}")
    }

    pub(crate) fn next_album(&mut self) -> String {
        self.next_album += 1;
        self.next_album.to_string()
    }

    /// Whether the bot has met this person, so that it may use their id.
    pub(crate) fn has_met(&self, user: UserId) -> bool {
        self.users.get(&user).is_some_and(|user| user.known_to_bot)
    }

    pub(crate) fn meet(&mut self, user: UserId) {
        if let Some(user) = self.users.get_mut(&user) {
            user.known_to_bot = true;
        }
    }
}
