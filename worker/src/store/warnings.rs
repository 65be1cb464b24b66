//! Warnings: who is to be told, who has been, by which message.

use std::collections::BTreeMap;

use shared::ids::{ChannelId, ChatId, MessageId, UserId};

use super::{
    Store, Tx,
    epochs::Epoch,
    error::StoreError,
    repeated,
    sql::{Row, Sql},
    tasks::{self, NewTask},
};

/// One person's warning. At most one live one (wanted, sending or sent) exists for a person in a group; several may share a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub id: i64,
    pub group: ChatId,
    pub user: UserId,
    /// The first name, for the text.
    pub name: String,
    pub state: WarningState,
    pub kind: WarningKind,
    pub message: Option<MessageId>,
    /// The topic that the offending message came from, as long as one can write there.
    pub thread: Option<i64>,
    pub missing: Vec<ChannelId>,
    /// Its message is one for several people, which is edited as they come and go.
    pub shared: bool,
    /// How often sending began.
    pub attempts: i64,
    pub created_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningState {
    Wanted,
    /// On its way; whether it arrived is not known.
    Sending,
    Sent,
    Removed,
    /// It could not be sent, or its outcome will never be known.
    Lost,
}

/// One of the times that sending a warning began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub warning: i64,
    /// The warning's count of attempts from then on, until somebody begins once more.
    pub number: i64,
}

/// What a warning is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// They wrote something.
    Offence,
    /// They came into the group.
    Join,
    /// They left a channel.
    Left,
}

impl WarningKind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offence => "offence",
            Self::Join => "join",
            Self::Left => "left",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Offence, Self::Join, Self::Left].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A send whose outcome is not known is repeated once: a warning twice is better than none, and three times is not.
pub const SENT_AT_MOST: i64 = 2;

/// How a warning ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningEnd {
    Removed,
    Lost,
}

impl WarningState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Removed => "removed",
            Self::Lost => "lost",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::Wanted, Self::Sending, Self::Sent, Self::Removed, Self::Lost];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

impl From<WarningEnd> for WarningState {
    fn from(end: WarningEnd) -> Self {
        match end {
            WarningEnd::Removed => Self::Removed,
            WarningEnd::Lost => Self::Lost,
        }
    }
}

pub(super) const COLUMNS: &str =
    "id, group_id, user_id, name, state, kind, message_id, thread_id, missing, shared, attempts, created_ms";

pub(super) fn read(row: &Row) -> Result<Warning, StoreError> {
    Ok(Warning {
        id: row.int("id")?,
        group: ChatId(row.int("group_id")?),
        user: UserId(row.int("user_id")?),
        name: row.text("name")?,
        state: WarningState::read(&row.text("state")?).ok_or_else(|| row.bad("state"))?,
        kind: WarningKind::read(&row.text("kind")?).ok_or_else(|| row.bad("kind"))?,
        message: row.maybe_int("message_id")?.map(MessageId),
        thread: row.maybe_int("thread_id")?,
        missing: serde_json::from_str(&row.text("missing")?).map_err(|_| row.bad("missing"))?,
        shared: row.int("shared")? != 0,
        attempts: row.int("attempts")?,
        created_ms: row.int("created_ms")?,
    })
}

/// The column `missing`: a JSON list of numbers.
pub(super) fn missing_text(missing: &[ChannelId]) -> String {
    let numbers: Vec<String> = missing.iter().map(ChannelId::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// As many ids as one statement names: SQLite binds 32,766 values, Postgres 65,535, and a raid may be larger.
const IDS_AT_ONCE: usize = 500;

impl Store {
    /// What waits for the group's send budget, and what may not have arrived; oldest first.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn wanted_warnings(&self, group: ChatId) -> Result<Vec<Warning>, StoreError> {
        let rest = " WHERE group_id = $1 AND state IN ('wanted', 'sending') ORDER BY id";
        self.warnings(self.warning_rows("wanted_warnings", rest).bind(group)).await
    }

    /// The live warning of this person in the group: none or one.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn warnings_of(&self, group: ChatId, user: UserId) -> Result<Vec<Warning>, StoreError> {
        let rest = " WHERE group_id = $1 AND user_id = $2 AND closed_ms IS NULL ORDER BY id";
        self.warnings(self.warning_rows("warnings_of", rest).bind(group).bind(user)).await
    }

    /// The live warnings that this message carries.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn warnings_with_message(&self, group: ChatId, message: MessageId) -> Result<Vec<Warning>, StoreError> {
        let rest = " WHERE group_id = $1 AND message_id = $2 AND closed_ms IS NULL ORDER BY id";
        self.warnings(self.warning_rows("warnings_with_message", rest).bind(group).bind(message)).await
    }

    /// The live warnings of the group whose messages are for several people, oldest first.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn shared_warnings(&self, group: ChatId) -> Result<Vec<Warning>, StoreError> {
        let rest = " WHERE group_id = $1 AND shared = 1 AND state = 'sent' AND closed_ms IS NULL ORDER BY id";
        self.warnings(self.warning_rows("shared_warnings", rest).bind(group)).await
    }

    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn warning(&self, id: i64) -> Result<Option<Warning>, StoreError> {
        self.row(self.warning_rows("warning", " WHERE id = $1").bind(id)).await?.as_ref().map(read).transpose()
    }

    /// These are about to be sent, once more. Closed ones stay closed.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn warning_sending(&self, epoch: Epoch, ids: &[i64]) -> Result<(), StoreError> {
        self.change_warnings(epoch, ids, |tx| {
            tx.sql("warning_sending", "UPDATE warnings SET state = 'sending', attempts = attempts + 1")
                .push(" WHERE closed_ms IS NULL AND id IN ")
        })
        .await
    }

    /// These were not sent after all: as if sending had not begun.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn warning_wanted(&self, epoch: Epoch, ids: &[i64]) -> Result<(), StoreError> {
        self.change_warnings(epoch, ids, |tx| {
            tx.sql("warning_wanted", "UPDATE warnings SET state = 'wanted', attempts = attempts - 1")
                .push(" WHERE state = 'sending' AND id IN ")
        })
        .await
    }

    /// The same, because their topic is closed or gone: from now on they belong to none.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn warning_wanted_outside(&self, epoch: Epoch, ids: &[i64]) -> Result<(), StoreError> {
        self.change_warnings(epoch, ids, |tx| {
            tx.sql("warning_wanted_outside", "UPDATE warnings SET state = 'wanted', attempts = attempts - 1,")
                .push(" thread_id = NULL WHERE state = 'sending' AND id IN ")
        })
        .await
    }

    /// These sends are carried by this message, which is `shared` if it is for several people. Gives the warnings that know it by now: not
    /// those whose sending somebody has begun once more, and not those that have moved to another group.
    ///
    /// No epoch: that Telegram has taken a message is no decision but a fact, and who comes after us must know it, or would tell them again. A
    /// warning that was closed meanwhile stays closed but knows its message, so that it can be removed. The tasks are written in any case,
    /// since the message stands in any case.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn warning_sent(
        &self,
        group: ChatId,
        sends: &[Attempt],
        message: MessageId,
        shared: bool,
        tasks: &[NewTask],
    ) -> Result<Vec<i64>, StoreError> {
        let mut by_attempt: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for send in sends {
            by_attempt.entry(send.number).or_default().push(send.warning);
        }
        repeated(async || {
            let mut tx = self.begin_unfenced().await?;
            let mut known = Vec::with_capacity(sends.len());
            for (attempt, ids) in &by_attempt {
                for some in ids.chunks(IDS_AT_ONCE) {
                    let sql = tx
                        .sql("warning_sent", "UPDATE warnings SET message_id = $1, shared = $2,")
                        .push(" state = CASE WHEN closed_ms IS NULL THEN 'sent' ELSE state END")
                        .push(" WHERE group_id = $3 AND attempts = $4 AND id IN ")
                        .bind(message)
                        .bind(i64::from(shared))
                        .bind(group)
                        .bind(*attempt)
                        .list(some.iter().copied())
                        .push(" RETURNING id");
                    for row in tx.rows(sql).await? {
                        known.push(row.int("id")?);
                    }
                }
            }
            tasks::add(&mut tx, tasks).await?;
            tx.commit().await?;
            Ok(known)
        })
        .await
    }

    /// These are over.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn warning_closed(&self, epoch: Epoch, ids: &[i64], end: WarningEnd) -> Result<(), StoreError> {
        self.change_warnings(epoch, ids, |tx| {
            tx.sql("warning_closed", "UPDATE warnings SET state = $1, closed_ms = {now_ms}")
                .push(" WHERE closed_ms IS NULL AND id IN ")
                .bind(WarningState::from(end).as_str())
        })
        .await
    }

    /// Runs an update that ends in `id IN`, under the fence.
    async fn change_warnings(
        &self,
        epoch: Epoch,
        ids: &[i64],
        update: impl Fn(&Tx<'_>) -> Sql,
    ) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            for some in ids.chunks(IDS_AT_ONCE) {
                let sql = update(&tx).list(some.iter().copied());
                tx.run(sql).await?;
            }
            tx.commit().await
        })
        .await
    }

    fn warning_rows(&self, name: &'static str, rest: &'static str) -> Sql {
        self.sql(name, "SELECT ").push(COLUMNS).push(" FROM warnings").push(rest)
    }

    async fn warnings(&self, sql: Sql) -> Result<Vec<Warning>, StoreError> {
        self.rows(sql).await?.iter().map(read).collect()
    }
}
