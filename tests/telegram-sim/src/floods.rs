//! How much the bot may ask of Telegram before it has to wait: the settings.

use serde::{Deserialize, Serialize};

use crate::ids::ChatId;

pub(crate) mod chains;
pub(crate) mod waiting;
pub(crate) mod windows;

/// The limits; `None` means no such limit.
///
/// Telegram states three numbers, all about sending: 20 messages a minute into a group, about one a second into a
/// chat, about 30 a second in all. What else its core counts, and how, is not public: those are settings here,
/// off unless there is a report to go by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default = "FloodLimits::off", deny_unknown_fields)]
pub struct FloodLimits {
    /// Messages into one group or channel in any 60 s.
    pub group_per_minute: Option<usize>,
    /// Messages a second into one chat in the long run. Short bursts pass, see `chat_burst`.
    pub chat_per_second: Option<usize>,
    /// Messages into one chat that pass at once after a pause. Not known; 5 by default, and counted as 1 if it is 0.
    pub chat_burst: usize,
    /// Messages in any second, all chats together.
    pub overall_per_second: Option<usize>,
    /// Whether an edit counts as a message. Not known; yes by default. Otherwise edits have the same limits of a
    /// group for themselves (about 20 a minute are reported) and are not counted overall.
    pub edits_count_as_messages: bool,
    /// Member look-ups: `getChatMember`, and the one inside every restriction and ban. None by default; reports name
    /// a few dozen a second, and a wait of 8 s above that.
    pub reads: Option<Ceiling>,
    /// Restrictions, bans, promotions. Not known; none by default.
    pub restricts: Option<Ceiling>,
    /// Deletions. Not known; none by default. Waits of 6 s are reported of mass deletions.
    pub deletes: Option<Ceiling>,
    /// What calling on during a wait does to it.
    pub hammering: Option<Hammering>,
    /// Sends into one chat that may be under way; one more is held for 3 s and told to wait a minute.
    pub unsent_per_chat: Option<usize>,
    /// Calls that may be under way in all, with the same consequence. "Very many", but how many is not known; none by default.
    pub active_calls: Option<usize>,
    /// `setWebhook` calls with a URL in any second.
    pub webhooks_per_second: Option<usize>,
}

/// So many in any second, and the wait that is asked for above that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    pub per_second: usize,
    /// In seconds; at least 1 is asked for.
    pub retry_after: u32,
    /// Each chat is counted for itself, instead of all together.
    #[serde(default)]
    pub per_chat: bool,
}

/// A wait that the bot was told of becomes longer when it calls on. That it does is reported (134, 561, even 10,072 s);
/// by how much is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hammering {
    /// Refused calls in one wait that change nothing: those that were under way when it began.
    pub grace: usize,
    /// Seconds that each further one adds.
    pub adds: u32,
}

impl FloodLimits {
    /// No limits at all.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            group_per_minute: None,
            chat_per_second: None,
            chat_burst: 5,
            overall_per_second: None,
            edits_count_as_messages: true,
            reads: None,
            restricts: None,
            deletes: None,
            hammering: None,
            unsent_per_chat: None,
            active_calls: None,
            webhooks_per_second: None,
        }
    }

    /// What Telegram states and its server's source shows, and longer waits for those who do not wait.
    #[must_use]
    pub const fn telegram() -> Self {
        Self {
            group_per_minute: Some(20),
            chat_per_second: Some(1),
            overall_per_second: Some(30),
            hammering: Some(Hammering { grace: 10, adds: 5 }),
            unsent_per_chat: Some(310),
            webhooks_per_second: Some(1),
            ..Self::off()
        }
    }
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self::telegram()
    }
}

/// What one request to Telegram's core counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Send(ChatId),
    Edit(ChatId),
    Read(ChatId),
    Restrict(ChatId),
    Delete(ChatId),
    /// "Typing…": nothing counts it, but little waiting is hidden for it.
    Action,
    /// Whatever no limit is known for.
    Other,
}
