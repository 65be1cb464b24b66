//! The faults in force, and which of them strikes a call.

use std::time::Duration;

use crate::faults::chance::Chance;
use crate::faults::{Fault, Harm, HowOften};
use crate::ids::{ChatId, UserId};

/// What is known of a call before it is handled.
#[derive(Debug, Hash)]
pub(crate) struct Called<'a> {
    pub(crate) method: &'a str,
    pub(crate) chat: Option<ChatId>,
    /// Whom it is about: the member, the presser, or the one written to in private.
    pub(crate) user: Option<UserId>,
}

impl Fault {
    fn is_due(&self, now_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= now_ms) && self.until_ms.is_none_or(|until| now_ms < until)
    }

    fn meets(&self, call: &Called<'_>) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(call.method))
            && self.chat.is_none_or(|wanted| call.chat == Some(wanted))
            && self.user.is_none_or(|wanted| call.user == Some(wanted))
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    faults: Vec<(u64, Fault)>,
    last_id: u64,
}

impl Plan {
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.faults.push((self.last_id, fault));
        self.last_id
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.faults.retain(|(known, _)| *known != id);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn list(&self) -> Vec<(u64, Fault)> {
        self.faults.clone()
    }

    /// The first fault that strikes this call; its count goes down.
    pub(crate) fn strike(&mut self, now_ms: i64, call: &Called<'_>, chance: &mut Chance) -> Option<Fault> {
        self.first(now_ms, Some(call), chance, |fault| {
            !matches!(fault.harm, Harm::SlowConnectMs(_)) && fault.meets(call)
        })
    }

    /// How long a new connection is not served.
    pub(crate) fn slow_connect(&mut self, now_ms: i64, chance: &mut Chance) -> Option<Duration> {
        match self.first(now_ms, None, chance, |fault| matches!(fault.harm, Harm::SlowConnectMs(_)))?.harm {
            Harm::SlowConnectMs(wait) => Some(Duration::from_millis(wait)),
            _ => None,
        }
    }

    fn first(
        &mut self,
        now_ms: i64,
        call: Option<&Called<'_>>,
        chance: &mut Chance,
        meets: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        let at = self.faults.iter_mut().position(|(id, fault)| {
            if !fault.is_due(now_ms) || !meets(fault) {
                return false;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return false;
            }
            match fault.how_often {
                HowOften::Always => true,
                HowOften::Next(left) => left > 0,
                HowOften::Probability(probability) => chance.strikes(probability, &(id, call)),
            }
        })?;
        let struck = self.faults[at].1.clone();
        if let HowOften::Next(left) = &mut self.faults[at].1.how_often {
            *left -= 1;
            if *left == 0 {
                self.faults.remove(at);
            }
        }
        Some(struck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(method: &str, chat: i64, user: i64) -> Called<'_> {
        Called { method, chat: Some(ChatId(chat)), user: Some(UserId(user)) }
    }

    #[test]
    fn faults_strike_what_they_are_meant_for() {
        let mut chance = Chance::new(1);
        let mut plan = Plan::default();
        plan.add(Fault::error(400, "Bad Request: x").on("getChatMember").in_chat(ChatId(-1)).about(UserId(7)).next(1));
        for (call, struck) in [
            (about("sendMessage", -1, 7), false),
            (about("getchatmember", -2, 7), false),
            (about("getchatmember", -1, 8), false),
            (about("getchatmember", -1, 7), true),
            // Only once.
            (about("getchatmember", -1, 7), false),
        ] {
            assert_eq!(plan.strike(0, &call, &mut chance).is_some(), struck, "{call:?}");
        }
    }

    #[test]
    fn faults_begin_after_so_many_calls_and_last_from_one_time_to_another() {
        let mut chance = Chance::new(1);
        let mut plan = Plan::default();
        plan.add(Fault::restart().after(2).between(100, 200));
        let struck: Vec<bool> = [99, 100, 150, 199, 199, 200]
            .map(|now_ms| plan.strike(now_ms, &about("getMe", -1, 7), &mut chance).is_some())
            .to_vec();
        assert_eq!(struck, [false, false, false, true, true, false]);
    }

    #[test]
    fn a_slow_connection_is_no_calls_matter() {
        let mut chance = Chance::new(1);
        let mut plan = Plan::default();
        plan.add(Fault::slow_connect(Duration::from_secs(2)).next(1));
        assert!(plan.strike(0, &about("getMe", -1, 7), &mut chance).is_none());
        assert_eq!(plan.slow_connect(0, &mut chance), Some(Duration::from_secs(2)));
        assert_eq!(plan.slow_connect(0, &mut chance), None);
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed| {
            let mut chance = Chance::new(seed);
            let mut plan = Plan::default();
            plan.add(Fault::new(Harm::Empty500).with_probability(0.5));
            (0..64).map(|_| plan.strike(0, &about("getMe", -1, 7), &mut chance).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
