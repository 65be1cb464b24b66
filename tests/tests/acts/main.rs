//! People's acts in random order, with faults, on a clock that the run controls: see `system_tests::acts`. More of it is
//! `cargo run -p system-tests --bin random-acts -- --stand-alone 10000`.

use anyhow::ensure;
use system_tests::{
    acts,
    stage::Form::{self, Split, StandAlone},
};

/// How many towns share one gmbot.
const TOGETHER: usize = 125;

/// One after another, so that each has the machine for itself.
#[tokio::test]
async fn nobody_is_wrongly_or_endlessly_muted_whatever_people_do() -> anyhow::Result<()> {
    play(StandAlone, 1..=1_000).await?;
    play(Split, 1..=20).await
}

async fn play(form: Form, seeds: impl Iterator<Item = u64>) -> anyhow::Result<()> {
    let seeds: Vec<u64> = seeds.collect();
    for batch in seeds.chunks(TOGETHER) {
        let outcome = acts::play(form, batch).await?;
        ensure!(outcome.mutes > 0 && outcome.deletes > 0, "nothing happened: {outcome:?}");
        let told: Vec<String> =
            outcome.violations.iter().map(|found| format!("seed {}: {}", found.seed, found.what)).collect();
        // What is wrong stands at both ends: a log that is cut short keeps one of them.
        let told = told.join("\n");
        ensure!(
            told.is_empty(),
            "{form:?}, seeds from {}:\n{told}\n\nthe last lines of gmbot:\n{}\n\nthe first one's story:\n{}\n\n{told}",
            batch[0],
            outcome.lines.join("\n"),
            outcome.violations.first().map(|found| found.story.join("\n")).unwrap_or_default(),
        );
    }
    Ok(())
}
