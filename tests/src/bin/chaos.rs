//! Breaks a running gmbot on purpose and says in one line what came of it: `chaos --seed 7 --minutes 1`.
//!
//! The programs must be built, in the same profile as this one, and the servers installed: `tests/install.sh`, `cargo build --workspace`.

use std::process::ExitCode;

use clap::Parser as _;
use system_tests::chaos::{self, options::Options, total::Total};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the verdict is what the program is for")]
async fn main() -> anyhow::Result<ExitCode> {
    let asked = Options::parse();
    let mut total = Total::default();
    for number in 0..asked.runs {
        let options = one(&asked, number);
        let verdict = match chaos::run(&options, &|line| eprintln!("{line}")).await {
            Ok(verdict) => verdict,
            // The runs after it are worth having all the same.
            Err(error) => {
                println!("BAD chaos {} seed {}: it could not be run: {error:#}", options.kind.name(), options.seed);
                eprintln!("The same again: {}", options.again());
                total.add_failed();
                continue;
            }
        };
        for violation in &verdict.violations {
            eprintln!("{violation}");
        }
        if asked.json {
            println!("{}", serde_json::to_string_pretty(&verdict)?);
        } else {
            println!("{verdict}");
        }
        if !verdict.is_good() {
            eprintln!("The same again: {}", verdict.again);
        }
        total.add(&verdict);
    }
    if asked.runs > 1 {
        if asked.json {
            println!("{}", serde_json::to_string_pretty(&total)?);
        } else {
            println!("{total}");
        }
    }
    Ok(if total.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One of several runs: with a seed of its own, and a folder of its own for what is kept.
fn one(asked: &Options, number: u16) -> Options {
    let seed = asked.seed.wrapping_add(number.into());
    let folder = asked.logs.as_ref().filter(|_| asked.runs > 1).map(|folder| folder.join(format!("seed-{seed}")));
    Options { seed, logs: folder.or_else(|| asked.logs.clone()), ..asked.clone() }
}
