//! Who may write for a shard: the fence in the database behind the lease in the queue.

use shared::shard::Shard;

use super::{Store, Tx, error::StoreError};

/// The right to write for one shard during one period of ownership. A transaction that begins with it writes only while no later
/// period has begun, and a later one waits for transactions that have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub shard: Shard,
    pub number: u64,
}

impl Epoch {
    /// Revisions of a stream count from one; no database will see the last of 63 bits.
    fn number(self) -> i64 {
        i64::try_from(self.number).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// Begins a period of ownership. Repeating one's own is harmless.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when a later period has begun.
    pub async fn raise_epoch(&self, shard: Shard, number: u64) -> Result<(), StoreError> {
        let epoch = Epoch { shard, number };
        let sql = self
            .sql("raise_epoch", "INSERT INTO shard_epochs (shard, epoch) VALUES ($1, $2)")
            .push(
                " ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch WHERE shard_epochs.epoch <= excluded.epoch",
            )
            .bind(epoch.shard)
            .bind(epoch.number());
        if self.run(sql).await? == 0 { Err(StoreError::Fenced) } else { Ok(()) }
    }

    /// Begins a period with a lower number. Only for a lease bucket that was made anew, so that its numbers began again, and only with a
    /// lease that is provably ours.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reset_epoch(&self, shard: Shard, number: u64) -> Result<(), StoreError> {
        let epoch = Epoch { shard, number };
        let sql = self
            .sql("reset_epoch", "INSERT INTO shard_epochs (shard, epoch) VALUES ($1, $2)")
            .push(" ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch")
            .bind(epoch.shard)
            .bind(epoch.number());
        self.run(sql).await.map(|_| ())
    }
}

/// Holds the row until the transaction ends, so that raising it waits: on Postgres by a shared lock, on SQLite because there is one writer.
pub(super) async fn check(tx: &mut Tx<'_>, epoch: Epoch) -> Result<(), StoreError> {
    let sql = tx.sql("check_epoch", "SELECT epoch FROM shard_epochs WHERE shard = $1 {for_share}").bind(epoch.shard);
    match tx.row(sql).await? {
        Some(row) if row.int("epoch")? == epoch.number() => Ok(()),
        Some(_) | None => Err(StoreError::Fenced),
    }
}
