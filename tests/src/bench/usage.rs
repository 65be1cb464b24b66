//! What processes take of the machine, as the system counts it.

use anyhow::Context as _;
use procfs::{WithCurrentSystemInfo as _, process::Process};

/// Processor time and memory of one process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Since its start, in microseconds.
    pub cpu_us: f64,
    pub rss_mb: f64,
}

/// # Errors
/// It has ended.
pub(super) fn usage(pid: i32) -> anyhow::Result<Usage> {
    let read = || -> procfs::ProcResult<Usage> {
        let process = Process::new(pid)?;
        let stat = process.stat()?;
        let ticks = u32::try_from(stat.utime + stat.stime).map_or(f64::INFINITY, f64::from);
        let per_second = u32::try_from(procfs::ticks_per_second()).map_or(f64::INFINITY, f64::from);
        let rss = u32::try_from(stat.rss_bytes().get() >> 10).map_or(f64::INFINITY, f64::from);
        Ok(Usage { cpu_us: ticks / per_second * 1e6, rss_mb: rss / 1024.0 })
    };
    read().with_context(|| format!("what process {pid} takes"))
}
