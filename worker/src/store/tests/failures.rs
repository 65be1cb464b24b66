//! What happens when the database is not there, and what is seen of it from outside.

use std::{error::Error as _, time::Duration};

use prometheus_client::registry::Registry;

use super::{
    EPOCH, GROUP, channel,
    database::{Database, administer, config},
    on_both, own, protect,
};
use crate::store::{Store, error::StoreError, metrics::StoreMetrics, repeated};

on_both!(
    a_closed_store_is_unavailable,
    a_defect_is_a_defect,
    questions_are_counted_by_name,
    the_store_says_little_about_itself
);

async fn a_closed_store_is_unavailable(db: &Database) {
    db.store.ping().await.expect("there");
    assert!(db.store.pool_size() >= 1);
    db.store.close().await;
    let answers = [
        db.store.ping().await.err(),
        db.store.group(GROUP).await.err(),
        db.store.add_tasks(&[super::task(1, "a", 1)]).await.err(),
    ];
    for err in answers {
        assert!(matches!(err, Some(StoreError::Unavailable(_))), "{err:?}");
    }
    let again = db.another().await;
    again.ping().await.expect("another one is");
}

async fn a_defect_is_a_defect(db: &Database) {
    for wrong in ["SELECT nothing FROM nowhere", "INSERT INTO effects (key, at_ms) VALUES ('a', 1), ('a', 1)", "SELEC"]
    {
        let err = db.store.run(db.store.sql("test", wrong)).await.expect_err("wrong");
        assert_eq!(err.code(), "query", "{err:?}");
        assert!(err.source().is_some(), "the log prints the cause");
    }
}

async fn questions_are_counted_by_name(db: &Database) {
    let metrics = StoreMetrics::new();
    let store = Store::connect(&config(&db.url), metrics.clone()).await.expect("a connection");
    own(&store).await;
    store.protect(EPOCH, &protect(channel(-1)), &[]).await.expect("protected");
    store.group(GROUP).await.expect("an answer");
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
    for name in ["group", "allowed", "begin", "commit", "check_epoch", "protect_link", "acquire", "raise_epoch"] {
        assert!(text.contains(&format!("db_query_duration_seconds_count{{query=\"{name}\"}}")), "{name}: {text}");
    }
    // A connection finds its way back to the pool a moment after its answer.
    let idle = async {
        while store.pool_in_use() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), idle).await.expect("nothing is at work");
}

async fn the_store_says_little_about_itself(db: &Database) {
    let shown = format!("{:?}", db.store);
    assert!(shown.starts_with("Store { backend: ") && shown.len() < 120, "{shown}");
}

/// The whole chain of an error, as the log prints it, and its `Debug`.
fn chain(err: &StoreError) -> String {
    let mut text = format!("{err:?} {err}");
    let mut cause = err.source();
    while let Some(err) = cause {
        text = format!("{text}: {err} {err:?}");
        cause = err.source();
    }
    text
}

#[tokio::test]
async fn a_missing_server_is_unavailable_and_its_password_stays_secret() {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    // A port that was free a moment ago, one where nobody ever answers, a name that does not exist.
    let free = listen().local_addr().expect("bound").port();
    let silent = listen();
    let urls = [
        format!("postgres://bot:hunter2@127.0.0.1:{free}/gmbot"),
        format!("postgres://bot:hunter2@{}/gmbot", silent.local_addr().expect("bound")),
        "postgres://bot:hunter2@no-such-host.invalid/gmbot?sslmode=require".to_owned(),
    ];
    for url in urls {
        let config = config(&url);
        let err = Store::connect(&config, StoreMetrics::new()).await.expect_err("nobody is there");
        assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
        let told = format!("{} {config:?}", chain(&err));
        assert!(!told.contains("hunter2"), "{told}");
        assert!(told.contains("bot@"), "but where it is, is told: {told}");
    }
}

#[tokio::test]
async fn a_refused_password_or_a_missing_database_is_unavailable() {
    let database = Database::postgres().await;
    let mut url: url::Url = database.url.parse().expect("a URL");
    url.set_path("no_such_database");
    url.set_password(Some("hunter2")).expect("a URL with a host");
    let err = Store::connect(&config(url.as_str()), StoreMetrics::new()).await.expect_err("no such database");
    assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
    assert!(!chain(&err).contains("hunter2"), "{}", chain(&err));
    database.remove().await;
}

#[tokio::test]
async fn a_server_that_has_become_read_only_is_unavailable_until_it_can_be_written_to() {
    let database = Database::postgres().await;
    let store = &database.store;
    store.ping().await.expect("it can be written to");
    let name = database.url.rsplit_once('/').expect("a path").1.to_owned();
    // All that the pool keeps become so, as after a failover.
    let mut kept = Vec::new();
    for _ in 0..config(&database.url).pool_size {
        let mut connection = store.connection().await.expect("a connection");
        sqlx::raw_sql("SET default_transaction_read_only = on").execute(&mut *connection).await.expect("set");
        kept.push(connection);
    }
    drop(kept);
    let becomes = async |setting: &str| {
        administer(&format!("ALTER DATABASE {name} SET default_transaction_read_only = {setting}")).await;
    };
    becomes("on").await;
    let err = store.ping().await.expect_err("read-only");
    assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
    let err = Store::connect(&config(&database.url), StoreMetrics::new()).await.expect_err("read-only");
    assert!(chain(&err).contains("the server is read-only"), "{}", chain(&err));
    becomes("off").await;
    own(store).await;
    database.remove().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_unavailable() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let err = Store::connect(&config(&path), StoreMetrics::new()).await.expect_err("it is a folder");
    assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
}

/// A server that is restarted, as an upgrade or a failover does it: the pool finds its way back by itself.
#[tokio::test]
async fn connections_that_the_server_cut_are_replaced() {
    let database = Database::postgres().await;
    let store = &database.store;
    own(store).await;
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let other = database.another().await;
    let (one, two) = tokio::join!(store.ping(), store.group(GROUP));
    one.expect("there");
    two.expect("there");
    assert!(super::count(&other, cut).await >= 1);
    store.ping().await.expect("a new connection");
    store.protect(EPOCH, &protect(channel(-1)), &[]).await.expect("written");
    database.remove().await;
}

/// Two transactions that wait for each other: Postgres ends one, which is repeated and succeeds.
#[tokio::test]
async fn a_deadlock_is_repeated() {
    let database = Database::postgres().await;
    let store = &database.store;
    store.run(store.sql("test", "INSERT INTO effects (key, at_ms) VALUES ('a', 0), ('b', 0)")).await.expect("two rows");
    let both_hold_one = tokio::sync::Barrier::new(2);
    let update = |key: &'static str| store.sql("test", "UPDATE effects SET at_ms = at_ms + 1 WHERE key = $1").bind(key);
    let crosswise = async |first: &'static str, second: &'static str| {
        let tries = std::sync::atomic::AtomicU32::new(0);
        let done = repeated(async || {
            let mut tx = store.begin_unfenced().await?;
            tx.run(update(first)).await?;
            if tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                both_hold_one.wait().await;
            }
            tx.run(update(second)).await?;
            tx.commit().await
        });
        done.await.expect("succeeds in the end");
        tries.into_inner()
    };
    let (one, two) = tokio::join!(crosswise("a", "b"), crosswise("b", "a"));
    // Whoever begins anew may be in the other's way again before that one has got on.
    assert!(one + two >= 3, "nobody had to begin anew");
    for least_and_most in ["SELECT MIN(at_ms) AS n FROM effects", "SELECT MAX(at_ms) AS n FROM effects"] {
        assert_eq!(super::count(store, least_and_most).await, 2, "each has moved each once");
    }
    database.remove().await;
}

/// The worker's lanes run on many threads.
#[test]
fn questions_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn all(store: &Store) {
        is_send(&store.protect(EPOCH, &protect(channel(1)), &[]));
        is_send(&store.unprotect(EPOCH, GROUP, None, &[]));
        is_send(&store.record_offences(EPOCH, GROUP, &[], &[], 0));
        is_send(&store.set_mute_state(EPOCH, 1, &[], crate::store::mutes::MuteState::Closed, None, &[]));
        is_send(&store.warning_sending(EPOCH, &[]));
        is_send(&store.add_tasks(&[]));
        is_send(&store.finish_task(EPOCH, 1, 1));
        is_send(&store.group(GROUP));
        is_send(&crate::store::migrate::up(store));
        is_send(&crate::store::migrate::down(store, 1));
    }
    let _ = all;
}
