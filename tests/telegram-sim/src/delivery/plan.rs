//! Which update may be sent now: one in flight per queue, so many queues loaded, and the waits after failures. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;

use http::StatusCode;

use crate::delivery::connections::Connections;
use crate::delivery_faults::Dice;
use crate::state::updates::{QueueId, Updates};

/// How one delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered {
        status: u16,
    },
    Failed {
        error: String,
        /// None if nothing whole came back.
        status: Option<StatusCode>,
        retry_after_s: Option<i64>,
    },
    /// It was not even sent: its time was over.
    Expired,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { status } => status.fmt(f),
            Self::Failed { error, .. } => f.write_str(error),
            Self::Expired => f.write_str("expired"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// It failed.
    Again,
    /// It arrived, and is handed over a second time: a fault.
    Repeat,
    /// The next try would come after the update's end.
    Dropped,
    /// The answer is to an earlier webhook.
    Stale,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<i64>,
    in_flight: Option<i64>,
    next_try_ms: i64,
    head: Head,
}

/// How the first update of a queue has fared so far.
#[derive(Clone, Copy)]
struct Head {
    has_failed: bool,
    /// What the doubling has come to, in seconds.
    delay_s: i64,
    was_held_back: bool,
    was_repeated: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self { has_failed: false, delay_s: 1, was_held_back: false, was_repeated: false }
    }
}

impl Head {
    /// The wait after one more failure. The first is tried again at once; one that the webhook has asked for is kept,
    /// and does not advance the doubling.
    fn next_wait_s(&mut self, retry_after_s: Option<i64>, long_wait_s: i64) -> i64 {
        let is_first = !std::mem::replace(&mut self.has_failed, true);
        if let Some(seconds) = retry_after_s {
            return seconds;
        }
        if is_first {
            return 0;
        }
        self.delay_s = (self.delay_s * 2).min(long_wait_s);
        self.delay_s
    }
}

/// What an outcome meets.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) ms: i64,
    /// Drawn from 60 to 120: what the doubling ends at.
    pub(super) long_wait_s: i64,
    /// When the update is no longer of use; `None` if it is gone already.
    pub(super) expires_ms: Option<i64>,
    pub(super) dice: Dice,
}

/// The loaded queues.
#[derive(Default)]
pub(super) struct Plan {
    queues: HashMap<QueueId, Queue>,
    queue_of: HashMap<i64, QueueId>,
    /// Queues with something to send and nothing in flight, by when that may be, then by the update's age.
    ready: BTreeSet<(i64, i64, QueueId)>,
    loaded_up_to: i64,
}

impl Plan {
    /// Takes in updates in order, while there are not too many distinct queues.
    pub(super) fn load(&mut self, updates: &Updates, max_connections: usize) {
        let most_queues = max_connections.saturating_mul(2);
        if updates.next_id() < self.loaded_up_to {
            // Ids have begun anew.
            self.loaded_up_to = 0;
        }
        for (id, update) in updates.from(self.loaded_up_to) {
            if !self.queues.contains_key(&update.queue) && self.queues.len() >= most_queues {
                return;
            }
            self.loaded_up_to = id + 1;
            self.queue_of.insert(id, update.queue);
            let queue = self.queues.entry(update.queue).or_default();
            queue.waiting.push_back(id);
            if queue.in_flight.is_none() && queue.waiting.len() == 1 {
                self.ready.insert((queue.next_try_ms, id, update.queue));
            }
        }
    }

    /// The updates to send now, each with a connection taken; they count as in flight from here on.
    pub(super) fn start(&mut self, now_ms: i64, connections: &mut Connections, dice: &Dice) -> Vec<i64> {
        let mut started = Vec::new();
        let queues = self.queues.len();
        while let Some((due_ms, id, queue_id)) = self.ready.first().copied() {
            if due_ms > now_ms {
                break;
            }
            let Some(queue) = self.queues.get_mut(&queue_id) else {
                self.ready.pop_first();
                continue;
            };
            if !queue.head.was_held_back
                && let Some(held_ms) = dice.holds_back_ms(id)
            {
                self.ready.pop_first();
                queue.head.was_held_back = true;
                queue.next_try_ms = now_ms + held_ms;
                self.ready.insert((queue.next_try_ms, id, queue_id));
                continue;
            }
            if !connections.acquire(now_ms, queues) {
                break;
            }
            self.ready.pop_first();
            queue.waiting.pop_front();
            queue.in_flight = Some(id);
            started.push(id);
        }
        started
    }

    /// When something may be sent without any delivery ending before; `None` if only that changes anything.
    pub(super) fn next_start_ms(&self, now_ms: i64, connections: &Connections) -> Option<i64> {
        let (due_ms, ..) = self.ready.first()?;
        // At the time a head is due the connections may be other than now, but then this is asked again.
        connections.next_ms(now_ms, self.queues.len()).map(|at| at.max(*due_ms))
    }

    /// Puts the outcome of a delivery in its place.
    pub(super) fn settle(&mut self, id: i64, outcome: &Outcome, now: Now) -> Verdict {
        let Some(queue_id) = self.queue_of.get(&id).copied() else {
            return Verdict::Stale;
        };
        let Some(queue) = self.queues.get_mut(&queue_id) else {
            return Verdict::Stale;
        };
        queue.in_flight = None;
        let verdict = match outcome {
            Outcome::Delivered { .. } if !queue.head.was_repeated && now.dice.repeats(id) => {
                queue.head.was_repeated = true;
                queue.next_try_ms = now.ms;
                Verdict::Repeat
            }
            Outcome::Delivered { .. } => Verdict::Done,
            Outcome::Expired => Verdict::Dropped,
            Outcome::Failed { retry_after_s, .. } => {
                queue.next_try_ms = now.ms + queue.head.next_wait_s(*retry_after_s, now.long_wait_s) * 1000;
                if now.expires_ms.is_some_and(|expires| queue.next_try_ms < expires) {
                    Verdict::Again
                } else {
                    Verdict::Dropped
                }
            }
        };
        if matches!(verdict, Verdict::Again | Verdict::Repeat) {
            queue.waiting.push_front(id);
        } else {
            self.queue_of.remove(&id);
            queue.head = Head::default();
            queue.next_try_ms = 0;
        }
        match queue.waiting.front() {
            Some(head) => {
                self.ready.insert((queue.next_try_ms, *head, queue_id));
            }
            None => {
                self.queues.remove(&queue_id);
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery_faults::DeliveryFaults;
    use crate::ids::{ChatId, UserId};
    use crate::state::updates::Kind;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use serde_json::json;

    const A: QueueId = QueueId::Chat(ChatId(-1));
    const B: QueueId = QueueId::Presses(UserId(1));
    const C: QueueId = QueueId::Memberships(UserId(1));

    fn updates(queues: &[QueueId]) -> (Updates, i64) {
        let mut updates = Updates::new(&mut StdRng::seed_from_u64(1), 1);
        for queue in queues {
            updates.push(Kind::Message, *queue, 0, 1_000_000, &json!({}));
        }
        let first = updates.from(0).next().map_or(0, |(id, _)| id);
        (updates, first)
    }

    fn failed(retry_after_s: Option<i64>) -> Outcome {
        Outcome::Failed { error: String::new(), status: None, retry_after_s }
    }

    const OK: Outcome = Outcome::Delivered { status: 200 };

    fn at(ms: i64) -> Now {
        Now { ms, long_wait_s: 90, expires_ms: Some(1_000_000), dice: Dice::new(1) }
    }

    /// A plan with these updates loaded, and what it starts with all its connections there at once.
    struct Line {
        plan: Plan,
        connections: Connections,
        dice: Dice,
    }

    impl Line {
        fn new(updates: &Updates, max_connections: usize) -> Self {
            let mut plan = Plan::default();
            plan.load(updates, max_connections);
            Self { plan, connections: Connections::new(max_connections, false), dice: Dice::new(1) }
        }

        fn start(&mut self, now_ms: i64) -> Vec<i64> {
            self.plan.start(now_ms, &mut self.connections, &self.dice)
        }

        fn settle(&mut self, id: i64, outcome: &Outcome, now: Now) -> Verdict {
            self.connections.release(now.ms, true);
            self.plan.settle(id, outcome, Now { dice: self.dice, ..now })
        }
    }

    #[test]
    fn one_in_flight_per_queue_and_queues_in_parallel() {
        let (updates, first) = updates(&[A, A, B, C]);
        let mut line = Line::new(&updates, 40);
        assert_eq!(line.start(0), [first, first + 2, first + 3]);
        assert_eq!(line.start(0), Vec::<i64>::new());
        assert_eq!(line.settle(first, &OK, at(0)), Verdict::Done);
        assert_eq!(line.start(0), [first + 1]);
    }

    #[test]
    fn no_more_in_flight_than_connections() {
        let (updates, first) = updates(&[A, B, C]);
        let mut line = Line::new(&updates, 2);
        assert_eq!(line.start(0), [first, first + 1]);
        assert_eq!(line.plan.next_start_ms(0, &line.connections), None, "no time frees a connection");
        line.settle(first, &OK, at(0));
        line.plan.load(&updates, 2);
        assert_eq!(line.start(0), [first + 2]);
    }

    #[test]
    fn at_most_twice_as_many_queues_as_connections_are_loaded() {
        let (updates, first) = updates(&[A, B, C, A]);
        let mut line = Line::new(&updates, 1);
        line.connections = Connections::new(9, false);
        assert_eq!(line.start(0), [first, first + 1], "two queues stall what is behind them, other chats too");
        line.settle(first, &OK, at(0));
        line.plan.load(&updates, 1);
        assert_eq!(line.start(0), [first + 2]);
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let waits = |long_wait_s| {
            let mut head = Head::default();
            (1..=9).map(|_| head.next_wait_s(None, long_wait_s)).collect::<Vec<_>>()
        };
        assert_eq!(waits(90), [0, 2, 4, 8, 16, 32, 64, 90, 90]);
        assert_eq!(waits(60), [0, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn retry_after_is_obeyed_and_does_not_advance_the_doubling() {
        let (updates, first) = updates(&[A, A]);
        let mut line = Line::new(&updates, 40);
        line.start(0);
        assert_eq!(line.settle(first, &failed(Some(5)), at(0)), Verdict::Again);
        assert_eq!((line.start(4999), line.plan.next_start_ms(4999, &line.connections)), (vec![], Some(5000)));
        assert_eq!(line.start(5000), [first], "the same update, before those behind it");
        line.settle(first, &failed(None), at(5000));
        assert_eq!((line.start(6999), line.start(7000)), (vec![], vec![first]), "the second failure waits 2 s");
        line.settle(first, &failed(Some(30)), at(7000));
        line.start(37_000);
        line.settle(first, &failed(None), at(37_000));
        assert_eq!(line.plan.next_start_ms(37_000, &line.connections), Some(41_000), "4 s come after 2 s");
    }

    #[test]
    fn an_update_that_would_expire_before_the_next_try_is_dropped() {
        let (updates, first) = updates(&[A, A]);
        let mut line = Line::new(&updates, 40);
        line.start(0);
        let now = Now { expires_ms: Some(9999), ..at(0) };
        assert_eq!(line.settle(first, &failed(Some(10)), now), Verdict::Dropped);
        assert_eq!(line.start(0), [first + 1]);
    }

    #[test]
    fn ids_may_begin_anew_lower_than_before() {
        let (mut updates, first) = updates(&[A]);
        let mut line = Line::new(&updates, 40);
        line.start(0);
        line.settle(first, &OK, at(0));
        updates.remove(first);
        line.plan.loaded_up_to = i64::MAX;
        updates.push(Kind::Message, B, 0, 1_000_000, &json!({}));
        line.plan.load(&updates, 40);
        assert_eq!(line.start(0), [first + 1]);
    }

    #[test]
    fn a_repeated_update_comes_twice_before_the_next_and_a_held_back_one_later() {
        let (updates, first) = updates(&[A, A, B]);
        let mut line = Line::new(&updates, 40);
        line.dice.faults = DeliveryFaults { repeat: 1.0, ..DeliveryFaults::none() };
        assert_eq!(line.start(0), [first, first + 2]);
        assert_eq!(line.settle(first, &OK, at(0)), Verdict::Repeat);
        assert_eq!(line.start(0), [first]);
        assert_eq!(line.settle(first, &OK, at(0)), Verdict::Done);
        line.dice.faults = DeliveryFaults { hold_back: 1.0, hold_back_ms: 700, ..DeliveryFaults::none() };
        assert_eq!((line.start(0), line.start(699), line.start(700)), (vec![], vec![], vec![first + 1]));
    }
}
