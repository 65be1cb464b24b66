//! Migrations: up, down, up again, by several at once, and a program that meets a schema it does not know.

use super::{count, database::Database, on_both};
use crate::store::{
    Store,
    migrate::{self, SchemaError},
};

/// Every migration, oldest first.
const KNOWN: [(i64, &str); 9] = [
    (1, "initial"),
    (2, "standing"),
    (3, "breaker_notices"),
    (4, "warning_kinds"),
    (5, "join_request_attempts"),
    (6, "broadcast_hold"),
    (7, "suspects"),
    (8, "may_invite"),
    (9, "suspects_slow"),
];
const NEWEST: i64 = KNOWN[KNOWN.len() - 1].0;

on_both!(
    up_down_up,
    several_at_once,
    missing_migrations_are_named,
    a_schema_with_additions_serves_an_older_program,
    a_schema_that_lacks_something_is_refused,
    a_changed_migration_is_refused,
    a_failing_migration_leaves_nothing_behind,
);

async fn up_down_up(db: &Database) {
    let store = &db.store;
    for _ in 0..2 {
        let status = migrate::status(store).await.expect("an answer");
        assert_eq!(status.iter().map(|m| (m.version, m.name.as_str())).collect::<Vec<_>>(), KNOWN);
        let applied = status[0].applied_ms.expect("applied");
        assert!(applied > 1_700_000_000_000 && applied % 1000 < 1000, "milliseconds: {applied}");
        migrate::check(store).await.expect("all there");
        migrate::up(store).await.expect("nothing to do");

        for _ in KNOWN {
            assert!(tables(store).await > 0, "one at a time");
            migrate::down(store, 1).await.expect("down");
        }
        assert_eq!(tables(store).await, 0, "nothing is left");
        assert_eq!(migrate::status(store).await.expect("an answer")[0].applied_ms, None);
        migrate::down(store, KNOWN.len()).await.expect("nothing to do");
        migrate::up(store).await.expect("up again");
    }
    assert!(tables(store).await >= 12);
    migrate::down(store, 0).await.expect("no step is nothing");
    migrate::check(store).await.expect("all there");
    migrate::down(store, KNOWN.len()).await.expect("as many as there are");
    assert_eq!(tables(store).await, 0);
}

/// Our tables, without the migrator's own.
async fn tables(store: &Store) -> i64 {
    let names = if store.inbox().is_some() {
        "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT COUNT(*) AS n FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_sqlx%'"
    };
    count(store, names).await
}

async fn several_at_once(db: &Database) {
    migrate::down(&db.store, KNOWN.len()).await.expect("down");
    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = db.another().await;
        processes.spawn(async move { migrate::up(&store).await });
    }
    while let Some(done) = processes.join_next().await {
        done.expect("no panic").expect("up");
    }
    migrate::check(&db.store).await.expect("all there");
}

async fn missing_migrations_are_named(db: &Database) {
    migrate::down(&db.store, KNOWN.len()).await.expect("down");
    let err = migrate::check(&db.store).await.expect_err("nothing is there");
    assert!(matches!(err, SchemaError::Older { found: 0, known: NEWEST }), "{err:?}");
    assert!(err.to_string().contains("run `worker migrate up`"), "{err}");
}

/// The database has been migrated by a later program.
async fn later(store: &Store, version: i64, name: &str) {
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    store.run(store.sql("test", newer).bind(version).bind(name)).await.expect("a row");
}

async fn a_schema_with_additions_serves_an_older_program(db: &Database) {
    let store = &db.store;
    later(store, 9998, "later").await;
    migrate::check(store).await.expect("it is not in the way");
    migrate::up(store).await.expect("nothing to do");
    let answer = migrate::down(store, 1).await;
    assert!(matches!(answer, Err(SchemaError::Newer { found: 9998, known: NEWEST })), "{answer:?}");
}

async fn a_schema_that_lacks_something_is_refused(db: &Database) {
    let store = &db.store;
    later(store, 9998, "contract_later").await;
    later(store, 9999, "later").await;
    for answer in [migrate::check(store).await, migrate::up(store).await] {
        assert!(matches!(answer, Err(SchemaError::Newer { found: 9998, known: NEWEST })), "{answer:?}");
    }
    let status = migrate::status(store).await.expect("an answer");
    let names: Vec<_> = status.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, KNOWN.iter().map(|(_, name)| *name).chain(["contract_later", "later"]).collect::<Vec<_>>());
}

async fn a_changed_migration_is_refused(db: &Database) {
    let store = &db.store;
    let sql = store.sql("test", "UPDATE _sqlx_migrations SET checksum = $1").bind(vec![1, 2, 3]);
    store.run(sql).await.expect("done");
    let err = migrate::up(store).await.expect_err("not what was applied");
    assert!(matches!(err, SchemaError::Changed { version: 1 }), "{err:?}");
}

async fn a_failing_migration_leaves_nothing_behind(db: &Database) {
    let store = &db.store;
    migrate::down(store, KNOWN.len()).await.expect("down");
    store.run(store.sql("test", "CREATE TABLE tasks (in_the_way BIGINT)")).await.expect("a table");
    let err = migrate::up(store).await.expect_err("the name is taken");
    assert!(matches!(err, SchemaError::Failed { version: 1, .. }), "{err:?}");
    assert_eq!(tables(store).await, 1, "only the one in the way");
    store.run(store.sql("test", "DROP TABLE tasks")).await.expect("gone");
    migrate::up(store).await.expect("up");
}

#[test]
fn the_files_are_the_ones_that_are_built_in() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let files = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect("the folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    };
    assert_eq!(files("postgres"), files("sqlite"));
    assert_eq!(files("postgres"), migrate::built_in_files());
}
