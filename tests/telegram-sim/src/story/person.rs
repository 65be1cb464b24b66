//! Somebody of the story, and everything they can do.

use std::fmt;
use std::time::Duration;

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::story::Story;
use crate::story::place::Place;
use crate::story::said::Said;
use crate::waiting::TimedOut;
use crate::world::buttons::{CallbackAnswer, Unanswered};
use crate::world::seeing::Membership;
use crate::world::talking::Saying;
use crate::world::{Act, Refused};

/// A client shows its spinner for about this long.
const SPINNER: Duration = Duration::from_secs(15);

/// Why a press came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PressFailed {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// A person. Cheap to clone; equal if they are the same person.
#[derive(Clone)]
pub struct Person {
    pub(super) story: Story,
    pub id: UserId,
    pub name: String,
}

/// What people say and press. Each is refused as Telegram refuses it.
#[expect(clippy::missing_errors_doc, reason = "always the same: the reason why Telegram does not let them")]
impl Person {
    pub fn says(&self, place: &Place, text: &str) -> Act<Said> {
        Ok(place.said(self.story.world.say(place.id, self.id, text)?))
    }

    pub fn replies(&self, to: &Said, text: &str) -> Act<Said> {
        let how = Saying { reply_to: Some(to.id), ..Saying::default() };
        Ok(self.said(to.chat, self.story.world.say_there(to.chat, self.id, text, how)?))
    }

    /// Says it in a topic of a forum.
    pub fn says_in_topic(&self, place: &Place, topic: MessageId, text: &str) -> Act<Said> {
        let how = Saying { topic: Some(topic), ..Saying::default() };
        Ok(place.said(self.story.world.say_there(place.id, self.id, text, how)?))
    }

    pub fn says_anonymously(&self, place: &Place, text: &str) -> Act<Said> {
        Ok(place.said(self.story.world.say_anonymously(place.id, self.id, text)?))
    }

    /// Writes in a group under a channel's name.
    pub fn says_as(&self, channel: &Place, place: &Place, text: &str) -> Act<Said> {
        Ok(place.said(self.story.world.say_as_channel(place.id, channel.id, self.id, text)?))
    }

    pub fn sends_album(&self, place: &Place, photos: usize, caption: &str) -> Act<Vec<Said>> {
        let ids = self.story.world.album(place.id, self.id, photos, caption)?;
        Ok(ids.into_iter().map(|id| place.said(id)).collect())
    }

    pub fn forwards(&self, what: &Said, to: &Place) -> Act<Said> {
        Ok(to.said(self.story.world.forward(to.id, self.id, what.chat, what.id)?))
    }

    /// Writes to the bot in private.
    pub fn tells_bot(&self, text: &str) -> Act<Said> {
        Ok(self.said(ChatId::from(self.id), self.story.world.direct(self.id, text)?))
    }

    /// Shows where they are, for an hour.
    pub fn shares_location(&self, place: &Place) -> Act<Said> {
        Ok(place.said(self.story.world.share_location(place.id, self.id)?))
    }

    /// Moves while they show where they are.
    pub fn moves(&self, location: &Said) -> Act<()> {
        self.story.world.move_location(location.chat, self.id, location.id)
    }

    /// Changes what they said; false if it reads the same as before.
    pub fn edits(&self, what: &Said, text: &str) -> Act<bool> {
        self.story.world.edit(what.chat, self.id, what.id, text)
    }

    pub fn deletes(&self, what: &Said) -> Act<()> {
        self.story.world.delete(what.chat, self.id, what.id)
    }

    /// Presses the button with this label (or data), and sees what comes of it.
    pub async fn presses(&self, under: &Said, button: &str) -> Result<CallbackAnswer, PressFailed> {
        Ok(self.story.world.press(self.id, under.chat, under.id, button)?.answer(SPINNER).await?)
    }
}

/// Coming and going.
#[expect(clippy::missing_errors_doc, reason = "always the same: the reason why Telegram does not let them")]
impl Person {
    pub fn joins(&self, place: &Place) -> Act<()> {
        self.story.world.join(place.id, self.id)
    }

    pub fn joins_by(&self, link: &str, place: &Place) -> Act<()> {
        self.story.world.join_by_link(place.id, self.id, link)
    }

    pub fn asks_to_join(&self, place: &Place) -> Act<()> {
        self.story.world.request_to_join(place.id, self.id, None)
    }

    pub fn leaves(&self, place: &Place) -> Act<()> {
        self.story.world.leave(place.id, self.id)
    }

    /// Brings another into the group.
    pub fn adds(&self, other: &Self, place: &Place) -> Act<()> {
        self.story.world.join_by(place.id, other.id, self.id)
    }

    pub fn blocks_bot(&self) {
        self.story.world.block_bot(self.id);
    }

    pub fn unblocks_bot(&self) {
        self.story.world.unblock_bot(self.id);
    }
}

/// What administrators do.
#[expect(clippy::missing_errors_doc, reason = "always the same: the reason why Telegram does not let them")]
impl Person {
    /// Lets somebody in who has asked to join.
    pub fn approves(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.approve(place.id, who.id)
    }

    /// Until an admin lifts it.
    pub fn mutes(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.restrict(place.id, self.id, who.id, Permissions::none(), 0)
    }

    pub fn unmutes(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.restrict(place.id, self.id, who.id, Permissions::all(), 0)
    }

    /// For ever.
    pub fn bans(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.ban(place.id, self.id, who.id, 0)
    }

    pub fn unbans(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.unban(place.id, self.id, who.id)
    }

    pub fn promotes(&self, who: &Self, place: &Place, rights: AdminRights) -> Act<()> {
        self.story.world.promote(place.id, self.id, who.id, rights)
    }

    pub fn demotes(&self, who: &Self, place: &Place) -> Act<()> {
        self.story.world.demote(place.id, self.id, who.id)
    }
}

/// What they are, and what becomes of them.
impl Person {
    #[must_use]
    pub fn status_in(&self, place: &Place) -> Membership {
        self.story.world.member(place.id, self.id)
    }

    /// Whether they could write there now.
    #[must_use]
    pub fn can_write_in(&self, place: &Place) -> bool {
        self.story.world.can_speak(place.id, self.id)
    }

    /// Waits until they cannot write there.
    ///
    /// # Errors
    ///
    /// They still can.
    pub async fn muted_in(&self, place: &Place) -> Result<(), TimedOut> {
        let muted = || (!self.can_write_in(place)).then_some(());
        self.story.until(&format!("{self} to be muted"), muted).await
    }

    /// Waits until they can write there.
    ///
    /// # Errors
    ///
    /// They still cannot.
    pub async fn free_in(&self, place: &Place) -> Result<(), TimedOut> {
        let free = || self.can_write_in(place).then_some(());
        self.story.until(&format!("{self} to be free to write"), free).await
    }

    /// A message of the bot in private that begins like this.
    ///
    /// # Errors
    ///
    /// There was none in time.
    pub async fn hears(&self, beginning: &str) -> Result<Said, TimedOut> {
        let chat = ChatId::from(self.id);
        let found = || {
            let told = self.story.world.bot_messages(chat);
            told.into_iter().find(|seen| seen.text.starts_with(beginning)).map(|seen| self.said(chat, seen.id))
        };
        self.story.until(&format!("the bot to tell {self} {beginning:?}"), found).await
    }

    fn said(&self, chat: ChatId, id: MessageId) -> Said {
        Said { story: self.story.clone(), chat, id }
    }
}

impl From<&Person> for UserId {
    fn from(person: &Person) -> Self {
        person.id
    }
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}
