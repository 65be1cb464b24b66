//! Who may write in a group without subscribing: people, and channels that post.

use shared::ids::{ChatId, UserId};

use super::{
    Store,
    epochs::Epoch,
    error::StoreError,
    repeated,
    tasks::{self, NewTask},
};

/// An entry of a group's allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// A user's id, or a channel's.
    pub subject: i64,
    /// As it was known when the entry was made; may be empty.
    pub name: String,
}

impl Store {
    /// A group's allow-list, the oldest entry first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn allowed(&self, group: ChatId) -> Result<Vec<Allowed>, StoreError> {
        let sql = self
            .sql("allow_list", "SELECT subject_id, name FROM allowed_users WHERE group_id = $1")
            .push(" ORDER BY created_ms, subject_id")
            .bind(group);
        let rows = self.rows(sql).await?;
        rows.iter().map(|row| Ok(Allowed { subject: row.int("subject_id")?, name: row.text("name")? })).collect()
    }

    /// Puts these on the list, or writes their names anew. The tasks are written with it.
    ///
    /// # Errors
    /// There is no such group, [`StoreError::Fenced`], or the database is not available.
    pub async fn allow(
        &self,
        epoch: Epoch,
        group: ChatId,
        allowed: &Allowed,
        added_by: UserId,
        tasks: &[NewTask],
    ) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("allow", "INSERT INTO allowed_users (group_id, subject_id, name, added_by, created_ms)")
                .push(" VALUES ($1, $2, $3, $4, {now_ms}) ON CONFLICT (group_id, subject_id) DO UPDATE SET")
                .push(" name = CASE WHEN excluded.name = '' THEN allowed_users.name ELSE excluded.name END")
                .bind(group)
                .bind(allowed.subject)
                .bind(allowed.name.as_str())
                .bind(added_by);
            tx.run(sql).await?;
            tasks::add(&mut tx, tasks).await?;
            tx.commit().await
        })
        .await
    }

    /// Takes somebody off the list. False: they were not on it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn disallow(&self, epoch: Epoch, group: ChatId, subject: i64) -> Result<bool, StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("disallow", "DELETE FROM allowed_users WHERE group_id = $1 AND subject_id = $2")
                .bind(group)
                .bind(subject);
            let gone = tx.run(sql).await? > 0;
            tx.commit().await?;
            Ok(gone)
        })
        .await
    }
}
