//! How much the bot may send before Telegram answers 429.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;

use crate::ids::ChatId;

/// The limits; `None` means no such limit. Telegram publishes three of them and keeps the rest to itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FloodLimits {
    /// Messages and edits into one group or channel in 60 s.
    pub group_per_minute: Option<usize>,
    /// Messages into one private chat in any second.
    pub private_per_second: Option<usize>,
    /// Messages in any second, all chats together.
    pub overall_per_second: Option<usize>,
    /// `getChatMember` calls in any second; above it Telegram has been seen to ask for 8 s.
    pub reads_per_second: Option<usize>,
    /// `setWebhook` calls with a URL in any second.
    pub webhooks_per_second: Option<usize>,
}

impl FloodLimits {
    /// No limits at all.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            group_per_minute: None,
            private_per_second: None,
            overall_per_second: None,
            reads_per_second: None,
            webhooks_per_second: None,
        }
    }

    /// What Telegram states, and no more than that.
    #[must_use]
    pub const fn telegram() -> Self {
        Self {
            group_per_minute: Some(20),
            private_per_second: Some(3),
            overall_per_second: Some(30),
            reads_per_second: None,
            webhooks_per_second: Some(1),
        }
    }
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self::off()
    }
}

/// What a call counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Send(ChatId),
    Read,
    Webhook,
}

#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
enum Key {
    Chat(ChatId),
    Overall,
    Reads,
    Webhooks,
}

/// Counts calls in sliding windows.
#[derive(Debug)]
pub(crate) struct Floods {
    limits: FloodLimits,
    seen: HashMap<Key, VecDeque<i64>>,
}

/// The longest wait that a plain limit asks for below this is one second.
const LEAST_WAIT_S: i64 = 1;
const READ_WAIT_S: i64 = 8;

impl Floods {
    pub(crate) fn new(limits: FloodLimits) -> Self {
        Self { limits, seen: HashMap::new() }
    }

    pub(crate) fn set_limits(&mut self, limits: FloodLimits) {
        self.limits = limits;
        self.seen.clear();
    }

    /// Counts the call, or says how many seconds to wait. A refused call is not counted.
    pub(crate) fn admit(&mut self, now_ms: i64, cost: Cost) -> Result<(), i64> {
        let limits = &self.limits;
        let windows: Vec<(Key, i64, usize)> = match cost {
            Cost::Send(chat) => {
                let per_chat = if chat.0 < 0 {
                    limits.group_per_minute.map(|most| (Key::Chat(chat), 60_000, most))
                } else {
                    limits.private_per_second.map(|most| (Key::Chat(chat), 1000, most))
                };
                let overall = limits.overall_per_second.map(|most| (Key::Overall, 1000, most));
                per_chat.into_iter().chain(overall).collect()
            }
            Cost::Read => limits.reads_per_second.map(|most| (Key::Reads, 1000, most)).into_iter().collect(),
            Cost::Webhook => limits.webhooks_per_second.map(|most| (Key::Webhooks, 1000, most)).into_iter().collect(),
        };
        let wait = windows.iter().filter_map(|(key, window, most)| self.wait(now_ms, *key, *window, *most)).max();
        if let Some(wait) = wait {
            return Err(if cost == Cost::Read { READ_WAIT_S } else { wait });
        }
        for (key, ..) in windows {
            self.seen.entry(key).or_default().push_back(now_ms);
        }
        Ok(())
    }

    /// Seconds until one more call fits into the window, if it does not now.
    fn wait(&mut self, now_ms: i64, key: Key, window_ms: i64, most: usize) -> Option<i64> {
        let seen = self.seen.entry(key).or_default();
        while seen.front().is_some_and(|at| at + window_ms <= now_ms) {
            seen.pop_front();
        }
        if seen.len() < most {
            return None;
        }
        let frees_at = seen.get(seen.len() - most).map_or(now_ms, |at| at + window_ms);
        Some(((frees_at - now_ms + 999) / 1000).max(LEAST_WAIT_S))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: ChatId = ChatId(-5);

    #[test]
    fn a_group_takes_twenty_messages_a_minute() {
        let mut floods = Floods::new(FloodLimits::telegram());
        for n in 0..20 {
            assert_eq!(floods.admit(n * 1000, Cost::Send(GROUP)), Ok(()), "message {n}");
        }
        assert_eq!(floods.admit(20_000, Cost::Send(GROUP)), Err(40));
        assert_eq!(floods.admit(20_000, Cost::Send(ChatId(-6))), Ok(()), "another group is not affected");
        assert_eq!(floods.admit(60_000, Cost::Send(GROUP)), Ok(()), "the first has left the window");
        assert_eq!(floods.admit(60_000, Cost::Send(GROUP)), Err(1));
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
    fn off_means_off() {
        let mut floods = Floods::new(FloodLimits::off());
        assert!((0..1000).all(|_| floods.admit(0, Cost::Send(GROUP)).is_ok()));
    }
}
