//! `worker broadcast` and `gmbot broadcast`: what is to be said, to whom, and how.

use std::path::PathBuf;

use clap::Args;
use shared::args;

use super::{CacheArgs, Database, Limits};
use crate::store::broadcasts::Audience;

/// For `--help`, of `worker` or `gmbot`.
pub fn examples(program: &str) -> String {
    let lines = [
        ("--file news.txt --dry-run", "show it and how many would get it; `--file -` reads standard input"),
        ("--file news.txt", "ask, and say it to every group"),
        ("\"Some news\" --to owners", "ask, and say it to their owners in private"),
        ("--status", "how far it is, and who sends it"),
        ("--resume", "go on after Ctrl-C or a crash; nobody gets it twice"),
    ];
    let width = lines.iter().map(|(args, _)| args.len()).max().unwrap_or_default();
    let line = |(args, does): (&str, &str)| format!("\n  {program} broadcast {args:width$}   {does}");
    format!("Examples:{}", lines.map(line).concat())
}

/// `On`: the settings that say where groups are kept.
#[derive(Args, Clone, Debug)]
pub struct Broadcast<On: Args> {
    /// What to say, as plain text.
    #[arg(conflicts_with = "file")]
    pub text: Option<String>,
    /// Read the text from this file; `-` is standard input.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Whom to say it to.
    #[arg(long, value_enum, default_value = "groups")]
    pub to: Audience,
    /// Send nothing: show the text and how many would get it.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask first.
    #[arg(long)]
    pub yes: bool,
    /// Go on with the one that was paused (Ctrl-C) or broke off.
    #[arg(long, conflicts_with_all = ["text", "file", "status", "cancel"])]
    pub resume: bool,
    /// Tell how far the latest is, and which process sends it.
    #[arg(long, conflicts_with_all = ["text", "file", "cancel"])]
    pub status: bool,
    /// End the one that is under way, for good, wherever it is sent. What is said is said.
    #[arg(long, conflicts_with_all = ["text", "file"])]
    pub cancel: bool,
    #[command(flatten)]
    pub bot: args::Bot,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub process: args::Process,
    #[command(flatten)]
    pub on: On,
}

/// Where a worker's groups are.
#[derive(Args, Clone, Debug)]
pub struct BroadcastOn {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub cache: CacheArgs,
}
