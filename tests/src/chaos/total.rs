//! What several runs came to together: one line.

use std::fmt;

use serde::Serialize;

use super::{
    takeover::Takeover,
    verdict::{Times, Verdict},
};

/// Adds up what is added to it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Total {
    pub runs: usize,
    pub bad: usize,
    /// Runs that could not be made; they are bad too.
    pub failed: usize,
    pub faults: usize,
    pub acts: u64,
    pub acts_wanted: u64,
    pub sent: usize,
    pub handled: usize,
    pub lost: usize,
    pub out_of_order: usize,
    pub muted_twice: usize,
    pub warned_twice: usize,
    pub warned_twice_in_flight: usize,
    pub answered_twice: usize,
    pub dead_letters: u64,
    pub woken_calls: usize,
    pub one_call: usize,
    pub takeovers: Vec<Takeover>,
    pub longest_wait_ms: i64,
}

impl Total {
    pub fn is_good(&self) -> bool {
        self.bad == 0
    }

    pub fn add(&mut self, verdict: &Verdict) {
        self.runs += 1;
        self.bad += usize::from(!verdict.is_good());
        self.faults += verdict.faults.len();
        self.acts += verdict.acts;
        self.acts_wanted += verdict.acts_wanted;
        self.sent += verdict.sent;
        self.handled += verdict.handled;
        self.lost += verdict.lost;
        self.out_of_order += verdict.out_of_order;
        self.muted_twice += verdict.muted_twice;
        self.warned_twice += verdict.warned_twice;
        self.warned_twice_in_flight += verdict.warned_twice_in_flight;
        self.answered_twice += verdict.answered_twice;
        self.dead_letters += verdict.dead_letters;
        self.woken_calls += verdict.woken_calls;
        self.one_call += verdict.one_call;
        self.takeovers.extend(verdict.takeovers.iter().cloned());
        self.longest_wait_ms = self.longest_wait_ms.max(verdict.waits_ms[2]);
    }

    /// A run could not be made, or did not end.
    pub fn add_failed(&mut self) {
        self.runs += 1;
        self.bad += 1;
        self.failed += 1;
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, bad, failed, sent, handled, lost, out_of_order, muted_twice, dead_letters, .. } = self;
        let times = Times(self.takeovers.iter().filter_map(Takeover::ms).collect());
        write!(
            f,
            "{} chaos, {runs} runs, {bad} of them bad, {failed} not to be made, {} faults: people acted {} times ({} asked for): \
             {sent} updates sent, {handled} handled, {lost} lost, {out_of_order} out of order, {muted_twice} muted twice, \
             {} warned twice (and {} in flight at a fault), {} answered twice, {dead_letters} dead letters; {} takeovers: {times}; \
             woken workers made {} calls for lost shards, in {} lanes the one that they may; longest wait of a chat {} ms",
            if self.is_good() { "GOOD" } else { "BAD" },
            self.faults,
            self.acts,
            self.acts_wanted,
            self.warned_twice,
            self.warned_twice_in_flight,
            self.answered_twice,
            self.takeovers.len(),
            self.woken_calls,
            self.one_call,
            self.longest_wait_ms,
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::chaos::options::Options;

    #[test]
    fn one_bad_run_is_enough() {
        let mut verdict = Verdict::empty(&Options::parse_from(["chaos"]));
        let mut total = Total::default();
        (verdict.sent, verdict.waits_ms) = (10, [1, 2, 30]);
        total.add(&verdict);
        assert!(total.is_good());
        (verdict.sent, verdict.waits_ms, verdict.lost) = (5, [1, 2, 3], 1);
        verdict.violations.push("a message stands".to_owned());
        total.add(&verdict);
        assert_eq!((total.runs, total.bad, total.sent, total.lost, total.longest_wait_ms), (2, 1, 15, 1, 30));
        let mut other = Total::default();
        other.add_failed();
        assert_eq!((other.is_good(), other.failed), (false, 1));
        assert!(total.to_string().starts_with("BAD chaos, 2 runs, 1 of them bad"), "{total}");
    }
}
