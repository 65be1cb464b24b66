//! What deploy/ holds besides programs is sound, and fits what the programs show: `tests/deploy.sh` with the pages of running ones.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt as _, process::Command, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};
use system_tests::{
    child::{Child, Signal, Spec},
    http,
    process::{Process, built},
    split::Split,
    wait::{PATIENCE, wait_for},
};

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

/// Where `deploy/local.sh` puts the make-believe Telegram.
const CONTROL: &str = "http://127.0.0.1:8090/control";

async fn act(what: Value) -> anyhow::Result<Value> {
    let answer = http::client().post(format!("{CONTROL}/acts")).json(&what).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

#[tokio::test]
async fn the_split_system_runs_on_one_machine_by_one_command() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    // Postgres does not run as root, and has to come in.
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/local.sh");
    let mut local = Child::spawn(&Spec {
        program: OsStr::new("env"),
        args: vec![
            format!("PLACE={}", place.path().display()).as_ref(),
            format!("PROGRAMS={}", built().display()).as_ref(),
            "bash".as_ref(),
            script.as_ref(),
        ],
        env: None,
        folder: place.path(),
        remove_folder: false,
        last_signal: "TERM",
    })?;
    let running = async || match local.lines().iter().any(|line| line.starts_with("gmbot is running")) {
        true => Ok(()),
        false => Err(local.tail()),
    };
    wait_for("the whole system", Duration::from_secs(120), running).await?;

    let person = async |name: &str| act(json!({ "act": "person", "first_name": name })).await;
    let (olga, ann) = (person("Olga").await?, person("Ann").await?);
    let channel =
        act(json!({ "act": "channel", "title": "Daily News", "username": "daily_news", "owner": olga })).await?;
    let group = act(json!({ "act": "group", "title": "Readers", "owner": olga })).await?;
    for chat in [&channel, &group] {
        let rights = ["can_delete_messages", "can_restrict_members", "can_invite_users"].map(|right| (right, true));
        let rights: serde_json::Map<String, Value> =
            rights.into_iter().map(|(right, is)| (right.to_owned(), is.into())).collect();
        act(json!({ "act": "add_bot", "chat": chat, "rights": rights })).await?;
    }
    act(json!({ "act": "say", "chat": group, "user": olga, "text": "/protect @daily_news" })).await?;
    let shown = async |text: &str| {
        let page = http::client().get(format!("{CONTROL}/chats/{group}/messages")).send().await;
        let page =
            async { anyhow::Ok(page?.error_for_status()?.text().await?) }.await.map_err(|err| err.to_string())?;
        if page.contains(text) { Ok(()) } else { Err(page) }
    };
    wait_for("the group to be protected", PATIENCE, async || shown("Done!").await).await?;
    act(json!({ "act": "join", "chat": group, "user": ann })).await?;
    wait_for("Ann to be welcomed with a button", PATIENCE, async || shown("Ann").await).await?;

    local.signal(Signal::TERM)?;
    local.exited(Duration::from_secs(60)).await?;
    anyhow::ensure!(http::client().get(CONTROL).send().await.is_err(), "something of it goes on");
    Ok(())
}
