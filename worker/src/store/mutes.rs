//! The ledger: whom this bot muted, where, until when, and what became of it.

use shared::ids::{ChatId, UserId};

use super::{
    Store,
    epochs::Epoch,
    error::StoreError,
    repeated,
    sql::{Row, Sql},
    tasks::{self, NewTask},
};

/// One mute. At most one that is not closed exists for a person in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    pub id: i64,
    pub group: ChatId,
    pub user: UserId,
    /// The first name, for texts.
    pub name: String,
    pub state: MuteState,
    /// Telegram's `until_date`, in seconds; decided once and never changed.
    pub until_s: i64,
    /// The same of the mute before this one, if they had one here: its call may land late.
    pub earlier_until_s: Option<i64>,
    /// The restriction that was there before, as JSON, if there was one.
    pub before: Option<String>,
    pub created_ms: i64,
    pub closed_ms: Option<i64>,
    pub closed_why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteState {
    /// Written down; Telegram may or may not have heard of it.
    Pending,
    /// Telegram said yes.
    Active,
    /// Telegram is being asked to lift it.
    Releasing,
    /// Over, or not ours any more.
    Closed,
}

/// Why a mute is closed that this bot has lifted.
pub const RELEASED: &str = "released";

impl MuteState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Releasing => "releasing",
            Self::Closed => "closed",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Releasing, Self::Closed].into_iter().find(|state| state.as_str() == text)
    }
}

pub(super) const COLUMNS: &str = "id, group_id, user_id, name, state, until_s, restriction_before, created_ms, closed_ms, closed_why, \
     (SELECT earlier.until_s FROM mutes earlier WHERE earlier.group_id = mutes.group_id AND earlier.user_id = mutes.user_id \
     AND earlier.id < mutes.id ORDER BY earlier.id DESC LIMIT 1) AS earlier_until_s";

pub(super) fn read(row: &Row) -> Result<Mute, StoreError> {
    Ok(Mute {
        id: row.int("id")?,
        group: ChatId(row.int("group_id")?),
        user: UserId(row.int("user_id")?),
        name: row.text("name")?,
        state: MuteState::read(&row.text("state")?).ok_or_else(|| row.bad("state"))?,
        until_s: row.int("until_s")?,
        earlier_until_s: row.maybe_int("earlier_until_s")?,
        before: row.maybe_text("restriction_before")?,
        created_ms: row.int("created_ms")?,
        closed_ms: row.maybe_int("closed_ms")?,
        closed_why: row.maybe_text("closed_why")?,
    })
}

impl Store {
    /// The open mutes of these people in the group.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn open_mutes(&self, group: ChatId, users: &[UserId]) -> Result<Vec<Mute>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self
            .select("open_mutes", " WHERE closed_ms IS NULL AND group_id = $1 AND user_id IN ")
            .bind(group)
            .list(users.iter().copied())
            .push(" ORDER BY id");
        self.mutes(sql).await
    }

    /// One page of a group's open mutes: those after `after_id`, in order of id.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn open_mutes_in(&self, group: ChatId, after_id: i64, limit: i64) -> Result<Vec<Mute>, StoreError> {
        let sql = self
            .select("open_mutes_in", " WHERE closed_ms IS NULL AND group_id = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(group)
            .bind(after_id)
            .bind(limit);
        self.mutes(sql).await
    }

    /// How many people are muted in the group now.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn count_open_mutes(&self, group: ChatId) -> Result<i64, StoreError> {
        let sql = self
            .sql("count_open_mutes", "SELECT COUNT(*) AS open FROM mutes WHERE closed_ms IS NULL AND group_id = $1")
            .bind(group);
        self.row(sql).await?.map_or(Ok(0), |row| row.int("open"))
    }

    /// How many mutes in the group this bot has lifted, as far back as they are kept.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn count_released(&self, group: ChatId) -> Result<i64, StoreError> {
        let sql = self
            .sql("count_released", "SELECT COUNT(*) AS released FROM mutes WHERE group_id = $1 AND closed_why = $2")
            .bind(group)
            .bind(RELEASED);
        self.row(sql).await?.map_or(Ok(0), |row| row.int("released"))
    }

    /// Where this person is muted.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn open_mutes_of(&self, user: UserId) -> Result<Vec<Mute>, StoreError> {
        self.mutes(self.select("open_mutes_of", " WHERE closed_ms IS NULL AND user_id = $1 ORDER BY id").bind(user))
            .await
    }

    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn mute(&self, id: i64) -> Result<Option<Mute>, StoreError> {
        self.row(self.select("mute", " WHERE id = $1").bind(id)).await?.as_ref().map(read).transpose()
    }

    /// The latest mute of a person in a group, open or closed.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn last_mute(&self, group: ChatId, user: UserId) -> Result<Option<Mute>, StoreError> {
        let sql = self.select("last_mute", " WHERE group_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT 1");
        self.row(sql.bind(group).bind(user)).await?.as_ref().map(read).transpose()
    }

    /// The mute is in place: Telegram has said so, or shows it. Who can speak later has been freed by somebody, and is not muted for the same
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn confirm_mute(&self, epoch: Epoch, mute: &Mute) -> Result<(), StoreError> {
        if mute.state == MuteState::Pending {
            self.set_mute_state(epoch, mute.id, &[MuteState::Pending], MuteState::Active, None, &[]).await?;
        }
        Ok(())
    }

    /// Moves a mute on, if it is in one of the states `from`; says whether it did. Closing notes when and why. The tasks are written with
    /// the change, and only with it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn set_mute_state(
        &self,
        epoch: Epoch,
        id: i64,
        from: &[MuteState],
        to: MuteState,
        why: Option<&str>,
        tasks: &[NewTask],
    ) -> Result<bool, StoreError> {
        if from.is_empty() {
            return Ok(false);
        }
        repeated(|| self.try_set_mute_state(epoch, id, from, to, why, tasks)).await
    }

    async fn try_set_mute_state(
        &self,
        epoch: Epoch,
        id: i64,
        from: &[MuteState],
        to: MuteState,
        why: Option<&str>,
        tasks: &[NewTask],
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = if to == MuteState::Closed {
            tx.sql(
                "close_mute",
                "UPDATE mutes SET state = $1, closed_why = $2, closed_ms = COALESCE(closed_ms, {now_ms})",
            )
        } else {
            tx.sql("set_mute_state", "UPDATE mutes SET state = $1, closed_why = $2, closed_ms = NULL")
        };
        let sql = sql
            .push(" WHERE id = $3 AND state IN ")
            .bind(to.as_str())
            .bind(why)
            .bind(id)
            .list(from.iter().map(|state| state.as_str()));
        let changed = tx.run(sql).await? > 0;
        if changed {
            tasks::add(&mut tx, tasks).await?;
        }
        tx.commit().await?;
        Ok(changed)
    }

    fn select(&self, name: &'static str, rest: &'static str) -> Sql {
        self.sql(name, "SELECT ").push(COLUMNS).push(" FROM mutes").push(rest)
    }

    async fn mutes(&self, sql: Sql) -> Result<Vec<Mute>, StoreError> {
        self.rows(sql).await?.iter().map(read).collect()
    }
}
