//! How many connections to the webhook there may be: all of them to one that works, one to one that fails. Pure.
//!
//! Telegram opens up to `max_connections` to a webhook that took an update in the last 10 s, 10 in any half second.
//! Otherwise it has one, opens a new one every 2 s at most, and uses those that are left from better times.

use std::collections::VecDeque;

/// A webhook whose last success is longer ago than this starts slowly.
const HEALTHY_MS: i64 = 10_000;
/// A connection that carries nothing for so long is closed.
const IDLE_MS: i64 = 60_000;

pub(super) struct Connections {
    most: usize,
    starts_slowly: bool,
    /// The open ones without a delivery, by when they had their last; the latest is used first.
    idle: Vec<i64>,
    busy: usize,
    last_success_ms: Option<i64>,
    when_healthy: Pace,
    when_failing: Pace,
}

/// Not more than so many openings within a time.
struct Pace {
    within_ms: i64,
    most: usize,
    opened_ms: VecDeque<i64>,
}

impl Pace {
    fn new(most: usize, within_ms: i64) -> Self {
        Self { within_ms, most, opened_ms: VecDeque::new() }
    }

    fn next_ms(&self) -> i64 {
        let counts = self.opened_ms.len().checked_sub(self.most).and_then(|at| self.opened_ms.get(at));
        counts.map_or(0, |at| at + self.within_ms)
    }

    fn note(&mut self, now_ms: i64) {
        if self.opened_ms.len() >= self.most {
            self.opened_ms.pop_front();
        }
        self.opened_ms.push_back(now_ms);
    }
}

impl Connections {
    pub(super) fn new(most: usize, starts_slowly: bool) -> Self {
        Self {
            most,
            starts_slowly,
            idle: Vec::new(),
            busy: 0,
            last_success_ms: None,
            when_healthy: Pace::new(10, 500),
            when_failing: Pace::new(1, 2000),
        }
    }

    /// Takes an open connection, or opens one, if that is allowed now. `queues` is how many have something to send or
    /// are being sent: no more connections are needed than that.
    pub(super) fn acquire(&mut self, now_ms: i64, queues: usize) -> bool {
        self.idle.retain(|since| now_ms - since < IDLE_MS);
        if self.idle.pop().is_none() {
            if self.next_opening_ms(now_ms, queues).is_none_or(|at| at > now_ms) {
                return false;
            }
            self.pace(now_ms).note(now_ms);
        }
        self.busy += 1;
        true
    }

    /// When [`Connections::acquire`] will give one without any delivery ending before; `None` if never.
    pub(super) fn next_ms(&self, now_ms: i64, queues: usize) -> Option<i64> {
        if self.idle.is_empty() { self.next_opening_ms(now_ms, queues) } else { Some(now_ms) }
    }

    fn next_opening_ms(&self, now_ms: i64, queues: usize) -> Option<i64> {
        let needed = if self.is_healthy(now_ms) { queues.min(self.most) } else { queues.min(self.most).min(1) };
        if self.idle.len() + self.busy >= needed {
            return None;
        }
        if !self.starts_slowly {
            return Some(now_ms);
        }
        Some(if self.is_healthy(now_ms) { self.when_healthy.next_ms() } else { self.when_failing.next_ms() })
    }

    /// A delivery has ended, and with it its connection if that was closed.
    pub(super) fn release(&mut self, now_ms: i64, is_open: bool) {
        self.busy = self.busy.saturating_sub(1);
        if is_open {
            self.idle.push(now_ms);
        }
    }

    pub(super) fn succeeded(&mut self, now_ms: i64) {
        self.last_success_ms = Some(now_ms);
    }

    fn is_healthy(&self, now_ms: i64) -> bool {
        !self.starts_slowly || self.last_success_ms.is_some_and(|at| now_ms - at <= HEALTHY_MS)
    }

    fn pace(&mut self, now_ms: i64) -> &mut Pace {
        if self.is_healthy(now_ms) { &mut self.when_healthy } else { &mut self.when_failing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(connections: &mut Connections, now_ms: i64) -> usize {
        (0..1000).take_while(|_| connections.acquire(now_ms, 1000)).count()
    }

    #[test]
    fn the_first_is_alone_until_it_has_succeeded_and_then_ten_come_each_half_second() {
        let mut connections = Connections::new(25, true);
        assert_eq!(opened(&mut connections, 0), 1);
        assert_eq!(connections.next_ms(0, 1000), None, "only its end frees one");
        connections.succeeded(100);
        connections.release(100, true);
        assert_eq!(opened(&mut connections, 100), 1 + 10);
        assert_eq!(connections.next_ms(100, 1000), Some(600));
        assert_eq!(opened(&mut connections, 599), 0);
        assert_eq!(opened(&mut connections, 600), 10);
        assert_eq!(opened(&mut connections, 1100), 4, "25 in all");
    }

    #[test]
    fn a_failing_webhook_gets_one_new_connection_every_two_seconds() {
        let mut connections = Connections::new(40, true);
        assert_eq!(opened(&mut connections, 0), 1);
        connections.release(10, false);
        assert_eq!((opened(&mut connections, 1999), connections.next_ms(1999, 5)), (0, Some(2000)));
        assert_eq!(opened(&mut connections, 2000), 1);
        connections.release(2010, true);
        assert_eq!(opened(&mut connections, 2020), 1, "one that stays open is used again at once");
    }

    #[test]
    fn connections_of_better_times_are_kept_until_they_have_been_idle_for_a_minute() {
        let mut connections = Connections::new(4, true);
        connections.succeeded(0);
        assert_eq!(opened(&mut connections, 0), 4);
        (0..4).for_each(|_| connections.release(0, true));
        assert_eq!(opened(&mut connections, 59_999), 4);
        (0..4).for_each(|_| connections.release(60_000, true));
        assert_eq!(opened(&mut connections, 120_000), 1);
    }

    #[test]
    fn no_more_are_opened_than_there_are_queues() {
        let mut connections = Connections::new(40, true);
        connections.succeeded(0);
        assert!(connections.acquire(0, 2) && connections.acquire(0, 2) && !connections.acquire(0, 2));
    }

    #[test]
    fn without_the_slow_start_all_are_there_at_once() {
        let mut connections = Connections::new(40, false);
        assert_eq!(opened(&mut connections, 0), 40);
        connections.release(1, false);
        assert_eq!(opened(&mut connections, 1), 1);
    }
}
