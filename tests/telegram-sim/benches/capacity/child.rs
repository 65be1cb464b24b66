//! The measured process: started, watched through /proc, and ended with its standard input.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::cpu;
use crate::world::{Case, Seeded};

pub(crate) struct Child {
    process: std::process::Child,
    /// It ends when this does. `None` only while it is being dropped.
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts it and waits until its world is made.
    pub(crate) fn start(case: &Case) -> anyhow::Result<(Self, Seeded)> {
        let program = std::env::current_exe().context("the path of this program")?;
        let mut process = Command::new(program)
            .args(["--serve", &serde_json::to_string(case)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the simulator")?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("the simulator's output")?;
        let child = Self { process, stdin };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("waiting for the simulator")?;
        let seeded = serde_json::from_str(&line).context("what the simulator says of itself")?;
        Ok((child, seeded))
    }

    /// The memory it holds.
    pub(crate) fn rss_kib(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its memory")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// The processor time it has had.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu::of_process(&self.process.id().to_string())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        match self.process.wait() {
            Ok(status) if status.success() => {}
            ended => eprintln!("the simulator did not end well: {ended:?}"),
        }
    }
}
