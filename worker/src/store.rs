//! The only SQL: connection, transactions, and how a question is asked, timed and traced. One file a subject lies below.
//!
//! Two databases, one text for each question: sqlx's `Any` over Postgres and SQLite. What `Any` asks for in return: `$1` placeholders, no
//! BOOLEAN column on SQLite and truths read as numbers, JSON and times as text and numbers; see migrations/README.md.

pub mod allowed;
pub mod breakers;
pub mod broadcasts;
pub mod counts;
pub mod effects;
pub mod epochs;
pub mod error;
pub mod groups;
pub mod inbox;
pub mod join_requests;
pub mod metrics;
pub mod migrate;
pub mod moves;
pub mod mutes;
pub mod purge;
pub mod resort;
mod sql;
pub mod standings;
pub mod suspects;
pub mod tasks;
mod trust;
pub mod url;
pub mod warnings;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use shared::{
    envelope::RoutingKey,
    ids::ChatId,
    shard::{Shard, Shards},
};
use sqlx::{
    Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Row as _, any::AnyPoolOptions,
    pool::PoolConnection,
};
use tokio::sync::{Mutex, MutexGuard};
use tracing::Instrument as _;

use self::{
    epochs::Epoch,
    error::StoreError,
    metrics::StoreMetrics,
    sql::{Backend, Row, Sql},
    trust::Trust,
    url::DatabaseUrl,
};

/// What the store is given.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    pub url: DatabaseUrl,
    /// Connections of this process. More let more lanes ask at once; all processes together must stay below the server's limit.
    pub pool_size: u32,
    /// Decides which shard's owner sees a task.
    pub shards: Shards,
}

/// The database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    backend: Backend,
    shards: Shards,
    metrics: StoreMetrics,
    trust: Arc<Trust>,
    /// SQLite has one writer at a time and makes the others poll for their turn; here they queue up instead.
    turn: Arc<Mutex<()>>,
    written: Arc<AtomicU64>,
}

/// How long the first connection, or a free one of the pool, is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A question without an answer for this long counts as a database that is gone: the promise is 50 ms, and lanes must not hang for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a transaction that met another one is repeated.
const CONFLICT_TRIES: u32 = 4;

/// Per connection of SQLite. WAL lets readers and the writer work side by side. FULL instead of NORMAL: NORMAL survives the death of the
/// process, but a power cut could take the last commits, and an update that Telegram was told we have never comes again. It costs one sync
/// of the log a commit, which a single machine's rate can afford.
const SQLITE_SETUP: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// Per connection of Postgres. A worker that is frozen in the middle of a transaction goes on holding its rows, the shard's epoch among them,
/// and whoever takes the shard over waits for those. Ours never pause for longer than a moment; a lease lasts as long as this.
const POSTGRES_SETUP: &str = "SET idle_in_transaction_session_timeout = '3s'";

impl Store {
    /// Tries once, and makes a missing SQLite file and its folder.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing answers in time; the caller tries again.
    pub async fn connect(config: &StoreConfig, metrics: StoreMetrics) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = config.url.options()?;
        let backend = match config.url.file() {
            None => Backend::Postgres,
            Some(file) => {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
                }
                Backend::Sqlite
            }
        };
        // The pool would only say that time is up; a connection of its own says why.
        let first = async {
            let mut connection = options.connect().await?;
            setup(backend, &mut connection).await?;
            connection.close().await
        };
        within(CONNECT_TIMEOUT, first).await?;
        let trust = Arc::new(Trust::new());
        let trusted = Arc::clone(&trust);
        let pool = AnyPoolOptions::new()
            .max_connections(config.pool_size.max(1))
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(move |connection, _| Box::pin(setup(backend, connection)))
            // Instead of a mere sign of life, and no slower: a server may have become a standby under its connections.
            .test_before_acquire(false)
            .before_acquire(move |connection, before| {
                let is_trusted = trusted.covers(before.idle_for);
                Box::pin(async move {
                    if !is_trusted {
                        writable(backend, connection).await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, backend, shards: config.shards, metrics, trust, turn: Arc::default(), written: Arc::default() })
    }

    /// How many transactions have been written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Asks for nothing, to learn whether the database answers and could be written to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.ping_once().await {
            // It may be this connection alone, which was trusted; the next one is asked before it is used.
            Err(_) => self.ping_once().await,
            Ok(()) => Ok(()),
        }
    }

    async fn ping_once(&self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        // Asked all the time, so neither a span nor a measurement.
        let answer = within(ANSWER_TIMEOUT, writable(self.backend, &mut connection)).await;
        Ok(answer.inspect_err(|_| self.trust.shaken())?)
    }

    /// Connections that are open, busy or not.
    pub fn pool_size(&self) -> u32 {
        self.pool.size()
    }

    /// Connections that are at work now.
    pub fn pool_in_use(&self) -> u32 {
        self.pool.size().saturating_sub(u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX))
    }

    /// Ends all connections, after their current work.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn sql(&self, name: &'static str, text: &'static str) -> Sql {
        Sql::new(self.backend, name, text)
    }

    async fn rows(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let mut connection = self.connection().await?;
        self.ask(&mut connection, sql).await
    }

    /// Whose owner writes a chat's state.
    pub(crate) fn shard_of(&self, chat: ChatId) -> Shard {
        self.shards.of(RoutingKey(chat.0))
    }

    async fn row(&self, sql: Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// One writing statement that needs no transaction around it; how many rows it changed.
    async fn run(&self, sql: Sql) -> Result<u64, StoreError> {
        let _turn = self.turn().await;
        let mut connection = self.connection().await?;
        self.change(&mut connection, sql).await
    }

    /// As [`Self::run`], with the row that the statement returns.
    async fn run_returning(&self, sql: Sql) -> Result<Option<Row>, StoreError> {
        let _turn = self.turn().await;
        self.row(sql).await
    }

    /// Begins a transaction that may write for the shard, or finds that it may not.
    async fn begin(&self, epoch: Epoch) -> Result<Tx<'_>, StoreError> {
        let mut tx = self.begin_unfenced().await?;
        epochs::check(&mut tx, epoch).await?;
        Ok(tx)
    }

    async fn begin_unfenced(&self) -> Result<Tx<'_>, StoreError> {
        let turn = self.turn().await;
        // Spelled out on Postgres because a server's default may be another; on SQLite because a transaction that reads first and
        // then wants to write fails when another one wrote in between.
        let statement = match self.backend {
            Backend::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Backend::Sqlite => "BEGIN IMMEDIATE",
        };
        let inner = self.timed("begin", self.pool.begin_with(statement)).await?;
        Ok(Tx { inner, store: self, _turn: turn })
    }

    async fn connection(&self) -> Result<PoolConnection<Any>, StoreError> {
        let started = Instant::now();
        let connection = self.pool.acquire().await;
        self.metrics.took("acquire", started.elapsed());
        Ok(connection?)
    }

    /// The writer's turn, where there is only one.
    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.backend {
            Backend::Sqlite => Some(self.turn.lock().await),
            Backend::Postgres => None,
        }
    }

    async fn ask(&self, connection: &mut AnyConnection, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let name = sql.name;
        let rows = self.timed(name, sql.build().fetch_all(connection)).await?;
        Ok(rows.into_iter().map(|row| Row::new(name, row)).collect())
    }

    async fn change(&self, connection: &mut AnyConnection, sql: Sql) -> Result<u64, StoreError> {
        let name = sql.name;
        Ok(self.timed(name, sql.build().execute(connection)).await?.rows_affected())
    }

    async fn timed<T>(
        &self,
        name: &'static str,
        question: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let span = tracing::info_span!(
            "sql",
            otel.name = name,
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            error.r#type = tracing::field::Empty,
            db.system = self.backend.system(),
            db.operation.name = name,
        );
        let started = Instant::now();
        let answer = within(ANSWER_TIMEOUT, question).instrument(span.clone()).await.map_err(StoreError::from);
        self.metrics.took(name, started.elapsed());
        if let Err(err) = &answer {
            span.record("otel.status_code", "ERROR").record("error.type", err.code());
            if matches!(err, StoreError::Unavailable(_)) {
                self.trust.shaken();
            }
        }
        answer
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// A transaction. Dropped without [`Tx::commit`] it has done nothing.
struct Tx<'s> {
    // Before the turn: the next writer's begins when this one's connection has been told to roll back.
    inner: sqlx::Transaction<'static, Any>,
    store: &'s Store,
    _turn: Option<MutexGuard<'s, ()>>,
}

impl Tx<'_> {
    fn sql(&self, name: &'static str, text: &'static str) -> Sql {
        self.store.sql(name, text)
    }

    async fn rows(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        self.store.ask(&mut self.inner, sql).await
    }

    async fn row(&mut self, sql: Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    async fn run(&mut self, sql: Sql) -> Result<u64, StoreError> {
        self.store.change(&mut self.inner, sql).await
    }

    async fn commit(self) -> Result<(), StoreError> {
        self.store.timed("commit", self.inner.commit()).await?;
        self.store.written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Repeats a transaction that met another one. At once: the other one has won and is over.
async fn repeated<T, F: Future<Output = Result<T, StoreError>>>(transaction: impl Fn() -> F) -> Result<T, StoreError> {
    let mut tries = 1;
    loop {
        match transaction().await {
            Err(err) if err.is_conflict() && tries < CONFLICT_TRIES => tries += 1,
            done => return done,
        }
    }
}

async fn setup(backend: Backend, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let text = match backend {
        Backend::Postgres => POSTGRES_SETUP,
        Backend::Sqlite => SQLITE_SETUP,
    };
    sqlx::raw_sql(text).execute(&mut *connection).await?;
    writable(backend, connection).await
}

/// After a failover a pool may be left with a server that is a standby now: it answers every question, and refuses every change.
async fn writable(backend: Backend, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    match backend {
        Backend::Sqlite => sqlx::raw_sql("SELECT 1").execute(connection).await.map(|_| ()),
        Backend::Postgres => {
            let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await?;
            match row.try_get::<String, _>(0)?.as_str() {
                "off" => Ok(()),
                _ => Err(std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, "the server is read-only").into()),
            }
        }
    }
}

async fn within<T>(time: Duration, question: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(time, question)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}
