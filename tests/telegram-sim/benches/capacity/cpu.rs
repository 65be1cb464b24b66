//! Processor time, as Linux counts it: of one process, and of the machine.

use std::time::Duration;

use anyhow::Context;

/// For programs Linux counts in hundredths of a second, whatever its own clock.
const TICK: Duration = Duration::from_millis(10);

/// What a process has had, by its id or as `self`.
pub(crate) fn of_process(id: &str) -> anyhow::Result<Duration> {
    let stat = read(&format!("/proc/{id}/stat"))?;
    // The name is in brackets and may hold anything; user and system time are the 12th and 13th field after it.
    let (_, fields) = stat.rsplit_once(')').context("the name of a process")?;
    sum(fields.split_whitespace().skip(11).take(2))
}

/// What all programs of the machine have had together.
pub(crate) fn of_machine() -> anyhow::Result<Duration> {
    let stat = read("/proc/stat")?;
    let all = stat.lines().next().context("the machine's processor time")?;
    // The fourth and fifth are the idle times.
    sum(all.split_whitespace().skip(1).take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, time)| time))
}

fn sum<'a>(ticks: impl Iterator<Item = &'a str>) -> anyhow::Result<Duration> {
    let ticks: Vec<u32> = ticks.map(str::parse).collect::<Result<_, _>>().context("processor time in ticks")?;
    Ok(ticks.into_iter().map(|ticks| TICK * ticks).sum())
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {path}"))
}
