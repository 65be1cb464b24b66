//! Updates that may have ended the process that handled them, and how often they were begun since.

use shared::{envelope::RoutingKey, shard::Shard};

use super::{Store, error::StoreError};

/// An update that is, or was, under suspicion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The id of its message in the queue.
    pub message: String,
    pub chat: RoutingKey,
    pub begun: u32,
    /// Of those times: how often it was still under way after a while.
    pub slow: u32,
}

impl Store {
    /// What has been written down in a shard.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn suspects(&self, shard: Shard) -> Result<Vec<Suspect>, StoreError> {
        let sql =
            self.sql("suspects", "SELECT message_id, chat_id, begun, slow FROM suspects WHERE shard = $1").bind(shard);
        let rows = self.rows(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(Suspect {
                    message: row.text("message_id")?,
                    chat: RoutingKey(row.int("chat_id")?),
                    begun: u32::try_from(row.int("begun")?).map_err(|_| row.bad("begun"))?,
                    slow: u32::try_from(row.int("slow")?).map_err(|_| row.bad("slow"))?,
                })
            })
            .collect()
    }

    /// Writes down that it is about to begin, or is still under way.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn suspect(&self, shard: Shard, suspect: &Suspect) -> Result<(), StoreError> {
        let sql = self
            .sql("suspect", "INSERT INTO suspects (message_id, shard, chat_id, begun, slow, at_ms)")
            .push(" VALUES ($1, $2, $3, $4, $5, {now_ms}) ON CONFLICT (message_id) DO UPDATE SET")
            .push(" begun = excluded.begun, slow = excluded.slow, at_ms = excluded.at_ms")
            .bind(suspect.message.as_str())
            .bind(shard)
            .bind(suspect.chat.0)
            .bind(i64::from(suspect.begun))
            .bind(i64::from(suspect.slow));
        self.run(sql).await.map(|_| ())
    }

    /// It ended nothing, or has been put away.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn acquit(&self, message: &str) -> Result<(), StoreError> {
        self.run(self.sql("acquit", "DELETE FROM suspects WHERE message_id = $1").bind(message)).await.map(|_| ())
    }
}
