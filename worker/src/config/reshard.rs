//! `worker reshard`: which queue and which database are brought to how many shards.

use clap::Args;
use shared::args;

use super::Database;

/// What to do, and when: below the options.
pub const STEPS: &str = "\
More workers than shards are of no use; that is when to raise their number:
  1. Stop every worker. The gateways may go on.
  2. SHARDS=64 worker reshard
  3. Start gateways and workers with SHARDS=64.
Nothing is lost: what is stored moves, in its order, and from step 2 until a gateway is started anew Telegram keeps what comes. \
It keeps presses of buttons for two and a half minutes, so be quick. If step 2 breaks off, repeat it.";

/// The number is `SHARDS`, as for every program.
#[derive(Args, Clone, Debug)]
pub struct Reshard {
    #[command(flatten)]
    pub queue: args::Queue,
    #[command(flatten)]
    pub bot: args::QueueOf,
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub process: args::Process,
}
