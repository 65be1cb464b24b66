//! What one seed plays with: a group, two channels that it may require, and the people around them.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use telegram_sim::{
    ids::{ChatId, MessageId, UserId},
    rights::AdminRights,
    world::World,
};

const PEOPLE: [&str; 4] = ["Ann", "Ben", "Cleo", "Dan"];

/// One seed's corner of the world. Nobody in it meets anybody of another's.
pub(super) struct Town {
    pub(super) seed: u64,
    pub(super) rng: StdRng,
    pub(super) group: ChatId,
    pub(super) channels: [ChatId; 2],
    pub(super) owner: UserId,
    /// Who appoints, mutes and bans beside the owner.
    pub(super) admin: UserId,
    pub(super) people: Vec<UserId>,
    /// What was done, for whoever has to read it.
    pub(super) journal: Vec<Entry>,
    /// When the last fault that touches this town ends, in the world's milliseconds.
    pub(super) troubled_until_ms: i64,
}

/// An act that Telegram has let somebody do.
pub(super) struct Entry {
    /// The chronicle's next event when it began.
    pub(super) event: usize,
    pub(super) at_ms: i64,
    pub(super) told: String,
    pub(super) note: Option<Note>,
}

/// What the oracle has to know of an act, and cannot see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The owner has sent `/unprotect` with nothing in its way.
    Unprotected(MessageId),
    /// Something was sent that may turn the protection on.
    MayProtect,
    Pressed {
        message: MessageId,
        may_protect: bool,
    },
}

impl Town {
    pub(super) fn found(world: &World, seed: u64) -> Self {
        let owner = world.person("Olga");
        let channels = ["news", "arts"].map(|name| {
            let channel = world.channel(&format!("{name} of {seed}"), Some(&username(name, seed)), owner);
            world.add_bot(channel, AdminRights::INVITE_USERS);
            channel
        });
        let group = world.group(&format!("Readers {seed}"), owner);
        world.add_bot(group, AdminRights::MODERATOR);
        let people = PEOPLE.map(|name| world.person_in(group, &format!("{name} {seed}"))).to_vec();
        let admin = world.person_in(group, "Amir");
        let mut town = Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            group,
            channels,
            owner,
            admin,
            people,
            journal: Vec::new(),
            troubled_until_ms: 0,
        };
        let rights = AdminRights::all().without(AdminRights::ANONYMOUS);
        town.try_act(world, "Amir becomes an admin", None, || world.promote(group, owner, admin, rights));
        town
    }

    /// The public name of one of its channels.
    pub(super) fn username(&self, channel: usize) -> String {
        username(["news", "arts"][channel], self.seed)
    }

    /// Where something can happen that concerns it, its people's private chats with the bot included.
    pub(super) fn chats(&self) -> impl Iterator<Item = ChatId> {
        let people = self.people.iter().map(|who| ChatId::from(*who));
        [self.group].into_iter().chain(self.channels).chain(people)
    }

    pub(super) fn somebody(&mut self) -> UserId {
        *self.people.choose(&mut self.rng).expect("there are people")
    }

    pub(super) fn someone_in_charge(&mut self) -> UserId {
        if self.rng.random_bool(0.5) { self.owner } else { self.admin }
    }

    pub(super) fn is_troubled(&self, now_ms: i64) -> bool {
        now_ms <= self.troubled_until_ms
    }

    pub(super) fn trouble(&mut self, now_ms: i64, lasts: Duration) {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        self.troubled_until_ms = self.troubled_until_ms.max(now_ms.saturating_add(lasts));
    }

    /// Does something, and writes it down if Telegram has let them.
    pub(super) fn try_act<T, E>(
        &mut self,
        world: &World,
        told: &str,
        note: Option<Note>,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Option<T> {
        let (event, at_ms) = (world.events(), world.now_ms());
        let done = act().ok()?;
        self.journal.push(Entry { event, at_ms, told: told.to_owned(), note });
        Some(done)
    }
}

fn username(name: &str, seed: u64) -> String {
    format!("{name}_of_{seed}")
}
