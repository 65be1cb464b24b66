//! What a run of the chaos suite is asked for.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

use super::plan::Service;

/// Breaks a running gmbot on purpose and says what came of it: lost, twice, out of order.
///
/// Starts gateways, workers, NATS, Postgres, Redis and a simulated Telegram of its own, in temporary folders, and ends them all. Ends with 1
/// if anything went wrong that must not.
#[derive(Parser, Clone, Debug)]
#[command(name = "chaos")]
pub struct Options {
    /// Which faults come when, and who says what; the same number repeats a run, as far as the machine lets it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// So many runs, one after another: with this seed, the next, and so on. A line tells of each, and a last one of all.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// How long updates come.
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    pub minutes: f64,
    /// So many faults instead, however long that takes.
    #[arg(long, conflicts_with = "minutes", value_parser = clap::value_parser!(u16).range(1..))]
    pub times: Option<u16>,
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Kind::Mixed)]
    pub kind: Kind,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub workers: u8,
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub gateways: u8,
    /// Updates a second that people cause.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub rate: u32,
    /// Protected groups.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub chats: u16,
    /// Seconds from one fault to the next: 3, or 6 where a worker is to be whole again by then (takeover, handover). Never less than one of
    /// the kind's own takes.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub every: Option<u16>,
    /// Seconds for which a server is away (postgres, redis, nats: 30), or a worker frozen (freeze: 10).
    #[arg(long)]
    pub away: Option<u16>,
    /// Judge times too: half of all takeovers within 0.4 s and all within 4 s (takeover), no message waits more than 1 s (handover), and no
    /// time-out makes a program say once more that a server is away (postgres, redis, nats). Times are told in any case; a machine that is
    /// busy with other things keeps nobody's.
    #[arg(long)]
    pub judge_times: bool,
    /// The verdict as JSON, with its tables.
    #[arg(long)]
    pub json: bool,
    /// Keep what the programs printed in this folder, and what Telegram was asked and delivered.
    #[arg(long)]
    pub logs: Option<std::path::PathBuf>,
}

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything: killed, stopped and frozen programs, servers that restart, connections that break or fall silent, a full stream.
    Mixed,
    /// A worker that works is killed, again and again.
    Takeover,
    /// A worker that works is asked to stop, again and again, while Telegram takes 50 ms for an answer.
    Handover,
    /// A worker that works is frozen for longer than its lease, and wakes.
    Freeze,
    /// Postgres is away.
    Postgres,
    /// Redis is away.
    Redis,
    /// NATS is away.
    Nats,
    /// NATS is three servers, of which one is killed: any, or the one that leads the leases.
    Cluster,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Mixed,
        Self::Takeover,
        Self::Handover,
        Self::Freeze,
        Self::Postgres,
        Self::Redis,
        Self::Nats,
        Self::Cluster,
    ];

    /// The server that is away, if the kind is about one.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Postgres => Some(Service::Postgres),
            Self::Redis => Some(Service::Redis),
            Self::Nats => Some(Service::Nats),
            Self::Mixed | Self::Takeover | Self::Handover | Self::Freeze | Self::Cluster => None,
        }
    }

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Takeover => "takeover",
            Self::Handover => "handover",
            Self::Freeze => "freeze",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Nats => "nats",
            Self::Cluster => "cluster",
        }
    }
}

/// Nothing goes wrong while the first caches fill.
pub const BEGIN: Duration = Duration::from_secs(2);
/// A worker that went is started again after this; one that is asked to stop may take longer.
const GONE: Duration = Duration::from_secs(1);
/// A worker that was frozen has so long to wake, and to get its shards back.
const WAKES: Duration = Duration::from_secs(5);
/// What waited for a server has so long to be done before the server goes again.
const RECOVERS: Duration = Duration::from_secs(30);
/// A node of a cluster needs this long to be away, noticed, and back in step.
const NODE_AWAY: Duration = Duration::from_secs(4);
const NODE_EVERY: Duration = Duration::from_secs(12);
/// The last of so many faults is looked at for almost as long as the others.
const BEFORE_NEXT: Duration = Duration::from_millis(100);

impl Options {
    /// How long updates come.
    pub fn length(&self) -> Duration {
        match self.times {
            None => Duration::from_secs_f64(self.minutes * 60.0),
            Some(times) => BEGIN + self.lasts() + self.every() * u32::from(times) - BEFORE_NEXT,
        }
    }

    /// From one fault to the next.
    pub fn every(&self) -> Duration {
        let (usual, least) = match self.kind {
            Kind::Mixed => (3, Duration::ZERO),
            Kind::Takeover | Kind::Handover => (6, Duration::ZERO),
            Kind::Freeze => (3, self.lasts() + WAKES),
            Kind::Postgres | Kind::Redis | Kind::Nats => (3, self.lasts() + RECOVERS),
            Kind::Cluster => (3, NODE_EVERY),
        };
        Duration::from_secs(self.every.unwrap_or(usual).into()).max(least)
    }

    /// How long each fault lasts; `mixed` draws that for each.
    pub fn lasts(&self) -> Duration {
        let away = |usual| Duration::from_secs(self.away.unwrap_or(usual).into());
        match self.kind {
            Kind::Mixed => Duration::ZERO,
            Kind::Takeover | Kind::Handover => GONE,
            Kind::Freeze => away(10),
            Kind::Postgres | Kind::Redis | Kind::Nats => away(30),
            Kind::Cluster => NODE_AWAY,
        }
    }

    /// The command that runs the same again, once.
    pub fn again(&self) -> String {
        let Self { seed, minutes, times, workers, gateways, rate, chats, every, away, .. } = self;
        let option =
            |name: &str, value: Option<u16>| value.map(|value| format!(" --{name} {value}")).unwrap_or_default();
        let long = times.map_or_else(|| format!(" --minutes {minutes}"), |times| format!(" --times {times}"));
        format!(
            "cargo run -p system-tests --bin chaos -- --kind {} --seed {seed}{long} --workers {workers} --gateways {gateways} --rate {rate} \
             --chats {chats}{}{}{}",
            self.kind.name(),
            option("every", *every),
            option("away", *away),
            if self.judge_times { " --judge-times" } else { "" },
        )
    }
}

/// A day is the longest.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if minutes > 0.0 && minutes <= 1440.0 { Ok(minutes) } else { Err("more than 0 and at most 1440".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_repeats_itself() -> anyhow::Result<()> {
        Options::command().debug_assert();
        for line in ["--kind freeze --minutes 0.5 --away 7", "--kind takeover --times 20 --every 5 --judge-times"] {
            let options = Options::try_parse_from(["chaos"].into_iter().chain(line.split_whitespace()))?;
            let again = options.again();
            let words = again.split("-- ").nth(1).unwrap_or_default();
            let parsed = Options::try_parse_from(["chaos"].into_iter().chain(words.split_whitespace()))?;
            assert_eq!(format!("{parsed:?}"), format!("{options:?}"));
        }
        for wrong in ["0", "-1", "NaN", "1441"] {
            assert!(Options::try_parse_from(["chaos", "--minutes", wrong]).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn the_rhythm_is_the_kinds_own() -> anyhow::Result<()> {
        let cases = [
            ("mixed", 3, 0),
            ("mixed --every 5", 5, 0),
            ("takeover", 6, 1),
            ("freeze", 15, 10),
            ("freeze --away 4 --every 20", 20, 4),
            ("nats", 60, 30),
            ("cluster", 12, 4),
        ];
        for (line, every, lasts) in cases {
            let options = Options::try_parse_from(["chaos", "--kind"].into_iter().chain(line.split_whitespace()))?;
            assert_eq!((options.every().as_secs(), options.lasts().as_secs()), (every, lasts), "{line}");
        }
        Ok(())
    }
}
