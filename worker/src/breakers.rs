//! Which channels cannot be asked about now, as this worker knows it. The truth is a row, which the channel's own lane writes.

use std::time::Duration;

use moka::future::Cache as Memory;
use shared::ids::{ChannelId, UserId};

use crate::{
    enforce::task,
    event::Task,
    news::{Item, News},
    store::{Store, error::StoreError},
    timers::Bell,
};

/// How long a look at the row holds. Another worker's lane may have written it meanwhile, and what it told may have been lost.
const LOOK_HOLDS: Duration = Duration::from_secs(10);

/// A suspicion is reported once in this time: every message of every group would repeat it.
const REPORTED_FOR: Duration = Duration::from_secs(10);

/// Channels remembered at once.
const CAPACITY: u64 = 100_000;

#[derive(Clone)]
pub(crate) struct Breakers {
    store: Store,
    bell: Bell,
    open: Memory<ChannelId, bool>,
    reported: Memory<ChannelId, ()>,
    news: News,
}

impl Breakers {
    pub(crate) fn new(store: Store, bell: Bell, news: News) -> Self {
        Self {
            store,
            bell,
            open: Memory::builder().max_capacity(CAPACITY).time_to_live(LOOK_HOLDS).build(),
            reported: Memory::builder().max_capacity(CAPACITY).time_to_live(REPORTED_FOR).build(),
            news,
        }
    }

    /// Whether nobody is to be asked about in this channel. Without the database: no, and Telegram says how things are.
    pub(crate) async fn is_open(&self, channel: ChannelId) -> bool {
        let look = async { self.store.breaker(channel).await.map(|row| row.is_some()) };
        self.open.try_get_with(channel, look).await.unwrap_or(false)
    }

    /// Telegram's answer about this person says that the channel's set-up is broken: asks the channel's lane to see to it.
    pub(crate) async fn suspect(&self, channel: ChannelId, about: UserId) {
        if !self.reported.entry(channel).or_insert(()).await.is_fresh() {
            return;
        }
        if let Err(err) = self.probe(channel, Some(about)).await {
            self.reported.invalidate(&channel).await;
            tracing::debug!(channel.id = channel.0, error = &err as &dyn std::error::Error, "to be reported next time");
        }
    }

    /// Has the channel's lane ask Telegram at once whether the channel can be asked about.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn probe(&self, channel: ChannelId, about: Option<UserId>) -> Result<(), StoreError> {
        let probe = task(channel.into(), &Task::Probe { about }, Duration::ZERO);
        let rows = self.store.add_tasks(&[probe]).await?;
        self.bell.ring(rows.iter().map(|row| row.shard));
        Ok(())
    }

    /// Drops what is remembered of a channel, here and at the other workers: it has changed.
    pub(crate) async fn forget(&self, channel: ChannelId) {
        self.drop(channel).await;
        self.news.tell(Item::Breaker(channel));
    }

    /// The same here alone: another worker has told of it.
    pub(crate) async fn drop(&self, channel: ChannelId) {
        self.open.invalidate(&channel).await;
        self.reported.invalidate(&channel).await;
    }
}
