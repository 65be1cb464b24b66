//! What deploy/ holds besides programs is sound, and fits what the programs show: `tests/deploy.sh` with the pages of running ones.

use std::{fs, process::Command};

use anyhow::Context as _;
use system_tests::{http, process::Process, split::Split};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// The page as curl gets it, and as Prometheus does.
async fn pages(process: &Process) -> anyhow::Result<[String; 2]> {
    let ask = || http::client().get(process.admin("/metrics"));
    let plain = ask().send().await?.error_for_status()?.text().await?;
    let open_metrics = ask().header("accept", OPEN_METRICS).send().await?.error_for_status()?.text().await?;
    Ok([plain, open_metrics])
}

#[tokio::test]
async fn deployment_files_are_sound_and_name_what_the_programs_show() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    // Nobody has said anything yet: all that is named is there from the start.
    let (gateway, worker) = split.start().await?;
    let folder = tempfile::tempdir()?;
    for (name, process) in [("gateway", &gateway), ("worker", &worker)] {
        let [plain, open_metrics] = pages(process).await?;
        fs::write(folder.path().join(format!("{name}.txt")), plain)?;
        fs::write(folder.path().join(format!("{name}.openmetrics")), open_metrics)?;
    }
    let checked = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy.sh"))
        .arg(folder.path())
        .output()
        .context("tests/deploy.sh")?;
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}
