//! What the bot has last said of its own standing in a group, and the end of its stay.

use shared::ids::{ChatId, MessageId};

use super::{
    Store,
    epochs::Epoch,
    error::StoreError,
    repeated,
    tasks::{self, NewTask},
};

/// The latest word, and the message that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it means is for its reader to judge.
    pub said: String,
    /// None: it is still to be said. 0: said by no message that is known.
    pub message: Option<MessageId>,
    /// When that became so.
    pub since_ms: i64,
}

impl Store {
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn standing(&self, group: ChatId) -> Result<Option<Standing>, StoreError> {
        let sql = self
            .sql("standing", "SELECT said, message_id, since_ms FROM bot_standings WHERE group_id = $1")
            .bind(group);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        Ok(Some(Standing {
            said: row.text("said")?,
            message: row.maybe_int("message_id")?.map(MessageId),
            since_ms: row.int("since_ms")?,
        }))
    }

    /// The tasks are written with it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn set_standing(
        &self,
        epoch: Epoch,
        group: ChatId,
        standing: &Standing,
        tasks: &[NewTask],
    ) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("set_standing", "INSERT INTO bot_standings (group_id, said, message_id, since_ms)")
                .push(" VALUES ($1, $2, $3, $4) ON CONFLICT (group_id) DO UPDATE SET said = excluded.said,")
                .push(" message_id = excluded.message_id, since_ms = excluded.since_ms")
                .bind(group)
                .bind(standing.said.as_str())
                .bind(standing.message.map(|message| message.0))
                .bind(standing.since_ms);
            tx.run(sql).await?;
            tasks::add(&mut tx, tasks).await?;
            tx.commit().await
        })
        .await
    }

    /// The bot is not in the group any more: its protection ends, its settings and channels stay, and what was said there is forgotten. Says
    /// whether it was protected. A protection that was set up at `before_ms` or later is none of that stay, and goes on.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn leave_group(&self, epoch: Epoch, group: ChatId, before_ms: i64) -> Result<bool, StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("leave_group", "UPDATE protected_groups SET enabled = $2, updated_ms = {now_ms}")
                .push(" WHERE group_id = $1 AND enabled AND NOT EXISTS (SELECT 1 FROM group_channel_links l")
                .push(" WHERE l.group_id = protected_groups.group_id AND l.created_ms >= $3)")
                .bind(group)
                .bind(false)
                .bind(before_ms);
            let was_protected = tx.run(sql).await? > 0;
            let sql = tx
                .sql("forget_standing", "DELETE FROM bot_standings WHERE group_id = $1 AND NOT EXISTS")
                .push(" (SELECT 1 FROM protected_groups g WHERE g.group_id = $1 AND g.enabled)")
                .bind(group);
            tx.run(sql).await?;
            tx.commit().await?;
            Ok(was_protected)
        })
        .await
    }
}
