//! Putting the parts together: connect, work, stop.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use futures::StreamExt as _;
use shared::{
    args::{BadSetting, Bot},
    health::{Admin, Readiness},
    ids::{BotId, UserId},
    queue::{
        Deliver, Publish,
        jetstream::{JetStream, JetStreamConfig, Peers},
    },
    shard::Shards,
    telemetry::{self, chain},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    breakers::Breakers,
    cache::{Redis, RedisConfig},
    config::{Access, CacheArgs, Config, Limits, TELEGRAM_TIMEOUT},
    dispatch::{Dispatch, Told},
    enforce::{Enforcer, Identity},
    event::Reader,
    groups::Groups,
    intake::Intake,
    membership::Membership,
    menus,
    metrics::{CountMetrics, WorkerMetrics},
    news::{Ears, Item, News},
    purge,
    store::{
        Store, StoreConfig,
        migrate::{self, SchemaError},
    },
    telegram::{Telegram, TelegramConfig, error::Error},
    timers::{Bell, Owned, Timers},
};

/// How often a dependency that is missing at the start is tried.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// How often the rows are counted, for the metrics.
const COUNTS_EVERY: Duration = Duration::from_secs(30);

/// How often the sizes of the queue and of the dead letters are read, for the metrics and `/stats`.
const BACKLOG_EVERY: Duration = Duration::from_secs(5);

/// Names of the readiness conditions.
pub mod condition {
    pub const DATABASE: &str = "database";
    pub const NATS: &str = "nats";
    pub const TELEGRAM: &str = "telegram";
}

/// Runs a worker of the split system until told to stop.
///
/// # Errors
/// A setting turned out to be wrong once something was asked, or the admin port failed.
pub async fn run(config: Config, admin: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = WorkerMetrics::default();
    let readiness =
        Readiness::new(&[condition::DATABASE, condition::NATS, condition::TELEGRAM]).told_elsewhere(condition::NATS);
    let redis = redis(&config.cache)?;
    let connected = Connected::default();
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    telemetry::register(&mut registry);
    if let Some(redis) = &redis {
        redis.register(&mut registry);
    }
    let page =
        connected.checks(Admin::new(registry, readiness.clone(), config.process.metrics_auth.clone()), redis.clone());

    let done = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(page.serve(admin, done.clone()));
    let worked = async {
        let store = store(&config.database.store_config(config.queue.shards), &metrics, &stop).await?;
        let Some(store) = store else { return Ok(()) };
        _ = connected.store.set(store.clone());
        readiness.set(condition::DATABASE, Ok(()));
        let bot = config.bot.bot_token.bot();
        let settings = JetStreamConfig::new(&config.queue, Some(bot), "worker");
        let queue = match JetStream::connect(&settings, &stop).await {
            Ok(queue) => queue,
            Err(_) if stop.is_cancelled() => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        _ = connected.queue.set(queue.clone());
        readiness.set(condition::NATS, Ok(()));
        let work = Work {
            bot,
            shards: config.queue.shards,
            drain: config.process.drain(),
            telegram: telegram(&config.bot, &config.limits, redis.clone(), &metrics)?,
            access: config.access,
            queue,
            store,
            redis,
            metrics,
            readiness: readiness.clone(),
        };
        start(work, stop).await
    };
    let result = worked.await;
    done.cancel();
    tasks.close();
    tasks.wait().await;
    tracing::info!("stopped");
    result
}

/// What a worker works with, whichever queue and database it has.
pub struct Work<Q> {
    pub bot: BotId,
    pub shards: Shards,
    pub drain: Duration,
    pub telegram: Telegram,
    pub access: Access,
    pub queue: Q,
    pub store: Store,
    pub redis: Option<Redis>,
    pub metrics: WorkerMetrics,
    pub readiness: Readiness,
}

/// Works until told to stop, then finishes what is in hand.
///
/// # Errors
/// Telegram does not accept the token, or the queue has become another one than the settings say.
pub async fn start<Q: Publish + Deliver>(work: Work<Q>, stop: CancellationToken) -> anyhow::Result<()> {
    let Work { bot, shards, drain, telegram, access, queue, store, redis, metrics, readiness } = work;
    let Some(username) = username(&telegram, &stop).await? else { return Ok(()) };
    // The intake stops all of this as well.
    let stop = stop.child_token();
    readiness.set(condition::TELEGRAM, Ok(()));

    let bell = Bell::default();
    let owned = Owned::default();
    let (me, peers) = (owner_id(), queue.peers());
    let (news, told) = peers.is_some().then(|| News::new(metrics.cache.news_lost.clone())).unzip();
    let news = news.unwrap_or_default();
    let groups = Groups::new(store.clone(), telegram.clone(), access.groups(), owned.clone(), news.clone());
    let breakers = Breakers::new(store.clone(), bell.clone(), news.clone());
    let membership = Membership::new(telegram.clone(), breakers.clone(), redis, news, metrics.cache.clone());
    let ears =
        Ears { me: me.clone(), membership: membership.clone(), groups: groups.clone(), breakers: breakers.clone() };
    let enforcer = Enforcer::new(
        Identity { id: UserId(bot.0), username: username.clone() },
        store.clone(),
        telegram.clone(),
        groups.clone(),
        membership.clone(),
        bell.clone(),
    );
    let dispatch = Dispatch {
        bot,
        reader: Reader { bot, username: username.clone() },
        groups,
        breakers,
        membership,
        enforcer,
        store: store.clone(),
        telegram: telegram.clone(),
        metrics: metrics.handlers.clone(),
        intake: metrics.intake.clone(),
        started: tokio::time::Instant::now(),
        told: Told::default(),
        operators: access.operators(),
    };
    let timers = Timers { store: store.clone(), queue: queue.clone(), bot, owned: owned.clone(), bell };
    let intake = Intake::new(queue.clone(), store.clone(), dispatch, metrics.intake.clone(), owned.clone(), me);

    let background = TaskTracker::new();
    if let (Some(peers), Some(told)) = (peers, told) {
        background.spawn(exchange_news(peers, told, ears, stop.clone()));
    }
    background.spawn(share_limits(telegram.clone(), intake.workers(), stop.clone()));
    background.spawn(timers.run(stop.clone()));
    background.spawn(watch_backlog(queue, metrics.clone(), stop.clone()));
    background.spawn(watch_counts(store.clone(), metrics.counts.clone(), stop.clone()));
    background.spawn(purge::run(store, owned, stop.clone()));
    metrics.intake.all_shards(shards);
    background.spawn(menus::set(telegram, stop.clone()));
    background.close();
    tracing::info!(bot = %username, shards = shards.count(), "working");
    let stopping = readiness.clone();
    let told = stop.clone();
    let (worked, ()) = tokio::join!(intake.run(shards, stop, drain), async move {
        told.cancelled().await;
        stopping.stop();
    });
    background.wait().await;
    worked.map_err(Into::into)
}

/// Tells the other workers what this one has learnt, and hears them.
async fn exchange_news(peers: Peers, mut told: mpsc::Receiver<Item>, ears: Ears, stop: CancellationToken) {
    let exchange = async {
        loop {
            let mut heard = match peers.hear().await {
                Ok(heard) => heard,
                Err(err) => {
                    tracing::debug!(error = &err as &dyn std::error::Error, "news of other workers cannot be heard");
                    tokio::time::sleep(TRY_EVERY).await;
                    continue;
                }
            };
            loop {
                tokio::select! {
                    item = told.recv() => {
                        let Some(item) = item else { return };
                        if let Err(err) = peers.tell(ears.write(item)).await {
                            tracing::debug!(error = &err as &dyn std::error::Error, "news are lost");
                        }
                    }
                    body = heard.next() => match body {
                        Some(body) => ears.hear(&body).await,
                        None => break,
                    },
                }
            }
        }
    };
    stop.run_until_cancelled(exchange).await;
}

/// While Redis is away each worker keeps to its share of the limits.
async fn share_limits(telegram: Telegram, mut workers: watch::Receiver<u32>, stop: CancellationToken) {
    let follow = async {
        while workers.changed().await.is_ok() {
            telegram.shared_by(*workers.borrow_and_update());
        }
    };
    stop.run_until_cancelled(follow).await;
}

/// Connects to the database and waits for its schema, for as long as it takes; None: told to stop meanwhile.
///
/// # Errors
/// The schema is newer than this program.
pub async fn store(
    config: &StoreConfig,
    metrics: &WorkerMetrics,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Store>> {
    let mut told = None;
    let mut say = |what: String| {
        if told.as_ref() != Some(&what) {
            tracing::warn!("{what}");
        }
        told = Some(what);
    };
    loop {
        match Store::connect(config, metrics.store.clone()).await {
            Ok(store) => match migrate::check(&store).await {
                Ok(()) => {
                    if told.is_some() {
                        tracing::info!("the database is there");
                    }
                    return Ok(Some(store));
                }
                Err(err @ SchemaError::Newer { .. }) => return Err(BadSetting(chain(&err)).into()),
                Err(err) => say(format!("waiting for the database: {}", chain(&err))),
            },
            Err(err) => say(format!("waiting for the database: {}", chain(&err))),
        }
        tokio::select! {
            () = tokio::time::sleep(TRY_EVERY) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// The bot's own name, which commands are addressed with. Waits for Telegram for as long as it takes; None: told to stop meanwhile.
async fn username(telegram: &Telegram, stop: &CancellationToken) -> anyhow::Result<Option<String>> {
    let mut waiting = false;
    loop {
        match telegram.get_me().await {
            Ok(me) => return Ok(Some(me.username)),
            Err(err @ Error::TokenDead { .. }) => {
                return Err(
                    BadSetting(format!("BOT_TOKEN does not work: {err}. Get a valid one from @BotFather.")).into()
                );
            }
            Err(err) if !waiting => {
                waiting = true;
                tracing::warn!("waiting for Telegram: {}", chain(&err));
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(TRY_EVERY) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// A client by the settings. With `redis` it keeps to the limits together with all others that use the same.
///
/// # Errors
/// The HTTP client cannot be built.
pub fn telegram(bot: &Bot, limits: &Limits, redis: Option<Redis>, metrics: &WorkerMetrics) -> anyhow::Result<Telegram> {
    let client = TelegramConfig {
        api_url: Url::clone(&bot.telegram_api_url),
        token: bot.bot_token.expose().to_owned().into(),
        limits: limits.into(),
        redis,
        timeout: TELEGRAM_TIMEOUT,
    };
    Telegram::new(client, metrics.telegram.clone()).context("setting up the Telegram client")
}

/// A client by the settings, if they name a Redis.
///
/// # Errors
/// The pool cannot be built.
pub(crate) fn redis(cache: &CacheArgs) -> anyhow::Result<Option<Redis>> {
    let Some(url) = cache.redis_url.clone() else { return Ok(None) };
    let redis =
        RedisConfig { url, prefix: cache.redis_prefix.clone(), connections: REDIS_CONNECTIONS, timeout: REDIS_TIMEOUT };
    Ok(Some(Redis::new(&redis).context("setting up the Redis client")?))
}

/// A round trip takes some 80 µs (queue.md 5), so a few connections serve thousands of questions a second.
const REDIS_CONNECTIONS: usize = 8;

/// A healthy Redis answers in well under a millisecond; asking Telegram instead takes about this long.
const REDIS_TIMEOUT: Duration = Duration::from_millis(50);

/// Names this process in the leases: nobody else, not even this one after a restart.
fn owner_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// What `/health` asks, as soon as it is there.
#[derive(Clone, Default)]
struct Connected {
    store: Arc<OnceLock<Store>>,
    queue: Arc<OnceLock<JetStream>>,
}

impl Connected {
    fn checks(&self, page: Admin, redis: Option<Redis>) -> Admin {
        let (store, queue) = (Arc::clone(&self.store), Arc::clone(&self.queue));
        let page = page
            .check(condition::DATABASE, move || {
                let store = store.get().cloned();
                async move { store.ok_or("not connected yet")?.ping().await.map_err(|err| chain(&err)) }
            })
            .check(condition::NATS, move || {
                let queue = queue.get().cloned();
                async move { queue.ok_or("not connected yet")?.check().await.map_err(|err| chain(&err)) }
            });
        match redis {
            None => page,
            Some(redis) => page.check("redis", move || {
                let redis = redis.clone();
                async move { redis.ping().await }
            }),
        }
    }
}

/// What the database holds of all groups, for `/metrics`.
async fn watch_counts(store: Store, metrics: CountMetrics, stop: CancellationToken) {
    loop {
        if let Ok(counts) = store.counts().await {
            metrics.show(&counts);
        }
        tokio::select! {
            () = tokio::time::sleep(COUNTS_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn watch_backlog<Q: Deliver>(queue: Q, metrics: WorkerMetrics, stop: CancellationToken) {
    loop {
        if let Ok(backlog) = queue.backlog().await {
            metrics.intake.backlog.set(backlog);
        }
        if let Ok(by_shard) = queue.backlog_by_shard().await {
            metrics.intake.waiting_by_shard(by_shard);
        }
        if let Ok(buried) = queue.buried().await {
            metrics.intake.buried.set(buried);
        }
        tokio::select! {
            () = tokio::time::sleep(BACKLOG_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}
