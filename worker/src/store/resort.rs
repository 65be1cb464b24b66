//! Another number of shards: rows go to the shard that their chat is in now.

use shared::envelope::RoutingKey;

use super::{Store, error::StoreError, repeated};

/// Rows read, or written, by one statement.
const AT_ONCE: i64 = 1000;

impl Store {
    /// Ends every period of ownership: nobody who holds an epoch of now writes any more. The next owner's is higher.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn end_all_periods(&self) -> Result<(), StoreError> {
        self.run(self.sql("end_all_periods", "UPDATE shard_epochs SET epoch = epoch + 1")).await.map(|_| ())
    }

    /// Puts every row that waits for a shard's owner where this store's number of shards has its chat; how many were elsewhere.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read. What has been put right stays so.
    pub async fn resort(&self) -> Result<u64, StoreError> {
        let mut last = i64::MIN;
        let mut moved = 0;
        loop {
            let sql = self
                .sql("unsorted_tasks", "SELECT id, shard, chat_id FROM tasks WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(last)
                .bind(AT_ONCE);
            let rows = self.rows(sql).await?;
            let mut misplaced = Vec::new();
            for row in &rows {
                last = row.int("id")?;
                let shard = self.shards.of(RoutingKey(row.int("chat_id")?));
                if row.int("shard")? != i64::from(shard.0) {
                    misplaced.push((last, shard));
                }
            }
            repeated(async || {
                let mut tx = self.begin_unfenced().await?;
                for (id, shard) in &misplaced {
                    let sql = tx.sql("sort_task", "UPDATE tasks SET shard = $1 WHERE id = $2").bind(*shard).bind(*id);
                    tx.run(sql).await?;
                }
                tx.commit().await
            })
            .await?;
            moved += u64::try_from(misplaced.len()).unwrap_or(u64::MAX);
            if rows.is_empty() {
                break;
            }
        }
        // There are few of them: each has ended a process.
        let sql = self.sql("unsorted_suspects", "SELECT message_id, shard, chat_id FROM suspects");
        for row in self.rows(sql).await? {
            let shard = self.shards.of(RoutingKey(row.int("chat_id")?));
            if row.int("shard")? != i64::from(shard.0) {
                let sql = self.sql("sort_suspect", "UPDATE suspects SET shard = $1 WHERE message_id = $2").bind(shard);
                self.run(sql.bind(row.text("message_id")?.as_str())).await?;
                moved += 1;
            }
        }
        Ok(moved)
    }
}
