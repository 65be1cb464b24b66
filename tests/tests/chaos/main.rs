//! The chaos suite for two minutes of each kind: nothing is lost, done twice or out of order. Longer and harder runs are commands: see the
//! README.

use std::sync::OnceLock;

use clap::Parser as _;
use rstest::rstest;
use system_tests::chaos::{self, options::Options};
use tokio::sync::Mutex;

/// One at a time: a machine that is too busy to answer is no fault of the plan.
static ALONE: OnceLock<Mutex<()>> = OnceLock::new();

#[rstest]
#[case::everything("mixed", "--seed 1")]
#[case::a_worker_that_is_killed("takeover", "")]
#[case::a_worker_that_is_asked_to_stop("handover", "")]
#[case::a_worker_that_is_frozen("freeze", "")]
#[case::postgres_away("postgres", "")]
#[case::redis_away("redis", "")]
#[case::nats_away("nats", "")]
#[case::a_node_of_a_cluster("cluster", "")]
#[tokio::test]
async fn nothing_is_lost_twice_or_out_of_order(#[case] kind: &str, #[case] args: &str) -> anyhow::Result<()> {
    let small = ["chaos", "--minutes", "2", "--rate", "40", "--chats", "20", "--kind", kind];
    let options = Options::try_parse_from(small.into_iter().chain(args.split_whitespace()))?;
    let _alone = ALONE.get_or_init(Mutex::default).lock().await;
    let verdict = chaos::run(&options, &|line| eprintln!("{line}")).await?;
    assert!(verdict.is_good(), "{verdict}\n{}\n{}", verdict.violations.join("\n"), verdict.again);
    Ok(())
}
