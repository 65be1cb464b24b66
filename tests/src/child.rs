//! A child process that ends with us, however we end: its pid, its lines, its exit code.
//!
//! Between it and us stands a shell, the keeper, which waits for the end of a pipe that only we hold open. When we are gone, even by
//! SIGKILL, the pipe ends and the keeper ends the child. It has a process group of its own, so that Ctrl-C in a terminal reaches us and not
//! it, and the order stays the same.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::wait::wait_for;

/// Arguments: a folder to remove at the end, or nothing; the signal to end with; the program and its arguments.
///
/// The child writes its own pid first and then becomes the program. The watcher's exit says who ended: 0 when it was us, so that the
/// folder goes; by TERM when it was the child, whose folder may be needed for a restart. The keeper itself is silent: once we are gone, the
/// shell's remark that the child was killed would be a write to a closed pipe and its end.
const KEEPER: &str = r#"
folder=$1 last=$2; shift 2
exec 3<&0 </dev/null
/bin/sh -c 'echo $$; exec "$@"' sh "$@" 3<&- & pid=$!
exec >/dev/null 2>&1
( read -r _ <&3; trap "" TERM; kill -s "$last" "$pid"; exit 0 ) & watcher=$!
wait "$pid"; code=$?
kill "$watcher"
wait "$watcher" && [ -n "$folder" ] && rm -rf "$folder"
exit "$code"
"#;

/// What a child is and how it ends with us.
pub struct Spec<'a> {
    pub program: &'a OsStr,
    pub args: Vec<&'a OsStr>,
    /// Its whole environment; none means ours.
    pub env: Option<Vec<(&'a OsStr, &'a OsStr)>>,
    /// Where it runs.
    pub folder: &'a Path,
    /// Whether the folder goes when we end.
    pub remove_folder: bool,
    /// By what it ends when we end, as `kill -s` names it.
    pub last_signal: &'static str,
}

pub struct Child {
    keeper: std::process::Child,
    pid: Pid,
    lines: Lines,
}

/// What it has printed so far, to stdout and stderr, in order of arrival.
#[derive(Clone, Default)]
struct Lines {
    seen: Arc<Mutex<Vec<String>>>,
    /// How many of the two are not at their end.
    open: Arc<AtomicUsize>,
}

impl Child {
    /// # Errors
    /// The program could not be started.
    pub fn spawn(spec: &Spec<'_>) -> anyhow::Result<Self> {
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "keeper"]);
        keeper.arg(if spec.remove_folder { spec.folder.as_os_str() } else { OsStr::new("") });
        keeper.arg(spec.last_signal).arg(spec.program).args(&spec.args).current_dir(spec.folder).process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(env) = &spec.env {
            keeper.env_clear().envs(env.iter().copied());
        }
        let mut keeper = keeper.spawn().context("starting /bin/sh")?;
        let lines = Lines::default();
        lines.follow(keeper.stderr.take().context("stderr is piped")?);
        let mut out = BufReader::new(keeper.stdout.take().context("stdout is piped")?);
        let mut first = String::new();
        out.read_line(&mut first).context("reading the child's pid")?;
        let pid = first.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{first:?} is no pid; {:?}", lines.all()))?;
        lines.follow(out);
        Ok(Self { keeper, pid, lines })
    }

    /// Sends a signal, unless the child has ended.
    ///
    /// # Errors
    /// The child has ended.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if let Some(code) = self.exit_code()? {
            anyhow::bail!("no signal to a process that has ended with exit code {code}");
        }
        kill_process(self.pid, signal).with_context(|| format!("{signal:?} to pid {}", self.pid))
    }

    /// The exit code, if it has ended; 128 and the signal's number if a signal ended it.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn exit_code(&mut self) -> io::Result<Option<i32>> {
        Ok(self.keeper.try_wait()?.map(|status| status.code().unwrap_or(-1)))
    }

    /// Waits until the probe says that it serves.
    ///
    /// # Errors
    /// It has ended, or does not serve after this time; the text holds its last lines.
    pub async fn ready(
        &mut self,
        name: &str,
        within: Duration,
        probe: impl AsyncFn() -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let ended = wait_for(&format!("{name} to be ready"), within, async || match self.exit_code() {
            Ok(None) => probe().await.map(|()| None),
            Ok(Some(code)) => Ok(Some(code)),
            Err(error) => Err(error.to_string()),
        })
        .await
        .map_err(|error| anyhow::anyhow!("{error}; {}", self.tail()))?;
        match ended {
            None => Ok(()),
            Some(code) => {
                self.lines.last().await;
                anyhow::bail!("{name} ended with exit code {code} before it was ready; {}", self.tail())
            }
        }
    }

    /// Waits until it has ended, and gives its exit code.
    ///
    /// # Errors
    /// It still runs after this time; the text holds its last lines.
    pub async fn exited(&mut self, within: Duration) -> anyhow::Result<i32> {
        let lines = self.lines.clone();
        let code = wait_for("the process to end", within, async || match self.exit_code() {
            Ok(Some(code)) => Ok(code),
            Ok(None) => Err(format!("running; {}", lines.tail())),
            Err(error) => Err(error.to_string()),
        })
        .await?;
        self.lines.last().await;
        Ok(code)
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Everything it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.all().clone()
    }

    /// Its last lines, for the text of an error.
    pub fn tail(&self) -> String {
        self.lines.tail()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Ends at once: the keeper ends the child by a signal that it cannot ignore. An error would leave nothing to do.
        let _ = self.keeper.wait();
    }
}

impl Lines {
    /// Reads to the end in a thread of its own: a full pipe would stop the child.
    fn follow(&self, from: impl Read + Send + 'static) {
        let lines = self.clone();
        lines.open.fetch_add(1, Ordering::AcqRel);
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                lines.all().push(String::from_utf8_lossy(&line).into_owned());
            }
            lines.open.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Waits for what may still be on its way once the child has ended. A child of its own that holds the pipe open is not waited for.
    async fn last(&self) {
        let ended = async || match self.open.load(Ordering::Acquire) {
            0 => Ok(()),
            open => Err(format!("{open} pipes open")),
        };
        let _ = wait_for("the last lines", Duration::from_secs(1), ended).await;
    }

    fn all(&self) -> MutexGuard<'_, Vec<String>> {
        // A push cannot leave the list half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> String {
        const LAST: usize = 30;
        let lines = self.all();
        let last = &lines[lines.len().saturating_sub(LAST)..];
        if last.is_empty() { "it printed nothing".to_owned() } else { format!("its last lines:\n{}", last.join("\n")) }
    }
}
