//! What goes wrong on purpose: which calls, how often, and how.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ChatId, UserId};

pub(crate) mod chance;
pub(crate) mod plan;

/// A fault: which calls it meets, how often, and what it does to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Each call with this probability, 0 to 1. The simulator's seed decides, for each method, chat and user by itself: what
    /// else goes on at the same time does not matter.
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
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
