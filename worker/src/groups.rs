//! What a group demands: its rules, cached in memory, and who its admins are.

mod settings;

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache as Memory;
use shared::ids::{ChannelId, ChatId, UserId};

pub(crate) use settings::{ChannelPosts, JoinRequests, Mode, OnChannelLeave, Setting, Settings, changed};

use crate::{
    event::Author,
    news::{Item, News},
    policy::standing::Said,
    store::{Store, error::StoreError, groups::GroupRow},
    telegram::{Telegram, budget::Priority, error::Error},
    timers::Owned,
};

/// Rules are read again after this long. Changes made through the bot drop them at once.
const FRESH: Duration = Duration::from_secs(60);

/// Without the database, rules that are this old are still better than none (architecture.md 5).
const STALE: Duration = Duration::from_secs(3600);

/// An admin who was just appointed is found by the look at the member itself; one who was dismissed is spared for this long.
const ADMINS: Duration = Duration::from_secs(600);

/// How often people who are no admins are answered in a group (product.md 5).
const ANSWERED: Duration = Duration::from_secs(60);

/// Groups remembered at once.
const CAPACITY: u64 = 200_000;

/// What an enforcing group demands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub title: String,
    pub channels: Vec<Channel>,
    pub settings: Settings,
    /// Users and channels that may write without subscribing.
    pub allowed: HashSet<i64>,
    /// The bot lacks rights: nothing is enforced until it has them.
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub id: ChannelId,
    /// As its owner chose it: hostile text.
    pub title: String,
    pub username: Option<String>,
    pub invite_link: Option<String>,
}

impl Channel {
    /// Where to join it. None: a private channel whose link is not known.
    pub(crate) fn link(&self) -> Option<String> {
        self.username.as_ref().map(|name| format!("https://t.me/{name}")).or_else(|| self.invite_link.clone())
    }
}

impl Rules {
    pub(crate) fn channel_ids(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().map(|channel| channel.id)
    }

    /// Whether anything is done to people now.
    pub(crate) fn enforces(&self) -> bool {
        !self.paused && self.settings.mode == Mode::Enforce
    }

    fn of(row: GroupRow) -> Option<Self> {
        if !row.enabled || row.channels.is_empty() {
            return None;
        }
        let channels = row.channels.into_iter().map(|channel| Channel {
            id: channel.channel,
            title: channel.title,
            username: channel.username,
            invite_link: channel.invite_link,
        });
        Some(Self {
            channels: channels.collect(),
            settings: Settings::read(row.group, &row.params),
            title: row.title,
            allowed: row.allowed.into_iter().collect(),
            paused: row.said.and_then(|said| Said::read(&said)).is_some_and(Said::pauses),
        })
    }
}

#[derive(Clone)]
pub(crate) struct Groups {
    store: Store,
    telegram: Telegram,
    owned: Owned,
    rules: Memory<ChatId, Known>,
    /// Rises whenever rules have changed: what was read before that is not remembered.
    changes: Arc<AtomicU64>,
    admins: Memory<ChatId, Arc<HashSet<UserId>>>,
    /// Groups in which somebody who is no admin was answered lately.
    answered: Memory<ChatId, ()>,
    /// The groups that the bot works in; none named means all.
    served: Arc<BTreeSet<ChatId>>,
    /// Whether groups that are not named were once one that is.
    once_served: Memory<ChatId, bool>,
    news: News,
}

/// Rules as they were read; None is a group that is not protected.
#[derive(Clone)]
struct Known {
    rules: Option<Arc<Rules>>,
    read_at: tokio::time::Instant,
}

impl Groups {
    pub(crate) fn new(store: Store, telegram: Telegram, served: BTreeSet<ChatId>, owned: Owned, news: News) -> Self {
        Self {
            store,
            telegram,
            owned,
            rules: Memory::builder().max_capacity(CAPACITY).time_to_live(STALE).build(),
            changes: Arc::new(AtomicU64::new(0)),
            admins: Memory::builder().max_capacity(CAPACITY).time_to_live(ADMINS).build(),
            answered: Memory::builder().max_capacity(CAPACITY).time_to_live(ANSWERED).build(),
            served: Arc::new(served),
            once_served: Memory::builder().max_capacity(CAPACITY).time_to_live(FRESH).build(),
            news,
        }
    }

    /// The rules of a group, or none if it is not protected.
    ///
    /// # Errors
    /// The database is away and nothing is remembered, or the row cannot be read.
    pub(crate) async fn rules(&self, group: ChatId) -> Result<Option<Arc<Rules>>, StoreError> {
        let known = self.rules.get(&group).await;
        if let Some(known) = &known
            && known.read_at.elapsed() < FRESH
            // While the group was another worker's, its rules may have changed without our hearing of it.
            && self.owned.since(self.store.shard_of(group)).is_none_or(|since| since < known.read_at)
        {
            return Ok(known.rules.clone());
        }
        let read_at = tokio::time::Instant::now();
        let changes = self.changes.load(Ordering::SeqCst);
        match (self.row(group).await, known) {
            (Ok(row), _) => {
                let rules = row.and_then(Rules::of).map(Arc::new);
                self.rules.insert(group, Known { rules: rules.clone(), read_at }).await;
                // Asked from other lanes too, whose look may be older than a change that was made meanwhile.
                if self.changes.load(Ordering::SeqCst) != changes {
                    self.rules.invalidate(&group).await;
                }
                Ok(rules)
            }
            (Err(StoreError::Unavailable(err)), Some(known)) => {
                // Readiness tells of it, once, and not for every group.
                tracing::debug!(chat.id = group.0, error = &err as &dyn std::error::Error, "using rules read earlier");
                Ok(known.rules)
            }
            (Err(err), _) => Err(err),
        }
    }

    /// The rules as they stand in the database now, without remembering them.
    ///
    /// # Errors
    /// The database is away, or the row cannot be read.
    pub(crate) async fn rules_as_written(&self, group: ChatId) -> Result<Option<Rules>, StoreError> {
        Ok(self.row(group).await?.and_then(Rules::of))
    }

    async fn row(&self, group: ChatId) -> Result<Option<GroupRow>, StoreError> {
        if self.serves(group).await? { self.store.group(group).await } else { Ok(None) }
    }

    /// Whether the operator lets the bot work in this group, or did before it became a supergroup.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn serves(&self, group: ChatId) -> Result<bool, StoreError> {
        if self.served.is_empty() || self.served.contains(&group) {
            return Ok(true);
        }
        if let Some(once) = self.once_served.get(&group).await {
            return Ok(once);
        }
        let once = self.store.moved_from(group).await?.is_some_and(|old| self.served.contains(&old));
        self.once_served.insert(group, once).await;
        Ok(once)
    }

    /// Drops what is remembered of a group's rules, here and at the other workers: they have changed.
    pub(crate) async fn forget(&self, group: ChatId) {
        self.drop_rules(group).await;
        self.news.tell(Item::Rules(group));
    }

    /// The same here alone: another worker has told of it.
    pub(crate) async fn drop_rules(&self, group: ChatId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.rules.invalidate(&group).await;
        self.once_served.invalidate(&group).await;
    }

    /// The people among the group's admins. Other bots are left out.
    ///
    /// # Errors
    /// Telegram does not say: the same to all who have asked together.
    pub(crate) async fn admins(&self, group: ChatId) -> Result<Arc<HashSet<UserId>>, Arc<Error>> {
        let ask = async {
            let listed = self.telegram.admins(group, Priority::P0).await?;
            Ok(Arc::new(listed.into_iter().map(|(user, _)| user).collect()))
        };
        self.admins.try_get_with(group, Box::pin(ask)).await
    }

    /// Takes note of what somebody is in the group now: drops the remembered list of admins if they were appointed or dismissed. Every mute
    /// of ours changes somebody too, and must not cost a question about the admins.
    pub(crate) async fn note_standing(&self, group: ChatId, user: UserId, is_admin: bool) {
        if self.admins.get(&group).await.is_some_and(|admins| admins.contains(&user) != is_admin) {
            self.forget_admins(group).await;
        }
    }

    /// Whether a question is to be answered in the group: an admin's always, others' once a minute, or they could use up what the group may
    /// be sent, warnings included.
    pub(crate) async fn may_ask(&self, group: ChatId, author: &Author) -> bool {
        let admin = match author {
            Author::AnonymousAdmin => true,
            Author::Person(person) => self.admins(group).await.is_ok_and(|admins| admins.contains(&person.id)),
            Author::Channel(_) | Author::Exempt(_) => false,
        };
        admin || self.may_answer(group).await
    }

    /// Once a minute.
    pub(crate) async fn may_answer(&self, chat: ChatId) -> bool {
        self.answered.entry(chat).or_insert(()).await.is_fresh()
    }

    /// Drops the remembered list of admins: it is wrong.
    pub(crate) async fn forget_admins(&self, group: ChatId) {
        self.admins.invalidate(&group).await;
    }
}
