//! Doing what the plan says: a fault begins, and is mended.

use anyhow::Context as _;

use super::{Fleet, Happened, Queue, slot::Slot};
use crate::{
    chaos::{
        plan::{Fault, Harm, Node, Service, Who},
        relay::Line,
    },
    child::Signal,
    services::nats::Cluster,
};

impl Fleet {
    /// Begins a fault. `working` are the workers that have had effects lately.
    ///
    /// # Errors
    /// What was to be hurt is not there, which the plan does not foresee.
    pub async fn hurt(&mut self, fault: &Fault, working: &[usize]) -> anyhow::Result<Happened> {
        let harm = resolve(fault.harm, working, self.workers.len());
        let worker = match harm {
            Harm::Kill(who) | Harm::Stop(who) | Harm::Freeze(who) | Harm::Cut(who, _) | Harm::Silence(who, _) => {
                who.worker()
            }
            Harm::Away(_) | Harm::Full | Harm::Node(_) => None,
        };
        let mut what = harm.to_string();
        let at_ms = self.split.sim.clock().now_ms();
        match harm {
            Harm::Kill(who) => self.slot(who)?.running()?.kill().await?,
            Harm::Stop(who) => self.slot(who)?.running()?.signal(Signal::TERM)?,
            Harm::Freeze(who) => self.slot(who)?.running()?.signal(Signal::STOP)?,
            Harm::Away(service) => self.kill(service).await?,
            Harm::Cut(who, service) => self.slot(who)?.set(service, Line::Cut),
            Harm::Silence(who, service) => self.slot(who)?.set(service, Line::Silent),
            Harm::Full => {
                let found = self.limit_stream(1).await?;
                self.room.get_or_insert(found);
            }
            Harm::Node(node) => {
                let number = match node {
                    Node::Number(number) => number,
                    Node::LeadsLeases => {
                        Cluster::leader(&self.split.servers.nats, "KV_leases").await?.unwrap_or_default()
                    }
                };
                what = format!("{what} ({number})");
                if let Queue::Three(cluster) = &mut self.queue {
                    cluster.kill(number).await?;
                }
                self.node = Some(number);
            }
        }
        Ok(Happened { at_ms, end_ms: None, what, harm, worker })
    }

    /// Mends a fault. False: it cannot be mended yet.
    ///
    /// # Errors
    /// A server or a program does not start again.
    pub async fn mend(&mut self, happened: &mut Happened) -> anyhow::Result<bool> {
        match happened.harm {
            Harm::Kill(who) | Harm::Stop(who) => {
                if !self.slot(who)?.start_again().await? {
                    return Ok(false);
                }
            }
            Harm::Freeze(who) => self.slot(who)?.running()?.signal(Signal::CONT)?,
            Harm::Away(service) => self.revive(service).await?,
            Harm::Cut(who, service) | Harm::Silence(who, service) => self.slot(who)?.set(service, Line::Open),
            Harm::Full => {
                if let Some(room) = self.room {
                    self.limit_stream(room).await?;
                    self.room = None;
                }
            }
            Harm::Node(_) => {
                if let (Queue::Three(cluster), Some(number)) = (&mut self.queue, self.node.take()) {
                    cluster.start(number).await?;
                }
            }
        }
        happened.end_ms = Some(self.split.sim.clock().now_ms());
        Ok(true)
    }

    fn slot(&mut self, who: Who) -> anyhow::Result<&mut Slot> {
        let found = match who {
            Who::Worker(number) | Who::Working(number) => self.workers.get_mut(number),
            Who::Gateway(number) => self.gateways.get_mut(number),
        };
        found.with_context(|| format!("there is no {who}"))
    }

    async fn kill(&mut self, service: Service) -> anyhow::Result<()> {
        match (service, &mut self.queue) {
            (Service::Nats, Queue::One(nats)) => nats.kill().await,
            (Service::Nats, Queue::Three(_)) => Ok(()),
            (Service::Postgres, _) => self.postgres.kill().await,
            (Service::Redis, _) => self.redis.kill().await,
        }
    }

    async fn revive(&mut self, service: Service) -> anyhow::Result<()> {
        match (service, &mut self.queue) {
            (Service::Nats, Queue::One(nats)) => nats.start().await,
            (Service::Nats, Queue::Three(_)) => Ok(()),
            (Service::Postgres, _) => self.postgres.start().await,
            (Service::Redis, _) => self.redis.start().await,
        }
    }

    /// Sets what the stream may hold, as an operator would; gives what it was. What it holds already stays: it refuses new messages.
    async fn limit_stream(&self, max_bytes: i64) -> anyhow::Result<i64> {
        let jetstream = self.split.jetstream().await?;
        let mut config = jetstream.get_stream("UPD").await?.cached_info().config.clone();
        let before = std::mem::replace(&mut config.max_bytes, max_bytes);
        jetstream.update_stream(config).await?;
        Ok(before)
    }
}

impl Who {
    fn worker(self) -> Option<usize> {
        match self {
            Self::Worker(number) | Self::Working(number) => Some(number),
            Self::Gateway(_) => None,
        }
    }
}

/// Says which worker it is, now that it is known who works.
fn resolve(harm: Harm, working: &[usize], workers: usize) -> Harm {
    let named = |who| match who {
        Who::Working(n) => Who::Worker(working.get(n % working.len().max(1)).copied().unwrap_or(n % workers.max(1))),
        Who::Worker(_) | Who::Gateway(_) => who,
    };
    match harm {
        Harm::Kill(who) => Harm::Kill(named(who)),
        Harm::Stop(who) => Harm::Stop(named(who)),
        Harm::Freeze(who) => Harm::Freeze(named(who)),
        Harm::Cut(who, service) => Harm::Cut(named(who), service),
        Harm::Silence(who, service) => Harm::Silence(named(who), service),
        Harm::Away(_) | Harm::Full | Harm::Node(_) => harm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_works_is_meant() {
        let kill = Harm::Kill(Who::Working(5));
        assert_eq!(resolve(kill, &[0, 2], 3), Harm::Kill(Who::Worker(2)));
        assert_eq!(resolve(kill, &[], 3), Harm::Kill(Who::Worker(2)));
        assert_eq!(resolve(Harm::Full, &[1], 3), Harm::Full);
    }
}
