//! What goes wrong when: drawn from the seed before anything runs. Pure.

use std::{collections::HashMap, fmt, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::options::{BEGIN, Kind, Options};

/// One fault, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// After the load has begun.
    pub at: Duration,
    /// After this it is mended: what was killed is started again.
    pub lasts: Duration,
    pub harm: Harm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL.
    Kill(Who),
    /// SIGTERM; started again once it has ended.
    Stop(Who),
    /// SIGSTOP, and SIGCONT in the end.
    Freeze(Who),
    /// The server is killed.
    Away(Service),
    /// Connections break and no new ones come about.
    Cut(Who, Service),
    /// Connections stay, and nothing passes.
    Silence(Who, Service),
    /// The stream takes nothing more.
    Full,
    /// A node of the cluster is killed.
    Node(Node),
}

/// A program of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Worker(usize),
    /// One of those that have work when the fault comes.
    Working(usize),
    Gateway(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Nats,
    Postgres,
    Redis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Number(usize),
    /// The one that leads the bucket of leases.
    LeadsLeases,
}

/// A worker's lease lasts 3 s: frozen for this long, it has lost its shards.
const FROZEN: (u64, u64) = (4000, 6000);

/// All faults of a run, in the order in which they come.
pub fn plan(options: &Options) -> Vec<Fault> {
    let mut rng = StdRng::seed_from_u64(options.seed);
    let working = |rng: &mut StdRng| Who::Working(rng.random_range(0..64));
    match options.kind {
        Kind::Mixed => mixed(options, &mut rng),
        Kind::Takeover => regular(options, |_| Harm::Kill(working(&mut rng))),
        Kind::Handover => regular(options, |_| Harm::Stop(working(&mut rng))),
        Kind::Freeze => regular(options, |_| Harm::Freeze(working(&mut rng))),
        Kind::Postgres => regular(options, |_| Harm::Away(Service::Postgres)),
        Kind::Redis => regular(options, |_| Harm::Away(Service::Redis)),
        Kind::Nats => regular(options, |_| Harm::Away(Service::Nats)),
        Kind::Cluster => regular(options, |n| {
            Harm::Node(if n % 2 == 0 { Node::LeadsLeases } else { Node::Number(rng.random_range(0..3)) })
        }),
    }
}

/// One after another at the same distance, as many as have an end within the run.
fn regular(options: &Options, mut harm: impl FnMut(u32) -> Harm) -> Vec<Fault> {
    let (every, lasts) = (options.every(), options.lasts());
    let count = 1 + options.length().saturating_sub(BEGIN + lasts).as_millis() / every.as_millis().max(1);
    let numbers = 0..u32::try_from(count).unwrap_or(u32::MAX);
    numbers.map(|n| Fault { at: BEGIN + every * n, lasts, harm: harm(n) }).collect()
}

/// Draws whom a harm meets, and for how many milliseconds.
type Draw = fn(&mut StdRng, &Options) -> (Harm, u64);

/// A harm's kind, and how often it is drawn. Workers are what the promises are about.
const DRAWN: [(Draw, u32); 13] = [
    (|rng, options| (Harm::Kill(worker(rng, options)), ms(rng, 300, 2000)), 5),
    (|rng, options| (Harm::Stop(worker(rng, options)), ms(rng, 300, 2000)), 3),
    (|rng, options| (Harm::Freeze(worker(rng, options)), ms(rng, FROZEN.0, FROZEN.1)), 3),
    (|rng, options| (Harm::Kill(gateway(rng, options)), ms(rng, 300, 2000)), 2),
    (|rng, options| (Harm::Stop(gateway(rng, options)), ms(rng, 300, 2000)), 1),
    (|rng, options| (Harm::Freeze(gateway(rng, options)), ms(rng, FROZEN.0, FROZEN.1)), 1),
    (|rng, _| (Harm::Away(Service::Nats), ms(rng, 100, 2500)), 2),
    (|rng, _| (Harm::Away(Service::Postgres), ms(rng, 100, 2500)), 2),
    (|rng, _| (Harm::Away(Service::Redis), ms(rng, 100, 4000)), 1),
    (|rng, options| (Harm::Cut(worker(rng, options), service(rng)), ms(rng, 50, 5000)), 4),
    (|rng, options| (Harm::Cut(gateway(rng, options), Service::Nats), ms(rng, 50, 5000)), 1),
    (|rng, options| (Harm::Silence(worker(rng, options), service(rng)), ms(rng, 500, 6000)), 2),
    (|rng, _| (Harm::Full, ms(rng, 500, 2000)), 2),
];

/// What was hurt has so long before it is hurt again.
const RECOVERS: Duration = Duration::from_secs(2);

fn mixed(options: &Options, rng: &mut StdRng) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut hurt_until: HashMap<Target, Duration> = HashMap::new();
    let mut at = BEGIN;
    while at < options.length() {
        // Several draws may meet what is hurt already; then this one is left out, as the seed says it.
        for _ in 0..20 {
            let drawn = DRAWN.choose_weighted(rng, |(_, weight)| *weight).map(|(draw, _)| draw(rng, options));
            let Ok((harm, lasts)) = drawn else { break };
            let fault = Fault { at, lasts: Duration::from_millis(lasts), harm };
            let targets = Target::of(harm);
            if targets.iter().any(|target| hurt_until.get(target).is_some_and(|until| *until > at)) {
                continue;
            }
            hurt_until.extend(targets.into_iter().map(|target| (target, at + fault.lasts + RECOVERS)));
            faults.push(fault);
            break;
        }
        at += options.every();
    }
    faults
}

/// What a fault keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    Program(Who),
    Service(Service),
}

impl Target {
    fn of(harm: Harm) -> Vec<Self> {
        match harm {
            Harm::Kill(who) | Harm::Stop(who) | Harm::Freeze(who) | Harm::Cut(who, _) | Harm::Silence(who, _) => {
                vec![Self::Program(who)]
            }
            Harm::Away(service) => vec![Self::Service(service)],
            // Whoever empties it again needs NATS.
            Harm::Full | Harm::Node(_) => vec![Self::Service(Service::Nats)],
        }
    }
}

fn worker(rng: &mut StdRng, options: &Options) -> Who {
    Who::Worker(rng.random_range(0..options.workers.into()))
}

fn gateway(rng: &mut StdRng, options: &Options) -> Who {
    Who::Gateway(rng.random_range(0..options.gateways.into()))
}

fn service(rng: &mut StdRng) -> Service {
    [Service::Nats, Service::Nats, Service::Postgres, Service::Redis][rng.random_range(0..4)]
}

fn ms(rng: &mut StdRng, least: u64, most: u64) -> u64 {
    rng.random_range(least..=most)
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(who) => write!(f, "kill {who}"),
            Self::Stop(who) => write!(f, "stop {who}"),
            Self::Freeze(who) => write!(f, "freeze {who}"),
            Self::Away(service) => write!(f, "kill {service:?}"),
            Self::Cut(who, service) => write!(f, "cut {who} from {service:?}"),
            Self::Silence(who, service) => write!(f, "silence between {who} and {service:?}"),
            Self::Full => f.write_str("fill the stream"),
            Self::Node(Node::Number(number)) => write!(f, "kill node {number}"),
            Self::Node(Node::LeadsLeases) => f.write_str("kill the node that leads the leases"),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(number) => write!(f, "worker {number}"),
            Self::Working(_) => f.write_str("a worker that works"),
            Self::Gateway(number) => write!(f, "gateway {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn options(args: &[&str]) -> Options {
        Options::parse_from(["chaos"].iter().chain(args))
    }

    #[test]
    fn the_seed_decides() {
        let of = |seed: &str| plan(&options(&["--seed", seed, "--minutes", "2"]));
        assert_eq!(of("7"), of("7"));
        assert_ne!(of("7"), of("8"));
    }

    #[test]
    fn nothing_is_hurt_again_before_it_is_mended() {
        for seed in 1..200 {
            let faults = plan(&options(&["--seed", &seed.to_string(), "--minutes", "1"]));
            assert!(faults.len() >= 15, "seed {seed}: {}", faults.len());
            for (n, first) in faults.iter().enumerate() {
                for second in &faults[n + 1..] {
                    let same = Target::of(first.harm).iter().any(|one| Target::of(second.harm).contains(one));
                    assert!(!same || second.at >= first.at + first.lasts, "seed {seed}: {first:?} and {second:?}");
                }
            }
        }
    }

    #[test]
    fn every_kind_has_its_faults_within_its_time() {
        let cases = [
            ("takeover", 10, "kill a worker that works"),
            ("handover", 10, "stop a worker that works"),
            ("freeze", 4, "freeze a worker that works"),
            ("postgres", 1, "kill Postgres"),
            ("redis", 1, "kill Redis"),
            ("nats", 1, "kill Nats"),
            ("cluster", 5, "kill the node that leads the leases"),
        ];
        for (kind, count, first) in cases {
            let faults = plan(&options(&["--kind", kind, "--minutes", "1.01"]));
            assert_eq!((faults.len(), faults[0].harm.to_string().as_str()), (count, first), "{kind}");
            let counted = plan(&options(&["--kind", kind, "--times", "7"]));
            assert_eq!((counted.len(), counted[0].harm.to_string().as_str()), (7, first), "{kind}");
        }
    }
}
