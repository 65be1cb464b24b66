//! Something that was said: whether it still stands, and how it reads.

use std::fmt;

use crate::ids::{ChatId, MessageId};
use crate::story::Story;
use crate::waiting::TimedOut;
use crate::world::Refused;
use crate::world::seeing::Seen;

/// A message, whether it is still there or not. Cheap to clone.
#[derive(Clone)]
pub struct Said {
    pub(super) story: Story,
    pub chat: ChatId,
    pub id: MessageId,
}

impl Said {
    /// It as people see it now, if it is still there.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.story.world.message(self.chat, self.id)
    }

    /// The same, for what has to be there.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub fn stands(&self) -> Result<Seen, Refused> {
        self.seen().ok_or_else(|| Refused::because(format!("message {} is gone\n{}", self.id, self.story.calls())))
    }

    /// Waits until it is gone.
    ///
    /// # Errors
    ///
    /// It still stands.
    pub async fn gone(&self) -> Result<(), TimedOut> {
        self.story.until(&format!("message {} to go", self.id), || self.seen().is_none().then_some(())).await
    }

    /// Waits until it reads like this.
    ///
    /// # Errors
    ///
    /// It still reads otherwise, or is gone.
    pub async fn reads(&self, beginning: &str) -> Result<Seen, TimedOut> {
        let what = format!("message {} to read {beginning:?}", self.id);
        self.story.until(&what, || self.seen().filter(|seen| seen.text.starts_with(beginning))).await
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").field("chat", &self.chat).field("id", &self.id).finish_non_exhaustive()
    }
}
