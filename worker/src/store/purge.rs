//! What is over and forgotten after a while, in parts short enough not to hold up SQLite's other writers.

use super::{Store, error::StoreError, sql::Backend};

/// A kind of rows that come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlived {
    /// Updates that had an effect.
    Marks,
    /// Closed records of mutes.
    Mutes,
    /// Warnings that are gone.
    Warnings,
    JoinRequests,
    /// Updates that were under suspicion, whose messages are gone.
    Suspects,
    /// What could not be handled. On SQLite only: JetStream forgets its own.
    DeadLetters,
}

impl Outlived {
    pub const ALL: [Self; 6] =
        [Self::Marks, Self::Mutes, Self::Warnings, Self::JoinRequests, Self::Suspects, Self::DeadLetters];
}

/// As many rows as one call takes away.
const AT_ONCE: i64 = 1000;

impl Store {
    /// Forgets rows that ended before that time, the oldest first and not all at once; says how many. Call it again while it finds some.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn purge(&self, what: Outlived, before_ms: i64) -> Result<u64, StoreError> {
        let (name, text) = match (what, self.backend) {
            (Outlived::Marks, _) => (
                "purge_marks",
                "DELETE FROM effects WHERE key IN (SELECT key FROM effects WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
            ),
            (Outlived::Mutes, _) => (
                "purge_mutes",
                "DELETE FROM mutes WHERE id IN (SELECT id FROM mutes WHERE closed_ms < $1 ORDER BY closed_ms LIMIT $2)",
            ),
            (Outlived::Warnings, _) => (
                "purge_warnings",
                "DELETE FROM warnings WHERE id IN (SELECT id FROM warnings WHERE closed_ms < $1 ORDER BY closed_ms LIMIT $2)",
            ),
            (Outlived::JoinRequests, _) => (
                "purge_join_requests",
                "DELETE FROM join_requests WHERE (group_id, user_id) IN \
                 (SELECT group_id, user_id FROM join_requests WHERE closed_ms < $1 ORDER BY closed_ms LIMIT $2)",
            ),
            (Outlived::Suspects, _) => (
                "purge_suspects",
                "DELETE FROM suspects WHERE message_id IN \
                 (SELECT message_id FROM suspects WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
            ),
            (Outlived::DeadLetters, Backend::Postgres) => return Ok(0),
            (Outlived::DeadLetters, Backend::Sqlite) => (
                "purge_dead_letters",
                "DELETE FROM dead_letters WHERE id IN \
                 (SELECT id FROM dead_letters WHERE buried_ms < $1 ORDER BY buried_ms LIMIT $2)",
            ),
        };
        self.run(self.sql(name, text).bind(before_ms).bind(AT_ONCE)).await
    }
}
