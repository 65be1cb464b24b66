//! What the Bot API server remembers of members, and when it answers from that instead of asking.

use std::collections::HashMap;

use crate::clock::millis;
use crate::faults::chance::Chance;
use crate::ids::{ChatId, UserId};
use crate::state::State;
use crate::state::member::Status;

struct Entry {
    status: Status,
    /// An entry lives for so long after it was last used.
    used_ms: i64,
}

/// The server's cache of members; it stays empty unless the settings switch it on.
pub(crate) struct Cache {
    entries: HashMap<(ChatId, UserId), Entry>,
    last_push_ms: Option<i64>,
    loses: Chance,
}

impl Cache {
    pub(crate) fn new(seed: u64) -> Self {
        Self { entries: HashMap::new(), last_push_ms: None, loses: Chance::new(seed) }
    }
}

impl State {
    /// The status as the server gives it: out of its cache, stale or not, or else the true one.
    pub(crate) fn status_as_served(&self, chat: ChatId, user: UserId) -> Status {
        self.cached(chat, user).map_or_else(|| self.status(chat, user), |status| status.at(self.now()))
    }

    /// Whether a look-up is answered without asking Telegram's core.
    pub(crate) fn is_cached(&self, chat: ChatId, user: UserId) -> bool {
        self.cached(chat, user).is_some()
    }

    fn cached(&self, chat: ChatId, user: UserId) -> Option<&Status> {
        let settings = self.config.member_cache.as_ref()?;
        let now_ms = self.clock.now_ms();
        let pushed_lately =
            self.member_cache.last_push_ms.is_some_and(|at| now_ms < at + millis(settings.bypass_after_push));
        if pushed_lately || !self.bot_status(chat).is_admin() {
            return None;
        }
        let entry = self.member_cache.entries.get(&(chat, user))?;
        (now_ms <= entry.used_ms + millis(settings.kept_for)).then_some(&entry.status)
    }

    /// After a look-up: the answer is kept. It does not replace an entry that is there, even a wrong one.
    pub(crate) fn remember_member(&mut self, chat: ChatId, user: UserId) {
        let Some(settings) = &self.config.member_cache else {
            return;
        };
        let kept_ms = millis(settings.kept_for);
        if !self.bot_status(chat).is_admin() {
            return;
        }
        let used_ms = self.clock.now_ms();
        let fresh = Entry { status: self.status(chat, user), used_ms };
        let entries = &mut self.member_cache.entries;
        match entries.get_mut(&(chat, user)).filter(|entry| used_ms <= entry.used_ms + kept_ms) {
            Some(entry) => entry.used_ms = used_ms,
            None => {
                entries.insert((chat, user), fresh);
            }
        }
    }

    /// Whether the push of a change that somebody else made gets lost on its way to the server.
    pub(crate) fn loses_push(&mut self, chat: ChatId, user: UserId, actor: UserId) -> bool {
        let lost = self.config.member_cache.as_ref().map_or(0.0, |settings| settings.lost_pushes);
        actor != self.bot && lost > 0.0 && self.member_cache.loses.strikes(lost, &(chat, user))
    }

    /// A push of a changed member: the entry follows.
    pub(crate) fn push_member(&mut self, chat: ChatId, user: UserId, status: &Status) {
        if self.config.member_cache.is_none() {
            return;
        }
        let used_ms = self.clock.now_ms();
        self.member_cache.last_push_ms = Some(used_ms);
        if self.bot_status(chat).is_admin() {
            self.member_cache.entries.insert((chat, user), Entry { status: status.clone(), used_ms });
        }
    }

    /// The bot is no administrator any more: what was remembered of the chat is dropped.
    pub(crate) fn forget_members(&mut self, chat: ChatId) {
        self.member_cache.entries.retain(|(known, _), _| *known != chat);
    }
}
