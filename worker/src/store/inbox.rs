//! The rows of the stand-alone queue: an inbox that outlives the process, and its dead letters. SQLite only.

use super::{Store, Tx, error::StoreError, sql::Backend};

/// The inbox in the SQLite file.
#[derive(Clone, Debug)]
pub struct Inbox(Store);

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Place in the inbox; only rises.
    pub seq: i64,
    /// JSON text.
    pub headers: String,
    pub body: Vec<u8>,
}

/// How a message was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    New(i64),
    /// One with the same id waits already, at this place.
    Duplicate(i64),
}

/// What could not be handled.
#[derive(Clone, Debug)]
pub struct BuriedLetter {
    /// JSON text.
    pub headers: String,
    pub body: Vec<u8>,
    pub reason: String,
    pub attempts: u32,
    pub trace_id: String,
}

impl Store {
    /// The stand-alone queue's rows; none on Postgres, where the queue is JetStream.
    pub fn inbox(&self) -> Option<Inbox> {
        match self.backend {
            Backend::Sqlite => Some(Inbox(self.clone())),
            Backend::Postgres => None,
        }
    }
}

impl Inbox {
    /// Once this returns, the message outlives the process and a power cut.
    ///
    /// # Errors
    /// The database is not available: nothing was stored, or it cannot be known; repeating is harmless.
    pub async fn insert(&self, message_id: &str, headers: &str, body: &[u8]) -> Result<Inserted, StoreError> {
        let mut tx = self.0.begin_unfenced().await?;
        if let Some(seq) = place(&mut tx, message_id).await? {
            return Ok(Inserted::Duplicate(seq));
        }
        let sql = tx
            .sql("inbox_insert", "INSERT INTO inbox (message_id, headers, body) VALUES ($1, $2, $3) RETURNING seq")
            .bind(message_id)
            .bind(headers)
            .bind(body.to_vec());
        let seq = tx.row(sql).await?.map_or(Err(sqlx::Error::RowNotFound.into()), |row| row.int("seq"))?;
        tx.commit().await?;
        Ok(Inserted::New(seq))
    }

    /// What waits behind that place, oldest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn after(&self, seq: i64, limit: i64) -> Result<Vec<InboxRow>, StoreError> {
        let sql = self
            .0
            .sql("inbox_after", "SELECT seq, headers, body FROM inbox WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(seq)
            .bind(limit);
        let rows = self.0.rows(sql).await?;
        rows.iter()
            .map(|row| Ok(InboxRow { seq: row.int("seq")?, headers: row.text("headers")?, body: row.bytes("body")? }))
            .collect()
    }

    /// The message is done with.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn remove(&self, seq: i64) -> Result<(), StoreError> {
        let sql = self.0.sql("inbox_remove", "DELETE FROM inbox WHERE seq = $1").bind(seq);
        self.0.run(sql).await.map(|_| ())
    }

    /// Keeps what could not be handled where an operator finds it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn bury(&self, letter: &BuriedLetter) -> Result<(), StoreError> {
        let sql = self
            .0
            .sql("inbox_bury", "INSERT INTO dead_letters (headers, body, reason, attempts, trace_id, buried_ms)")
            .push(" VALUES ($1, $2, $3, $4, $5, {now_ms})")
            .bind(letter.headers.as_str())
            .bind(letter.body.clone())
            .bind(letter.reason.as_str())
            .bind(i64::from(letter.attempts))
            .bind(letter.trace_id.as_str());
        self.0.run(sql).await.map(|_| ())
    }

    /// Numbers a period of ownership; each call gives a higher number than all before it, in this process or an earlier one.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn next_epoch(&self) -> Result<u64, StoreError> {
        let sql = self
            .0
            .sql("inbox_next_epoch", "INSERT INTO inbox_epoch (id, epoch) VALUES (1, 1)")
            .push(" ON CONFLICT (id) DO UPDATE SET epoch = inbox_epoch.epoch + 1 RETURNING epoch");
        let rows = self.0.run_returning(sql).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        u64::try_from(row.int("epoch")?).map_err(|_| row.bad("epoch"))
    }

    /// How many messages wait.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let sql = self.0.sql("inbox_count", "SELECT COUNT(*) AS waiting FROM inbox");
        let rows = self.0.rows(sql).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        u64::try_from(row.int("waiting")?).map_err(|_| row.bad("waiting"))
    }
}

async fn place(tx: &mut Tx<'_>, message_id: &str) -> Result<Option<i64>, StoreError> {
    let sql = tx.sql("inbox_find", "SELECT seq FROM inbox WHERE message_id = $1").bind(message_id);
    tx.row(sql).await?.map(|row| row.int("seq")).transpose()
}
