//! What a test expects of the calls, and how it is told when they are otherwise.

use crate::ledger::Calls;

/// The calls are not what was expected; the text shows them.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, but the bot made these calls:\n{calls}")]
pub struct Unexpected {
    pub expected: String,
    pub calls: Calls,
}

impl Calls {
    /// There are just so many.
    ///
    /// # Errors
    ///
    /// There are more, or fewer.
    pub fn exactly(self, number: usize) -> Result<Self, Unexpected> {
        if self.len() == number {
            return Ok(self);
        }
        Err(Unexpected { expected: format!("{number} calls, not {}", self.len()), calls: self })
    }

    /// There are none.
    ///
    /// # Errors
    ///
    /// There are some.
    pub fn none(self) -> Result<(), Unexpected> {
        self.exactly(0).map(drop)
    }

    /// Calls of these methods are among them in this order, whatever else was called between them.
    ///
    /// # Errors
    ///
    /// One is missing, or comes before another.
    pub fn in_this_order(self, methods: &[&str]) -> Result<Self, Unexpected> {
        let mut made = self.iter();
        let follow = methods.iter().all(|method| made.any(|call| call.method.eq_ignore_ascii_case(method)));
        if follow {
            return Ok(self);
        }
        Err(Unexpected { expected: methods.join(", then "), calls: self })
    }
}
