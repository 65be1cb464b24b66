//! Channels that cannot be asked about now, and which groups were told so.

use shared::ids::{ChannelId, ChatId, MessageId, UserId};

use super::{
    Store,
    epochs::Epoch,
    error::StoreError,
    groups::ChannelRow,
    repeated,
    tasks::{self, NewTask, TaskRow},
};

/// An open breaker: nobody is asked about in this channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    pub channel: ChannelId,
    pub reason: String,
    pub since_ms: i64,
    /// When Telegram was last asked whether it still is so.
    pub probed_ms: i64,
}

/// What a group was told about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub state: NoticeState,
    pub message: Option<MessageId>,
    /// How often sending began.
    pub attempts: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeState {
    /// On its way; whether it arrived is not known.
    Sending,
    Sent,
    /// It could not be sent, or its outcome will never be known.
    Lost,
    /// The channel is back, and this is being said.
    Resolving,
}

impl NoticeState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Lost => "lost",
            Self::Resolving => "resolving",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Sending, Self::Sent, Self::Lost, Self::Resolving].into_iter().find(|state| state.as_str() == text)
    }
}

impl Store {
    /// The breaker of a channel, if it is open.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn breaker(&self, channel: ChannelId) -> Result<Option<Breaker>, StoreError> {
        let sql = self
            .sql("breaker", "SELECT reason, since_ms, probed_ms FROM channel_breakers WHERE channel_id = $1")
            .bind(channel);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        Ok(Some(Breaker {
            channel,
            reason: row.text("reason")?,
            since_ms: row.int("since_ms")?,
            probed_ms: row.int("probed_ms")?,
        }))
    }

    /// Opens the breaker of a channel that some group has required, with the tasks that make it known. None: it was open already, and
    /// nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn open_breaker(
        &self,
        epoch: Epoch,
        channel: ChannelId,
        reason: &str,
        now_ms: i64,
        tasks: &[NewTask],
    ) -> Result<Option<Vec<TaskRow>>, StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("open_breaker", "INSERT INTO channel_breakers (channel_id, reason, since_ms, probed_ms, told_ms)")
                .push(" SELECT channel_id, $2, $3, $3, $3 FROM enforced_channels WHERE channel_id = $1")
                .push(" ON CONFLICT (channel_id) DO NOTHING")
                .bind(channel)
                .bind(reason)
                .bind(now_ms);
            if tx.run(sql).await? == 0 {
                return Ok(None);
            }
            let written = tasks::add(&mut tx, tasks).await?;
            tx.commit().await?;
            Ok(Some(written))
        })
        .await
    }

    /// Notes that the channel was asked about in vain once more.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn breaker_probed(&self, epoch: Epoch, channel: ChannelId, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("breaker_probed", "UPDATE channel_breakers SET probed_ms = $2 WHERE channel_id = $1")
            .bind(channel)
            .bind(now_ms);
        tx.run(sql).await?;
        tx.commit().await
    }

    /// Closes the breaker, with the tasks that make it known. None: it was not open, and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn close_breaker(
        &self,
        epoch: Epoch,
        channel: ChannelId,
        tasks: &[NewTask],
    ) -> Result<Option<Vec<TaskRow>>, StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx.sql("close_breaker", "DELETE FROM channel_breakers WHERE channel_id = $1").bind(channel);
            if tx.run(sql).await? == 0 {
                return Ok(None);
            }
            let written = tasks::add(&mut tx, tasks).await?;
            tx.commit().await?;
            Ok(Some(written))
        })
        .await
    }

    /// A channel that some group requires or has required.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn channel(&self, channel: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        let sql = self
            .sql("channel", "SELECT c.title, c.username, c.invite_link, b.reason FROM enforced_channels c")
            .push(" LEFT JOIN channel_breakers b ON b.channel_id = c.channel_id WHERE c.channel_id = $1")
            .bind(channel);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        Ok(Some(ChannelRow {
            channel,
            title: row.text("title")?,
            username: row.maybe_text("username")?,
            invite_link: row.maybe_text("invite_link")?,
            broken: row.maybe_text("reason")?,
        }))
    }

    /// The people who answer for the groups that require this channel now.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn owners_requiring(&self, channel: ChannelId) -> Result<Vec<UserId>, StoreError> {
        let sql = self
            .sql("owners_requiring", "SELECT DISTINCT g.owner_id FROM group_channel_links l")
            .push(" JOIN protected_groups g ON g.group_id = l.group_id")
            .push(" WHERE l.channel_id = $1 AND g.enabled AND g.owner_id > 0 ORDER BY g.owner_id")
            .bind(channel);
        self.rows(sql).await?.iter().map(|row| row.int("owner_id").map(UserId)).collect()
    }

    /// The groups that were told of this channel and not yet of its return.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn groups_with_notice(&self, channel: ChannelId) -> Result<Vec<ChatId>, StoreError> {
        let sql = self
            .sql("groups_with_notice", "SELECT group_id FROM breaker_notices WHERE channel_id = $1 ORDER BY group_id")
            .bind(channel);
        self.rows(sql).await?.iter().map(|row| row.int("group_id").map(ChatId)).collect()
    }

    /// What this group was told about this channel, if it was.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn notice(&self, group: ChatId, channel: ChannelId) -> Result<Option<Notice>, StoreError> {
        let sql = self
            .sql("notice", "SELECT state, message_id, attempts FROM breaker_notices")
            .push(" WHERE group_id = $1 AND channel_id = $2")
            .bind(group)
            .bind(channel);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        Ok(Some(Notice {
            state: NoticeState::read(&row.text("state")?).ok_or_else(|| row.bad("state"))?,
            message: row.maybe_int("message_id")?.map(MessageId),
            attempts: row.int("attempts")?,
        }))
    }

    /// The group is about to be told, perhaps once more.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn notice_sending(&self, epoch: Epoch, group: ChatId, channel: ChannelId) -> Result<(), StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("notice_sending", "INSERT INTO breaker_notices (group_id, channel_id, state, attempts, created_ms)")
            .push(" VALUES ($1, $2, 'sending', 1, {now_ms}) ON CONFLICT (group_id, channel_id) DO UPDATE SET")
            .push(" state = 'sending', attempts = breaker_notices.attempts + 1")
            .bind(group)
            .bind(channel);
        tx.run(sql).await?;
        tx.commit().await
    }

    /// How telling the group went. A message that is known stays known.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn notice_moved(
        &self,
        epoch: Epoch,
        group: ChatId,
        channel: ChannelId,
        state: NoticeState,
        message: Option<MessageId>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("notice_moved", "UPDATE breaker_notices SET state = $3, message_id = COALESCE($4, message_id)")
            .push(" WHERE group_id = $1 AND channel_id = $2")
            .bind(group)
            .bind(channel)
            .bind(state.as_str())
            .bind(message.map(|message| message.0));
        tx.run(sql).await?;
        tx.commit().await
    }

    /// There is nothing (left) that the group was told.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn notice_gone(&self, epoch: Epoch, group: ChatId, channel: ChannelId) -> Result<(), StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("notice_gone", "DELETE FROM breaker_notices WHERE group_id = $1 AND channel_id = $2")
            .bind(group)
            .bind(channel);
        tx.run(sql).await?;
        tx.commit().await
    }
}
