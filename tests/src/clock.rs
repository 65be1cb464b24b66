//! A clock for a run: the simulated Telegram and every process of ours see the same time, and it moves when the run says so.
//!
//! The processes see it through libfaketime, which reads how far their time is ahead from a file. Nothing in them knows of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use telegram_sim::clock::Clock;
use tempfile::TempDir;

/// Where packages put it, below the folder of the machine's kind.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A time that runs ahead of the machine's.
pub struct RunClock {
    ahead: Duration,
    file: PathBuf,
    library: PathBuf,
    _folder: TempDir,
}

impl RunClock {
    /// # Errors
    /// There is no libfaketime, or no folder for its file.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("gmbot-clock-").tempdir().context("a folder for the clock")?;
        let file = folder.path().join("ahead");
        let clock = Self { ahead: Duration::ZERO, file, library: library()?, _folder: folder };
        clock.write()?;
        Ok(clock)
    }

    /// What a process needs in its environment to see this time.
    ///
    /// # Errors
    /// A path is no text.
    pub fn env(&self) -> anyhow::Result<[(&'static str, &str); 3]> {
        Ok([
            ("LD_PRELOAD", text(&self.library)?),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file)?),
            // Otherwise it would look into the file every 10 s.
            ("FAKETIME_NO_CACHE", "1"),
        ])
    }

    /// It is so much later now, at Telegram and in the processes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn advance(&mut self, telegram: &Clock, by: Duration) -> anyhow::Result<()> {
        self.ahead += by;
        self.write()?;
        telegram.advance(by);
        Ok(())
    }

    /// In one step, so that nobody reads half a number.
    fn write(&self) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("+{:.3}\n", self.ahead.as_secs_f64())).context("writing the time")?;
        fs::rename(&new, &self.file).context("writing the time")
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}

fn library() -> anyhow::Result<PathBuf> {
    let kinds = fs::read_dir("/usr/lib").context("/usr/lib")?;
    let found = kinds.flatten().map(|kind| kind.path().join(LIBRARY)).find(|library| library.is_file());
    found.context("libfaketime is not installed: run tests/install.sh")
}
