//! A short run of each case of the load program: every goal but those of time, which a busy machine keeps nobody's. And of each case of the bench:
//! that it measures, not what. Longer and harder runs are commands: see the README.

use anyhow::Context as _;
use clap::Parser as _;
use rstest::rstest;
use system_tests::{
    bench,
    load::{self, options::Options},
};
use tokio::sync::Mutex;

/// One at a time: they are meant to fill the machine.
static ALONE: Mutex<()> = Mutex::const_new(());

#[rstest]
#[case::flood("flood --workers 2 --groups 10 --seconds 15 --rate 60")]
#[case::flood_without_redis("flood --workers 2 --groups 10 --seconds 15 --rate 60 --redis-dies")]
#[case::press("press --workers 2 --groups 80 --warnings 40 --presses 20")]
#[case::day("day --workers 2 --groups 20 --people 200 --seconds 15 --rate 50")]
#[case::frozen("frozen --groups 20 --seconds 5 --rate 40")]
#[tokio::test]
async fn telegram_is_asked_no_more_than_it_bears(#[case] args: &str) -> anyhow::Result<()> {
    let options = Options::try_parse_from(["load"].into_iter().chain(args.split_whitespace()))?;
    let _alone = ALONE.lock().await;
    let report = load::run(&options, &|line| eprintln!("{line}")).await?;
    assert!(report.is_good(false), "{report}");
    Ok(())
}

#[rstest]
#[case::gateway("gateway")]
#[case::subscribers("subscribers")]
#[case::tracing("tracing")]
#[tokio::test]
async fn every_variant_of_the_bench_does_its_work(#[case] case: &str) -> anyhow::Result<()> {
    let options = bench::options::Options::try_parse_from(["bench", "--quick", case])?.settled();
    let case = *options.cases().first().context("a case")?;
    let _alone = ALONE.lock().await;
    let table = bench::run(&options, case, &|line| eprintln!("{line}")).await?;
    assert!(table.rows.len() > 1 && table.rows.iter().all(|row| row.per_second > 0.0), "{table}");
    Ok(())
}
