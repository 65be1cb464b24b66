//! A text on its way to all groups or owners: how far it is, to whom it goes next, and which process sends it.
//!
//! Whoever sends it holds it: a hold lasts some seconds and is renewed again and again, so that nobody else goes on with it meanwhile, and
//! somebody can when the process has died. Several machines have to agree on it, so it goes by the database's clock.

use std::time::Duration;

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
    /// Every owner of such a group, in private. Who has never started the bot, or has blocked it, cannot be reached.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On its way, unless nobody holds it: then it broke off.
    Running,
    Paused,
    Done,
    Cancelled,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Done, Self::Cancelled];

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    pub id: i64,
    pub audience: Audience,
    pub body: String,
    pub state: State,
    /// The last chat that is done with; [`BEFORE_ALL`] at the start.
    pub position: i64,
    pub total: i64,
    pub sent: i64,
    /// Those who cannot be written to.
    pub skipped: i64,
    pub failed: i64,
    /// Who sends it now.
    pub held: Option<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub holder: String,
    /// How long it counts without another sign of life.
    pub left: Duration,
}

/// What a process says of itself when it takes a broadcast, and with each sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Nobody else's, and read by people.
    pub holder: String,
    pub lasts: Duration,
}

/// Below every id that there is.
pub const BEFORE_ALL: i64 = i64::MIN;

const COLUMNS: &str = "id, audience, body, state, position, total, sent, skipped, failed, holder, \
                       COALESCE(held_until_ms, 0) - {now_ms} AS left_ms";

impl Broadcast {
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Running | State::Paused => true,
            State::Done | State::Cancelled => false,
        }
    }
}

impl Hold {
    fn lasts_ms(&self) -> i64 {
        i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// The newest broadcast.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn last_broadcast(&self) -> Result<Option<Broadcast>, StoreError> {
        let sql = self.sql("last_broadcast", "SELECT ").push(COLUMNS).push(" FROM broadcasts ORDER BY id DESC LIMIT 1");
        self.row(sql).await?.as_ref().map(read).transpose()
    }

    /// Begins one and holds it; None: another is open.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn begin_broadcast(
        &self,
        audience: Audience,
        body: &str,
        total: i64,
        hold: &Hold,
    ) -> Result<Option<Broadcast>, StoreError> {
        let sql = self
            .sql("begin_broadcast", "INSERT INTO broadcasts")
            .push(" (audience, body, state, total, holder, held_until_ms, created_ms, updated_ms)")
            .push(" VALUES ($1, $2, 'running', $3, $4, {now_ms} + $5, {now_ms}, {now_ms})")
            .push(" ON CONFLICT DO NOTHING RETURNING ")
            .push(COLUMNS)
            .bind(audience.as_str())
            .bind(body)
            .bind(total)
            .bind(hold.holder.as_str())
            .bind(hold.lasts_ms());
        self.run_returning(sql).await?.as_ref().map(read).transpose()
    }

    /// Goes on with one that is open and that nobody holds; None: it is not, or somebody does.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn take_broadcast(&self, id: i64, hold: &Hold) -> Result<Option<Broadcast>, StoreError> {
        let sql = self
            .sql("take_broadcast", "UPDATE broadcasts SET state = 'running', holder = $1,")
            .push(" held_until_ms = {now_ms} + $2, updated_ms = {now_ms}")
            .push(" WHERE id = $3 AND state IN ('running', 'paused') AND COALESCE(held_until_ms, 0) <= {now_ms}")
            .push(" RETURNING ")
            .push(COLUMNS)
            .bind(hold.holder.as_str())
            .bind(hold.lasts_ms())
            .bind(id);
        self.run_returning(sql).await?.as_ref().map(read).transpose()
    }

    /// A sign of life of its holder, and what has become of it meanwhile; None: somebody else has taken it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn keep_broadcast(&self, id: i64, hold: &Hold) -> Result<Option<State>, StoreError> {
        let sql = self
            .sql("keep_broadcast", "UPDATE broadcasts SET held_until_ms = {now_ms} + $1")
            .push(" WHERE id = $2 AND holder = $3 RETURNING state")
            .bind(hold.lasts_ms())
            .bind(id)
            .bind(hold.holder.as_str());
        self.run_returning(sql).await?.as_ref().map(state).transpose()
    }

    /// Writes down how far its holder is; the rest as [`Self::keep_broadcast`].
    ///
    /// # Errors
    /// The database is not available. It may be done again.
    pub async fn advance_broadcast(&self, now: &Broadcast, hold: &Hold) -> Result<Option<State>, StoreError> {
        let sql = self
            .sql("advance_broadcast", "UPDATE broadcasts SET position = $1, sent = $2, skipped = $3, failed = $4,")
            .push(" held_until_ms = {now_ms} + $5, updated_ms = {now_ms}")
            .push(" WHERE id = $6 AND holder = $7 RETURNING state")
            .bind(now.position)
            .bind(now.sent)
            .bind(now.skipped)
            .bind(now.failed)
            .bind(hold.lasts_ms())
            .bind(now.id)
            .bind(hold.holder.as_str());
        self.run_returning(sql).await?.as_ref().map(state).transpose()
    }

    /// Its holder lets go of it, paused or done, unless it was cancelled meanwhile; None: somebody else has taken it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn release_broadcast(&self, id: i64, hold: &Hold, to: State) -> Result<Option<State>, StoreError> {
        let sql = self
            .sql(
                "release_broadcast",
                "UPDATE broadcasts SET holder = NULL, held_until_ms = NULL, updated_ms = {now_ms},",
            )
            .push(" state = CASE WHEN state = 'running' THEN $1 ELSE state END,")
            .push(" finished_ms = CASE WHEN CAST($2 AS TEXT) = 'done' THEN {now_ms} ELSE finished_ms END")
            .push(" WHERE id = $3 AND holder = $4 RETURNING state")
            .bind(to.as_str())
            .bind(to.as_str())
            .bind(id)
            .bind(hold.holder.as_str());
        self.run_returning(sql).await?.as_ref().map(state).transpose()
    }

    /// Ends the one that is open. Who holds it sees it at the next sign of life. None: none is.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn cancel_broadcast(&self) -> Result<Option<Broadcast>, StoreError> {
        let sql = self
            .sql("cancel_broadcast", "UPDATE broadcasts SET state = 'cancelled', finished_ms = {now_ms},")
            .push(" updated_ms = {now_ms} WHERE state IN ('running', 'paused') RETURNING ")
            .push(COLUMNS);
        self.run_returning(sql).await?.as_ref().map(read).transpose()
    }

    /// How many chats a broadcast would go to.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn audience_size(&self, audience: Audience) -> Result<i64, StoreError> {
        let sql = match audience {
            Audience::Groups => self.sql("count_groups", "SELECT COUNT(*) AS n FROM protected_groups WHERE enabled"),
            Audience::Owners => self
                .sql("count_owners", "SELECT COUNT(DISTINCT owner_id) AS n FROM protected_groups")
                .push(" WHERE enabled AND owner_id > 0"),
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
            // 0: nobody knows who it is.
            Audience::Owners => self
                .sql("next_owner", "SELECT MIN(owner_id) AS id FROM protected_groups")
                .push(" WHERE enabled AND owner_id > 0 AND owner_id > $1"),
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
    let left = u64::try_from(row.int("left_ms")?).ok().filter(|left| *left > 0).map(Duration::from_millis);
    let holder = row.maybe_text("holder")?;
    Ok(Broadcast {
        id: row.int("id")?,
        audience,
        body: row.text("body")?,
        state: state(row)?,
        position: row.maybe_int("position")?.unwrap_or(BEFORE_ALL),
        total: row.int("total")?,
        sent: row.int("sent")?,
        skipped: row.int("skipped")?,
        failed: row.int("failed")?,
        held: holder.zip(left).map(|(holder, left)| Held { holder, left }),
    })
}

fn state(row: &Row) -> Result<State, StoreError> {
    let state = row.text("state")?;
    State::ALL.into_iter().find(|known| known.as_str() == state).ok_or_else(|| row.bad("state"))
}
