//! Which of the messages that wait are judged together: all up to the first that may change the rules.

use super::{Dispatch, commands::Asked};
use crate::{
    event::{Author, MessagePosted},
    handlers::message::Posted,
};

impl Dispatch {
    /// How many of them the present rules hold for. At least one, if there are any: what changes the rules is itself judged by the old ones.
    pub(super) async fn judged_together(&self, messages: &[Posted<'_>]) -> usize {
        for (at, posted) in messages.iter().enumerate() {
            let is_last = at + 1 == messages.len();
            if is_last || self.may_change_rules(posted.message).await {
                return at + 1;
            }
        }
        0
    }

    /// Whoever is known to be no admin changes nothing: their commands must not cut a burst into a call for each message.
    async fn may_change_rules(&self, message: &MessagePosted) -> bool {
        let group = message.chat.id;
        if !message.chat.kind.is_group() || !Asked::of(message).is_some_and(Asked::changes_rules) {
            return false;
        }
        match &message.author {
            Author::AnonymousAdmin => true,
            Author::Person(person) => {
                self.groups.admins(group).await.map_or(true, |admins| admins.contains(&person.id))
            }
            Author::Channel(_) | Author::Exempt(_) => false,
        }
    }
}
