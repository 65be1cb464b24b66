//! Which of the messages that wait are judged together: all before the first that may change the rules, or that one alone.

use super::{Dispatch, commands::Asked};
use crate::{
    event::{Author, MessagePosted},
    handlers::message::Posted,
};

impl Dispatch {
    /// How many of them are judged, and then settled, before what comes after them. What changes the rules stands alone: what was said before it,
    /// judged once more after a crash, would be judged by rules that came later.
    pub(super) async fn judged_together(&self, messages: &[Posted<'_>]) -> usize {
        for (at, posted) in messages.iter().enumerate() {
            let is_last = at + 1 == messages.len();
            if sounds_like_rules(posted.message) && (is_last || self.may_change_rules(posted.message).await) {
                return at.max(1);
            }
        }
        messages.len()
    }

    /// Whoever is known to be no admin changes nothing: their commands must not cut a burst into a call for each message.
    async fn may_change_rules(&self, message: &MessagePosted) -> bool {
        match &message.author {
            Author::AnonymousAdmin => true,
            Author::Person(person) => {
                self.groups.admins(message.chat.id).await.map_or(true, |admins| admins.contains(&person.id))
            }
            Author::Channel(_) | Author::Exempt(_) => false,
        }
    }
}

fn sounds_like_rules(message: &MessagePosted) -> bool {
    message.chat.kind.is_group() && Asked::of(message).is_some_and(Asked::changes_rules)
}
