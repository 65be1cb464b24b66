//! Measures gmbot beside the least that could do its work: `cargo run --release -p system-tests --bin bench`.
//!
//! The programs must be built, in the same profile as this one, and the servers installed: `tests/install.sh`, `cargo build --release
//! --workspace`.

use std::process::ExitCode;

use clap::Parser as _;
use system_tests::bench::{
    self,
    options::{Options, Part},
};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse().settled();
    if let Some(Part::Reference { nats_url, port, drain }) = &options.part {
        bench::serve_reference(nats_url, *port, *drain).await?;
        return Ok(ExitCode::SUCCESS);
    }
    for case in options.cases() {
        let table = bench::run(&options, case, &|line| eprintln!("{line}")).await?;
        if options.json {
            println!("{}", serde_json::to_string_pretty(&table)?);
        } else {
            println!("{table}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
