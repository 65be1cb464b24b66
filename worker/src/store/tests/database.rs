//! A database for each test.

use std::{
    num::NonZeroU16,
    sync::atomic::{AtomicU32, Ordering},
};

use clap::Parser as _;
use shared::shard::Shards;

use crate::store::{Store, StoreConfig, metrics::StoreMetrics, migrate, url::DatabaseUrl};

/// Makes of each async function over a `&Database` two tests.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let database = crate::store::tests::database::Database::sqlite().await;
                    super::$name(&database).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let database = crate::store::tests::database::Database::postgres().await;
                    super::$name(&database).await;
                    database.remove().await;
                }
            )*
        }
    };
}
pub(super) use on_both;

/// A database with the schema in place.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(super) url: String,
    _file: Option<tempfile::TempDir>,
}

/// Where the tests' Postgres is.
#[derive(clap::Parser)]
struct Servers {
    #[arg(long, env = "GMBOT_TEST_POSTGRES")]
    postgres: Option<url::Url>,
}

fn admin_url() -> url::Url {
    let servers = Servers::try_parse_from(["test"]).expect("GMBOT_TEST_POSTGRES is a URL");
    servers.postgres.expect("GMBOT_TEST_POSTGRES is not set: run tests/run.sh, which starts Postgres and sets it")
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("{}/new folder/100%20 #1.db", folder.path().display());
        Self::migrated(url, Some(folder)).await
    }

    pub(super) async fn postgres() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("store_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut url = admin_url();
        administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        administer(&format!("CREATE DATABASE {name}")).await;
        url.set_path(&name);
        Self::migrated(url.into(), None).await
    }

    /// A failing test leaves its database to whoever wants to look.
    pub(super) async fn remove(self) {
        self.store.close().await;
        let url: url::Url = self.url.parse().expect("it was a URL");
        administer(&format!("DROP DATABASE {} WITH (FORCE)", url.path().trim_start_matches('/'))).await;
    }

    /// Another store over the same database, as another process has it.
    pub(super) async fn another(&self) -> Store {
        connect(&self.url).await
    }

    async fn migrated(url: String, file: Option<tempfile::TempDir>) -> Self {
        let store = connect(&url).await;
        migrate::up(&store).await.expect("a schema");
        Self { store, url, _file: file }
    }
}

pub(crate) fn config(url: &str) -> StoreConfig {
    let shards = Shards::new(NonZeroU16::new(32).expect("not zero"));
    StoreConfig { url: url.parse::<DatabaseUrl>().expect("a database"), pool_size: 4, shards }
}

async fn connect(url: &str) -> Store {
    Store::connect(&config(url), StoreMetrics::new()).await.expect("a connection")
}

pub(super) async fn administer(statement: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(admin_url().as_str()).await.expect("the tests' Postgres");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.expect("done");
    connection.close().await.expect("closed");
}
