//! A NATS server with JetStream, on which every test has an account of its own.
//!
//! An account is a server to itself (subjects, streams, buckets): our programs keep their fixed names in it.

use std::{
    fmt::Write as _,
    fs,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use async_nats::{ConnectOptions, ServerAddr, jetstream};
use tokio::{sync::OnceCell, time::timeout};

use super::{
    find,
    server::{Server, new_folder},
};
use crate::{child::Signal, ports};

/// More than there are tests in one process.
const ACCOUNTS: u16 = 200;
/// queue.md: the markers of leases need 2.11.
const OLDEST: (u32, u32) = (2, 11);

static SHARED: OnceCell<Nats> = OnceCell::const_new();

pub struct Nats {
    server: Server,
    port: u16,
    given: AtomicU16,
}

impl Nats {
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
        let program = find::program("nats-server", "NATS_SERVER_BIN", &[find::tools().join("nats/bin")])?;
        let folder = new_folder("nats")?;
        let port = ports::free()?;
        let config = folder.path().join("nats.conf");
        fs::write(&config, configuration(port))?;
        let server = Server::new("nats-server", vec![program.into(), "-c".into(), config.into()], folder, "KILL");
        let mut nats = Self { server, port, given: AtomicU16::new(0) };
        nats.start().await?;
        Ok(nats)
    }

    /// The address of an account that nobody else has: what `NATS_URL` is set to.
    ///
    /// # Errors
    /// All of them are given out.
    pub fn account(&self) -> anyhow::Result<String> {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(number < ACCOUNTS, "all {ACCOUNTS} accounts are given out: raise ACCOUNTS in services/nats.rs");
        Ok(address(self.port, number))
    }

    /// Starts it again where it was, with what it had stored.
    ///
    /// # Errors
    /// It runs, or does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let url = address(self.port, 0);
        self.server.start(async || answers(&url).await).await
    }

    /// Stops it as an operator would.
    ///
    /// # Errors
    /// It does not run, or does not stop.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.server.stop(Signal::TERM).await
    }

    /// Ends it without a warning.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.server.stop(Signal::KILL).await
    }
}

/// Connects to an account by its address. async-nats itself does not use the name and password that stand in an address.
///
/// # Errors
/// Nobody listens there, or the account is none.
pub async fn connect(url: &str) -> anyhow::Result<async_nats::Client> {
    let server: ServerAddr = url.parse()?;
    let name = server.username().unwrap_or_default().to_owned();
    let password = server.password().unwrap_or_default().to_owned();
    Ok(ConnectOptions::with_user_and_password(name, password).connect(server).await?)
}

fn address(port: u16, account: u16) -> String {
    format!("nats://test{account}:test@127.0.0.1:{port}")
}

/// The settings that deploy/nats.conf has too, where they change what is stored when.
fn configuration(port: u16) -> String {
    let mut accounts = String::new();
    for n in 0..ACCOUNTS {
        let user = format!("{{ user: \"test{n}\", password: \"test\" }}");
        writeln!(accounts, "  TEST{n} {{ jetstream: enabled, users: [{user}] }}").expect("a String takes everything");
    }
    format!(
        "listen: \"127.0.0.1:{port}\"\n\
         jetstream {{ store_dir: \".\", max_file: 4G, max_mem: 64M, sync_interval: \"1s\" }}\n\
         accounts {{\n{accounts}}}\n"
    )
}

async fn answers(url: &str) -> Result<(), String> {
    let asked = timeout(Duration::from_secs(2), async {
        let client = connect(url).await?;
        let version = client.server_info().version;
        jetstream::new(client).query_account().await.context("JetStream")?;
        anyhow::Ok(version)
    });
    let version = asked.await.map_err(|_| "no answer".to_owned())?.map_err(|error| format!("{error:#}"))?;
    if is_new_enough(&version) { Ok(()) } else { Err(format!("version {version} is too old: run tests/run.sh")) }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|found| found >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in [("2.15.1", true), ("2.11.0", true), ("2.9.10", false), ("3.0.0", true), ("", false)] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
