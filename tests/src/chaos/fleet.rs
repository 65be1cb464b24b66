//! The programs and servers of a run: starts them, hurts them as the plan says and mends them (`harm`), and ends them.

mod harm;
mod slot;

use std::sync::Arc;

use anyhow::Context as _;
use async_nats::jetstream;
use serde::Serialize;

use self::slot::Slot;
use super::{
    balancer::Balancer,
    options::{Kind, Options},
    plan::Harm,
    relay::Exchange,
};
use crate::{
    ports,
    process::Process,
    services::{
        nats::{self, Cluster, Nats},
        postgres::Postgres,
        redis::Redis,
    },
    split::{Servers, Split, migrate},
};

/// What one run calls within a second is more than Telegram lets through; its limits are another test's matter.
const LIMITS: [(&str, &str); 4] = [
    ("LIMIT_SEND_PER_S", "2000"),
    ("LIMIT_SEND_PER_GROUP_PER_MIN", "2000"),
    ("LIMIT_READ_PER_S", "5000"),
    ("LIMIT_MODERATE_PER_S", "5000"),
];

/// A fault that came, and what it hurt.
#[derive(Clone, Debug, Serialize)]
pub struct Happened {
    pub at_ms: i64,
    /// When it was mended.
    pub end_ms: Option<i64>,
    pub what: String,
    #[serde(skip)]
    pub harm: Harm,
    /// The worker that it hurt; none of them alone if it hurt none, or all.
    pub worker: Option<usize>,
}

impl Happened {
    /// Whether calls of this worker may have been cut short by it.
    pub fn hurts(&self, worker: Option<usize>) -> bool {
        match self.harm {
            Harm::Away(_) | Harm::Full | Harm::Node(_) => true,
            Harm::Kill(_) | Harm::Stop(_) | Harm::Freeze(_) | Harm::Cut(..) | Harm::Silence(..) => {
                self.worker.is_some() && self.worker == worker
            }
        }
    }
}

enum Queue {
    One(Nats),
    Three(Cluster),
}

pub struct Fleet {
    pub split: Arc<Split>,
    pub balancer: Arc<Balancer>,
    pub exchange: Exchange,
    queue: Queue,
    postgres: Postgres,
    redis: Redis,
    workers: Vec<Slot>,
    gateways: Vec<Slot>,
    /// What the stream may hold when it is not full on purpose.
    room: Option<i64>,
    /// The node that was killed.
    node: Option<usize>,
}

impl Fleet {
    /// Starts everything and waits until the webhook is registered.
    ///
    /// # Errors
    /// A server, the simulator or a program does not start.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let queue = async {
            Ok::<_, anyhow::Error>(match options.kind {
                Kind::Cluster => Queue::Three(Cluster::own().await?),
                _ => Queue::One(Nats::own().await?),
            })
        };
        let (queue, postgres, redis) = tokio::try_join!(queue, Postgres::own(), Redis::own())?;
        let nats = match &queue {
            Queue::One(nats) => nats.account()?,
            Queue::Three(cluster) => cluster.account()?,
        };
        let database = postgres.database_like("migrated", migrate).await?;
        let servers = Servers { nats, database, redis: redis.database()? };
        let split = LIMITS.iter().fold(Split::on(servers).await?, |split, (name, value)| split.worker_env(name, value));
        let exchange = Exchange::default();
        let ports: Vec<u16> = (0..options.gateways).map(|_| ports::free()).collect::<anyhow::Result<_>>()?;
        let balancer = Balancer::start(&ports, split.sim.clock(), &exchange).await?;
        let mut workers = Vec::new();
        for number in 0..options.workers {
            workers.push(slot::worker(&split, options, number, &exchange).await?);
        }
        let mut gateways = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            gateways.push(slot::gateway(&split, options, number, port, &balancer, &exchange).await?);
        }
        let mut fleet = Self {
            split: Arc::new(split),
            balancer: Arc::new(balancer),
            exchange,
            queue,
            postgres,
            redis,
            workers,
            gateways,
            room: None,
            node: None,
        };
        for slot in fleet.workers.iter_mut().chain(&mut fleet.gateways) {
            slot.process = Some(slot.launch.spawn()?);
        }
        for slot in fleet.workers.iter_mut().chain(&mut fleet.gateways) {
            slot.process.as_mut().context("it was just started")?.ready().await?;
        }
        let registered = |calls: &telegram_sim::ledger::Calls| calls.of("setWebhook").ok().iter().next().map(drop);
        fleet.split.sim.wait_for("the webhook to be registered", crate::wait::PATIENCE, registered).await?;
        Ok(fleet)
    }

    /// Kills all workers at once, and starts them.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn restart_workers(&mut self) -> anyhow::Result<()> {
        for slot in &mut self.workers {
            slot.running()?.kill().await?;
        }
        for slot in &mut self.workers {
            slot.start_again().await?;
        }
        Ok(())
    }

    /// The programs by their names, with everything they have printed.
    pub fn lines(&self) -> Vec<(String, Vec<String>)> {
        let slots = self.workers.iter().chain(&self.gateways);
        slots
            .map(|slot| {
                let now = slot.process.iter().flat_map(Process::lines);
                (slot.name.clone(), slot.said.iter().cloned().chain(now).collect())
            })
            .collect()
    }

    /// The programs that ended by themselves.
    pub fn ended(&mut self) -> Vec<String> {
        let slots = self.workers.iter_mut().chain(&mut self.gateways);
        slots
            .filter_map(|slot| {
                let code = slot.process.as_mut()?.exit_code()?;
                Some(format!("{} ended by itself with exit code {code}", slot.name))
            })
            .collect()
    }

    /// Ends everything in an order in which nobody misses anything.
    pub async fn end(self) {
        let Self { split, workers, gateways, exchange, .. } = self;
        drop((workers, gateways, split));
        exchange.stop.cancel();
        exchange.tasks.close();
        exchange.tasks.wait().await;
    }
}

/// How many messages the stream holds, and the dead letters.
///
/// # Errors
/// NATS does not answer.
pub async fn stored(split: &Split) -> anyhow::Result<(u64, u64)> {
    let client = nats::connect(&split.servers.nats).await?;
    let jetstream = jetstream::new(client);
    let updates = crate::split::stored(&jetstream, "UPD").await?;
    Ok((updates, crate::split::stored(&jetstream, "DLQ").await?))
}
