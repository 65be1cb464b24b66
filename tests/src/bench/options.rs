//! What a run of the bench is asked for.

use clap::{Parser, Subcommand, ValueEnum};

/// Measures gmbot beside the least that could do its work, and prints ratios, medians and what each process took.
///
/// Starts a gateway, workers, NATS, Postgres, Redis and a simulated Telegram of its own, in temporary folders, and ends them all. Run it on a
/// machine that does nothing else.
#[derive(Parser, Clone, Debug)]
#[command(name = "bench")]
pub struct Options {
    #[command(subcommand)]
    pub part: Option<Part>,
    /// What is measured; all of it if none is named.
    #[arg(value_enum)]
    pub cases: Vec<Case>,
    /// How often each variant has its turn; the tables show medians.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub runs: u8,
    /// How long the load of one turn lasts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub seconds: u16,
    /// How many connections post updates, as Telegram's `max_connections`.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub connections: u16,
    /// One short turn of each: whether it runs, not how fast.
    #[arg(long)]
    pub quick: bool,
    /// The tables as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// From the webhook to the stored ack.
    Gateway,
    /// Subscribers' messages, from the webhook until they are settled.
    Subscribers,
    /// The same with traces: to nobody, to a collector, to one that is not there, and to one that hangs.
    Tracing,
}

impl Case {
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Subscribers, Self::Tracing];
}

/// What the bench starts of itself.
#[derive(Subcommand, Clone, Debug)]
pub enum Part {
    /// The least that could do the work of gateway and worker.
    #[command(hide = true)]
    Reference {
        #[arg(long)]
        nats_url: String,
        #[arg(long)]
        port: u16,
        /// Settles too what it stores.
        #[arg(long)]
        drain: bool,
    },
}

impl Options {
    /// What `quick` means.
    pub fn settled(self) -> Self {
        if self.quick { Self { runs: 1, seconds: 1, ..self } } else { self }
    }

    pub fn cases(&self) -> Vec<Case> {
        if self.cases.is_empty() { Case::ALL.to_vec() } else { self.cases.clone() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }
}
