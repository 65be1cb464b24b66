//! Why the store did not answer, by what the caller can do about it.

use sqlx::error::DatabaseError;

/// Why a question was not answered or a change not made.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, no free connection in time, a server that shuts down, is full or read-only, a file that is locked, two transactions
    /// that met more than once: nothing is wrong with the data, so ask again later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The shard's epoch was raised by another worker: stop working on the shard. Nothing was written.
    #[error("the shard belongs to another worker now")]
    Fenced,
    /// A stored value is not what it should be. `what` names the place, never the value.
    #[error("unreadable in the database: {what}")]
    BadRow { what: String },
    /// Anything else is a defect of ours.
    #[error("the database refused a question")]
    Query(#[source] sqlx::Error),
}

impl StoreError {
    /// The label of this error in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Fenced => "fenced",
            Self::BadRow { .. } => "bad_row",
            Self::Query(_) => "query",
        }
    }

    /// The database undid this transaction because it met another one; the same again, at once, succeeds as a rule.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::Database(err)) => {
                matches!(err.code().as_deref(), Some(SERIALIZATION_FAILURE | DEADLOCK))
            }
            Self::Unavailable(_) | Self::Fenced | Self::BadRow { .. } | Self::Query(_) => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(err: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match err {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
                Self::Unavailable(err)
            }
            // The server's bytes made no sense: it was cut off in the middle, or it is no Postgres.
            E::Protocol(_) => Self::Unavailable(err),
            E::Database(ref cause) if passes(&**cause) => Self::Unavailable(err),
            E::Migrate(cause) => match *cause {
                sqlx::migrate::MigrateError::Execute(inner) => inner.into(),
                other => Self::Query(E::Migrate(Box::new(other))),
            },
            other => Self::Query(other),
        }
    }
}

const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK: &str = "40P01";

/// Whether what the database says passes by itself or by an operator's hand, with the data unharmed.
fn passes(err: &dyn DatabaseError) -> bool {
    let Some(code) = err.code() else { return false };
    if err.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        passes_on_postgres(&code)
    } else {
        code.parse().is_ok_and(passes_on_sqlite)
    }
}

/// Postgres, appendix A "Error Codes": five characters, the first two are the class.
fn passes_on_postgres(code: &str) -> bool {
    let class = code.get(..2).unwrap_or_default();
    // Connection, credentials (rotated ones), resources (connections, disk, memory), operator's hand, the server's own disk.
    matches!(class, "08" | "28" | "53" | "57" | "58")
        // Deadlock, serialization; no such database (yet); read-only (a standby after a failover); a lock that was not to be had; a
        // transaction in which this process, frozen for a while, has said nothing for too long.
        || matches!(code, SERIALIZATION_FAILURE | DEADLOCK | "3D000" | "25006" | "55P03" | "25P03")
}

/// SQLite, "Result and Error Codes": the low byte is the primary one.
fn passes_on_sqlite(code: u32) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const READONLY: u32 = 8;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    matches!(code & 0xff, BUSY | LOCKED | READONLY | IOERR | FULL | CANTOPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_cause() {
        let postgres = [
            ("08006", true),
            ("28P01", true),
            ("25P03", true),
            ("3D000", true),
            ("40P01", true),
            ("53300", true),
            ("57P01", true),
            ("23505", false),
            ("42P01", false),
            ("22021", false),
        ];
        for (code, expected) in postgres {
            assert_eq!(passes_on_postgres(code), expected, "{code}");
        }
        // SQLITE_BUSY, BUSY_SNAPSHOT, IOERR_WRITE, CANTOPEN; ERROR, CONSTRAINT_UNIQUE, CORRUPT.
        for (code, expected) in
            [(5, true), (517, true), (778, true), (14, true), (1, false), (2067, false), (11, false)]
        {
            assert_eq!(passes_on_sqlite(code), expected, "{code}");
        }
    }

    #[test]
    fn codes_are_labels() {
        assert_eq!(StoreError::Fenced.code(), "fenced");
        assert_eq!(StoreError::from(sqlx::Error::PoolTimedOut).code(), "unavailable");
        assert_eq!(StoreError::from(sqlx::Error::RowNotFound).code(), "query");
        assert_eq!(StoreError::BadRow { what: "x".to_owned() }.code(), "bad_row");
    }
}
