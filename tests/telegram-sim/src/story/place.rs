//! A group or channel of the story: who is there, and what the bot says in it.

use std::fmt;

use crate::ids::{ChatId, MessageId, UserId};
use crate::ledger::Calls;
use crate::rights::AdminRights;
use crate::story::Story;
use crate::story::person::Person;
use crate::story::said::Said;
use crate::waiting::TimedOut;
use crate::world::Act;
use crate::world::seeing::Seen;

/// A group or channel. Cheap to clone.
#[derive(Clone)]
pub struct Place {
    pub(super) story: Story,
    pub id: ChatId,
    pub(super) owner: UserId,
}

impl Place {
    /// Somebody who is in it; without an update of their coming if they were not yet.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let person = self.story.person(name);
        if !self.story.world.member(self.id, person.id).is_present {
            self.story.world.seed_members(self.id, &[person.id]);
        }
        person
    }

    /// Its public name now, without the `@`.
    #[must_use]
    pub fn username(&self) -> Option<String> {
        self.story.world.chats().into_iter().find(|chat| chat.id == self.id)?.username
    }

    #[must_use]
    pub fn owner(&self) -> Person {
        let name = self.story.world.people().into_iter().find(|person| person.id == self.owner);
        Person {
            story: self.story.clone(),
            id: self.owner,
            name: name.map(|person| person.first_name).unwrap_or_default(),
        }
    }

    /// The channel publishes a post; a linked group gets its copy.
    ///
    /// # Errors
    ///
    /// It is not a channel.
    pub fn posts(&self, text: &str) -> Act<Said> {
        Ok(self.said(self.story.world.post(self.id, text)?))
    }

    /// The channel's discussion group, where its posts are copied to.
    ///
    /// # Errors
    ///
    /// It is not a channel, or that is no supergroup.
    pub fn is_discussed_in(&self, group: &Self) -> Act<()> {
        self.story.world.link(self.id, group.id)
    }

    /// The group becomes a supergroup.
    ///
    /// # Errors
    ///
    /// It is one already, or a channel.
    pub fn becomes_supergroup(&self) -> Act<Self> {
        Ok(Self { id: self.story.world.upgrade(self.id)?, ..self.clone() })
    }

    /// The owner makes the bot an administrator with these rights, bringing it in if need be.
    pub fn lets_bot(&self, rights: AdminRights) {
        self.story.world.add_bot(self.id, rights);
    }

    /// The same, and the update that tells of it is lost.
    pub fn quietly_lets_bot(&self, rights: AdminRights) {
        self.story.world.seed_bot(self.id, rights);
    }

    /// The owner brings the bot in as a plain member.
    pub fn brings_bot_in(&self) {
        self.story.world.add_bot_as_member(self.id);
    }

    /// The owner makes the bot a plain member again.
    ///
    /// # Errors
    ///
    /// It is no administrator.
    pub fn demotes_bot(&self) -> Act<()> {
        self.story.world.demote(self.id, self.owner, self.story.world.bot())
    }

    /// The owner throws the bot out.
    pub fn throws_bot_out(&self) {
        self.story.world.remove_bot(self.id);
    }

    /// Begins a topic of a forum.
    ///
    /// # Errors
    ///
    /// It is no forum.
    pub fn topic(&self, name: &str) -> Act<MessageId> {
        self.story.world.topic(self.id, self.owner, name)
    }

    /// What stands in it now, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Seen> {
        self.story.world.messages(self.id)
    }

    /// The calls of the bot in this chat.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.story.calls().in_chat(self.id)
    }

    /// A message of the bot that begins like this.
    ///
    /// # Errors
    ///
    /// There was none in time.
    pub async fn bot_says(&self, beginning: &str) -> Result<Said, TimedOut> {
        self.bot_message(&format!("the bot to say {beginning:?}"), |seen| seen.text.starts_with(beginning)).await
    }

    /// A message of the bot that mentions somebody: by a mention of their id, so that it works without a username.
    ///
    /// # Errors
    ///
    /// There was none in time.
    pub async fn bot_mentions(&self, who: &Person) -> Result<Said, TimedOut> {
        let mentions = |seen: &Seen| seen.entities.iter().any(|entity| entity["user"]["id"] == who.id.0);
        self.bot_message(&format!("the bot to mention {who}"), mentions).await
    }

    async fn bot_message(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Result<Said, TimedOut> {
        let found = || self.story.world.bot_messages(self.id).into_iter().find(|seen| wanted(seen));
        self.story.until(what, found).await.map(|seen| self.said(seen.id))
    }

    pub(super) fn said(&self, message: MessageId) -> Said {
        Said { story: self.story.clone(), chat: self.id, id: message }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.id)
    }
}
