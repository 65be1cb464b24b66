//! What goes wrong on purpose: which calls, how often, and how.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ChatId, UserId};

/// A fault: which calls it meets, how often, and what it does to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Any method if `None`; case does not matter.
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub chat: Option<ChatId>,
    #[serde(default)]
    pub user: Option<UserId>,
    #[serde(default)]
    pub how_often: HowOften,
    /// So many calls that it would meet are let through first.
    #[serde(default)]
    pub after: u32,
    /// From this time of the world on, in milliseconds since 1970.
    #[serde(default)]
    pub from_ms: Option<i64>,
    /// Until this time of the world.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// The call has its effect first, and only its reply is replaced.
    #[serde(default)]
    pub after_effect: bool,
    pub harm: Harm,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowOften {
    #[default]
    Always,
    /// The next so many calls that it meets.
    Next(u32),
    /// Each call with this probability, 0 to 1, drawn from the simulator's seed.
    Probability(f64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// An error in the Bot API's form. `status` is usually `error_code`.
    Error {
        status: u16,
        error_code: u16,
        description: String,
        #[serde(default)]
        parameters: Option<Value>,
    },
    /// Anything at all.
    Raw {
        status: u16,
        #[serde(default)]
        content_type: String,
        body: String,
    },
    /// What a reverse proxy sends when the server behind it is away.
    Html502,
    Html504,
    /// Status 500 and nothing else.
    Empty500,
    /// The connection is closed without a reply.
    Cut,
    /// No reply for this long, then the connection is closed.
    HangMs(u64),
    /// The call is handled as usual, this much later.
    LatencyMs(u64),
    /// A new connection is not served for so long, as when TLS takes its time. No call is known then: what the fault says
    /// of method, chat and user does not matter.
    SlowConnectMs(u64),
    /// Telegram's core is away for so long from the call on. The server tries it 1, 3 and 7 s later; after that it
    /// answers `retry after 8`, which no flood has to do with.
    CoreOutageMs(u64),
    /// The bot is thrown out of the call's chat just before the call is handled (or just after, with `after_effect`).
    Kick,
    /// The bot is made a plain member there, in a channel a subscriber: member lists are inaccessible.
    LoseAdmin,
    /// The basic group becomes a supergroup: see [`crate::world::World::upgrade`].
    Upgrade,
    /// The result (an object) loses and gains fields.
    Patch {
        #[serde(default)]
        remove: Vec<String>,
        #[serde(default)]
        set: Map<String, Value>,
    },
}

impl Harm {
    /// Whether the call is handled all the same.
    pub(crate) const fn lets_through(&self) -> bool {
        match self {
            Self::LatencyMs(_)
            | Self::CoreOutageMs(_)
            | Self::Kick
            | Self::LoseAdmin
            | Self::Upgrade
            | Self::Patch { .. } => true,
            Self::Error { .. }
            | Self::Raw { .. }
            | Self::Html502
            | Self::Html504
            | Self::Empty500
            | Self::Cut
            | Self::HangMs(_)
            | Self::SlowConnectMs(_) => false,
        }
    }
}

impl Fault {
    /// A fault that meets every call, until it is narrowed.
    #[must_use]
    pub fn new(harm: Harm) -> Self {
        Self {
            method: None,
            chat: None,
            user: None,
            how_often: HowOften::Always,
            after: 0,
            from_ms: None,
            until_ms: None,
            after_effect: false,
            harm,
        }
    }

    /// An error reply such as `400`, `Bad Request: PARTICIPANT_ID_INVALID`.
    #[must_use]
    pub fn error(code: u16, description: &str) -> Self {
        Self::new(Harm::Error { status: code, error_code: code, description: description.to_owned(), parameters: None })
    }

    /// A flood error, with the header and the parameter.
    #[must_use]
    pub fn flood(retry_after: u32) -> Self {
        Self::new(Harm::Error {
            status: 429,
            error_code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            parameters: Some(serde_json::json!({ "retry_after": retry_after })),
        })
    }

    /// What a server says while it restarts.
    #[must_use]
    pub fn restart() -> Self {
        Self::error(500, "Internal Server Error: restart")
    }

    /// What the server says to calls under way when the bot's instance closes. No flood has to do with it, and the call
    /// may have had its effect: see [`Fault::after_effect`].
    #[must_use]
    pub fn instance_closing() -> Self {
        Self::flood(5)
    }

    /// What `getChatMember` has been seen to say of a valid user for a while.
    #[must_use]
    pub fn participant_id_invalid() -> Self {
        Self::error(400, "Bad Request: PARTICIPANT_ID_INVALID").on("getChatMember")
    }

    /// Telegram's core is away for so long from each call on.
    #[must_use]
    pub fn core_outage(how_long: Duration) -> Self {
        Self::new(Harm::CoreOutageMs(whole_ms(how_long)))
    }

    /// New connections are not served for so long.
    #[must_use]
    pub fn slow_connect(how_long: Duration) -> Self {
        Self::new(Harm::SlowConnectMs(whole_ms(how_long)))
    }

    /// The call has its effect and the connection is cut.
    #[must_use]
    pub fn reply_lost() -> Self {
        Self::new(Harm::Cut).after_effect()
    }

    #[must_use]
    pub fn hang(how_long: Duration) -> Self {
        Self::new(Harm::HangMs(whole_ms(how_long)))
    }

    #[must_use]
    pub fn latency(how_long: Duration) -> Self {
        Self::new(Harm::LatencyMs(whole_ms(how_long)))
    }

    #[must_use]
    pub fn on(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }

    #[must_use]
    pub fn in_chat(self, chat: ChatId) -> Self {
        Self { chat: Some(chat), ..self }
    }

    #[must_use]
    pub fn about(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    #[must_use]
    pub fn next(self, times: u32) -> Self {
        Self { how_often: HowOften::Next(times), ..self }
    }

    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { how_often: HowOften::Probability(probability), ..self }
    }

    /// The call has its effect first.
    #[must_use]
    pub fn after_effect(self) -> Self {
        Self { after_effect: true, ..self }
    }

    /// So many calls that it would meet are let through first.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self { after: calls, ..self }
    }

    /// Only at these times of the world, in milliseconds since 1970.
    #[must_use]
    pub fn between(self, from_ms: i64, until_ms: i64) -> Self {
        Self { from_ms: Some(from_ms), until_ms: Some(until_ms), ..self }
    }

    fn is_due(&self, now_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= now_ms) && self.until_ms.is_none_or(|until| now_ms < until)
    }

    fn meets(&self, call: &Called<'_>) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(call.method))
            && self.chat.is_none_or(|wanted| call.chat == Some(wanted))
            && self.user.is_none_or(|wanted| call.user == Some(wanted))
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is known of a call before it is handled.
#[derive(Debug)]
pub(crate) struct Called<'a> {
    pub(crate) method: &'a str,
    pub(crate) chat: Option<ChatId>,
    /// Whom it is about: the member, the presser, or the one written to in private.
    pub(crate) user: Option<UserId>,
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
    pub(crate) fn strike(&mut self, now_ms: i64, call: &Called<'_>, rng: &mut impl Rng) -> Option<Fault> {
        self.first(now_ms, rng, |fault| !matches!(fault.harm, Harm::SlowConnectMs(_)) && fault.meets(call))
    }

    /// How long a new connection is not served.
    pub(crate) fn slow_connect(&mut self, now_ms: i64, rng: &mut impl Rng) -> Option<Duration> {
        match self.first(now_ms, rng, |fault| matches!(fault.harm, Harm::SlowConnectMs(_)))?.harm {
            Harm::SlowConnectMs(wait) => Some(Duration::from_millis(wait)),
            _ => None,
        }
    }

    fn first(&mut self, now_ms: i64, rng: &mut impl Rng, meets: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter_mut().position(|(_, fault)| {
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
                HowOften::Probability(p) => rng.random::<f64>() < p,
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
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn about(method: &str, chat: i64, user: i64) -> Called<'_> {
        Called { method, chat: Some(ChatId(chat)), user: Some(UserId(user)) }
    }

    #[test]
    fn faults_strike_what_they_are_meant_for() {
        let mut rng = StdRng::seed_from_u64(1);
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
            assert_eq!(plan.strike(0, &call, &mut rng).is_some(), struck, "{call:?}");
        }
    }

    #[test]
    fn faults_begin_after_so_many_calls_and_last_from_one_time_to_another() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut plan = Plan::default();
        plan.add(Fault::restart().after(2).between(100, 200));
        let struck: Vec<bool> = [99, 100, 150, 199, 199, 200]
            .map(|now_ms| plan.strike(now_ms, &about("getMe", -1, 7), &mut rng).is_some())
            .to_vec();
        assert_eq!(struck, [false, false, false, true, true, false]);
    }

    #[test]
    fn a_slow_connection_is_no_calls_matter() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut plan = Plan::default();
        plan.add(Fault::slow_connect(Duration::from_secs(2)).next(1));
        assert!(plan.strike(0, &about("getMe", -1, 7), &mut rng).is_none());
        assert_eq!(plan.slow_connect(0, &mut rng), Some(Duration::from_secs(2)));
        assert_eq!(plan.slow_connect(0, &mut rng), None);
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut plan = Plan::default();
            plan.add(Fault::new(Harm::Empty500).with_probability(0.5));
            (0..64).map(|_| plan.strike(0, &about("getMe", -1, 7), &mut rng).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
