//! Due rows: questions that a lane is to be asked at some time.

use std::collections::BTreeMap;

use shared::{envelope::RoutingKey, ids::ChatId, shard::Shard};

use super::{
    Store, Tx,
    epochs::Epoch,
    error::StoreError,
    repeated,
    sql::{Row, Value},
};

/// A question for the lane of `chat`. There is at most one for a chat and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    pub chat: ChatId,
    pub key: String,
    /// JSON text.
    pub body: String,
    pub due_ms: i64,
    /// W3C `traceparent` of what caused it, or empty.
    pub trace: String,
}

/// A stored question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub id: i64,
    pub shard: Shard,
    pub chat: ChatId,
    pub key: String,
    pub body: String,
    pub due_ms: i64,
    /// Rises with every publication and every new content: together with the id it names a message of the queue, and the queue drops a
    /// second message of one name.
    pub attempt: i64,
    /// Rises with every new content: who finishes an older one does not finish this one.
    pub version: i64,
    pub trace: String,
}

const COLUMNS: &str = "id, shard, chat_id, key, body, due_ms, attempt, version, trace";

/// As many rows as one statement writes: SQLite binds 32,766 values, Postgres 65,535.
const ROWS_AT_ONCE: usize = 500;

fn read(row: &Row) -> Result<TaskRow, StoreError> {
    Ok(TaskRow {
        id: row.int("id")?,
        shard: u16::try_from(row.int("shard")?).map(Shard).map_err(|_| row.bad("shard"))?,
        chat: ChatId(row.int("chat_id")?),
        key: row.text("key")?,
        body: row.text("body")?,
        due_ms: row.int("due_ms")?,
        attempt: row.int("attempt")?,
        version: row.int("version")?,
        trace: row.text("trace")?,
    })
}

/// Writes the tasks as part of a transaction: a new one, or new content for the one with the same key, due at the earlier of both times.
pub(super) async fn add(tx: &mut Tx<'_>, tasks: &[NewTask]) -> Result<Vec<TaskRow>, StoreError> {
    // One statement may not touch a row twice, and two transactions that touch rows in one order cannot lock each other out.
    let mut merged: BTreeMap<(ChatId, &str), (&NewTask, i64)> = BTreeMap::new();
    for task in tasks {
        let entry = merged.entry((task.chat, &task.key)).or_insert((task, task.due_ms));
        *entry = (task, entry.1.min(task.due_ms));
    }
    let merged: Vec<_> = merged.into_values().collect();
    let mut written = Vec::with_capacity(merged.len());
    for some in merged.chunks(ROWS_AT_ONCE) {
        let shards = tx.store.shards;
        let rows = some.iter().map(|(task, due_ms)| -> [Value; 6] {
            [
                shards.of(RoutingKey(task.chat.0)).into(),
                task.chat.into(),
                task.key.as_str().into(),
                task.body.as_str().into(),
                (*due_ms).into(),
                task.trace.as_str().into(),
            ]
        });
        let sql = tx
            .sql("add_tasks", "INSERT INTO tasks (shard, chat_id, key, body, due_ms, trace) VALUES ")
            .rows(rows)
            .push(" ON CONFLICT (chat_id, key) DO UPDATE SET shard = excluded.shard, body = excluded.body,")
            .push(" trace = excluded.trace, version = tasks.version + 1, attempt = tasks.attempt + 1,")
            .push(" due_ms = CASE WHEN excluded.due_ms < tasks.due_ms THEN excluded.due_ms ELSE tasks.due_ms END RETURNING ")
            .push(COLUMNS);
        for row in tx.rows(sql).await? {
            written.push(read(&row)?);
        }
    }
    Ok(written)
}

/// Takes all tasks of a chat away, as part of a transaction.
pub(super) async fn take_all(tx: &mut Tx<'_>, chat: ChatId) -> Result<Vec<TaskRow>, StoreError> {
    let sql = tx.sql("take_tasks", "DELETE FROM tasks WHERE chat_id = $1 RETURNING ").push(COLUMNS).bind(chat);
    tx.rows(sql).await?.iter().map(read).collect()
}

impl Store {
    /// Writes tasks, for any chat: no fence, because a task is only a question.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn add_tasks(&self, tasks: &[NewTask]) -> Result<Vec<TaskRow>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        repeated(async || {
            let mut tx = self.begin_unfenced().await?;
            let written = add(&mut tx, tasks).await?;
            tx.commit().await?;
            Ok(written)
        })
        .await
    }

    /// What is due in these shards, the longest due first.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn due_tasks(&self, shards: &[Shard], now_ms: i64, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self
            .sql("due_tasks", "SELECT ")
            .push(COLUMNS)
            .push(" FROM tasks WHERE due_ms <= $1 AND shard IN ")
            .bind(now_ms)
            .bind(limit);
        // The limit is $2; the list goes on from there.
        let sql = sql.list(shards.iter().copied()).push(" ORDER BY due_ms, id LIMIT $2");
        self.rows(sql).await?.iter().map(read).collect()
    }

    /// When the next task of these shards is due.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn next_due(&self, shards: &[Shard]) -> Result<Option<i64>, StoreError> {
        if shards.is_empty() {
            return Ok(None);
        }
        // One look at the head of the index for each shard; a plain MIN over a list would read every task of these shards.
        let sql = self
            .sql("next_due", "WITH mine (shard) AS (VALUES ")
            .rows(shards.iter().map(|shard| [Value::from(*shard)]))
            .push(") SELECT MIN((SELECT MIN(t.due_ms) FROM tasks t WHERE t.shard = mine.shard)) AS due_ms FROM mine");
        self.row(sql).await?.map_or(Ok(None), |row| row.maybe_int("due_ms"))
    }

    /// A task has been put into the queue; should it get lost there, it is due again at `again_ms`. New content since keeps its own time.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn task_published(&self, id: i64, version: i64, again_ms: i64) -> Result<(), StoreError> {
        let sql = self
            .sql("task_published", "UPDATE tasks SET attempt = attempt + 1,")
            .push(" due_ms = CASE WHEN version = $2 THEN $3 ELSE due_ms END WHERE id = $1")
            .bind(id)
            .bind(version)
            .bind(again_ms);
        self.run(sql).await.map(|_| ())
    }

    /// What was due at `now_ms` and found no room is due again at `again_ms`.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn put_off_tasks(&self, ids: &[i64], now_ms: i64, again_ms: i64) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = self
            .sql("put_off_tasks", "UPDATE tasks SET due_ms = $1 WHERE due_ms <= $2 AND id IN ")
            .bind(again_ms)
            .bind(now_ms)
            .list(ids.iter().copied());
        self.run(sql).await.map(|_| ())
    }

    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn task(&self, id: i64) -> Result<Option<TaskRow>, StoreError> {
        let sql = self.sql("task", "SELECT ").push(COLUMNS).push(" FROM tasks WHERE id = $1").bind(id);
        self.row(sql).await?.as_ref().map(read).transpose()
    }

    /// The question of this version is to be asked again at `due_ms`, and not before: as if it were new content, so that noting the
    /// publication of the old one does not change its time. Content that is newer already keeps its own. Says whether there was none.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn postpone_task(&self, epoch: Epoch, id: i64, version: i64, due_ms: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("postpone_task", "UPDATE tasks SET due_ms = $1, version = version + 1, attempt = attempt + 1")
            .push(" WHERE id = $2 AND version = $3")
            .bind(due_ms)
            .bind(id)
            .bind(version);
        let postponed = tx.run(sql).await? > 0;
        tx.commit().await?;
        Ok(postponed)
    }

    /// The question with this key is not to be asked any more, if it waits at all.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn drop_task(&self, epoch: Epoch, chat: ChatId, key: &str) -> Result<(), StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx.sql("drop_task", "DELETE FROM tasks WHERE chat_id = $1 AND key = $2").bind(chat).bind(key);
        tx.run(sql).await?;
        tx.commit().await
    }

    /// The question of this version has been answered; new content since is another question, and stays. Says whether it went.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn finish_task(&self, epoch: Epoch, id: i64, version: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx.sql("finish_task", "DELETE FROM tasks WHERE id = $1 AND version = $2").bind(id).bind(version);
        let gone = tx.run(sql).await? > 0;
        tx.commit().await?;
        Ok(gone)
    }
}
