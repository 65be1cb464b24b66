//! The record of everything the bot asked for: when, with what, and how it was answered.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::ids::{ChatId, UserId};

pub mod expectation;

/// One call of the Bot API.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Counts up from 1.
    pub number: u64,
    /// When it came, in the world's milliseconds since 1970.
    pub at_ms: i64,
    pub took_ms: i64,
    /// From where: tells several programs of one bot apart. Not shown, as it is another in every run.
    #[serde(skip)]
    pub peer: Option<SocketAddr>,
    /// When Telegram's core took it, for a call that succeeded and had to ask it: what lies between was waited inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_ms: Option<i64>,
    /// As Telegram spells it (`sendMessage`), or as sent if there is no such method.
    pub method: String,
    pub args: Map<String, Value>,
    /// The HTTP status; 0 when the connection was cut without one.
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The fault that was applied, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// It came as the answer to a webhook delivery: the bot was told no result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_webhook_reply: bool,
}

impl Call {
    /// Whether it had its effect and the bot was told so.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == 200 && self.result.is_some()
    }

    /// The numeric `chat_id` argument.
    #[must_use]
    pub fn chat(&self) -> Option<ChatId> {
        self.number_arg("chat_id").map(ChatId)
    }

    /// The `user_id` argument.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.number_arg("user_id").map(UserId)
    }

    /// A text argument, empty if it is absent.
    #[must_use]
    pub fn text_arg(&self, name: &str) -> &str {
        self.args.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The parsed result, null if there is none.
    #[must_use]
    pub fn result(&self) -> Value {
        self.result.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    fn number_arg(&self, name: &str) -> Option<i64> {
        match self.args.get(name)? {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<String> = self.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "#{} {} {} -> {}", self.number, self.method, args.join(" "), self.status)?;
        if let Some(error) = &self.error {
            write!(f, " {error}")?;
        }
        if let Some(fault) = &self.fault {
            write!(f, " [{fault}]")?;
        }
        if self.in_webhook_reply {
            f.write_str(" [in a webhook reply]")?;
        }
        write!(f, " ({} ms)", self.took_ms)
    }
}

/// The calls so far, oldest first. A snapshot: it does not change under the reader.
#[derive(Clone, Debug, Default)]
pub struct Calls(pub Vec<Arc<Call>>);

impl Calls {
    /// Those of one method, in Telegram's spelling or any other case.
    #[must_use]
    pub fn of(&self, method: &str) -> Self {
        self.only(|call| call.method.eq_ignore_ascii_case(method))
    }

    #[must_use]
    pub fn in_chat(&self, chat: ChatId) -> Self {
        self.only(|call| call.chat() == Some(chat))
    }

    #[must_use]
    pub fn about(&self, user: impl Into<UserId>) -> Self {
        let user = user.into();
        self.only(|call| call.user() == Some(user))
    }

    /// Those that succeeded.
    #[must_use]
    pub fn ok(&self) -> Self {
        self.only(Call::is_ok)
    }

    #[must_use]
    pub fn only(&self, wanted: impl Fn(&Call) -> bool) -> Self {
        Self(self.0.iter().filter(|call| wanted(call)).cloned().collect())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Call>> {
        self.0.iter()
    }
}

impl Serialize for Calls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|call| &**call))
    }
}

impl<'a> IntoIterator for &'a Calls {
    type Item = &'a Arc<Call>;
    type IntoIter = std::slice::Iter<'a, Arc<Call>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}

/// Where calls are recorded.
#[derive(Debug)]
pub(crate) struct Log {
    calls: VecDeque<Arc<Call>>,
    capacity: usize,
    /// Of the calls that are kept, see [`weight`].
    bytes: usize,
    most_bytes: usize,
    last_number: u64,
}

/// A call may have a MiB of arguments: the oldest go when all together are larger than this.
const MOST_BYTES: usize = 512 << 20;

/// About what a call takes in memory beyond its fixed part.
fn weight(call: &Call) -> usize {
    let args: usize = call.args.iter().map(|(name, value)| name.len() + value.as_str().map_or(32, str::len)).sum();
    args + call.result.as_ref().map_or(0, |raw| raw.get().len())
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { calls: VecDeque::new(), capacity, bytes: 0, most_bytes: MOST_BYTES, last_number: 0 }
    }

    pub(crate) fn record(&mut self, mut call: Call) {
        self.last_number += 1;
        call.number = self.last_number;
        self.bytes += weight(&call);
        self.calls.push_back(Arc::new(call));
        while self.calls.len() > self.capacity || self.bytes > self.most_bytes {
            let Some(oldest) = self.calls.pop_front() else { break };
            self.bytes -= weight(&oldest);
        }
    }

    pub(crate) fn last_number(&self) -> u64 {
        self.last_number
    }

    /// The number of the oldest call that is still kept, or of the next one.
    pub(crate) fn first_number(&self) -> u64 {
        self.calls.front().map_or(self.last_number + 1, |call| call.number)
    }

    pub(crate) fn after(&self, number: u64) -> Calls {
        // Numbers have no gaps, so the first wanted one is where arithmetic says.
        let first = self.calls.front().map_or(0, |call| call.number);
        let skip = usize::try_from(number.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        Calls(self.calls.iter().skip(skip).cloned().collect())
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_calls_go_when_there_are_too_many_or_too_much() {
        let call = |bytes: usize| Call {
            number: 0,
            at_ms: 0,
            took_ms: 0,
            peer: None,
            taken_ms: None,
            method: "sendMessage".to_owned(),
            args: Map::from_iter([("text".to_owned(), Value::String("x".repeat(bytes)))]),
            status: 200,
            result: None,
            error: None,
            fault: None,
            in_webhook_reply: false,
        };
        let numbers = |log: &Log| log.after(0).iter().map(|call| call.number).collect::<Vec<_>>();
        let mut log = Log { most_bytes: 1000, ..Log::new(3) };
        for _ in 0..5 {
            log.record(call(1));
        }
        assert_eq!((numbers(&log), log.first_number()), (vec![3, 4, 5], 3));
        log.record(call(600));
        log.record(call(600));
        assert_eq!(numbers(&log), [7], "the large one before it made room");
        log.record(call(1000));
        assert_eq!(numbers(&log), Vec::<u64>::new(), "too large to be kept at all");
        log.record(call(1));
        assert_eq!(numbers(&log), [9]);
        log.clear();
        assert_eq!(log.bytes, 0);
    }
}
