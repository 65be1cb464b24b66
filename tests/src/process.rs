//! Our own programs as processes: started from the build folder with an environment of their own, watched through their lines, their admin
//! port and their exit code.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{
    child::{Child, Signal, Spec},
    http, ports,
    terminal::Terminal,
    wait::wait_for,
};

/// Generous: it is only reached by a program that hangs.
const READY: Duration = Duration::from_secs(30);
/// More than the longest drain (`DRAIN_SECONDS`, 25).
const END: Duration = Duration::from_secs(35);

/// What the workspace builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Gateway,
    Worker,
    Gmbot,
    TelegramSim,
}

impl Program {
    /// How it is to be started; starting it is [`Launch::start`] or [`Launch::run`].
    pub fn launch(self) -> Launch {
        let name = match self {
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Gmbot => "gmbot",
            Self::TelegramSim => "telegram-sim",
        };
        Launch::new(name, built().join(name))
    }
}

/// The folder of the programs that were built with this test: `target/<profile>`.
pub fn built() -> PathBuf {
    let test = std::env::current_exe().expect("Linux always tells");
    // Tests are one folder below, in deps.
    let folder = test.parent().expect("a program is in a folder");
    if folder.ends_with("deps") { folder.with_file_name("") } else { folder.to_owned() }
}

/// How a process is started. Keep it to start the same process again.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    instead: Option<(&'static str, OsString)>,
    is_silent: bool,
}

/// Becomes the program with another standard input than none. Arguments: a path, the program and its arguments.
const FROM_FILE: &str = r#"file=$1; shift; exec "$@" <"$file""#;
const ON_TERMINAL: &str = r#"terminal=$1; shift; exec "$@" <"$terminal" >"$terminal" 2>&1"#;

/// How a process ended that was run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// 128 and the signal's number if a signal ended it.
    pub code: i32,
    /// What it printed, to stdout and stderr.
    pub lines: Vec<String>,
}

impl Launch {
    pub(crate) fn new(name: &str, program: PathBuf) -> Self {
        Self { name: name.to_owned(), program, args: Vec::new(), env: Vec::new(), instead: None, is_silent: false }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args(self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable. It sees those set here and no others.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Its last lines are not shown at its end: whoever starts many keeps them otherwise.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// What it reads at its standard input; else there is nothing.
    pub fn stdin(self, file: &Path) -> Self {
        Self { instead: Some((FROM_FILE, file.into())), ..self }
    }

    /// It runs at this terminal, and shows there what it prints.
    pub fn on(self, terminal: &Terminal) -> Self {
        Self { instead: Some((ON_TERMINAL, terminal.path().into())), ..self }.env("TERM", "xterm")
    }

    /// Starts it in an empty folder, so that nobody's `.env` is read, with a free `ADMIN_PORT`. Does not wait until it is ready.
    ///
    /// # Errors
    /// It is not built, or cannot be started.
    pub fn spawn(&self) -> anyhow::Result<Process> {
        anyhow::ensure!(
            self.program.is_file(),
            "{} is not built: run tests/run.sh, or `cargo build --workspace` first",
            self.program.display()
        );
        let folder = tempfile::Builder::new().prefix("gmbot-test-").tempdir().context("a temporary folder")?;
        let admin_port = ports::free()?;
        let port = admin_port.to_string();
        let mut env = vec![("ADMIN_PORT".as_ref(), port.as_ref())];
        env.extend(self.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())));
        let mut args: Vec<&OsStr> = Vec::new();
        if let Some((script, path)) = &self.instead {
            args.extend(["-c".as_ref(), script.as_ref(), "sh".as_ref(), path.as_os_str(), self.program.as_os_str()]);
        }
        args.extend(self.args.iter().map(OsString::as_os_str));
        let child = Child::spawn(&Spec {
            program: if self.instead.is_some() { "/bin/sh".as_ref() } else { self.program.as_os_str() },
            args,
            env: Some(env),
            folder: folder.path(),
            remove_folder: true,
            last_signal: "KILL",
        })?;
        Ok(Process { name: self.name.clone(), child, admin_port, is_silent: self.is_silent, _folder: folder })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It is not built, ends, or is not ready in time; the text holds its last lines.
    pub async fn start(&self) -> anyhow::Result<Process> {
        let mut process = self.spawn()?;
        process.ready().await?;
        Ok(process)
    }

    /// Runs it to its end: for commands, and for settings that it must refuse.
    ///
    /// # Errors
    /// It is not built, or goes on for longer than `within`.
    pub async fn run(&self, within: Duration) -> anyhow::Result<Ended> {
        let mut process = self.spawn()?;
        let code = process.exited(within).await?;
        Ok(Ended { code, lines: process.lines() })
    }
}

/// A running process. It ends with this value; its last lines are shown if the test fails.
pub struct Process {
    name: String,
    child: Child,
    admin_port: u16,
    is_silent: bool,
    _folder: TempDir,
}

impl Process {
    /// An address on its admin port, such as `/metrics`.
    pub fn admin(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin_port)
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    /// It has ended, or says no for too long; the text holds its last lines.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let (client, url) = (http::client(), self.admin("/readyz"));
        let probe = async || {
            let answer = client.get(&url).send().await.map_err(|error| format!("{error:?}"))?;
            let status = answer.status();
            let body = answer.text().await.unwrap_or_default();
            if status.is_success() { Ok(()) } else { Err(format!("{status} {body}")) }
        };
        self.child.ready(&self.name, READY, probe).await
    }

    /// Asks it to stop (SIGTERM) and waits for that; gives its exit code.
    ///
    /// # Errors
    /// It had ended before, or does not end in time.
    pub async fn stop(&mut self) -> anyhow::Result<i32> {
        self.signal(Signal::TERM)?;
        self.exited(END).await
    }

    /// Ends it without a warning (SIGKILL).
    ///
    /// # Errors
    /// It had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        self.exited(END).await.map(drop)
    }

    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        self.child.signal(signal).with_context(|| self.name.clone())
    }

    /// Waits until it ends by itself; gives its exit code, 128 and the signal's number after a signal.
    ///
    /// # Errors
    /// It still runs after this time; the text holds its last lines.
    pub async fn exited(&mut self, within: Duration) -> anyhow::Result<i32> {
        self.child.exited(within).await.with_context(|| self.name.clone())
    }

    /// The exit code, if it has ended.
    pub fn exit_code(&mut self) -> Option<i32> {
        // The system tells of every child that is waited for only here.
        self.child.exit_code().ok().flatten()
    }

    pub fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Whether one of its threads works or would, were there a processor: also on a busy machine it is known so to do nothing but wait.
    pub fn is_busy(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.pid()));
        threads.into_iter().flatten().flatten().any(|thread| {
            // `pid (name) state …`, where a name may hold anything.
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('R' | 'D')))
        })
    }

    /// Everything it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.child.lines()
    }

    pub fn lines_with(&self, text: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.contains(text)).collect()
    }

    /// Waits for a line that holds the text; gives the first.
    ///
    /// # Errors
    /// None came; the text holds its last lines.
    pub async fn line_with(&self, text: &str, within: Duration) -> anyhow::Result<String> {
        let what = format!("a line of {} with {text:?}", self.name);
        wait_for(&what, within, async || self.lines_with(text).into_iter().next().ok_or_else(|| self.child.tail()))
            .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_silent {
            // The test runner keeps this to itself unless the test fails.
            eprintln!("{} (pid {}), {}", self.name, self.child.pid(), self.child.tail());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        Launch::new("script", "/bin/sh".into()).args(["-c", script])
    }

    #[test]
    fn a_program_that_is_not_built_is_told_in_one_sentence() {
        let error =
            Launch::new("nothing", "/nowhere/nothing".into()).spawn().map(drop).map_err(|error| error.to_string());
        let sentence = "/nowhere/nothing is not built: run tests/run.sh, or `cargo build --workspace` first";
        assert_eq!(error, Err(sentence.to_owned()));
    }

    #[tokio::test]
    async fn it_sees_what_is_set_here_in_an_empty_folder() -> anyhow::Result<()> {
        let script = "test -n \"$ADMIN_PORT\" && test -z \"$HOME\" && echo $NAME && ls -A; exit 4";
        let ended = shell(script).env("NAME", "value").run(Duration::from_secs(10)).await?;
        assert_eq!(ended, Ended { code: 4, lines: vec!["value".to_owned()] });
        Ok(())
    }

    #[tokio::test]
    async fn one_that_ends_before_it_is_ready_is_told_at_once() {
        let started = shell("echo BOT_TOKEN is missing; exit 2").start().await;
        let error = started.map(drop).map_err(|error| error.to_string()).expect_err("it ended");
        assert!(error.starts_with("script ended with exit code 2 before it was ready"), "{error}");
        assert!(error.ends_with("BOT_TOKEN is missing"), "{error}");
    }
}
