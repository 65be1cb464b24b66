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
    /// Status 500 and nothing else.
    Empty500,
    /// The connection is closed without a reply.
    Cut,
    /// No reply for this long, then the connection is closed.
    HangMs(u64),
    /// The call is handled as usual, this much later.
    LatencyMs(u64),
    /// The result (an object) loses and gains fields.
    Patch {
        #[serde(default)]
        remove: Vec<String>,
        #[serde(default)]
        set: Map<String, Value>,
    },
}

impl Fault {
    /// A fault that meets every call, until it is narrowed.
    #[must_use]
    pub fn new(harm: Harm) -> Self {
        Self { method: None, chat: None, user: None, how_often: HowOften::Always, after_effect: false, harm }
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

    /// The call has its effect and the connection is cut.
    #[must_use]
    pub fn reply_lost() -> Self {
        Self { after_effect: true, ..Self::new(Harm::Cut) }
    }

    #[must_use]
    pub fn hang(how_long: Duration) -> Self {
        Self::new(Harm::HangMs(u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX)))
    }

    #[must_use]
    pub fn latency(how_long: Duration) -> Self {
        Self::new(Harm::LatencyMs(u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX)))
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

    fn meets(&self, method: &str, chat: Option<ChatId>, user: Option<UserId>) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.chat.is_none_or(|wanted| chat == Some(wanted))
            && self.user.is_none_or(|wanted| user == Some(wanted))
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
    pub(crate) fn strike(
        &mut self,
        method: &str,
        chat: Option<ChatId>,
        user: Option<UserId>,
        rng: &mut impl Rng,
    ) -> Option<Fault> {
        let at = self.faults.iter().position(|(_, fault)| {
            fault.meets(method, chat, user)
                && match fault.how_often {
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

    #[test]
    fn faults_strike_what_they_are_meant_for() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut plan = Plan::default();
        plan.add(Fault::error(400, "Bad Request: x").on("getChatMember").in_chat(ChatId(-1)).about(UserId(7)).next(1));
        assert!(plan.strike("sendMessage", Some(ChatId(-1)), Some(UserId(7)), &mut rng).is_none());
        assert!(plan.strike("getchatmember", Some(ChatId(-2)), Some(UserId(7)), &mut rng).is_none());
        assert!(plan.strike("getchatmember", Some(ChatId(-1)), Some(UserId(7)), &mut rng).is_some());
        assert!(plan.strike("getchatmember", Some(ChatId(-1)), Some(UserId(7)), &mut rng).is_none(), "only once");
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut plan = Plan::default();
            plan.add(Fault::new(Harm::Empty500).with_probability(0.5));
            (0..64).map(|_| plan.strike("getMe", None, None, &mut rng).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
