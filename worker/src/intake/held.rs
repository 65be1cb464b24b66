//! What one period has in hand or has finished, by its place in the stream, and whether the queue knows.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

/// The queue delivers again what stays unacked for long, and what it thinks unacked.
///
/// An ack is not answered, and one that is lost is missed only when the message comes again, minutes later. Mostly it is lost together with
/// the connection, and that ends the period. But in a cluster it may have been on its way through a node that died, to which this worker
/// had no connection: so what is finished is remembered until the queue is known to have all of it, or it has been acked once more.
#[derive(Debug)]
pub(crate) struct Held<R>(Mutex<Sequences<R>>);

#[derive(Debug)]
struct Sequences<R> {
    in_hand: HashSet<u64>,
    finished: VecDeque<u64>,
    /// How many were finished in this period.
    count: u64,
    /// How many deliveries were of something delivered before.
    repeated: u64,
    /// How many acks were sent.
    acked: u64,
    unconfirmed: VecDeque<Arc<R>>,
    /// How many of those were there when the queue was asked before.
    asked_about: usize,
}

/// More redeliveries than this at once mean a new period, with one delivery of each.
const FINISHED_REMEMBERED: usize = 1_024;

/// What a consumer may have unacked at once, so more cannot be lost.
const UNCONFIRMED_REMEMBERED: usize = 32_768;

pub(super) enum Admit {
    New,
    InHand,
    Finished,
}

impl<R> Held<R> {
    pub(super) fn new() -> Self {
        let (in_hand, finished, unconfirmed) = (HashSet::new(), VecDeque::new(), VecDeque::new());
        Self(Mutex::new(Sequences { in_hand, finished, count: 0, repeated: 0, acked: 0, unconfirmed, asked_about: 0 }))
    }

    pub(super) fn admit(&self, sequence: u64) -> Admit {
        let mut held = self.lock();
        let admit = if held.finished.contains(&sequence) {
            Admit::Finished
        } else if held.in_hand.insert(sequence) {
            Admit::New
        } else {
            Admit::InHand
        };
        held.repeated += u64::from(!matches!(admit, Admit::New));
        admit
    }

    pub(super) fn finish(&self, sequence: u64, receipt: Arc<R>) {
        let mut held = self.lock();
        held.in_hand.remove(&sequence);
        held.count += 1;
        held.finished.push_back(sequence);
        if held.finished.len() > FINISHED_REMEMBERED {
            held.finished.pop_front();
        }
        held.unconfirmed.push_back(receipt);
        if held.unconfirmed.len() > UNCONFIRMED_REMEMBERED {
            held.unconfirmed.pop_front();
            held.asked_about = held.asked_about.saturating_sub(1);
        }
    }

    /// An ack has been sent.
    pub(super) fn ack_sent(&self) {
        self.lock().acked += 1;
    }

    /// How many acks have been sent.
    pub(super) fn acked(&self) -> u64 {
        self.lock().acked
    }

    /// Whether something is finished of which the queue is not known to know.
    pub(super) fn is_unconfirmed(&self) -> bool {
        !self.lock().unconfirmed.is_empty()
    }

    /// The queue holds so many deliveries for acked. Gives what is to be acked once more: what was there already when it was asked before,
    /// unless it knows of everything by now.
    pub(super) fn confirm(&self, arrived: u64) -> Vec<Arc<R>> {
        let mut held = self.lock();
        if arrived.saturating_sub(held.repeated) >= held.count {
            held.unconfirmed.clear();
            held.asked_about = 0;
            return Vec::new();
        }
        let asked_about = held.asked_about;
        let again = held.unconfirmed.drain(..asked_about).collect();
        held.asked_about = held.unconfirmed.len();
        again
    }

    fn lock(&self) -> MutexGuard<'_, Sequences<R>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_queue_does_not_know_is_acked_once_more() {
        let held = Held::new();
        let finish = |sequence| {
            held.admit(sequence);
            held.finish(sequence, Arc::new(sequence));
        };
        let again = |arrived| held.confirm(arrived).iter().map(|receipt| **receipt).collect::<Vec<u64>>();
        finish(1);
        finish(2);
        assert!(held.is_unconfirmed());
        assert!(again(2).is_empty(), "it knows both");
        assert!(!held.is_unconfirmed());

        finish(3);
        finish(4);
        assert!(again(3).is_empty(), "the other one may be on its way");
        finish(5);
        assert_eq!(again(4), [3, 4], "one is missing, and nobody knows which");
        assert!(again(5).is_empty());
        assert!(!held.is_unconfirmed());

        // What comes again counts as one more delivery, and is acked by whoever takes it in.
        assert!(matches!(held.admit(5), Admit::Finished));
        finish(6);
        assert_eq!((again(6), held.is_unconfirmed()), (Vec::new(), true));
        assert_eq!((again(7), held.is_unconfirmed()), (Vec::new(), false));
    }
}
