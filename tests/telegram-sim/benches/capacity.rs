//! How much one simulator carries: calls a second with their latency, and memory for many members.
//!
//! `cargo bench -p telegram-sim` runs it in about half a minute. The simulator is in a process of its own, this same
//! program started with `--serve`, so that its memory and processor time are not the load's. The latencies are the
//! simulator's on a machine that does little else; what other programs took meanwhile is printed beside them.
#![expect(clippy::print_stdout, reason = "figures are what this program is for")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::child::Child;
use crate::load::Outcome;
use crate::world::Case;

#[path = "capacity/child.rs"]
mod child;
#[path = "capacity/cpu.rs"]
mod cpu;
#[path = "capacity/load.rs"]
mod load;
#[path = "capacity/world.rs"]
mod world;

const CALLS_PER_SECOND: u32 = 5_000;
const RUN: Duration = Duration::from_secs(10);
const GOAL_P99: Duration = Duration::from_millis(5);
const GOAL_RSS_KIB: u64 = 300 * 1024;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", case] => {
            world::serve(serde_json::from_str(case).context("the case to serve")?)?;
            Ok(ExitCode::SUCCESS)
        }
        // Cargo says this for `cargo bench`. Started in another way, as among all targets of `cargo test`, it has no work.
        [.., "--bench"] => measure(),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn measure() -> anyhow::Result<ExitCode> {
    let reached =
        [calls(Case::Load { check_schema: false })?, calls(Case::Load { check_schema: true })?, population()?];
    Ok(if reached.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

fn calls(case: Case) -> anyhow::Result<bool> {
    println!("{case:?}: {CALLS_PER_SECOND} calls/s for {RUN:?}");
    let (child, seeded) = Child::start(&case)?;
    let calls = load::prepare(&seeded)?;
    let rss = child.rss_kib()?;
    let (own_before, machine_before) = (child.cpu()?, cpu::of_machine()?);
    let load_before = cpu::of_process("self")?;
    let outcome = load::run(&seeded, &calls, CALLS_PER_SECOND, RUN)?;
    let own = child.cpu()? - own_before;
    let load = cpu::of_process("self")? - load_before;
    let others = (cpu::of_machine()? - machine_before).saturating_sub(own + load);
    let Outcome { latencies, took, refused } = outcome;
    let count = u32::try_from(latencies.len()).context("so many calls were not made")?;
    let per_cent = |per_mille: usize| latencies[(latencies.len() * per_mille / 1000).min(latencies.len() - 1)];
    let achieved = f64::from(count) / took.as_secs_f64();
    let p99 = per_cent(990);
    println!("  latency from the moment each call was due:");
    println!("    p50 {:?}, p95 {:?}, p99 {p99:?}, max {:?}", per_cent(500), per_cent(950), per_cent(1000));
    println!("  achieved {achieved:.0} calls/s, {refused} refused");
    println!("  processor time of the simulator: {:.1} µs a call", own.as_secs_f64() * 1e6 / f64::from(count));
    println!("  meanwhile the load had {load:?} of processor time, and other programs {others:?}");
    println!("  memory: {} MiB before, {} MiB after", rss / 1024, child.rss_kib()? / 1024);
    let reached = p99 < GOAL_P99 && achieved > f64::from(CALLS_PER_SECOND) * 0.99 && refused == 0;
    println!("  goal of p99 under {GOAL_P99:?} at this rate, none refused: {}", verdict(reached));
    Ok(reached)
}

fn population() -> anyhow::Result<bool> {
    let case = Case::Population { groups: 1_000, members_each: 100 };
    println!("{case:?}");
    let (child, _) = Child::start(&case)?;
    let rss = child.rss_kib()?;
    let reached = rss < GOAL_RSS_KIB;
    println!("  memory: {} MiB; goal of under {} MiB: {}", rss / 1024, GOAL_RSS_KIB / 1024, verdict(reached));
    Ok(reached)
}
