//! The schema: which version the database has, and how it gets another one.
//!
//! sqlx's migrator does the work (order, checksums, the table `_sqlx_migrations`), inside one transaction of ours that holds a lock: several
//! processes may try at once, one at a time migrates, and a failing migration leaves nothing behind. Both databases undo changes of tables.

use std::collections::BTreeMap;

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator},
};

use super::{Store, Tx, error::StoreError, sql::Backend};

/// One migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    pub version: i64,
    pub name: String,
    /// When it was applied, to the second; none when it is missing.
    pub applied_ms: Option<i64>,
}

/// Why the schema is not, or could not be made, the one that this program needs.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "the database's schema is at version {found}, older than this program's {known}: run `worker migrate up`; `gmbot` does it when it starts"
    )]
    Older { found: i64, known: i64 },
    #[error(
        "the database's schema has version {found}, which this program does not know (it knows up to {known}): update the program, or run `worker migrate down` with the newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "migration {version} was applied in another form than this program has it: its file has been changed since"
    )]
    Changed { version: i64 },
    #[error("migration {version} failed and was undone")]
    Failed {
        version: i64,
        #[source]
        cause: sqlx::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Name and time (in milliseconds) of what the database has, by version.
type Applied = BTreeMap<i64, (String, i64)>;

/// How the name of a migration begins that takes away what earlier programs need. The others only add: a program that does not know them works
/// as well with them as without (migrations/README.md).
const CONTRACT: &str = "contract_";

/// Where sqlx's migrator keeps them, unless told otherwise.
const TABLE: &str = "_sqlx_migrations";

macro_rules! migration {
    ($version:literal, $folder:literal, $file:literal, $name:literal) => {
        [
            Migration::new(
                $version,
                $name.into(),
                MigrationType::ReversibleUp,
                include_str!(concat!("../../../migrations/", $folder, "/", $file, ".up.sql")).into_sql_str(),
                false,
            ),
            Migration::new(
                $version,
                $name.into(),
                MigrationType::ReversibleDown,
                include_str!(concat!("../../../migrations/", $folder, "/", $file, ".down.sql")).into_sql_str(),
                false,
            ),
        ]
    };
}

/// All migrations, oldest first. A new one is a line in each list.
fn migrator(backend: Backend) -> Migrator {
    let all = match backend {
        Backend::Postgres => vec![
            migration!(1, "postgres", "0001_initial", "initial"),
            migration!(2, "postgres", "0002_standing", "standing"),
            migration!(3, "postgres", "0003_breaker_notices", "breaker_notices"),
            migration!(4, "postgres", "0004_warning_kinds", "warning_kinds"),
            migration!(5, "postgres", "0005_join_request_attempts", "join_request_attempts"),
            migration!(6, "postgres", "0006_broadcast_hold", "broadcast_hold"),
            migration!(7, "postgres", "0007_suspects", "suspects"),
            migration!(8, "postgres", "0008_may_invite", "may_invite"),
            migration!(9, "postgres", "0009_suspects_slow", "suspects_slow"),
        ],
        Backend::Sqlite => vec![
            migration!(1, "sqlite", "0001_initial", "initial"),
            migration!(2, "sqlite", "0002_standing", "standing"),
            migration!(3, "sqlite", "0003_breaker_notices", "breaker_notices"),
            migration!(4, "sqlite", "0004_warning_kinds", "warning_kinds"),
            migration!(5, "sqlite", "0005_join_request_attempts", "join_request_attempts"),
            migration!(6, "sqlite", "0006_broadcast_hold", "broadcast_hold"),
            migration!(7, "sqlite", "0007_suspects", "suspects"),
            migration!(8, "sqlite", "0008_may_invite", "may_invite"),
            migration!(9, "sqlite", "0009_suspects_slow", "suspects_slow"),
        ],
    };
    let mut migrator = Migrator::with_migrations(all.into_iter().flatten().collect());
    // Its own lock is for a session on Postgres and none at all on SQLite; ours is the transaction's.
    migrator.set_locking(false);
    migrator
}

/// Brings the schema up to date.
///
/// # Errors
/// [`SchemaError::Newer`], [`SchemaError::Changed`] or [`SchemaError::Failed`], or the database is not available.
pub async fn up(store: &Store) -> Result<(), SchemaError> {
    let mut tx = begin_alone(store).await?;
    let mut migrator = migrator(store.backend);
    refuse_contracted(&migrator, &applied(&mut tx).await?)?;
    // They only add.
    migrator.set_ignore_missing(true);
    migrator.run_direct(None, &mut *tx.inner, false).await.map_err(|err| schema_error(&migrator, err))?;
    Ok(tx.commit().await?)
}

/// Takes the newest `steps` applied migrations back, and with them what only they could hold.
///
/// # Errors
/// [`SchemaError::Newer`], [`SchemaError::Changed`] or [`SchemaError::Failed`], or the database is not available.
pub async fn down(store: &Store, steps: usize) -> Result<(), SchemaError> {
    let mut tx = begin_alone(store).await?;
    let migrator = migrator(store.backend);
    let applied = applied(&mut tx).await?;
    if let Some((found, _)) = unknown(&migrator, &applied).next_back() {
        return Err(SchemaError::Newer { found, known: newest(&migrator) });
    }
    // Not `Migrator::undo`: its future cannot move between threads.
    for version in applied.into_keys().rev().take(steps) {
        let down = migrator.iter().find(|it| it.version == version && it.migration_type.is_down_migration());
        if let Some(down) = down {
            tx.inner.revert(TABLE, down).await.map_err(|err| schema_error(&migrator, err))?;
        }
    }
    Ok(tx.commit().await?)
}

/// Every migration that this program or the database knows, oldest first.
///
/// # Errors
/// The database is not available.
pub async fn status(store: &Store) -> Result<Vec<MigrationStatus>, SchemaError> {
    let mut tx = store.begin_unfenced().await?;
    let mut applied = applied(&mut tx).await?;
    let mut all: BTreeMap<i64, MigrationStatus> = BTreeMap::new();
    for known in migrator(store.backend).iter() {
        let applied_ms = applied.get(&known.version).map(|(_, at)| *at);
        let name = known.description.clone().into_owned();
        all.insert(known.version, MigrationStatus { version: known.version, name, applied_ms });
    }
    applied.retain(|version, _| !all.contains_key(version));
    for (version, (name, at)) in applied {
        all.insert(version, MigrationStatus { version, name, applied_ms: Some(at) });
    }
    Ok(all.into_values().collect())
}

/// Whether this program can work with the schema as it is. It changes nothing.
///
/// # Errors
/// [`SchemaError::Older`] or [`SchemaError::Newer`], both of which say what to do, or the database is not available.
pub async fn check(store: &Store) -> Result<(), SchemaError> {
    let mut tx = store.begin_unfenced().await?;
    let applied = applied(&mut tx).await?;
    let migrator = migrator(store.backend);
    refuse_contracted(&migrator, &applied)?;
    if let Some((found, _)) = unknown(&migrator, &applied).next_back() {
        tracing::info!(
            found,
            known = newest(&migrator),
            "the database's schema is newer than this program, which works with it all the same"
        );
    }
    if migrator.iter().any(|migration| !applied.contains_key(&migration.version)) {
        let found = applied.keys().next_back().copied().unwrap_or(0);
        return Err(SchemaError::Older { found, known: newest(&migrator) });
    }
    Ok(())
}

/// A transaction that keeps every other migration out until it ends; on SQLite, every writer.
async fn begin_alone(store: &Store) -> Result<Tx<'_>, StoreError> {
    /// Any number that nobody else locks in this database.
    const LOCK: i64 = 0x0067_6d62_6f74;
    let mut tx = store.begin_unfenced().await?;
    if store.backend == Backend::Postgres {
        // As text, because `Any` cannot read the void that the function gives. Waits as long as the other migration takes, so not timed.
        sqlx::query("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)").bind(LOCK).execute(&mut *tx.inner).await?;
    }
    Ok(tx)
}

/// Versions, names and times of what the database has. None of it when it has never been migrated.
async fn applied(tx: &mut Tx<'_>) -> Result<Applied, StoreError> {
    let exists = match tx.store.backend {
        Backend::Postgres => {
            "SELECT 1 AS one FROM pg_tables WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
        }
        Backend::Sqlite => "SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    };
    let sql = tx.sql("schema_exists", exists);
    if tx.row(sql).await?.is_none() {
        return Ok(BTreeMap::new());
    }
    let sql = tx
        .sql("schema_applied", "SELECT version, CAST(description AS TEXT) AS name, {installed_ms} AS applied_ms")
        .push(" FROM _sqlx_migrations ORDER BY version");
    let rows = tx.rows(sql).await?;
    rows.iter().map(|row| Ok((row.int("version")?, (row.text("name")?, row.int("applied_ms")?)))).collect()
}

fn refuse_contracted(migrator: &Migrator, applied: &Applied) -> Result<(), SchemaError> {
    match unknown(migrator, applied).rfind(|(_, name)| name.starts_with(CONTRACT)) {
        Some((found, _)) => Err(SchemaError::Newer { found, known: newest(migrator) }),
        None => Ok(()),
    }
}

/// Versions and names of what the database has and this program does not know, oldest first.
fn unknown<'a>(migrator: &'a Migrator, applied: &'a Applied) -> impl DoubleEndedIterator<Item = (i64, &'a str)> {
    let known = |version: &i64| migrator.version_exists(*version);
    applied.iter().filter(move |(version, _)| !known(version)).map(|(version, (name, _))| (*version, name.as_str()))
}

/// The names of the files that are built in, for the test that compares them with the folders.
#[cfg(test)]
pub(super) fn built_in_files() -> Vec<String> {
    let migrator = migrator(Backend::Postgres);
    let name = |migration: &Migration| {
        let way = if migration.migration_type.is_down_migration() { "down" } else { "up" };
        format!("{:04}_{}.{way}.sql", migration.version, migration.description)
    };
    let mut names: Vec<_> = migrator.iter().map(name).collect();
    names.sort();
    names
}

fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or(0)
}

fn schema_error(migrator: &Migrator, err: MigrateError) -> SchemaError {
    match err {
        MigrateError::VersionMissing(found) => SchemaError::Newer { found, known: newest(migrator) },
        MigrateError::VersionMismatch(version) => SchemaError::Changed { version },
        MigrateError::ExecuteMigration(cause, version) => match StoreError::from(cause) {
            StoreError::Query(cause) => SchemaError::Failed { version, cause },
            other => other.into(),
        },
        MigrateError::Execute(cause) => StoreError::from(cause).into(),
        other => StoreError::Query(sqlx::Error::Migrate(Box::new(other))).into(),
    }
}
