//! A Postgres server, in which every test has a database of its own, copied from a template where it asks for one.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::{
    sync::{Mutex, OnceCell},
    time::timeout,
};

use super::{
    find,
    server::{Server, new_folder},
};
use crate::{child::Signal, ports};

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

pub struct Postgres {
    server: Server,
    port: u16,
    given: AtomicU32,
    /// Those that are prepared. Held while one is being prepared, so that this happens once.
    templates: Mutex<HashSet<String>>,
}

/// A database that one test has.
pub struct Database {
    url: String,
}

impl Database {
    /// What `DATABASE_URL` is set to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection, to look at rows.
    ///
    /// # Errors
    /// The server does not run.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect(&self.url).await.with_context(|| format!("connecting to {}", self.url))
    }
}

impl Postgres {
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
        let postgres = find::program("postgres", "POSTGRES_BIN", &debian_folders())?;
        // Debian links to the folder of the version from elsewhere; initdb is beside the program itself.
        let initdb = fs::canonicalize(&postgres)?.with_file_name("initdb");
        let folder = new_folder("postgres")?;
        let data = folder.path().join("data");
        let port = ports::free()?;
        prepare(&initdb, &data)?;
        let mut command = as_postgres_user();
        command.extend([postgres.into(), "-D".into(), data.into(), "-p".into(), port.to_string().into()]);
        for setting in SETTINGS {
            command.extend(["-c".into(), setting.into()]);
        }
        // QUIT, because KILL would leave a piece of shared memory on the machine for every run.
        let server = Server::new("postgres", command, folder, "QUIT");
        let mut postgres = Self { server, port, given: AtomicU32::new(0), templates: Mutex::new(HashSet::new()) };
        postgres.start().await?;
        Ok(postgres)
    }

    /// The address from which databases can be made.
    pub fn admin_url(&self) -> String {
        self.named("postgres").url
    }

    /// An empty database.
    ///
    /// # Errors
    /// The server does not run.
    pub async fn database(&self) -> anyhow::Result<Database> {
        self.copy("template0").await
    }

    /// A copy of the template of this name. Whoever asks first prepares it; that must leave no connection open.
    ///
    /// # Errors
    /// The template could not be prepared, or the server does not run.
    pub async fn database_like(
        &self,
        template: &str,
        prepare: impl AsyncFnOnce(&Database) -> anyhow::Result<()>,
    ) -> anyhow::Result<Database> {
        let mut templates = self.templates.lock().await;
        if !templates.contains(template) {
            self.admin(format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)")).await?;
            self.admin(format!("CREATE DATABASE {template} TEMPLATE template0")).await?;
            prepare(&self.named(template)).await.with_context(|| format!("preparing the template {template}"))?;
            templates.insert(template.to_owned());
        }
        drop(templates);
        self.copy(template).await
    }

    async fn copy(&self, template: &str) -> anyhow::Result<Database> {
        let name = format!("test_{}", self.given.fetch_add(1, Ordering::Relaxed));
        self.admin(format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(self.named(&name))
    }

    async fn admin(&self, sql: String) -> anyhow::Result<()> {
        let mut connection = self.named("postgres").connect().await?;
        connection.execute(AssertSqlSafe(sql.as_str())).await.with_context(|| sql.clone())?;
        Ok(connection.close().await?)
    }

    fn named(&self, database: &str) -> Database {
        Database { url: format!("postgres://postgres@127.0.0.1:{}/{database}", self.port) }
    }

    /// Starts it again where it was, with what it had stored.
    ///
    /// # Errors
    /// It runs, or does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let admin = self.named("postgres");
        self.server.start(async || answers(&admin).await).await
    }

    /// Ends it as a crash would: connections break, and the next start recovers what was committed.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.server.stop(Signal::QUIT).await
    }
}

/// Nothing outlives a test run, so nothing need reach the disk; but `synchronous_commit` stays on, or a killed server would forget what it had
/// committed. No socket folder: TCP on loopback is what our programs use.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=300",
];

/// Makes the data folder.
fn prepare(initdb: &Path, data: &Path) -> anyhow::Result<()> {
    fs::create_dir(data)?;
    if is_root() {
        let user = run("chown", ["postgres".as_ref(), data.as_os_str()]);
        user.context(
            "Postgres does not run as root, so the tests need the user that Debian's postgresql package makes",
        )?;
    }
    let mut command = as_postgres_user();
    command.push(initdb.into());
    command
        .extend(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"].map(OsString::from));
    command.push(data.into());
    let (program, args) = command.split_first().context("a command has a program")?;
    run(program, args)
}

/// Runs a program to its end, from a folder that every user may enter.
fn run<S: AsRef<std::ffi::OsStr>>(
    program: impl AsRef<std::ffi::OsStr>,
    args: impl IntoIterator<Item = S>,
) -> anyhow::Result<()> {
    let name = program.as_ref().to_owned();
    let done = Command::new(program).args(args).current_dir("/").output().with_context(|| format!("{name:?}"))?;
    anyhow::ensure!(done.status.success(), "{name:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// What comes before a Postgres program: nothing, or for root the change to the user `postgres`.
fn as_postgres_user() -> Vec<OsString> {
    let words: &[&str] =
        if is_root() { &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] } else { &[] };
    words.iter().map(OsString::from).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where Debian keeps its versions, the newest first.
fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

async fn answers(admin: &Database) -> Result<(), String> {
    let asked = timeout(Duration::from_secs(2), async {
        let mut connection = admin.connect().await?;
        connection.ping().await?;
        anyhow::Ok(connection.close().await?)
    });
    asked.await.map_err(|_| "no answer".to_owned())?.map_err(|error| format!("{error:#}"))
}
