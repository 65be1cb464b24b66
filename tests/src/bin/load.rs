//! Loads a running gmbot and says what came of it: `load flood --seconds 30`.
//!
//! The programs must be built, in the same profile as this one, and the servers installed: `tests/install.sh`, `cargo build --workspace`.

use std::process::ExitCode;

use clap::Parser as _;
use system_tests::load::{self, options::Options};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the report is what the program is for")]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let report = load::run(&options, &|line| eprintln!("{line}")).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.is_good(options.judge_times) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
