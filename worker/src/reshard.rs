//! `worker reshard`: brings queue and database to the number of shards in SHARDS, while no worker works.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use shared::{
    queue::jetstream::{JetStreamConfig, Resharding},
    telemetry,
};

use crate::{
    config::Reshard,
    store::{Store, metrics::StoreMetrics, migrate},
};

/// A person waits at a terminal: longer than a server takes to answer, and shorter than they would wonder.
const PATIENCE: Duration = Duration::from_secs(10);

/// Each step may be repeated, and only the last one lets gateways and workers in again: whatever breaks off, the next run finishes it.
///
/// # Errors
/// Workers are at work, or a server does not answer.
pub async fn reshard(Reshard { queue, bot, database, process }: Reshard) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("worker-reshard", &process)?;
    let shards = queue.shards;
    let store = Store::connect(&database.store_config(shards), StoreMetrics::default()).await;
    let store = store.context("opening DATABASE_URL")?;
    migrate::check(&store).await?;
    let config = JetStreamConfig::new(&queue, bot.id(), "operator");
    let connecting = tokio::time::timeout(PATIENCE, Resharding::connect(&config));
    let stream = connecting.await.with_context(|| format!("NATS does not answer at {}", queue.nats_url))??;
    match stream.close().await? {
        Some(closed) => {
            // Whoever was frozen in the middle of its work does not write when it wakes.
            store.end_all_periods().await?;
            let updates = closed.move_stored().await?;
            let rows = store.resort().await?;
            let from = closed.from();
            closed.open().await?;
            say(&format!(
                "The queue had {from} shards and has {shards} now. Moved: {updates} stored messages, {rows} rows of the database.\n\
                 Start every gateway and worker with SHARDS={shards}.\n"
            ))?;
        }
        None => {
            // A worker that ended late, or a database brought back from a backup, may have left some for shards that are no more.
            let rows = store.resort().await?;
            say(&format!("The queue has {shards} shards already.\n"))?;
            if rows > 0 {
                say(&format!("Put right: {rows} rows of the database.\n"))?;
            }
        }
    }
    store.close().await;
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("writing to standard output")
}
