//! Whether one more request fits into the limits now, and after how many seconds if not.

use std::collections::{HashMap, VecDeque};

use crate::floods::chains::Chains;
use crate::floods::{Ceiling, Cost, FloodLimits};
use crate::ids::ChatId;

#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
enum Key {
    Sends(ChatId),
    Edits(ChatId),
    Overall,
    /// Of one chat, or of all together.
    Reads(Option<ChatId>),
    Restricts(Option<ChatId>),
    Deletes(Option<ChatId>),
    Webhooks,
}

/// At most so many in any stretch of this length.
#[derive(Clone, Copy)]
struct Window {
    key: Key,
    length_ms: i64,
    most: usize,
    /// The wait asked for, if it is not the time until there is room.
    wait_s: Option<i64>,
}

/// A wait that the bot was told of.
#[derive(Debug)]
struct Closed {
    until_ms: i64,
    refused: usize,
}

/// Counts requests in sliding windows, and paces each chat.
#[derive(Debug)]
pub(crate) struct Floods {
    limits: FloodLimits,
    seen: HashMap<Key, VecDeque<i64>>,
    /// When the next message into a chat is due at an even pace. Bursts run ahead of it.
    paced: HashMap<ChatId, i64>,
    closed: HashMap<Key, Closed>,
    /// The sends that are under way.
    pub(crate) chains: Chains,
    /// The calls that are under way.
    pub(crate) active: usize,
}

/// The longest that a request waits inside the server without the bot being told.
pub(crate) const MOST_HIDDEN_S: i64 = 8;
/// Chats that were last heard of long ago are forgotten when there are more than this.
const SWEEP_ABOVE: usize = 50_000;
const MINUTE_MS: i64 = 60_000;

impl Floods {
    pub(crate) fn new(limits: FloodLimits) -> Self {
        Self {
            limits,
            seen: HashMap::new(),
            paced: HashMap::new(),
            closed: HashMap::new(),
            chains: Chains::default(),
            active: 0,
        }
    }

    pub(crate) fn limits(&self) -> &FloodLimits {
        &self.limits
    }

    pub(crate) fn set_limits(&mut self, limits: FloodLimits) {
        self.limits = limits;
        self.seen.clear();
        self.paced.clear();
        self.closed.clear();
    }

    /// Counts the request, or says how many seconds to wait. A refused one is not counted.
    pub(crate) fn admit(&mut self, now_ms: i64, cost: Cost) -> Result<(), i64> {
        let windows = self.windows(cost);
        let paced = self.paced_chat(cost);
        let mut wait = windows.iter().filter_map(|window| self.wait(now_ms, *window)).max();
        if let Some((chat, interval_ms)) = paced {
            wait = wait.max(self.pace_wait(now_ms, chat, interval_ms));
        }
        if let Some(wait) = wait {
            return Err(wait);
        }
        self.sweep(now_ms);
        for window in windows {
            self.seen.entry(window.key).or_default().push_back(now_ms);
        }
        if let Some((chat, interval_ms)) = paced {
            let due = self.paced.entry(chat).or_insert(now_ms);
            *due = now_ms.max(*due) + interval_ms;
        }
        Ok(())
    }

    /// The same for a `setWebhook`, which the server answers without its core.
    pub(crate) fn admit_webhook(&mut self, now_ms: i64) -> Result<(), i64> {
        let Some(most) = self.limits.webhooks_per_second else {
            return Ok(());
        };
        match self.wait(now_ms, Window { key: Key::Webhooks, length_ms: 1000, most, wait_s: None }) {
            Some(wait) => Err(wait),
            None => {
                self.seen.entry(Key::Webhooks).or_default().push_back(now_ms);
                Ok(())
            }
        }
    }

    fn windows(&self, cost: Cost) -> Vec<Window> {
        let limits = &self.limits;
        let room = |key, length_ms, most| Window { key, length_ms, most, wait_s: None };
        let of_group =
            |chat: ChatId, key| limits.group_per_minute.filter(|_| chat.0 < 0).map(|most| room(key, MINUTE_MS, most));
        let overall = limits.overall_per_second.map(|most| room(Key::Overall, 1000, most));
        let under = |ceiling: Option<Ceiling>, key: fn(Option<ChatId>) -> Key, chat| {
            ceiling.map(|ceiling| Window {
                key: key(Some(chat).filter(|_| ceiling.per_chat)),
                length_ms: 1000,
                most: ceiling.per_second,
                wait_s: Some(i64::from(ceiling.retry_after)),
            })
        };
        match cost {
            Cost::Send(chat) => of_group(chat, Key::Sends(chat)).into_iter().chain(overall).collect(),
            Cost::Edit(chat) if limits.edits_count_as_messages => self.windows(Cost::Send(chat)),
            Cost::Edit(chat) => of_group(chat, Key::Edits(chat)).into_iter().collect(),
            Cost::Read(chat) => under(limits.reads, Key::Reads, chat).into_iter().collect(),
            Cost::Restrict(chat) => under(limits.restricts, Key::Restricts, chat).into_iter().collect(),
            Cost::Delete(chat) => under(limits.deletes, Key::Deletes, chat).into_iter().collect(),
            Cost::Action | Cost::Other => Vec::new(),
        }
    }

    /// The chat whose pace the request has to keep, and the milliseconds between two messages.
    fn paced_chat(&self, cost: Cost) -> Option<(ChatId, i64)> {
        let chat = match cost {
            Cost::Send(chat) => chat,
            Cost::Edit(chat) if self.limits.edits_count_as_messages => chat,
            _ => return None,
        };
        let rate = i64::try_from(self.limits.chat_per_second?).unwrap_or(1000).clamp(1, 1000);
        Some((chat, 1000 / rate))
    }

    fn pace_wait(&self, now_ms: i64, chat: ChatId, interval_ms: i64) -> Option<i64> {
        let ahead = i64::try_from(self.limits.chat_burst.saturating_sub(1)).unwrap_or(i64::MAX);
        let due = self.paced.get(&chat)? - ahead.saturating_mul(interval_ms);
        (due > now_ms).then(|| seconds(due - now_ms))
    }

    /// Seconds until one more request fits into the window, if it does not now.
    fn wait(&mut self, now_ms: i64, window: Window) -> Option<i64> {
        if let Some(wait) = self.still_closed(now_ms, window.key) {
            return Some(wait);
        }
        let seen = self.seen.entry(window.key).or_default();
        while seen.front().is_some_and(|at| at + window.length_ms <= now_ms) {
            seen.pop_front();
        }
        if seen.len() < window.most {
            return None;
        }
        // With room for none at all, no time brings room: ask for the whole window again and again.
        let frees_at = seen.get(seen.len() - window.most).unwrap_or(&now_ms) + window.length_ms;
        // A wait of none would be tried again and again without any time passing.
        let wait = window.wait_s.unwrap_or_else(|| seconds(frees_at - now_ms)).max(1);
        if wait > MOST_HIDDEN_S && self.limits.hammering.is_some() {
            self.closed.insert(window.key, Closed { until_ms: now_ms + wait * 1000, refused: 1 });
        }
        Some(wait)
    }

    /// The rest of a wait that the bot was told of; it becomes longer for those who do not keep it.
    fn still_closed(&mut self, now_ms: i64, key: Key) -> Option<i64> {
        let closed = self.closed.get_mut(&key)?;
        if closed.until_ms <= now_ms {
            self.closed.remove(&key);
            return None;
        }
        closed.refused += 1;
        if let Some(hammering) = self.limits.hammering
            && closed.refused > hammering.grace
        {
            closed.until_ms += i64::from(hammering.adds) * 1000;
        }
        Some(seconds(closed.until_ms - now_ms))
    }

    fn sweep(&mut self, now_ms: i64) {
        if self.seen.len() > SWEEP_ABOVE {
            self.seen.retain(|_, seen| seen.back().is_some_and(|at| at + MINUTE_MS > now_ms));
        }
        if self.paced.len() > SWEEP_ABOVE {
            self.paced.retain(|_, due| *due > now_ms);
        }
    }
}

/// Whole seconds, at least one: a wait is never told to be none.
fn seconds(ms: i64) -> i64 {
    ((ms + 999) / 1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floods::Hammering;

    const GROUP: ChatId = ChatId(-5);
    const SEND: Cost = Cost::Send(GROUP);

    #[test]
    fn a_group_takes_twenty_messages_a_minute() {
        let mut floods = Floods::new(FloodLimits::telegram());
        for n in 0..20 {
            assert_eq!(floods.admit(n * 1000, SEND), Ok(()), "message {n}");
        }
        assert_eq!(floods.admit(20_000, SEND), Err(40));
        assert_eq!(floods.admit(20_000, Cost::Send(ChatId(-6))), Ok(()), "another group is not affected");
        assert_eq!(floods.admit(60_000, SEND), Ok(()), "the first has left the window");
        assert_eq!(floods.admit(60_000, SEND), Err(1));
    }

    #[test]
    fn a_chat_takes_a_short_burst_and_then_one_a_second() {
        for chat in [ChatId(7), GROUP] {
            let mut floods = Floods::new(FloodLimits::telegram());
            for n in 0..5 {
                assert_eq!(floods.admit(0, Cost::Send(chat)), Ok(()), "message {n}");
            }
            assert_eq!(floods.admit(0, Cost::Send(chat)), Err(1));
            assert_eq!(floods.admit(1000, Cost::Send(chat)), Ok(()));
            assert_eq!(floods.admit(1001, Cost::Send(chat)), Err(1));
            assert!(
                (0..5).all(|_| floods.admit(30_000, Cost::Send(chat)).is_ok()),
                "after a pause a burst passes again"
            );
        }
    }

    #[test]
    fn all_chats_together_take_thirty_a_second() {
        let mut floods = Floods::new(FloodLimits::telegram());
        for n in 0..30 {
            assert_eq!(floods.admit(0, Cost::Send(ChatId(n + 1))), Ok(()));
        }
        assert_eq!(floods.admit(0, Cost::Send(ChatId(99))), Err(1));
        assert_eq!(floods.admit(1000, Cost::Send(ChatId(99))), Ok(()));
    }

    #[test]
    fn an_edit_is_a_message_or_has_a_window_of_its_own() {
        for (counts, after_twenty_edits) in [(true, Err(40)), (false, Ok(()))] {
            let limits = FloodLimits { edits_count_as_messages: counts, ..FloodLimits::telegram() };
            let mut floods = Floods::new(limits);
            assert!((0..20).all(|n| floods.admit(n * 1000, Cost::Edit(GROUP)).is_ok()));
            assert_eq!(floods.admit(20_000, Cost::Edit(GROUP)), Err(40));
            assert_eq!(floods.admit(20_000, SEND), after_twenty_edits);
        }
    }

    #[test]
    fn a_ceiling_asks_for_its_own_wait_for_all_chats_or_for_each() {
        for (per_chat, elsewhere) in [(false, Err(8)), (true, Ok(()))] {
            let reads = Some(Ceiling { per_second: 2, retry_after: 8, per_chat });
            let mut floods = Floods::new(FloodLimits { reads, ..FloodLimits::off() });
            assert!((0..2).all(|_| floods.admit(0, Cost::Read(GROUP)).is_ok()));
            assert_eq!(floods.admit(0, Cost::Read(GROUP)), Err(8));
            assert_eq!(floods.admit(0, Cost::Read(ChatId(-6))), elsewhere);
            assert_eq!(floods.admit(1000, Cost::Read(GROUP)), Ok(()));
        }
    }

    #[test]
    fn calling_on_during_a_wait_makes_it_longer_but_not_for_those_under_way() {
        let hammering = Some(Hammering { grace: 3, adds: 5 });
        let limits = FloodLimits { group_per_minute: Some(1), hammering, ..FloodLimits::off() };
        let mut floods = Floods::new(limits);
        assert_eq!(floods.admit(0, SEND), Ok(()));
        let waits: Vec<_> = (0..6).map(|_| floods.admit(0, SEND)).collect();
        assert_eq!(waits, [Err(60), Err(60), Err(60), Err(65), Err(70), Err(75)]);
        assert_eq!(floods.admit(74_000, Cost::Send(ChatId(-6))), Ok(()), "only this chat");
        assert_eq!(floods.admit(75_000, SEND), Ok(()), "who waits to the end gets through");
    }

    #[test]
    fn no_wait_is_shorter_than_a_second() {
        let reads = Some(Ceiling { per_second: 0, retry_after: 0, per_chat: false });
        let mut floods = Floods::new(FloodLimits { reads, ..FloodLimits::off() });
        assert_eq!(floods.admit(0, Cost::Read(GROUP)), Err(1));
    }

    #[test]
    fn off_means_off() {
        let mut floods = Floods::new(FloodLimits::off());
        assert!((0..1000).all(|_| floods.admit(0, SEND).is_ok() && floods.admit_webhook(0).is_ok()));
    }
}
