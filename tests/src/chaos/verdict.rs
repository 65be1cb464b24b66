//! What a run came to: one line for people, and tables for who wants them.

use std::fmt;

use serde::Serialize;

use super::{
    fleet::Happened,
    logs::Said,
    options::{Kind, Options},
    takeover::{Takeover, median_and_most},
};

#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub kind: Kind,
    pub seed: u64,
    pub seconds: u64,
    /// The command that runs the same again.
    pub again: String,
    /// How often people did something, and how often they were asked to.
    pub acts: u64,
    pub acts_wanted: u64,
    /// Updates that Telegram delivered: answered with 2xx.
    pub sent: usize,
    pub handled: usize,
    pub lost: usize,
    pub muted_twice: usize,
    pub warned_twice: usize,
    pub answered_twice: usize,
    pub out_of_order: usize,
    pub dead_letters: u64,
    /// Where the first one was being sent at a fault.
    pub warned_twice_in_flight: usize,
    /// Done again without anybody noticing: deletes, refused answers, mutes as they were.
    pub repeated: usize,
    /// Presses that were not answered because of a fault.
    pub too_late: usize,
    /// Requests of Telegram's that it had to make again.
    pub refused: usize,
    /// What woken workers called for shards that they had lost.
    pub woken_calls: usize,
    /// Lanes of those shards in which it was the one call whose check had passed.
    pub one_call: usize,
    /// Messages of the stream whose acks were lost with a node; they came again and were acked.
    pub unacked: u64,
    /// From an update to its effect, in milliseconds: half of them, 99 of 100, the longest.
    pub waits_ms: [i64; 3],
    /// From the end of the load until nothing was left to do.
    pub drained_ms: i64,
    pub takeovers: Vec<Takeover>,
    pub faults: Vec<Happened>,
    /// What the programs said from the first fault on, where a server was away.
    pub said: Vec<Said>,
    /// Everything that must not be, a sentence each.
    pub violations: Vec<String>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }

    pub(super) fn empty(options: &Options) -> Self {
        Self {
            kind: options.kind,
            seed: options.seed,
            seconds: options.length().as_secs(),
            again: options.again(),
            acts: 0,
            acts_wanted: 0,
            sent: 0,
            handled: 0,
            lost: 0,
            muted_twice: 0,
            warned_twice: 0,
            answered_twice: 0,
            out_of_order: 0,
            dead_letters: 0,
            warned_twice_in_flight: 0,
            repeated: 0,
            too_late: 0,
            refused: 0,
            woken_calls: 0,
            one_call: 0,
            unacked: 0,
            waits_ms: [0; 3],
            drained_ms: 0,
            takeovers: Vec::new(),
            faults: Vec::new(),
            said: Vec::new(),
            violations: Vec::new(),
        }
    }
}

/// The middle and the largest of times, for people.
pub(super) struct Times(pub Vec<i64>);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match median_and_most(self.0.clone()) {
            Some((median, most)) => write!(f, "median {median} ms, worst {most} ms"),
            None => f.write_str("never"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, seconds, acts, acts_wanted, sent, handled, lost, out_of_order, dead_letters, .. } = self;
        write!(
            f,
            "{} chaos {} seed {seed}, {seconds} s, {} faults: people acted {acts} times ({acts_wanted} asked for, {} updates/s delivered): \
             {sent} updates sent, {handled} handled, {lost} lost, {out_of_order} out of order, {} muted twice, \
             {} warned twice (and {} in flight at a fault), {} answered twice, {dead_letters} dead letters, {} repeated unseen, \
             {} presses too late",
            if self.is_good() { "GOOD" } else { "BAD" },
            self.kind.name(),
            self.faults.len(),
            u64::try_from(*sent).unwrap_or(u64::MAX).checked_div(*seconds).unwrap_or_default(),
            self.muted_twice,
            self.warned_twice,
            self.warned_twice_in_flight,
            self.answered_twice,
            self.repeated,
            self.too_late,
        )?;
        if !self.takeovers.is_empty() {
            let of = |time: fn(&Takeover) -> Option<i64>| Times(self.takeovers.iter().filter_map(time).collect());
            write!(
                f,
                "; {} takeovers: {} (all shards leased anew: {}; the first update handled: {}; the longest wait of a chat: {})",
                self.takeovers.len(),
                of(Takeover::ms),
                of(|one| one.leased_ms),
                of(|one| Some(one.first_ms)),
                of(|one| Some(one.longest_wait_ms)),
            )?;
        }
        if self.kind == Kind::Freeze {
            let (calls, lanes) = (self.woken_calls, self.one_call);
            write!(f, "; woken workers made {calls} calls for lost shards, in {lanes} lanes the one that they may")?;
        }
        if self.kind == Kind::Cluster {
            write!(f, "; {} acks lost with a node", self.unacked)?;
        }
        if self.kind.service().is_some() {
            let complaints: usize = self.said.iter().filter(|said| said.level != "INFO").map(|said| said.times).sum();
            write!(f, "; the logs complain {complaints} times in all")?;
        }
        let [half, most, longest] = self.waits_ms;
        write!(
            f,
            "; waits p50 {half} ms, p99 {most} ms, longest {longest} ms; drained in {} ms; {} violations",
            self.drained_ms,
            self.violations.len()
        )
    }
}
