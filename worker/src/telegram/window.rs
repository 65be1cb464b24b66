//! How many calls about one chat may be under way at once: as many as Telegram bears, found out by trying (additive increase,
//! multiplicative decrease). Pure.

use std::collections::HashMap;
use std::time::Duration;

use shared::ids::ChatId;

/// How a call ended, as far as it says something about being too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Fine,
    /// Answered late. Telegram sleeps up to 8 s inside a call before it says 429, so slowness is the flood's first sign.
    Slow,
    Flooded,
    /// Failed for another reason, which says nothing.
    Unknown,
}

/// The windows of all chats of a class. Calls about no chat share one.
#[derive(Debug, Default)]
pub(super) struct Windows {
    by_chat: HashMap<Option<ChatId>, Window>,
}

#[derive(Debug)]
struct Window {
    limit: f64,
    in_flight: u32,
    cut_at: Option<Duration>,
}

/// Where a chat starts that nothing is known about.
const START: f64 = 16.0;
/// Never less: a 429 may be trouble inside Telegram and not our pace (it says "retry after 8" then), and a window of one would make every
/// slow call a queue.
const LEAST: f64 = 2.0;
/// Never more: at 100 ms a call this is 640 calls a second, above any ceiling.
const MOST: f64 = 64.0;
/// One cut for all calls that were under way together; they tell of the same flood.
const CUTS_APART: Duration = Duration::from_secs(10);
/// A window that was cut is forgotten, and starts anew, this long after.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Below so many windows, forgetting is not worth a look.
const SWEEP_FROM: usize = 1024;

impl Windows {
    pub(super) fn has_room(&self, chat: Option<ChatId>, more: u32) -> bool {
        let (in_flight, limit) = self.by_chat.get(&chat).map_or((0, START), |window| (window.in_flight, window.limit));
        f64::from(in_flight + more) <= limit
    }

    pub(super) fn enter(&mut self, now: Duration, chat: Option<ChatId>) {
        if self.by_chat.len() >= SWEEP_FROM {
            self.by_chat.retain(|_, window| window.in_flight > 0 || !window.is_forgettable(now));
        }
        self.by_chat.entry(chat).or_default().in_flight += 1;
    }

    /// Whether that has cut the chat's window.
    pub(super) fn leave(&mut self, now: Duration, chat: Option<ChatId>, pace: Pace) -> bool {
        let Some(window) = self.by_chat.get_mut(&chat) else {
            return false;
        };
        window.in_flight = window.in_flight.saturating_sub(1);
        let is_cut = match pace {
            Pace::Fine => {
                window.limit = (window.limit + 1.0 / window.limit).min(MOST);
                false
            }
            Pace::Slow => window.cut(now, 0.75),
            Pace::Flooded => window.cut(now, 0.5),
            Pace::Unknown => false,
        };
        if window.in_flight == 0 && window.is_forgettable(now) {
            self.by_chat.remove(&chat);
        }
        is_cut
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_chat.is_empty()
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { limit: START, in_flight: 0, cut_at: None }
    }
}

impl Window {
    fn cut(&mut self, now: Duration, factor: f64) -> bool {
        if self.cut_at.is_some_and(|at| now < at + CUTS_APART) {
            return false;
        }
        self.limit = (self.limit * factor).max(LEAST);
        self.cut_at = Some(now);
        true
    }

    fn is_forgettable(&self, now: Duration) -> bool {
        self.limit >= START || self.cut_at.is_none_or(|at| at + FORGOTTEN_AFTER <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Option<ChatId> = Some(ChatId(-100));

    fn room(windows: &mut Windows) -> u32 {
        let mut entered = 0;
        while windows.has_room(CHAT, 1) {
            windows.enter(Duration::ZERO, CHAT);
            entered += 1;
        }
        windows.by_chat.entry(CHAT).or_default().in_flight -= entered;
        entered
    }

    fn end(windows: &mut Windows, at_s: u64, pace: Pace) {
        let now = Duration::from_secs(at_s);
        windows.enter(now, CHAT);
        windows.leave(now, CHAT, pace);
    }

    #[test]
    fn a_flood_halves_it_once_and_success_grows_it_back() {
        let mut windows = Windows::default();
        assert_eq!(room(&mut windows), 16);
        windows.enter(Duration::from_secs(99), CHAT);
        for _ in 0..5 {
            end(&mut windows, 100, Pace::Flooded);
        }
        assert_eq!(room(&mut windows), 7, "half, of which one is under way");
        end(&mut windows, 111, Pace::Flooded);
        assert_eq!(room(&mut windows), 3);
        for _ in 0..200 {
            end(&mut windows, 112, Pace::Fine);
        }
        assert!(room(&mut windows) > 15, "grown back");
    }

    #[test]
    fn it_never_closes_and_never_opens_wide() {
        let mut windows = Windows::default();
        for round in 1..50 {
            end(&mut windows, round * 20, Pace::Flooded);
        }
        assert_eq!(room(&mut windows), 2);
        windows.enter(Duration::from_secs(1000), CHAT);
        for _ in 0..10_000 {
            end(&mut windows, 1000, Pace::Fine);
        }
        assert_eq!(room(&mut windows), 63, "one of 64 is under way");
    }

    #[test]
    fn slowness_cuts_less_and_other_failures_nothing() {
        let mut windows = Windows::default();
        windows.enter(Duration::ZERO, CHAT);
        end(&mut windows, 20, Pace::Unknown);
        assert_eq!(room(&mut windows), 15);
        end(&mut windows, 20, Pace::Slow);
        assert_eq!(room(&mut windows), 11);
    }

    #[test]
    fn what_says_nothing_is_not_kept() {
        let mut windows = Windows::default();
        end(&mut windows, 1, Pace::Fine);
        assert!(windows.is_empty());
        end(&mut windows, 1, Pace::Flooded);
        assert_eq!(windows.by_chat.len(), 1);
        end(&mut windows, 700, Pace::Unknown);
        assert!(windows.is_empty());
    }
}
