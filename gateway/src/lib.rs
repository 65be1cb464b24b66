//! The gateway: takes updates from Telegram and stores them in the queue. It has no state of its own.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;
use prometheus_client::registry::Registry;
use shared::{
    args::{BadSetting, Bot, Process},
    health::{Admin, Readiness},
    queue::{
        Publish,
        jetstream::{ConnectError, JetStream, JetStreamConfig},
    },
    telemetry::{self, chain},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    accept::Accept,
    bot_api::BotApi,
    config::{Config, Source, Updates},
    metrics::Metrics,
};

pub mod config;
pub mod metrics;
pub mod router;
pub mod webhook;

pub mod accept;
pub mod verify;

pub mod bot_api;
mod outage;
pub mod polling;
pub mod registration;

/// The admin port unless it is set.
pub const ADMIN_PORT: u16 = 8081;

/// The ports of the gateway, bound by the caller.
pub struct Listeners {
    /// None when polling.
    pub public: Option<Public>,
    pub admin: TcpListener,
}

/// Where webhooks come in.
pub struct Public {
    listener: TcpListener,
    /// None: a proxy in front speaks it.
    tls: Option<RustlsConfig>,
}

impl Public {
    /// Reads the certificate if there is one, and then binds.
    ///
    /// # Errors
    /// The certificate or its key is of no use, the port is taken, or the address is not this machine's.
    pub async fn bind(process: &Process, updates: &Updates) -> anyhow::Result<Self> {
        let tls = tls(updates).await?;
        Ok(Self { listener: bind(process, updates.port, "PORT").await?, tls })
    }

    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listeners {
    /// Binds what the settings name.
    ///
    /// # Errors
    /// As for [`Public::bind`].
    pub async fn bind(config: &Config, source: &Source) -> anyhow::Result<Self> {
        let public = match source {
            Source::Webhook(_) => Some(Public::bind(&config.process, &config.updates).await?),
            Source::Polling { .. } => None,
        };
        let admin = bind(&config.process, config.process.admin_port.unwrap_or(ADMIN_PORT), "ADMIN_PORT").await?;
        Ok(Self { public, admin })
    }
}

async fn bind(process: &Process, port: u16, variable: &str) -> anyhow::Result<TcpListener> {
    let address = process.address(port);
    TcpListener::bind(address).await.with_context(|| format!("{variable}: cannot listen on {address}"))
}

/// Runs the gateway over NATS until `stop`, and drains. The admin port answers from the first moment to the last.
///
/// # Errors
/// The settings fit neither Telegram nor the queue, or a port fails.
pub async fn run(config: Config, source: Source, listeners: Listeners, stop: CancellationToken) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    telemetry::register(&mut registry);
    let readiness = Readiness::new(&["nats"]).told_elsewhere("nats");
    let queue = Arc::new(OnceLock::<JetStream>::new());
    let admin = Admin::new(registry, readiness.clone(), config.process.metrics_auth.clone()).check("nats", {
        let queue = Arc::clone(&queue);
        move || {
            let queue = queue.get().cloned();
            async move {
                match queue {
                    Some(queue) => queue.check().await.map_err(|error| chain(&error)),
                    None => Err("not connected yet".to_owned()),
                }
            }
        }
    });
    let done = CancellationToken::new();
    let work = async {
        let _done = done.clone().drop_guard();
        let settings = JetStreamConfig::new(&config.queue, Some(config.bot.bot_token.bot()), "gmbot gateway");
        let connected = match JetStream::connect(&settings, &stop).await {
            Ok(connected) => connected,
            Err(ConnectError::Stopped) => return Ok(()),
            Err(error @ ConnectError::Setting(_)) => return Err(error.into()),
        };
        let connected = queue.get_or_init(|| connected).clone();
        readiness.set("nats", Ok(()));
        let service = Service {
            bot: &config.bot,
            source,
            drain: config.process.drain(),
            queue: connected,
            metrics,
            public: listeners.public,
        };
        let served = serve(service, &readiness, &stop).await;
        tracing::info!("stopped");
        served
    };
    let (served, admin) = tokio::join!(work, admin.serve(listeners.admin, done.clone()));
    served.and(admin.context("the admin port"))
}

/// What taking updates needs, whichever queue they go to.
pub struct Service<'a, Q> {
    pub bot: &'a Bot,
    pub source: Source,
    pub drain: Duration,
    pub queue: Q,
    pub metrics: Metrics,
    /// None when polling.
    pub public: Option<Public>,
}

/// Takes updates the way `source` says and stores them in the queue, until `stop`.
///
/// # Errors
/// See [`run`].
pub async fn serve<Q: Publish>(
    service: Service<'_, Q>,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let Service { bot, source, drain, queue, metrics, public } = service;
    let api = BotApi::new(bot, metrics.clone())?;
    let accept = Accept::new(queue, bot.bot_token.bot(), metrics.clone());
    let work = async {
        match source {
            Source::Polling { take_over } => Ok(polling::run(&api, &accept, take_over, stop).await?),
            Source::Webhook(webhook) => {
                let Public { listener, tls } = public.context("webhooks need a port")?;
                let receiver = webhook::Receiver::new(webhook.secrets.clone(), accept);
                let ended = stop.child_token();
                let serving = router::serve(router::router(receiver), listener, tls, ended.clone(), drain);
                let registering = async {
                    let kept = registration::keep(&api, &webhook, &metrics, &ended).await;
                    // A token that is not accepted ends the gateway, but not what it is just answering.
                    ended.cancel();
                    kept
                };
                let (served, kept) = tokio::join!(serving, registering);
                kept?;
                served.context("the webhook port")
            }
        }
    };
    tokio::pin!(work);
    tokio::select! {
        // First, so that whoever sends traffic here looks elsewhere before a connection is refused.
        biased;
        () = stop.cancelled() => readiness.stop(),
        done = &mut work => return done,
    }
    work.await
}

async fn tls(updates: &Updates) -> Result<Option<RustlsConfig>, BadSetting> {
    let (Some(cert), Some(key)) = (&updates.tls_cert, &updates.tls_key) else { return Ok(None) };
    let tls = RustlsConfig::from_pem_file(cert, key)
        .await
        .map_err(|error| BadSetting(format!("TLS_CERT and TLS_KEY are no certificate and key in PEM: {error}.")))?;
    // It offers HTTP/2, which the port does not speak: Telegram sends HTTP/1.1.
    let mut offer = rustls::ServerConfig::clone(&tls.get_inner());
    offer.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.reload_from_config(Arc::new(offer));
    Ok(Some(tls))
}
