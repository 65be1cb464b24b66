//! What a run of the load program is asked for.

use clap::{Args, Parser, Subcommand};

/// Loads a running gmbot and tells what it asked of Telegram and how long people waited.
///
/// Starts a gateway, workers, NATS, Postgres, Redis and a simulated Telegram of its own, in temporary folders, and ends them all. Ends with 1
/// if a goal was missed.
#[derive(Parser, Clone, Debug)]
#[command(name = "load")]
pub struct Options {
    #[command(subcommand)]
    pub case: Case,
    /// The report as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Judge times too: a machine that is busy with other things keeps nobody's.
    #[arg(long, global = true)]
    pub judge_times: bool,
}

#[derive(Subcommand, Clone, Debug)]
pub enum Case {
    /// Many groups are flooded by people who are not subscribed, and Telegram keeps strict limits.
    Flood(Flood),
    /// People press the button while a broadcast and hundreds of warnings wait for their turn.
    Press(Press),
    /// Some people say much and most say little, nearly all of them subscribers.
    Day(Day),
    /// Redis stops answering without going away.
    Frozen(Frozen),
}

#[derive(Args, Clone, Debug)]
pub struct Flood {
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub workers: u8,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub groups: u16,
    /// How long they write.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub seconds: u16,
    /// Messages a second, of all groups together.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub rate: u32,
    /// Redis is killed half way, and stays away.
    #[arg(long)]
    pub redis_dies: bool,
}

#[derive(Args, Clone, Debug)]
pub struct Press {
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub workers: u8,
    /// To whom the broadcast goes.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(1..=20000))]
    pub groups: u16,
    /// So many people offend at once, each in a group of their own, and are warned one after the other.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=20000))]
    pub warnings: u16,
    /// So many press meanwhile.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub presses: u16,
}

#[derive(Args, Clone, Debug)]
pub struct Day {
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub workers: u8,
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(5..=2000))]
    pub groups: u16,
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub people: u32,
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub seconds: u16,
    /// Messages a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub rate: u32,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

#[derive(Args, Clone, Debug)]
pub struct Frozen {
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub workers: u8,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub groups: u16,
    /// How long before, and how long meanwhile.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(2..=600))]
    pub seconds: u16,
    /// Messages a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub rate: u32,
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
