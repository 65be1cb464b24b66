//! Which update may be sent now: one in flight per queue, limits on all, and the waits after failures. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;

use crate::state::updates::{QueueId, Updates};

/// How one delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered {
        status: u16,
    },
    Failed {
        error: String,
        retry_after_s: Option<i64>,
        is_gone: bool,
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
    Again,
    /// The next try would come after the update's end.
    Dropped,
    /// The answer is to an earlier webhook.
    Stale,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<i64>,
    in_flight: Option<i64>,
    failures: u32,
    next_try_ms: i64,
}

/// The loaded queues.
#[derive(Default)]
pub(super) struct Plan {
    queues: HashMap<QueueId, Queue>,
    queue_of: HashMap<i64, QueueId>,
    /// Queues with something to send and nothing in flight, by when that may be, then by the update's age.
    ready: BTreeSet<(i64, i64, QueueId)>,
    in_flight: usize,
    loaded_up_to: i64,
}

impl Plan {
    /// Takes in updates in order, while there are not too many distinct queues.
    pub(super) fn load(&mut self, updates: &Updates, max_connections: usize) {
        let most_queues = max_connections.saturating_mul(2);
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

    /// The updates to send now; they count as in flight from here on.
    pub(super) fn start(&mut self, now_ms: i64, max_connections: usize) -> Vec<i64> {
        let mut started = Vec::new();
        while self.in_flight < max_connections {
            let Some((due_ms, id, queue_id)) = self.ready.first().copied() else {
                break;
            };
            if due_ms > now_ms {
                break;
            }
            self.ready.pop_first();
            if let Some(queue) = self.queues.get_mut(&queue_id) {
                queue.waiting.pop_front();
                queue.in_flight = Some(id);
                self.in_flight += 1;
                started.push(id);
            }
        }
        started
    }

    /// When the earliest waiting head may be tried; `None` if none waits, or if all connections are busy: then only an answer changes that.
    pub(super) fn next_try_ms(&self, max_connections: usize) -> Option<i64> {
        let due_ms = self.ready.first().map(|(due_ms, ..)| *due_ms);
        due_ms.filter(|_| self.in_flight < max_connections)
    }

    /// Puts the outcome of a delivery in its place. `long_wait_s` is drawn from 60 to 120.
    pub(super) fn settle(
        &mut self,
        id: i64,
        outcome: &Outcome,
        now_ms: i64,
        long_wait_s: i64,
        expires_ms: Option<i64>,
    ) -> Verdict {
        let Some(queue_id) = self.queue_of.get(&id).copied() else {
            return Verdict::Stale;
        };
        let Some(queue) = self.queues.get_mut(&queue_id) else {
            return Verdict::Stale;
        };
        queue.in_flight = None;
        self.in_flight = self.in_flight.saturating_sub(1);
        let verdict = match outcome {
            Outcome::Delivered { .. } => Verdict::Done,
            Outcome::Expired => Verdict::Dropped,
            Outcome::Failed { retry_after_s, .. } => {
                let wait_s = match retry_after_s {
                    Some(seconds) => *seconds,
                    None => {
                        queue.failures += 1;
                        wait_s(queue.failures, long_wait_s)
                    }
                };
                queue.next_try_ms = now_ms + wait_s * 1000;
                if expires_ms.is_some_and(|expires| queue.next_try_ms < expires) {
                    Verdict::Again
                } else {
                    Verdict::Dropped
                }
            }
        };
        if verdict == Verdict::Again {
            queue.waiting.push_front(id);
        } else {
            self.queue_of.remove(&id);
            queue.failures = 0;
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

/// The wait after the n-th failure of one update.
fn wait_s(failures: u32, long_wait_s: i64) -> i64 {
    match failures {
        0 | 1 => 0,
        2..=6 => 1 << (failures - 1),
        7 => long_wait_s.min(64),
        _ => long_wait_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChatId, UserId};
    use crate::state::updates::Kind;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use serde_json::json;

    const A: QueueId = QueueId::Chat(ChatId(-1));
    const B: QueueId = QueueId::Presses(UserId(1));
    const C: QueueId = QueueId::Memberships(UserId(1));

    fn updates(queues: &[QueueId]) -> (Updates, i64) {
        let mut updates = Updates::new(&mut StdRng::seed_from_u64(1));
        for queue in queues {
            updates.push(Kind::Message, *queue, 0, 1_000_000, &json!({}));
        }
        let first = updates.from(0).next().map_or(0, |(id, _)| id);
        (updates, first)
    }

    fn failed(retry_after_s: Option<i64>) -> Outcome {
        Outcome::Failed { error: String::new(), retry_after_s, is_gone: false }
    }

    #[test]
    fn one_in_flight_per_queue_and_queues_in_parallel() {
        let (updates, first) = updates(&[A, A, B, C]);
        let mut plan = Plan::default();
        plan.load(&updates, 40);
        assert_eq!(plan.start(0, 40), [first, first + 2, first + 3]);
        assert_eq!(plan.start(0, 40), Vec::<i64>::new());
        assert_eq!(plan.settle(first, &Outcome::Delivered { status: 200 }, 0, 60, Some(1000)), Verdict::Done);
        assert_eq!(plan.start(0, 40), [first + 1]);
    }

    #[test]
    fn no_more_in_flight_than_connections() {
        let (updates, first) = updates(&[A, B, C]);
        let mut plan = Plan::default();
        plan.load(&updates, 2);
        assert_eq!(plan.start(0, 2), [first, first + 1]);
        assert_eq!(plan.next_try_ms(2), None, "no time frees a connection");
        plan.settle(first, &Outcome::Delivered { status: 200 }, 0, 60, None);
        assert_eq!(plan.start(0, 2), [first + 2]);
    }

    #[test]
    fn at_most_twice_as_many_queues_as_connections_are_loaded() {
        let (updates, first) = updates(&[A, B, C, A]);
        let mut plan = Plan::default();
        plan.load(&updates, 1);
        assert_eq!(plan.start(0, 9), [first, first + 1], "two queues stall what is behind them, other chats too");
        plan.settle(first, &Outcome::Delivered { status: 200 }, 0, 60, None);
        plan.load(&updates, 1);
        assert_eq!(plan.start(0, 9), [first + 2]);
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let waits: Vec<i64> = (1..=9).map(|failures| wait_s(failures, 90)).collect();
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 90, 90]);
        assert_eq!(wait_s(7, 60), 60);
    }

    #[test]
    fn retry_after_is_obeyed_and_does_not_advance_the_doubling() {
        let (updates, first) = updates(&[A, A]);
        let mut plan = Plan::default();
        plan.load(&updates, 40);
        plan.start(0, 40);
        assert_eq!(plan.settle(first, &failed(Some(5)), 0, 90, Some(1_000_000)), Verdict::Again);
        assert_eq!((plan.start(4999, 40), plan.next_try_ms(40)), (vec![], Some(5000)));
        assert_eq!(plan.start(5000, 40), [first], "the same update, before those behind it");
        plan.settle(first, &failed(None), 5000, 90, Some(1_000_000));
        assert_eq!(plan.start(5000, 40), [first], "the first failure waits not at all");
        plan.settle(first, &failed(None), 5000, 90, Some(1_000_000));
        assert_eq!(plan.next_try_ms(40), Some(7000));
    }

    #[test]
    fn an_update_that_would_expire_before_the_next_try_is_dropped() {
        let (updates, first) = updates(&[A, A]);
        let mut plan = Plan::default();
        plan.load(&updates, 40);
        plan.start(0, 40);
        assert_eq!(plan.settle(first, &failed(Some(10)), 0, 90, Some(9999)), Verdict::Dropped);
        assert_eq!(plan.start(0, 40), [first + 1]);
    }
}
