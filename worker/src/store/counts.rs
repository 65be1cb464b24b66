//! How much of everything there is, for operators.

use super::{Store, error::StoreError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Groups that are protected now.
    pub groups: i64,
    /// Channels that they require.
    pub channels: i64,
    pub open_mutes: i64,
    pub open_breakers: i64,
}

impl Store {
    /// # Errors
    /// The database is not available.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let sql = self
            .sql("counts", "SELECT (SELECT COUNT(*) FROM protected_groups WHERE enabled) AS protected,")
            .push(" (SELECT COUNT(DISTINCT l.channel_id) FROM group_channel_links l")
            .push(" JOIN protected_groups g ON g.group_id = l.group_id WHERE g.enabled) AS channels,")
            .push(" (SELECT COUNT(*) FROM mutes WHERE closed_ms IS NULL) AS muted,")
            .push(" (SELECT COUNT(*) FROM channel_breakers) AS broken");
        let Some(row) = self.row(sql).await? else { return Ok(Counts::default()) };
        Ok(Counts {
            groups: row.int("protected")?,
            channels: row.int("channels")?,
            open_mutes: row.int("muted")?,
            open_breakers: row.int("broken")?,
        })
    }
}
