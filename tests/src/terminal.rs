//! A terminal for a program that looks different at one: what it shows, and what somebody types.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::Context as _;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::wait::{PATIENCE, wait_for};

/// For one program: [`crate::process::Launch::on`]. 80 columns wide, as those are that do not say.
pub struct Terminal {
    keys: File,
    path: PathBuf,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// # Errors
    /// The system has no terminal left.
    pub fn open() -> anyhow::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("opening a terminal")?;
        grantpt(&ours).and_then(|()| unlockpt(&ours)).context("opening a terminal to a program")?;
        let path = ptsname(&ours, Vec::new()).context("the terminal's name")?;
        let keys = File::from(ours);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut screen, seen) = (keys.try_clone()?, Arc::clone(&shown));
        // Ends with an error when the program has closed the terminal.
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut part) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..length]);
            }
        });
        Ok(Self { keys, path: OsStr::from_bytes(path.as_bytes()).into(), shown })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Types it; Enter is `\n`.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn types(&mut self, keys: &str) -> anyhow::Result<()> {
        self.keys.write_all(keys.as_bytes()).context("typing")
    }

    /// All that it was told to show so far, also what has been overwritten since.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until it has shown this.
    ///
    /// # Errors
    /// It has not.
    pub async fn shows(&self, text: &str) -> anyhow::Result<()> {
        let seen = async || {
            let shown = self.shown();
            if shown.contains(text) { Ok(()) } else { Err(shown) }
        };
        wait_for(&format!("the terminal to show {text:?}"), PATIENCE, seen).await
    }
}
