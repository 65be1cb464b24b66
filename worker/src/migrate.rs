//! `worker migrate`: the database's version, up, down, or as it is.

use std::io::Write as _;

use shared::{shard::Shards, telemetry};

use crate::{
    config::{Migrate, MigrateAction, MigrateOn},
    store::{Store, metrics::StoreMetrics, migrate},
};

/// Carries out the command and shows on standard output what is applied afterwards.
///
/// # Errors
/// The database does not answer, or a migration fails.
pub async fn migrate(Migrate { action }: Migrate) -> anyhow::Result<()> {
    let on = match &action {
        MigrateAction::Up(on) | MigrateAction::Down { on, .. } | MigrateAction::Status(on) => on.clone(),
    };
    let MigrateOn { database, process } = on;
    let _telemetry = telemetry::init("worker-migrate", &process)?;
    let store = Store::connect(&database.store_config(Shards::default()), StoreMetrics::default()).await?;
    match action {
        MigrateAction::Up(_) => migrate::up(&store).await?,
        MigrateAction::Down { steps, .. } => migrate::down(&store, steps).await?,
        MigrateAction::Status(_) => {}
    }
    let mut out = std::io::stdout().lock();
    for migration in migrate::status(&store).await? {
        let state = if migration.applied_ms.is_some() { "applied" } else { "missing" };
        writeln!(out, "{:04} {:<30} {state}", migration.version, migration.name)?;
    }
    store.close().await;
    Ok(())
}
