//! A redis-server of the test's own, which ends with it.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use clap::Parser as _;
use tokio::time::{Instant, sleep, timeout};

use crate::cache::redis::{Redis, RedisConfig};

/// Which program it is.
#[derive(clap::Parser)]
struct Programs {
    #[arg(long, env = "REDIS_SERVER_BIN", default_value = "redis-server")]
    redis_server: PathBuf,
}

/// Between the server and us stands a shell that waits for the end of its input, which only we hold open: so the server ends also when the
/// test is killed.
const KEEPER: &str = r#""$@" </dev/null >/dev/null 2>&1 & echo $!; read -r _; kill -s KILL $!"#;

pub(crate) struct Server {
    folder: tempfile::TempDir,
    keeper: Option<(Child, String)>,
}

impl Server {
    pub(crate) fn stopped() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), keeper: None }
    }

    pub(crate) async fn running() -> Self {
        let mut server = Self::stopped();
        server.start().await;
        server
    }

    /// A socket and no port: nobody else can have it.
    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// One that waits as long as a busy machine takes.
    pub(crate) fn client(&self, prefix: &str) -> Redis {
        self.client_within(prefix, Duration::from_secs(5))
    }

    pub(crate) fn client_within(&self, prefix: &str, timeout: Duration) -> Redis {
        let url = format!("redis+unix://{}", self.socket().display()).parse().expect("a URL");
        Redis::new(&RedisConfig { url, prefix: prefix.to_owned(), connections: 4, timeout }).expect("a pool")
    }

    pub(crate) async fn start(&mut self) {
        let programs = Programs::try_parse_from(["test"]).expect("REDIS_SERVER_BIN is a path");
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(programs.redis_server);
        keeper.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(self.socket());
        keeper.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("a shell");
        let mut pid = String::new();
        let out = keeper.stdout.take().expect("stdout is piped");
        BufReader::new(out).read_line(&mut pid).expect("the server's pid");
        self.keeper = Some((keeper, pid.trim().to_owned()));
        let client = self.client("");
        let answers = async {
            while client.ping().await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let what = "redis-server answers: tests/run.sh installs it; REDIS_SERVER_BIN names another";
        timeout(Duration::from_secs(20), answers).await.expect(what);
    }

    /// STOP freezes it in the middle of whatever it does, CONT lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let (_, pid) = self.keeper.as_ref().expect("it runs");
        let done = Command::new("kill").args(["-s", name, pid]).status().expect("a program kill");
        assert!(done.success(), "SIG{name} to {pid}");
    }
}

impl Redis {
    /// As if its pause were over.
    pub(crate) fn ask_at_once(&self) {
        let mut outage = self.lock();
        outage.pause_until = outage.pause_until.map(|_| Instant::now());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut keeper, _)) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}
