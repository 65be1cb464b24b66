//! A group or channel about to be founded: its name, its owner, who is in it, and what the bot may do there.

use crate::ids::UserId;
use crate::rights::AdminRights;
use crate::story::Story;
use crate::story::person::Person;
use crate::story::place::Place;

/// Owns whatever nobody else was named for.
const USUAL_OWNER: &str = "Olga";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Forum,
    BasicGroup,
    Channel,
}

enum Bot {
    Absent,
    Member,
    Admin(AdminRights),
}

/// Founded by [`Founding::open`].
#[must_use = "nothing is founded before `open`"]
pub struct Founding {
    story: Story,
    kind: Kind,
    title: String,
    username: Option<String>,
    owner: UserId,
    members: Vec<UserId>,
    bot: Bot,
    asks_to_join: bool,
}

impl Founding {
    pub(super) fn of(story: &Story, title: &str, kind: Kind) -> Self {
        Self {
            story: story.clone(),
            kind,
            title: title.to_owned(),
            username: None,
            owner: story.person(USUAL_OWNER).id,
            members: Vec::new(),
            bot: Bot::Absent,
            asks_to_join: false,
        }
    }

    /// With this public name, given without the `@`.
    pub fn public(self, username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..self }
    }

    /// Owned by somebody else than Olga.
    pub fn owned_by(self, owner: &Person) -> Self {
        Self { owner: owner.id, ..self }
    }

    /// Somebody who has been in it for long: no update tells of their coming.
    pub fn person(mut self, name: &str) -> Self {
        self.members.push(self.story.person(name).id);
        self
    }

    /// The bot is an administrator with these rights.
    pub fn with_bot(self, rights: AdminRights) -> Self {
        Self { bot: Bot::Admin(rights), ..self }
    }

    /// The bot is in it and has no rights.
    pub fn with_bot_as_member(self) -> Self {
        Self { bot: Bot::Member, ..self }
    }

    /// Whoever wants to come in has to be approved.
    pub fn asking_to_join(self) -> Self {
        Self { asks_to_join: true, ..self }
    }

    /// Founds it.
    #[must_use]
    pub fn open(self) -> Place {
        let world = &self.story.world;
        let id = match self.kind {
            Kind::Channel => world.channel(&self.title, None, self.owner),
            Kind::Group => world.group(&self.title, self.owner),
            Kind::Forum => world.forum(&self.title, self.owner),
            Kind::BasicGroup => world.basic_group(&self.title, self.owner),
        };
        if self.username.is_some() {
            world.set_username(id, self.username.as_deref());
        }
        world.set_join_by_request(id, self.asks_to_join);
        world.seed_members(id, &self.members);
        match self.bot {
            Bot::Absent => {}
            Bot::Member => world.add_bot_as_member(id),
            Bot::Admin(rights) => world.add_bot(id, rights),
        }
        Place { story: self.story, id, owner: self.owner }
    }
}
