//! A text on its way to all groups or owners: how far it is, and to whom it goes next.

use super::{
    Store,
    error::StoreError,
    sql::{Row, Sql},
};

/// Whom a broadcast is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Audience {
    /// Every group that is protected now.
    Groups,
    /// Every owner of such a group, in private.
    Owners,
}

impl Audience {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Owners => "owners",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    pub id: i64,
    pub audience: Audience,
    pub body: String,
    /// running, paused, done or cancelled.
    pub state: String,
    /// The last chat that is done with; [`BEFORE_ALL`] at the start.
    pub position: i64,
    pub total: i64,
    pub sent: i64,
    pub failed: i64,
}

/// Below every id that there is.
pub const BEFORE_ALL: i64 = i64::MIN;

impl Broadcast {
    pub fn is_open(&self) -> bool {
        self.state == "running" || self.state == "paused"
    }
}

impl Store {
    /// The newest broadcast.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn last_broadcast(&self) -> Result<Option<Broadcast>, StoreError> {
        let sql = self
            .sql("last_broadcast", "SELECT id, audience, body, state, position, total, sent, failed FROM broadcasts")
            .push(" ORDER BY id DESC LIMIT 1");
        self.row(sql).await?.as_ref().map(read).transpose()
    }

    /// Begins one, unless another is open; whether it did.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn begin_broadcast(&self, audience: Audience, body: &str, total: i64) -> Result<bool, StoreError> {
        let sql = self
            .sql("begin_broadcast", "INSERT INTO broadcasts (audience, body, state, total, created_ms, updated_ms)")
            .push(" SELECT $1, $2, 'running', $3, {now_ms}, {now_ms}")
            .push(" WHERE NOT EXISTS (SELECT 1 FROM broadcasts WHERE state IN ('running', 'paused'))")
            .bind(audience.as_str())
            .bind(body)
            .bind(total);
        Ok(self.run(sql).await? > 0)
    }

    /// Moves one on to its next chat; whether it was still running, and where this process left it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn advance_broadcast(&self, before: i64, now: &Broadcast) -> Result<bool, StoreError> {
        let sql = self
            .sql("advance_broadcast", "UPDATE broadcasts SET position = $1, sent = $2, failed = $3,")
            .push(" updated_ms = {now_ms} WHERE id = $4 AND state = 'running' AND COALESCE(position, $5) = $6")
            .bind(now.position)
            .bind(now.sent)
            .bind(now.failed)
            .bind(now.id)
            .bind(BEFORE_ALL)
            .bind(before);
        Ok(self.run(sql).await? > 0)
    }

    /// Changes the state of one that is open; whether it was.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn set_broadcast_state(&self, id: i64, state: &str) -> Result<bool, StoreError> {
        let sql = self
            .sql("set_broadcast_state", "UPDATE broadcasts SET state = $1, updated_ms = {now_ms},")
            .push(" finished_ms = CASE WHEN CAST($2 AS TEXT) IN ('done', 'cancelled') THEN {now_ms} END")
            .push(" WHERE id = $3 AND state IN ('running', 'paused')")
            .bind(state)
            .bind(state)
            .bind(id);
        Ok(self.run(sql).await? > 0)
    }

    /// How many chats a broadcast would go to.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn audience_size(&self, audience: Audience) -> Result<i64, StoreError> {
        let sql = match audience {
            Audience::Groups => self.sql("count_groups", "SELECT COUNT(*) AS n FROM protected_groups WHERE enabled"),
            Audience::Owners => {
                self.sql("count_owners", "SELECT COUNT(DISTINCT owner_id) AS n FROM protected_groups WHERE enabled")
            }
        };
        self.row(sql).await?.map_or(Ok(0), |row| row.int("n"))
    }

    /// The first of them above this id.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn audience_after(&self, audience: Audience, after: i64) -> Result<Option<i64>, StoreError> {
        let sql: Sql = match audience {
            Audience::Groups => self
                .sql("next_group", "SELECT MIN(group_id) AS id FROM protected_groups WHERE enabled AND group_id > $1"),
            Audience::Owners => self
                .sql("next_owner", "SELECT MIN(owner_id) AS id FROM protected_groups WHERE enabled AND owner_id > $1"),
        };
        Ok(self.row(sql.bind(after)).await?.map(|row| row.maybe_int("id")).transpose()?.flatten())
    }
}

fn read(row: &Row) -> Result<Broadcast, StoreError> {
    let audience = match row.text("audience")?.as_str() {
        "groups" => Audience::Groups,
        "owners" => Audience::Owners,
        _ => return Err(row.bad("audience")),
    };
    Ok(Broadcast {
        id: row.int("id")?,
        audience,
        body: row.text("body")?,
        state: row.text("state")?,
        position: row.maybe_int("position")?.unwrap_or(BEFORE_ALL),
        total: row.int("total")?,
        sent: row.int("sent")?,
        failed: row.int("failed")?,
    })
}
