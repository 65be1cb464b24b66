//! A Redis server that keeps nothing, in which every test has a numbered database of its own.

use std::{
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::OnceCell,
    time::timeout,
};

use super::{
    find,
    server::{Server, new_folder},
};
use crate::{child::Signal, ports};

/// More than there are tests in one process.
const DATABASES: u16 = 256;

static SHARED: OnceCell<Redis> = OnceCell::const_new();

pub struct Redis {
    server: Server,
    port: u16,
    given: AtomicU16,
}

impl Redis {
    /// The one of this process.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED.get_or_try_init(Self::own).await
    }

    /// One that the caller alone has, and may stop.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn own() -> anyhow::Result<Self> {
        let program = find::program("redis-server", "REDIS_SERVER_BIN", &[])?;
        let port = ports::free()?;
        let mut command = vec![program.into()];
        for (setting, value) in [
            ("--bind", "127.0.0.1"),
            ("--port", &port.to_string()),
            ("--databases", &DATABASES.to_string()),
            ("--save", ""),
            ("--appendonly", "no"),
        ] {
            command.extend([setting.into(), value.into()]);
        }
        let server = Server::new("redis-server", command, new_folder("redis")?, "KILL");
        let mut redis = Self { server, port, given: AtomicU16::new(0) };
        redis.start().await?;
        Ok(redis)
    }

    /// The address of a database that nobody else has: what `REDIS_URL` is set to.
    ///
    /// # Errors
    /// All of them are given out.
    pub fn database(&self) -> anyhow::Result<String> {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(
            number < DATABASES,
            "all {DATABASES} databases are given out: raise DATABASES in services/redis.rs"
        );
        Ok(format!("redis://127.0.0.1:{}/{number}", self.port))
    }

    /// Starts it again where it was, empty.
    ///
    /// # Errors
    /// It runs, or does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        self.server.start(async || answers(port).await).await
    }

    /// `STOP`: it answers nobody from now on, and its connections stay. `CONT` ends that.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        self.server.signal(signal)
    }

    /// Ends it without a warning.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.server.stop(Signal::KILL).await
    }
}

async fn answers(port: u16) -> Result<(), String> {
    let asked = timeout(Duration::from_secs(2), async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    match asked.await.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())? {
        answer if &answer == b"+PONG\r\n" => Ok(()),
        answer => Err(String::from_utf8_lossy(&answer).into_owned()),
    }
}
