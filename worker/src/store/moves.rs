//! A group that became a supergroup has another id: where it is now, and all its rows with it.

use shared::ids::ChatId;

use super::{
    Store, Tx,
    epochs::Epoch,
    error::StoreError,
    repeated,
    tasks::{self, NewTask, TaskRow},
};

impl Store {
    /// The supergroup that this group has become.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn moved_to(&self, old: ChatId) -> Result<Option<ChatId>, StoreError> {
        let sql = self.sql("moved_to", "SELECT new_id FROM moved_groups WHERE old_id = $1").bind(old);
        self.row(sql).await?.map(|row| row.int("new_id").map(ChatId)).transpose()
    }

    /// The group that this supergroup was.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn moved_from(&self, new: ChatId) -> Result<Option<ChatId>, StoreError> {
        let sql = self.sql("moved_from", "SELECT old_id FROM moved_groups WHERE new_id = $1").bind(new);
        self.row(sql).await?.map(|row| row.int("old_id").map(ChatId)).transpose()
    }

    /// In the old group's lane: writes down where it is now, and readdresses its tasks. `again` says what a task is over there, if anything.
    /// Gives the rows that are there now.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn move_away(
        &self,
        epoch: Epoch,
        old: ChatId,
        new: ChatId,
        again: impl Fn(&TaskRow) -> Option<NewTask>,
        tasks: &[NewTask],
    ) -> Result<Vec<TaskRow>, StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            note(&mut tx, old, new).await?;
            let left = tasks::take_all(&mut tx, old).await?;
            let all: Vec<NewTask> = left.iter().filter_map(&again).chain(tasks.iter().cloned()).collect();
            let written = tasks::add(&mut tx, &all).await?;
            tx.commit().await?;
            Ok(written)
        })
        .await
    }

    /// In the new group's lane: takes over all rows of the old one. Repeating it takes over what has been written since. Where both have a
    /// row for the same thing, the new one stands. Messages of the old group are out of reach, so its warnings are over.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn adopt(&self, epoch: Epoch, old: ChatId, new: ChatId) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            note(&mut tx, old, new).await?;
            for (name, text) in ADOPTION {
                let sql = tx.sql(name, text).bind(old).bind(new);
                tx.run(sql).await?;
            }
            tx.commit().await
        })
        .await
    }
}

async fn note(tx: &mut Tx<'_>, old: ChatId, new: ChatId) -> Result<(), StoreError> {
    let sql = tx
        .sql("note_move", "INSERT INTO moved_groups (old_id, new_id, moved_ms) VALUES ($1, $2, {now_ms})")
        .push(" ON CONFLICT (old_id) DO UPDATE SET new_id = excluded.new_id")
        .bind(old)
        .bind(new);
    tx.run(sql).await.map(drop)
}

/// $1 is the old group, $2 the new one. Links and the allow-list follow their group by the schema.
const ADOPTION: [(&str, &str); 10] = [
    (
        "adopt_group",
        "UPDATE protected_groups SET group_id = $2 WHERE group_id = $1
            AND NOT EXISTS (SELECT 1 FROM protected_groups WHERE group_id = $2)",
    ),
    (
        "adopt_allowed",
        "INSERT INTO allowed_users (group_id, subject_id, name, added_by, created_ms)
            SELECT $2, subject_id, name, added_by, created_ms FROM allowed_users WHERE group_id = $1
            ON CONFLICT (group_id, subject_id) DO NOTHING",
    ),
    // Their messages are out of reach; the supergroup is told anew.
    ("drop_breaker_notices", "DELETE FROM breaker_notices WHERE group_id = $1 AND group_id <> $2"),
    ("drop_group", "DELETE FROM protected_groups WHERE group_id = $1 AND group_id <> $2"),
    (
        "close_double_mutes",
        "UPDATE mutes SET state = 'closed', closed_ms = {now_ms}, closed_why = 'the group moved'
            WHERE group_id = $1 AND closed_ms IS NULL AND EXISTS (SELECT 1 FROM mutes there
            WHERE there.group_id = $2 AND there.user_id = mutes.user_id AND there.closed_ms IS NULL)",
    ),
    ("adopt_mutes", "UPDATE mutes SET group_id = $2 WHERE group_id = $1"),
    (
        "close_warnings",
        "UPDATE warnings SET state = 'lost', closed_ms = {now_ms} WHERE group_id = $1 AND closed_ms IS NULL
            AND (state <> 'wanted' OR EXISTS (SELECT 1 FROM warnings there
            WHERE there.group_id = $2 AND there.user_id = warnings.user_id AND there.closed_ms IS NULL))",
    ),
    ("adopt_warnings", "UPDATE warnings SET group_id = $2, message_id = NULL, thread_id = NULL WHERE group_id = $1"),
    (
        "adopt_requests",
        "UPDATE join_requests SET group_id = $2 WHERE group_id = $1 AND NOT EXISTS (SELECT 1 FROM join_requests there
            WHERE there.group_id = $2 AND there.user_id = join_requests.user_id)",
    ),
    // What was said of the bot's standing was said in the old group; in the new one that is looked at anew.
    ("drop_standing", "DELETE FROM bot_standings WHERE group_id = $1 AND group_id <> $2"),
];
