//! Gateway and worker side by side, joined by the inbox in the database file.

use std::sync::Arc;

use anyhow::Context as _;
use gateway::{Public, config::Source};
use prometheus_client::registry::Registry;
use shared::{
    health::{Admin, Readiness},
    queue::in_process::InProcess,
    telemetry::{self, chain},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::{
    Work, WorkerMetrics, condition,
    store::{Store, migrate},
};

use crate::config::Config;

/// The admin port unless it is set.
const ADMIN_PORT: u16 = 8080;

/// Updates and tasks that may wait in the file: some 100 MB of it at worst. What comes above stays with Telegram.
const INBOX_LIMIT: u64 = 100_000;

/// The ports, bound by the caller.
pub(crate) struct Listeners {
    pub(crate) public: Option<Public>,
    pub(crate) admin: TcpListener,
}

impl Listeners {
    /// Binds what the settings name.
    ///
    /// # Errors
    /// A port is taken, or the address is not this machine's.
    pub(crate) async fn bind(config: &Config, source: &Source) -> anyhow::Result<Self> {
        let process = &config.process;
        let public = match source {
            Source::Webhook(_) => Some(Public::bind(process, &config.updates).await?),
            Source::Polling { .. } => None,
        };
        Ok(Self { public, admin: bind("ADMIN_PORT", process.admin_address(ADMIN_PORT)).await? })
    }
}

async fn bind(variable: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{variable}: cannot listen on {address}"))
}

/// Runs until `stop`, and drains.
///
/// # Errors
/// A setting turned out to be wrong once something was asked, the file cannot be used, or a port fails.
pub(crate) async fn run(
    config: Config,
    source: Source,
    listeners: Listeners,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let metrics = WorkerMetrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    telemetry::register(&mut registry);
    let gateway_metrics = gateway::metrics::Metrics::new(&mut registry);
    let readiness = Readiness::new(&[condition::DATABASE, condition::TELEGRAM]);

    let store = open(&config, &metrics).await?;
    readiness.set(condition::DATABASE, Ok(()));
    let checked = store.clone();
    let admin = Admin::new(registry, readiness.clone(), config.process.metrics_auth.clone()).check(
        condition::DATABASE,
        move || {
            let store = checked.clone();
            async move { store.ping().await.map_err(|err| chain(&err)) }
        },
    );
    let inbox = store.inbox().context("only a file has an inbox")?;
    let queue = InProcess::open(inbox, Config::shards(), INBOX_LIMIT)
        .await
        .map_err(|err| anyhow::anyhow!(err).context("reading the inbox"))?;

    let work = Work {
        bot: config.bot.bot_token.bot(),
        shards: Config::shards(),
        drain: config.process.drain(),
        telegram: worker::telegram(&config.bot, &config.limits, None, &metrics)?,
        access: config.access,
        queue: queue.clone(),
        store: store.clone(),
        redis: None,
        metrics,
        readiness: readiness.clone(),
    };
    let done = CancellationToken::new();
    // Whichever of the two cannot go on ends the other.
    let ended = Arc::new(stop.child_token());
    let service = gateway::Service {
        bot: &config.bot,
        source,
        drain: config.process.drain(),
        queue,
        metrics: gateway_metrics,
        public: listeners.public,
    };
    let gateway = ends(&ended, gateway::serve(service, &readiness, &ended));
    let worker = ends(&ended, worker::start(work, ended.as_ref().clone()));
    let working = async {
        let _done = done.clone().drop_guard();
        let (gateway, worker) = tokio::join!(gateway, worker);
        store.close().await;
        tracing::info!("stopped");
        gateway.and(worker)
    };
    let (worked, served) = tokio::join!(working, admin.serve(listeners.admin, done.clone()));
    worked.and(served.context("the admin port"))
}

async fn ends(ended: &CancellationToken, part: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let _ended = ended.clone().drop_guard();
    part.await
}

/// The file, at this program's version.
async fn open(config: &Config, metrics: &WorkerMetrics) -> anyhow::Result<Store> {
    let store = Store::connect(&config.store(), metrics.store.clone()).await.context("opening DATABASE_URL")?;
    migrate::up(&store).await.context("bringing the database to this version")?;
    Ok(store)
}
