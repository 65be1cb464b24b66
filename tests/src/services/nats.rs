//! A NATS server with JetStream, on which every test has an account of its own.
//!
//! An account is a server to itself (subjects, streams, buckets): our programs keep their fixed names in it. A [`Cluster`] is three of them
//! that keep everything three times.

use std::{
    fmt::Write as _,
    fs,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use async_nats::{ConnectOptions, ServerAddr, jetstream};
use futures::future::try_join_all;
use tokio::{sync::OnceCell, time::timeout};

use super::{
    find,
    server::{Server, new_folder},
};
use crate::{child::Signal, ports};

/// More than there are tests in one process.
const ACCOUNTS: u16 = 400;
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
        let mut nats = Self::prepared(ports::free()?, "")?;
        nats.start().await?;
        Ok(nats)
    }

    /// One that does not run yet, with more in its settings.
    fn prepared(port: u16, more: &str) -> anyhow::Result<Self> {
        let program = find::program("nats-server", "NATS_SERVER_BIN", &[find::tools().join("nats/bin")])?;
        let folder = new_folder("nats")?;
        let config = folder.path().join("nats.conf");
        fs::write(&config, configuration(port) + more)?;
        let server = Server::new("nats-server", vec![program.into(), "-c".into(), config.into()], folder, "KILL");
        Ok(Self { server, port, given: AtomicU16::new(0) })
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

    /// Takes its disk away: when it starts again it knows nothing of what it had stored.
    ///
    /// # Errors
    /// There was nothing.
    pub fn forget(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.server.folder().join("jetstream")).context("removing what NATS has stored")
    }

    /// Freezes it, or lets it go on.
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

    /// None: it is not running.
    pub fn pid(&self) -> Option<i32> {
        self.server.pid()
    }
}

/// Three servers that are one: what is stored with `NATS_REPLICAS=3` is on each, and two of them go on without the third.
pub struct Cluster {
    nodes: Vec<Nats>,
}

impl Cluster {
    /// The size of the smallest cluster that outlives a server.
    pub const NODES: usize = 3;

    /// # Errors
    /// One of them cannot be started.
    pub async fn own() -> anyhow::Result<Self> {
        let ports: Vec<(u16, u16)> =
            (0..Self::NODES).map(|_| Ok((ports::free()?, ports::free()?))).collect::<anyhow::Result<_>>()?;
        let routes: Vec<String> = ports.iter().map(|(_, route)| format!("\"nats://127.0.0.1:{route}\"")).collect();
        let node = |(number, (port, route)): (usize, &(u16, u16))| {
            // What a client is told of the others is what it is given anyway.
            let cluster = format!(
                "server_name: {}\ncluster {{ name: test, listen: \"127.0.0.1:{route}\", no_advertise: true, routes: [{}] }}\n",
                Self::name(number),
                routes.join(", ")
            );
            Nats::prepared(*port, &cluster)
        };
        let mut nodes = ports.iter().enumerate().map(node).collect::<anyhow::Result<Vec<Nats>>>()?;
        // None of them answers before the others are there.
        try_join_all(nodes.iter_mut().map(Nats::start)).await?;
        Ok(Self { nodes })
    }

    /// The addresses of an account that nobody else has, separated by commas.
    ///
    /// # Errors
    /// All of them are given out.
    pub fn account(&self) -> anyhow::Result<String> {
        let addresses: Vec<String> = self.nodes.iter().map(Nats::account).collect::<anyhow::Result<_>>()?;
        Ok(addresses.join(","))
    }

    /// The number of the node that leads a stream, if one does.
    ///
    /// # Errors
    /// The account's stream cannot be asked for.
    pub async fn leader(url: &str, stream: &str) -> anyhow::Result<Option<usize>> {
        let found = jetstream::new(connect(url).await?).get_stream(stream).await?;
        let leader = found.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
        Ok((0..Self::NODES).find(|number| leader == Some(Self::name(*number))))
    }

    /// Ends a node without a warning.
    ///
    /// # Errors
    /// There is none of this number, or it does not run.
    pub async fn kill(&mut self, number: usize) -> anyhow::Result<()> {
        self.node(number)?.kill().await
    }

    /// Starts it again where it was, with what it had stored.
    ///
    /// # Errors
    /// There is none of this number, it runs, or it does not start.
    pub async fn start(&mut self, number: usize) -> anyhow::Result<()> {
        self.node(number)?.start().await
    }

    fn node(&mut self, number: usize) -> anyhow::Result<&mut Nats> {
        self.nodes.get_mut(number).with_context(|| format!("no node {number}"))
    }

    fn name(number: usize) -> String {
        format!("node{number}")
    }
}

/// Connects to an account by its address, or by those of a cluster, separated by commas. async-nats itself does not use the name and
/// password that stand in an address.
///
/// # Errors
/// Nobody listens there, or the account is none.
pub async fn connect(url: &str) -> anyhow::Result<async_nats::Client> {
    let servers = url.split(',').map(str::parse).collect::<Result<Vec<ServerAddr>, _>>()?;
    let first = servers.first().context("there is an address")?;
    let name = first.username().unwrap_or_default().to_owned();
    let password = first.password().unwrap_or_default().to_owned();
    Ok(ConnectOptions::with_user_and_password(name, password).connect(servers).await?)
}

fn address(port: u16, account: u16) -> String {
    format!("nats://test{account}:test@127.0.0.1:{port}")
}

/// The settings that deploy/nats.conf has too, where they change what is stored when. `max_file` is what all queues of a run may reserve together, not
/// what is used.
fn configuration(port: u16) -> String {
    let mut accounts = String::new();
    for n in 0..ACCOUNTS {
        let user = format!("{{ user: \"test{n}\", password: \"test\" }}");
        writeln!(accounts, "  TEST{n} {{ jetstream: enabled, users: [{user}] }}").expect("a String takes everything");
    }
    format!(
        "listen: \"127.0.0.1:{port}\"\n\
         jetstream {{ store_dir: \".\", max_file: 64G, max_mem: 64M, sync_interval: \"1s\" }}\n\
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
