//! Runs a command with a Postgres server beside it, whose address is in `GMBOT_TEST_POSTGRES`: for tests of crates that cannot use this
//! one, such as the store's.
//!
//! `with-postgres cargo test --workspace`

use std::{
    process::{Command, ExitCode},
    thread,
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use system_tests::services::postgres::Postgres;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let program = args.next().context("usage: with-postgres PROGRAM [ARGUMENT…]")?;
    // Listened for from here on: the default would end us before Postgres and the command.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let postgres = Postgres::own().await?;
    let mut command = Command::new(&program);
    command.args(args).env("GMBOT_TEST_POSTGRES", postgres.admin_url());
    let mut child = command.spawn().with_context(|| format!("starting {program:?}"))?;
    let pid = Pid::from_child(&child);
    let (ended, mut end) = oneshot::channel();
    thread::spawn(move || ended.send(child.wait()));
    let status = loop {
        tokio::select! {
            status = &mut end => break status??,
            // A terminal sends Ctrl-C to the command too; it ends by itself and we with it.
            _ = interrupt.recv() => {}
            // Between this and the wait above it may have ended, which is as good.
            _ = terminate.recv() => drop(kill_process(pid, Signal::TERM)),
        }
    };
    drop(postgres);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
