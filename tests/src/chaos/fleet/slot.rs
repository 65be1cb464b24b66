//! A program of a run: how it is launched, by which lines it reaches its servers, and how it is started again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use tokio::net::lookup_host;

use crate::{
    chaos::{
        balancer::Balancer,
        options::{Kind, Options},
        plan::Service,
        relay::{Exchange, Line, Relay},
        witness::WORKERS_NET,
    },
    process::{Launch, Process},
    split::Split,
};

/// A stopped program may finish what it has in hand for so long (`DRAIN_SECONDS`).
const DRAIN_S: &str = "10";

/// A program that is started again when it has ended.
pub(super) struct Slot {
    pub name: String,
    pub launch: Launch,
    pub process: Option<Process>,
    /// The lines of those that have ended.
    pub said: Vec<String>,
    relays: Vec<(Service, Relay)>,
    /// Its way to Telegram, which tells its calls from those of others.
    _telegram: Option<Relay>,
}

impl Slot {
    pub(super) fn running(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} does not run", self.name))
    }

    pub(super) fn set(&self, service: Service, line: Line) {
        for (_, relay) in self.relays.iter().filter(|(kind, _)| *kind == service) {
            relay.set(line);
        }
    }

    /// False: the one before has not ended yet.
    pub(super) async fn start_again(&mut self) -> anyhow::Result<bool> {
        if let Some(mut process) = self.process.take() {
            if process.exit_code().is_none() {
                self.process = Some(process);
                return Ok(false);
            }
            // Its last lines may be on their way.
            process.exited(Duration::from_secs(2)).await?;
            self.said.extend(process.lines());
        }
        self.process = Some(self.launch.spawn()?);
        Ok(true)
    }
}

/// Its connections can be cut where that is among the faults; otherwise nothing stands between it and a server that is away.
pub(super) async fn worker(split: &Split, options: &Options, number: u8, exchange: &Exchange) -> anyhow::Result<Slot> {
    let [a, b, c] = WORKERS_NET;
    // Only at Telegram: Postgres takes no connection from elsewhere.
    let at_telegram = Ipv4Addr::new(a, b, c, number + 1);
    let servers = &split.servers;
    let replicas = if options.kind == Kind::Cluster { "3" } else { "1" };
    let mut launch = split.worker().silent().env("DRAIN_SECONDS", DRAIN_S).env("NATS_REPLICAS", replicas);
    let mut relays = Vec::new();
    for (name, url, service) in
        [("DATABASE_URL", servers.database.url(), Service::Postgres), ("REDIS_URL", &servers.redis, Service::Redis)]
    {
        let relay = Relay::to(address(url).await?, Ipv4Addr::LOCALHOST, exchange).await?;
        launch = launch.env(name, through(url, relay.port())?);
        relays.push((service, relay));
    }
    let telegram = split.sim.api_url();
    let to_telegram = Relay::to(address(&telegram).await?, at_telegram, exchange).await?;
    launch = launch.env("TELEGRAM_API_URL", through(&telegram, to_telegram.port())?);
    let name = format!("worker {number}");
    Ok(Slot { name, launch, process: None, said: Vec::new(), relays, _telegram: Some(to_telegram) })
}

pub(super) async fn gateway(
    split: &Split,
    options: &Options,
    number: usize,
    port: u16,
    balancer: &Balancer,
    exchange: &Exchange,
) -> anyhow::Result<Slot> {
    let mut launch = split
        .gateway()
        .silent()
        .env("PORT", port.to_string())
        .env("WEBHOOK_URL", balancer.url())
        .env("WEBHOOK_CONNECTIONS", "100")
        .env("NATS_REPLICAS", if options.kind == Kind::Cluster { "3" } else { "1" })
        .env("DRAIN_SECONDS", DRAIN_S);
    let mut relays = Vec::new();
    if options.kind == Kind::Mixed {
        let url = &split.servers.nats;
        let relay = Relay::to(address(url).await?, Ipv4Addr::LOCALHOST, exchange).await?;
        launch = launch.env("NATS_URL", through(url, relay.port())?);
        relays.push((Service::Nats, relay));
    }
    let name = format!("gateway {number}");
    Ok(Slot { name, launch, process: None, said: Vec::new(), relays, _telegram: None })
}

/// Where a URL leads.
async fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let url = reqwest::Url::parse(url)?;
    let host = url.host_str().context("the address has a host")?;
    let port = url.port_or_known_default().context("the address has a port")?;
    lookup_host((host, port)).await?.next().with_context(|| format!("{host} is nowhere"))
}

/// The same URL, by a relay.
fn through(url: &str, port: u16) -> anyhow::Result<String> {
    let mut url = reqwest::Url::parse(url)?;
    url.set_port(Some(port)).map_err(|()| anyhow::anyhow!("{url} takes no port"))?;
    Ok(url.to_string().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_through_a_relay() -> anyhow::Result<()> {
        let cases = [
            ("nats://test0:test@127.0.0.1:4222", "nats://test0:test@127.0.0.1:99"),
            ("postgres://postgres@127.0.0.1:5432/test_1", "postgres://postgres@127.0.0.1:99/test_1"),
            ("redis://127.0.0.1:6379/7", "redis://127.0.0.1:99/7"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:99"),
        ];
        for (url, wanted) in cases {
            assert_eq!(through(url, 99)?, wanted);
        }
        Ok(())
    }
}
