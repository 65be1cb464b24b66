//! Plays people's acts in random order, with faults, on a clock that runs ahead, and says whether anybody was treated wrongly.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use system_tests::{
    acts::{self, Outcome},
    stage::Form,
};

/// Plays people's acts in random order, with everything that goes wrong, and looks whether anybody is wrongly or endlessly muted.
#[derive(Debug, Parser)]
#[command(name = "random-acts")]
struct Args {
    /// How many seeds to play on the stand-alone program
    #[arg(long, default_value_t = 1_000)]
    stand_alone: u64,
    /// How many to play on gateway and worker with NATS, Postgres and Redis
    #[arg(long, default_value_t = 20)]
    split: u64,
    /// The first seed; the others follow it
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many share one gmbot
    #[arg(long, default_value_t = 50)]
    together: u64,
    /// Tells the whole story of a town where something went wrong, and the last lines of gmbot
    #[arg(long)]
    story: bool,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is what it is for")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let began = Instant::now();
    let mut total = Total::default();
    for (form, seeds) in [(Form::StandAlone, args.stand_alone), (Form::Split, args.split)] {
        let all: Vec<u64> = (args.from..args.from + seeds).collect();
        for batch in all.chunks(usize::try_from(args.together.max(1))?) {
            let outcome = acts::play(form, batch).await?;
            total.add(form, batch.len(), &outcome);
            progress(&total, began.elapsed());
            tell(&args, form, &outcome);
        }
    }
    println!("\r\x1b[K{}", total.verdict(began.elapsed()));
    Ok(if total.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Default)]
struct Total {
    stand_alone: usize,
    split: usize,
    acts: usize,
    calls: u64,
    mutes: usize,
    deletes: usize,
    kills: usize,
    violations: usize,
}

impl Total {
    fn add(&mut self, form: Form, seeds: usize, outcome: &Outcome) {
        match form {
            Form::StandAlone => self.stand_alone += seeds,
            Form::Split => self.split += seeds,
        }
        self.acts += outcome.acts;
        self.calls += outcome.calls;
        self.mutes += outcome.mutes;
        self.deletes += outcome.deletes;
        self.kills += outcome.kills;
        self.violations += outcome.violations.len();
    }

    fn verdict(&self, took: Duration) -> String {
        format!(
            "{} seeds stand-alone and {} split in {} s: {} acts, {} calls, {} mutes, {} messages deleted, {} kills: {} violations",
            self.stand_alone,
            self.split,
            took.as_secs(),
            self.acts,
            self.calls,
            self.mutes,
            self.deletes,
            self.kills,
            self.violations
        )
    }
}

#[expect(clippy::print_stderr, reason = "for whoever watches")]
fn progress(total: &Total, took: Duration) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{}", total.verdict(took));
        let _ = std::io::stderr().flush();
    }
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn tell(args: &Args, form: Form, outcome: &Outcome) {
    for violation in &outcome.violations {
        println!("seed {} ({form:?}): {}", violation.seed, violation.what);
    }
    if !args.story {
        return;
    }
    let mut told = Vec::new();
    for violation in &outcome.violations {
        if !told.contains(&violation.seed) {
            told.push(violation.seed);
            println!("\nthe story of seed {}:", violation.seed);
            for line in &violation.story {
                println!("{line}");
            }
        }
    }
    for line in &outcome.lines {
        println!("gmbot: {line}");
    }
}
