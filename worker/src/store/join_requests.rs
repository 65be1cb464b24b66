//! Who asks to be let into a group, and what became of it.

use shared::ids::{ChatId, MessageId, UserId};

use super::{
    Store,
    epochs::Epoch,
    error::StoreError,
    repeated,
    sql::{Row, Sql},
    tasks::{self, NewTask},
};

/// The latest request of a person to join a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    pub group: ChatId,
    pub user: UserId,
    /// Where they can be written to.
    pub user_chat: ChatId,
    pub name: String,
    pub state: RequestState,
    /// What they were told in private, if they were.
    pub message: Option<MessageId>,
    /// How often it was begun to tell them.
    pub attempts: i64,
    /// When they asked, as Telegram tells.
    pub requested_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    Waiting,
    /// This bot let them in.
    Approved,
    /// Somebody else decided, or they gave up.
    Gone,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEnd {
    Approved,
    Gone,
}

/// A request that has come in.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub group: ChatId,
    pub user: UserId,
    pub user_chat: ChatId,
    pub name: String,
    pub requested_ms: i64,
}

impl RequestState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Gone => "gone",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Approved, Self::Gone].into_iter().find(|state| state.as_str() == text)
    }
}

impl From<RequestEnd> for RequestState {
    fn from(end: RequestEnd) -> Self {
        match end {
            RequestEnd::Approved => Self::Approved,
            RequestEnd::Gone => Self::Gone,
        }
    }
}

const COLUMNS: &str = "group_id, user_id, user_chat_id, name, state, message_id, attempts, requested_ms";

fn read(row: &Row) -> Result<JoinRequest, StoreError> {
    Ok(JoinRequest {
        group: ChatId(row.int("group_id")?),
        user: UserId(row.int("user_id")?),
        user_chat: ChatId(row.int("user_chat_id")?),
        name: row.text("name")?,
        state: RequestState::read(&row.text("state")?).ok_or_else(|| row.bad("state"))?,
        message: row.maybe_int("message_id")?.map(MessageId),
        attempts: row.int("attempts")?,
        requested_ms: row.int("requested_ms")?,
    })
}

impl Store {
    /// Writes down a request, in the place of an earlier one of this person, and the tasks with it. The same one again, or one that is
    /// older than what is known, changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn record_join_request(
        &self,
        epoch: Epoch,
        request: &NewRequest,
        tasks: &[NewTask],
    ) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("record_join_request", "INSERT INTO join_requests")
                .push(" (group_id, user_id, user_chat_id, name, state, requested_ms)")
                .push(" VALUES ($1, $2, $3, $4, 'waiting', $5) ON CONFLICT (group_id, user_id) DO UPDATE SET")
                .push(" user_chat_id = excluded.user_chat_id, name = excluded.name, state = excluded.state,")
                .push(" message_id = NULL, attempts = 0, requested_ms = excluded.requested_ms, closed_ms = NULL")
                .push(" WHERE excluded.requested_ms > join_requests.requested_ms")
                .bind(request.group)
                .bind(request.user)
                .bind(request.user_chat)
                .bind(request.name.as_str())
                .bind(request.requested_ms);
            if tx.run(sql).await? > 0 {
                tasks::add(&mut tx, tasks).await?;
            }
            tx.commit().await
        })
        .await
    }

    /// The latest request of this person to join the group.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn join_request(&self, group: ChatId, user: UserId) -> Result<Option<JoinRequest>, StoreError> {
        let sql = self.request_rows("join_request", " WHERE group_id = $1 AND user_id = $2").bind(group).bind(user);
        self.row(sql).await?.as_ref().map(read).transpose()
    }

    /// The groups that this person waits to be let into.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn open_join_requests_of(&self, user: UserId) -> Result<Vec<JoinRequest>, StoreError> {
        let rest = " WHERE closed_ms IS NULL AND user_id = $1 ORDER BY group_id";
        let sql = self.request_rows("open_join_requests_of", rest).bind(user);
        self.rows(sql).await?.iter().map(read).collect()
    }

    /// The person is about to be told, once more.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn join_request_telling(&self, epoch: Epoch, group: ChatId, user: UserId) -> Result<(), StoreError> {
        self.change_request(epoch, |tx| {
            tx.sql("join_request_telling", "UPDATE join_requests SET attempts = attempts + 1")
                .push(" WHERE group_id = $1 AND user_id = $2")
                .bind(group)
                .bind(user)
        })
        .await
    }

    /// The person was not told after all: as if it had not begun.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn join_request_untold(&self, epoch: Epoch, group: ChatId, user: UserId) -> Result<(), StoreError> {
        self.change_request(epoch, |tx| {
            tx.sql("join_request_untold", "UPDATE join_requests SET attempts = attempts - 1")
                .push(" WHERE group_id = $1 AND user_id = $2 AND attempts > 0")
                .bind(group)
                .bind(user)
        })
        .await
    }

    /// This is what the person was told.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn join_request_told(
        &self,
        epoch: Epoch,
        group: ChatId,
        user: UserId,
        message: MessageId,
    ) -> Result<(), StoreError> {
        self.change_request(epoch, |tx| {
            tx.sql("join_request_told", "UPDATE join_requests SET message_id = $3 WHERE group_id = $1 AND user_id = $2")
                .bind(group)
                .bind(user)
                .bind(message)
        })
        .await
    }

    /// The request is settled, if it was not.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn join_request_closed(
        &self,
        epoch: Epoch,
        group: ChatId,
        user: UserId,
        end: RequestEnd,
    ) -> Result<(), StoreError> {
        self.change_request(epoch, |tx| {
            tx.sql("join_request_closed", "UPDATE join_requests SET state = $3, closed_ms = {now_ms}")
                .push(" WHERE group_id = $1 AND user_id = $2 AND closed_ms IS NULL")
                .bind(group)
                .bind(user)
                .bind(RequestState::from(end).as_str())
        })
        .await
    }

    async fn change_request(&self, epoch: Epoch, update: impl Fn(&super::Tx<'_>) -> Sql) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = update(&tx);
            tx.run(sql).await?;
            tx.commit().await
        })
        .await
    }

    fn request_rows(&self, name: &'static str, rest: &'static str) -> Sql {
        self.sql(name, "SELECT ").push(COLUMNS).push(" FROM join_requests").push(rest)
    }
}
