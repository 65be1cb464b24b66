//! `worker dead-letters` and `gmbot dead-letters`: what is to be done, and where the letters are.

use clap::{Args, Subcommand};
use shared::args;

use super::Database;

/// `On`: the settings that say where the letters are.
#[derive(Args, Clone, Debug)]
pub struct DeadLetters<On: Args> {
    #[command(subcommand)]
    pub action: LettersAction<On>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum LettersAction<On: Args> {
    /// List them, oldest first: when, why, after how many tries, which chat. Never what somebody wrote.
    List {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        on: On,
    },
    /// Show one: its headers and its body, with texts and names hidden.
    Show {
        /// Its number, as `list` shows it.
        id: u64,
        /// Show the body as it is, with what people wrote and what they are called.
        #[arg(long)]
        reveal_body: bool,
        #[command(flatten)]
        on: On,
    },
    /// Give them another try, as if they had just come in. What fails again becomes a dead letter again. `--all` leaves out what may end the
    /// worker that handles it: give its number.
    Replay {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        on: On,
    },
    /// Throw them away for good.
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        on: On,
    },
}

/// Some letters, or every one.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Their numbers, as `list` shows them.
    #[arg(value_name = "ID")]
    pub ids: Vec<u64>,
    /// All that there are now.
    #[arg(long)]
    pub all: bool,
}

/// Where a worker's letters are. The database is asked only for a replay.
#[derive(Args, Clone, Debug)]
pub struct LettersOn {
    #[command(flatten)]
    pub queue: args::Queue,
    #[command(flatten)]
    pub bot: args::QueueOf,
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub process: args::Process,
}

impl<On: Args> DeadLetters<On> {
    pub fn on(&self) -> &On {
        match &self.action {
            LettersAction::List { on, .. }
            | LettersAction::Show { on, .. }
            | LettersAction::Replay { on, .. }
            | LettersAction::Drop { on, .. } => on,
        }
    }
}
