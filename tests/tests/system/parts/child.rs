//! A child process is watched while it runs, and ends when we do.

use std::{ffi::OsStr, fs, path::Path, time::Duration};

use system_tests::{
    child::{Child, Signal, Spec},
    wait::wait_for,
};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

fn shell<'a>(script: &'a str, folder: &'a Path) -> Spec<'a> {
    Spec {
        program: OsStr::new("/bin/sh"),
        args: vec![OsStr::new("-c"), OsStr::new(script)],
        env: Some(vec![(OsStr::new("COLOUR"), OsStr::new("blue"))]),
        folder,
        remove_folder: false,
        last_signal: "KILL",
    }
}

/// Whether a process of this pid runs.
fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn lines_environment_and_exit_code_are_seen() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let script = "echo colour $COLOUR; echo "home $HOME."; pwd; echo wrong >&2; exit 3";
    let mut child = Child::spawn(&shell(script, folder.path()))?;
    assert_eq!(child.exited(SOON).await?, 3);
    let mut lines = child.lines();
    lines.sort();
    let here = fs::canonicalize(folder.path())?;
    let mut wanted = vec![here.display().to_string(), "colour blue".into(), "home .".into(), "wrong".into()];
    wanted.sort();
    assert_eq!(lines, wanted);
    assert!(child.signal(Signal::TERM).is_err(), "nobody is there to hear it");
    Ok(())
}

#[tokio::test]
async fn signals_reach_the_program_itself() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let cases = [("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", 7), ("echo up; exec sleep 60", 128 + 15)];
    for (script, code) in cases {
        let mut child = Child::spawn(&shell(script, folder.path()))?;
        wait_for("the script to be up", SOON, async || {
            let lines = child.lines();
            if lines == ["up"] { Ok(()) } else { Err(format!("{lines:?}")) }
        })
        .await?;
        child.signal(Signal::TERM)?;
        assert_eq!(child.exited(SOON).await?, code, "{script}");
    }
    Ok(())
}

#[tokio::test]
async fn a_child_that_goes_on_is_told_with_its_last_lines() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut child = Child::spawn(&shell("echo busy; exec sleep 60", folder.path()))?;
    let seen = async || child.lines().pop().ok_or_else(|| "no line".to_owned());
    wait_for("its line", SOON, seen).await?;
    let error = child.exited(Duration::from_millis(50)).await.map_err(|error| error.to_string());
    assert_eq!(error, Err("waited 50ms for the process to end; last state: running; its last lines:\nbusy".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_dropped_child_is_gone_with_its_folder() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let own = folder.path().join("own");
    fs::create_dir(&own)?;
    let child = Child::spawn(&Spec { remove_folder: true, ..shell("trap '' TERM INT; while :; do sleep 0.05; done", &own) })?;
    let pid = child.pid();
    assert!(lives(pid) && own.exists());
    drop(child);
    assert!(!lives(pid) && !own.exists());
    Ok(())
}

/// What no test can do to itself: it kills a keeper's parent, here a shell between, and looks for what is left.
#[tokio::test]
async fn a_child_ends_when_its_parent_is_killed() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    // This test binary as the parent: it runs the test below alone, which starts a child and stays.
    let mut parent = Child::spawn(&Spec {
        program: std::env::current_exe()?.as_os_str(),
        args: ["--exact", "parts::child::stays_until_it_is_killed", "--nocapture"].map(OsStr::new).to_vec(),
        env: Some(vec![(OsStr::new("GMBOT_TEST_STAY"), OsStr::new("1"))]),
        folder: folder.path(),
        remove_folder: false,
        last_signal: "KILL",
    })?;
    let pid = wait_for("the pid of its child", SOON, async || {
        let lines = parent.lines();
        let pid = lines.iter().find_map(|line| line.split_once("its child is ")?.1.parse::<i32>().ok());
        pid.ok_or_else(|| format!("{lines:?}"))
    })
    .await?;
    assert!(lives(pid));
    parent.signal(Signal::KILL)?;
    assert_eq!(parent.exited(SOON).await?, 128 + 9);
    wait_for("the child to end", SOON, async || if lives(pid) { Err("it runs".to_owned()) } else { Ok(()) }).await
}

/// The other half of the test above; does nothing unless that one runs it.
#[tokio::test]
async fn stays_until_it_is_killed() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "it tells the two ways apart in which this test is run")]
    if std::env::var_os("GMBOT_TEST_STAY").is_none() {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let child = Child::spawn(&shell("exec sleep 600", folder.path()))?;
    eprintln!("its child is {}", child.pid());
    std::future::pending().await
}
