//! The rows of the stand-alone queue: an inbox that outlives the process and a power cut, and its dead letters. SQLite only.

use bytes::Bytes;
use shared::{
    queue::{
        DeadLetter, DeliverError, PublishError, Stored,
        in_process::{self, Inbox as _, InboxError, NewRow},
        letters::{Kept, Letters, Replay},
    },
    shard::Shard,
};

use super::{
    Store,
    error::StoreError,
    sql::{Backend, Row},
};

/// The inbox in the SQLite file.
#[derive(Clone, Debug)]
pub struct Inbox(Store);

/// As many rows that are done with stay known. Telegram gives again what was not confirmed before a crash, at most one answer of
/// `getUpdates` (100 updates), and the rest is for tasks published in between.
const REMEMBERED: i64 = 10_000;

impl Store {
    /// The stand-alone queue's rows; none on Postgres, where the queue is JetStream.
    pub fn inbox(&self) -> Option<Inbox> {
        match self.backend {
            Backend::Sqlite => Some(Inbox(self.clone())),
            Backend::Postgres => None,
        }
    }
}

impl in_process::Inbox for Inbox {
    async fn insert(&self, row: &NewRow<'_>) -> Result<Stored, InboxError> {
        let headers = serde_json::to_string(row.headers)?;
        // One writer at a time, so rows become visible in the order of their numbers.
        let mut tx = self.0.begin_unfenced().await?;
        let sql = tx
            .sql("inbox_insert", "INSERT INTO inbox (shard, message_id, headers, body) VALUES ($1, $2, $3, $4)")
            .push(" ON CONFLICT (message_id) DO NOTHING RETURNING seq")
            .bind(row.shard)
            .bind(row.message_id)
            .bind(headers.as_str())
            .bind(row.body.to_vec());
        let Some(inserted) = tx.row(sql).await? else { return Ok(Stored::Duplicate) };
        let sql = tx
            .sql("inbox_forget", "DELETE FROM inbox WHERE seq <= $1 AND done = 1")
            .bind(inserted.int("seq")? - REMEMBERED);
        tx.run(sql).await?;
        tx.commit().await?;
        Ok(Stored::New)
    }

    async fn after(&self, shard: Shard, sequence: u64, limit: u32) -> Result<Vec<in_process::Row>, InboxError> {
        let sql = self
            .0
            .sql("inbox_after", "SELECT seq, headers, body FROM inbox WHERE shard = $1 AND seq > $2 AND done = 0")
            .push(" ORDER BY seq LIMIT $3")
            .bind(shard)
            .bind(i64::try_from(sequence)?)
            .bind(i64::from(limit));
        Ok(self.0.rows(sql).await?.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn remove(&self, sequence: u64) -> Result<bool, InboxError> {
        let sql = self
            .0
            .sql("inbox_remove", "UPDATE inbox SET done = 1, headers = '', body = X'' WHERE seq = $1 AND done = 0")
            .bind(i64::try_from(sequence)?);
        Ok(self.0.run(sql).await? > 0)
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), InboxError> {
        let sql = self
            .0
            .sql("inbox_bury", "INSERT INTO dead_letters (headers, body, reason, attempts, trace_id, buried_ms)")
            .push(" VALUES ($1, $2, $3, $4, $5, {now_ms}) ON CONFLICT (headers, body) DO UPDATE SET")
            .push(" reason = excluded.reason, attempts = excluded.attempts, trace_id = excluded.trace_id,")
            .push(" buried_ms = excluded.buried_ms")
            .bind(serde_json::to_string(&letter.headers)?.as_str())
            .bind(letter.body.to_vec())
            .bind(letter.reason.as_str())
            .bind(i64::from(letter.attempts))
            .bind(letter.trace_id.as_str());
        self.0.run(sql).await?;
        Ok(())
    }

    async fn count(&self) -> Result<u64, InboxError> {
        let sql = self.0.sql("inbox_count", "SELECT COUNT(*) AS waiting FROM inbox WHERE done = 0");
        Ok(number(self.0.row(sql).await?, "waiting")?)
    }

    async fn last(&self) -> Result<u64, InboxError> {
        let sql = self.0.sql("inbox_last", "SELECT COALESCE(MAX(seq), 0) AS last FROM inbox");
        Ok(number(self.0.row(sql).await?, "last")?)
    }

    async fn buried(&self) -> Result<u64, InboxError> {
        let sql = self.0.sql("inbox_buried", "SELECT COUNT(*) AS buried FROM dead_letters");
        Ok(number(self.0.row(sql).await?, "buried")?)
    }

    async fn next_epoch(&self) -> Result<u64, InboxError> {
        let sql = self
            .0
            .sql("inbox_next_epoch", "INSERT INTO inbox_epoch (id, epoch) VALUES (1, 1)")
            .push(" ON CONFLICT (id) DO UPDATE SET epoch = inbox_epoch.epoch + 1 RETURNING epoch");
        Ok(number(self.0.run_returning(sql).await?, "epoch")?)
    }
}

impl Letters for Inbox {
    async fn letter_from(&self, id: u64) -> Result<Option<Kept>, DeliverError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let sql = self
            .0
            .sql("letter_from", "SELECT id, headers, body, reason, attempts, trace_id, buried_ms FROM dead_letters")
            .push(" WHERE id >= $1 ORDER BY id LIMIT 1")
            .bind(id);
        let row = self.0.row(sql).await.map_err(unavailable)?;
        row.as_ref().map(read_letter).transpose().map_err(unavailable)
    }

    async fn drop_letter(&self, id: u64) -> Result<bool, DeliverError> {
        let Ok(id) = i64::try_from(id) else { return Ok(false) };
        let sql = self.0.sql("letter_drop", "DELETE FROM dead_letters WHERE id = $1").bind(id);
        Ok(self.0.run(sql).await.map_err(unavailable)? > 0)
    }

    async fn replay(&self, replay: &Replay) -> Result<Stored, PublishError> {
        let Replay { envelope, message_id, .. } = replay;
        let shard = self.0.shards.of(envelope.routing);
        let row = NewRow { message_id, shard, headers: &envelope.headers(), body: &envelope.body };
        self.insert(&row).await.map_err(PublishError::Unavailable)
    }
}

fn unavailable(err: StoreError) -> DeliverError {
    DeliverError::Unavailable(Box::new(err))
}

fn read_letter(row: &Row) -> Result<Kept, StoreError> {
    let letter = DeadLetter {
        headers: serde_json::from_str(&row.text("headers")?).map_err(|_| row.bad("headers"))?,
        body: Bytes::from(row.bytes("body")?),
        reason: row.text("reason")?,
        attempts: u32::try_from(row.int("attempts")?).map_err(|_| row.bad("attempts"))?,
        trace_id: row.text("trace_id")?,
    };
    Ok(Kept { id: u64::try_from(row.int("id")?).map_err(|_| row.bad("id"))?, buried_ms: row.int("buried_ms")?, letter })
}

fn read(row: &Row) -> Result<in_process::Row, StoreError> {
    Ok(in_process::Row {
        sequence: u64::try_from(row.int("seq")?).map_err(|_| row.bad("seq"))?,
        headers: serde_json::from_str(&row.text("headers")?).map_err(|_| row.bad("headers"))?,
        body: Bytes::from(row.bytes("body")?),
    })
}

fn number(row: Option<Row>, column: &str) -> Result<u64, StoreError> {
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    u64::try_from(row.int(column)?).map_err(|_| row.bad(column))
}
