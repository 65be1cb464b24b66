//! Whether all that the simulator sends is what the Bot API says it sends: checked on every run, against a table.
//!
//! The table knows the types that occur here, field by field. What it does not know is a violation too, so that a
//! misspelt field does not pass as a new one. A fault that patches a reply is exempt: it is wrong on purpose.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::hub::lock;
use crate::methods::Name;
use crate::reply::MethodResult;
use crate::schema::check::{Finding, check};
use crate::schema::shape::Type;

mod check;
mod messages;
mod people;
mod returns;
mod shape;
mod updates;

/// Something the simulator sent, or was about to, that Telegram would not send. The fault is the simulator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The method that answered so, or `update`.
    pub of: String,
    /// The way to it, such as `result.chat.id`.
    pub path: String,
    pub expected: String,
    /// The object it is in, as JSON.
    pub around: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} has to be {}: {}", self.of, self.path, self.expected, self.around)
    }
}

/// One mistake shows in thousands of messages; more than this many different ones help nobody.
const MOST_KEPT: usize = 100;

/// The check, on or off, and what it found. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Schema {
    /// `None` is off.
    found: Option<Arc<Mutex<Vec<Violation>>>>,
}

impl Schema {
    pub(crate) fn new(on: bool) -> Self {
        Self { found: on.then(Arc::default) }
    }

    /// Checks what a method answers, and gives it back.
    pub(crate) fn checked(&self, method: Name, outcome: MethodResult) -> MethodResult {
        if self.found.is_none() {
            return outcome;
        }
        match &outcome {
            Ok(answer) => {
                if let Some(expected) = returns::of(method) {
                    // A result is JSON text that we made; were it not, null is reported as the wrong type.
                    let result: Value = serde_json::from_str(answer.result.get()).unwrap_or_default();
                    self.keep(method.as_str(), check("result", &result, expected));
                }
            }
            Err(error) => {
                if let Some(parameters) = &error.parameters {
                    let expected = Type::Object(&updates::RESPONSE_PARAMETERS);
                    self.keep(method.as_str(), check("parameters", parameters, expected));
                }
            }
        }
        outcome
    }

    /// Checks an update.
    pub(crate) fn check_update(&self, update: &Value) {
        if self.found.is_some() {
            self.keep("update", check("update", update, Type::Object(&updates::UPDATE)));
        }
    }

    /// What was found so far, each mistake once.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.found.as_ref().map(|found| lock(found).clone()).unwrap_or_default()
    }

    /// Hands over what was found so far.
    pub(crate) fn take(&self) -> Vec<Violation> {
        self.found.as_ref().map(|found| std::mem::take(&mut *lock(found))).unwrap_or_default()
    }

    fn keep(&self, of: &str, findings: Vec<Finding>) {
        let Some(found) = &self.found else {
            return;
        };
        for Finding { path, expected, around } in findings {
            let mut kept = lock(found);
            let is_known = kept.iter().any(|known| known.of == of && known.path == path && known.expected == expected);
            if is_known || kept.len() >= MOST_KEPT {
                continue;
            }
            let violation = Violation { of: of.to_owned(), path, expected, around };
            tracing::error!(%violation, "not as the Bot API's schema says");
            kept.push(violation);
        }
    }
}
