//! One server: its folder, its process, and the wait until it answers.

use std::{
    ffi::{OsStr, OsString},
    fs::{Permissions, remove_dir_all, set_permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::child::{Child, Signal, Spec};

/// Postgres takes two seconds on an idle machine; ten tests that compile beside it make that many.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);

pub(super) struct Server {
    name: &'static str,
    /// The program first.
    command: Vec<OsString>,
    last_signal: &'static str,
    folder: PathBuf,
    child: Option<Child>,
}

/// A new folder that every user of this machine may enter: Postgres does not run as root.
pub(super) fn new_folder(name: &str) -> anyhow::Result<TempDir> {
    let folder =
        tempfile::Builder::new().prefix(&format!("gmbot-test-{name}-")).tempdir().context("a temporary folder")?;
    set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    Ok(folder)
}

impl Server {
    /// Knows how to start the server; nothing runs yet. The folder is removed in the end, also when we are killed.
    pub(super) fn new(name: &'static str, command: Vec<OsString>, folder: TempDir, last_signal: &'static str) -> Self {
        Self { name, command, last_signal, folder: folder.keep(), child: None }
    }

    /// Starts it and waits until the probe says that it answers.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not answer in time; the text holds what it printed.
    pub(super) async fn start(&mut self, probe: impl AsyncFn() -> Result<(), String>) -> anyhow::Result<()> {
        anyhow::ensure!(self.child.is_none(), "{} is running", self.name);
        let (program, args) = self.command.split_first().context("a command has a program")?;
        let spec = Spec {
            program,
            args: args.iter().map(OsString::as_os_str).collect::<Vec<&OsStr>>(),
            env: None,
            folder: &self.folder,
            remove_folder: true,
            last_signal: self.last_signal,
        };
        self.child.insert(Child::spawn(&spec)?).ready(self.name, START, probe).await
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// None: it is not running.
    pub(super) fn pid(&self) -> Option<i32> {
        self.child.as_ref().map(Child::pid)
    }

    /// # Errors
    /// It is not running.
    pub(super) fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        self.child.as_mut().with_context(|| format!("{} is not running", self.name))?.signal(signal)
    }

    /// Ends it by a signal and waits for that. Its folder and its port stay, for a start.
    ///
    /// # Errors
    /// It was not running, or did not end.
    pub(super) async fn stop(&mut self, signal: Signal) -> anyhow::Result<()> {
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        child.signal(signal)?;
        child.exited(STOP).await.with_context(|| format!("stopping {}", self.name))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.take());
        // The keeper has done it if the server was running.
        let _ = remove_dir_all(&self.folder);
    }
}
