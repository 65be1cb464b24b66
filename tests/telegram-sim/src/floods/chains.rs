//! The sends of each chat, one after another: one that waits holds those behind it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::hub::Hub;
use crate::ids::ChatId;
use crate::reply::ApiError;

/// The sends under way, by chat. A chat without any has no entry.
#[derive(Debug, Default)]
pub(crate) struct Chains(HashMap<ChatId, Chain>);

#[derive(Debug, Default)]
struct Chain {
    turn: Arc<Mutex<()>>,
    unsent: usize,
    last_ticket: u64,
    /// The wait that a send was refused with, and the last of those behind it then.
    failed: Option<(u64, i64)>,
}

impl Chains {
    /// A place at the end of the chat's chain, unless that is too long already.
    fn join(&mut self, chat: ChatId, most: Option<usize>) -> Option<(u64, Arc<Mutex<()>>)> {
        let chain = self.0.entry(chat).or_default();
        if most.is_some_and(|most| chain.unsent >= most) {
            return None;
        }
        chain.unsent += 1;
        chain.last_ticket += 1;
        Some((chain.last_ticket, chain.turn.clone()))
    }

    fn leave(&mut self, chat: ChatId) {
        if let Some(chain) = self.0.get_mut(&chat) {
            chain.unsent -= 1;
            if chain.unsent == 0 {
                self.0.remove(&chat);
            }
        }
    }

    /// The wait that a send ahead of this one was refused with.
    fn failed_ahead_of(&self, chat: ChatId, ticket: u64) -> Option<i64> {
        let (last, wait) = self.0.get(&chat)?.failed?;
        (ticket <= last).then_some(wait)
    }

    fn fail(&mut self, chat: ChatId, wait: i64) {
        if let Some(chain) = self.0.get_mut(&chat) {
            chain.failed = Some((chain.last_ticket, wait));
        }
    }
}

/// A send at the head of its chat's chain. Those behind it go on when it is dropped.
pub(crate) struct Turn<'a> {
    place: Place<'a>,
    _head: OwnedMutexGuard<()>,
}

/// A place in a chain, given up when dropped.
struct Place<'a> {
    hub: &'a Hub,
    chat: ChatId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.hub.floods(|floods| floods.chains.leave(self.chat));
    }
}

/// Waits for the chat's earlier sends.
///
/// # Errors
///
/// There are too many of them, or one of them was refused for a flood: then so are those behind it.
pub(crate) async fn turn(hub: &Hub, chat: ChatId) -> Result<Turn<'_>, ApiError> {
    let joined = hub.floods(|floods| {
        let most = floods.limits().unsent_per_chat;
        floods.chains.join(chat, most)
    });
    let Some((ticket, turn)) = joined else {
        return Err(super::waiting::too_many(hub).await);
    };
    let place = Place { hub, chat };
    let head = turn.lock_owned().await;
    match hub.floods(|floods| floods.chains.failed_ahead_of(chat, ticket)) {
        Some(wait) => Err(ApiError::flood(wait)),
        None => Ok(Turn { place, _head: head }),
    }
}

impl Turn<'_> {
    /// The send is refused, and with it all that wait behind it now.
    pub(crate) fn fail(&self, wait: i64) {
        self.place.hub.floods(|floods| floods.chains.fail(self.place.chat, wait));
    }
}
