//! What a program needs is not there when it starts: it says so once, waits, and is ready when it comes.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use system_tests::{
    http,
    place::Place,
    process::Process,
    services::{nats::Nats, postgres::Postgres, redis::Redis},
    split::{Servers, Split, migrate},
    wait::PATIENCE,
    wait::wait_for,
};

/// Long enough for several tries of whatever is missing.
const AWAY: Duration = Duration::from_secs(3);

#[tokio::test]
async fn nats_is_waited_for() -> anyhow::Result<()> {
    let mut nats = Nats::own().await?;
    let split = Split::on(Servers { nats: nats.account()?, ..Servers::shared().await? }).await?;
    nats.kill().await?;
    let (mut gateway, mut worker) = (split.gateway().spawn()?, split.worker().spawn()?);
    waits(&gateway, "waiting for NATS", "nats: not connected yet").await?;
    waits(&worker, "waiting for NATS", "nats: not connected yet").await?;

    nats.start().await?;
    serves(&split, &mut gateway, &mut worker).await?;
    for process in [&gateway, &worker] {
        said_once(process, "waiting for NATS");
    }
    Ok(())
}

#[tokio::test]
async fn postgres_and_its_tables_are_waited_for() -> anyhow::Result<()> {
    let mut postgres = Postgres::own().await?;
    let split = Split::on(Servers { database: postgres.database().await?, ..Servers::shared().await? }).await?;
    postgres.kill().await?;
    let (mut gateway, mut worker) = (split.gateway().start().await?, split.worker().spawn()?);
    waits(&worker, "waiting for the database", "database: not connected yet").await?;

    postgres.start().await?;
    let line = worker.line_with("worker migrate up", PATIENCE).await?;
    assert!(line.contains("waiting for the database") && line.contains("run `worker migrate up`"), "{line}");
    assert_eq!(probe(&worker, "/readyz").await?.0, 503);

    migrate(&split.servers.database).await?;
    serves(&split, &mut gateway, &mut worker).await?;
    said_once(&worker, "worker migrate up");
    said_once(&worker, "refused");
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_postgres_has_become_read_only_is_not_ready_until_it_can_write() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let (_gateway, worker) = split.start().await?;
    let mut database = split.servers.database.connect().await?;
    let name = split.servers.database.url().rsplit_once('/').context("a path")?.1;
    for (setting, expected) in [("on", 503), ("off", 200)] {
        // New connections begin with it, as those after a failover do; the old ones are cut off.
        let change = format!("ALTER DATABASE {name} SET default_transaction_read_only = {setting}");
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        for statement in [change.as_str(), cut] {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut database).await?;
        }
        wait_for(&format!("/readyz to answer {expected}"), PATIENCE, async || match probe(&worker, "/readyz").await {
            Ok((status, _)) if status == expected => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn redis_is_not_waited_for() -> anyhow::Result<()> {
    let mut redis = Redis::own().await?;
    let split = Split::on(Servers { redis: redis.database()?, ..Servers::shared().await? }).await?;
    redis.kill().await?;
    let (mut gateway, mut worker) = (split.gateway().spawn()?, split.worker().spawn()?);
    let place = serves(&split, &mut gateway, &mut worker).await?;
    let ann = split.world.person_in(place.group, "Ann");
    split.world.say(place.group, ann, "Hello everyone!")?;
    split.sim.wait_until("the mute", PATIENCE, |world| !world.can_speak(place.group, ann)).await?;
    said_once(&worker, "Redis does not answer");

    let health =
        wait_for("/health to show Redis down", PATIENCE, async || shown(&worker, "redis", "down").await).await?;
    assert_eq!(health["status"], "degraded", "{health}");
    redis.start().await?;
    wait_for("/health to show Redis up", PATIENCE, async || shown(&worker, "redis", "up").await).await?;
    Ok(())
}

/// It says once what it waits for, and goes on living without being ready for some time.
async fn waits(process: &Process, line: &str, why: &str) -> anyhow::Result<()> {
    process.line_with(line, PATIENCE).await?;
    wait_for("some tries", PATIENCE, async || {
        let (status, health) = probe(process, "/health").await.map_err(|error| format!("{error:#}"))?;
        let health: Value = serde_json::from_str(&health).map_err(|error| format!("{error} in {status} {health}"))?;
        match health["uptime_seconds"].as_u64() {
            Some(seconds) if seconds >= AWAY.as_secs() => Ok(()),
            _ => Err(health.to_string()),
        }
    })
    .await?;
    assert_eq!(probe(process, "/livez").await?.0, 200);
    let (status, said) = probe(process, "/readyz").await?;
    assert!(status == 503 && said.contains(why), "{status} {said}");
    said_once(process, line);
    Ok(())
}

/// Both are ready, and a group is protected.
async fn serves(split: &Split, gateway: &mut Process, worker: &mut Process) -> anyhow::Result<Place> {
    gateway.ready().await?;
    worker.ready().await?;
    split.protected_group().await.context("with both of them ready")
}

fn said_once(process: &Process, text: &str) {
    let lines = process.lines_with(text);
    assert_eq!(lines.len(), 1, "{text:?} in {lines:?}");
}

async fn probe(process: &Process, path: &str) -> anyhow::Result<(u16, String)> {
    let answer = http::client().get(process.admin(path)).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// The whole page, once it shows this of a dependency.
async fn shown(process: &Process, dependency: &str, status: &str) -> Result<Value, String> {
    let (_, health) = probe(process, "/health").await.map_err(|error| format!("{error:#}"))?;
    let health: Value = serde_json::from_str(&health).map_err(|error| format!("{error} in {health}"))?;
    if health["dependencies"][dependency]["status"] == status { Ok(health) } else { Err(health.to_string()) }
}
