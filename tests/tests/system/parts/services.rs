//! Each server answers, keeps the tests apart, and comes back where it was.

use std::time::Duration;

use async_nats::jetstream;
use deadpool_redis::redis;
use futures::StreamExt as _;
use sqlx::{Connection as _, Executor as _};
use system_tests::{
    services::{
        nats::{self, Cluster, Nats},
        postgres::Postgres,
        redis::Redis,
    },
    wait::{PATIENCE, wait_for},
};

#[tokio::test]
async fn nats_stores_and_delivers_within_one_account() -> anyhow::Result<()> {
    let nats = Nats::shared().await?;
    let ours = jetstream::new(nats::connect(&nats.account()?).await?);
    let theirs = jetstream::new(nats::connect(&nats.account()?).await?);
    for account in [&ours, &theirs] {
        account.create_stream(stream()).await?;
    }
    ours.publish("upd.1", "one".into()).await?.await?;

    assert_eq!(stored(&ours).await?, ["one"]);
    assert_eq!(stored(&theirs).await?, [""; 0], "an account sees only its own");
    Ok(())
}

#[tokio::test]
async fn nats_comes_back_with_what_it_had_stored() -> anyhow::Result<()> {
    let mut nats = Nats::own().await?;
    let url = nats.account()?;
    let before = jetstream::new(nats::connect(&url).await?);
    before.create_stream(stream()).await?;
    before.publish("upd.1", "one".into()).await?.await?;
    nats.kill().await?;
    assert!(nats::connect(&url).await.is_err(), "nobody listens while it is down");
    nats.start().await?;

    let after = jetstream::new(nats::connect(&url).await?);
    assert_eq!(stored(&after).await?, ["one"]);
    nats.stop().await
}

#[tokio::test]
async fn a_nats_cluster_keeps_what_it_stored_without_any_one_of_its_nodes() -> anyhow::Result<()> {
    let mut cluster = Cluster::own().await?;
    let url = cluster.account()?;
    let before = jetstream::new(nats::connect(&url).await?);
    before.create_stream(jetstream::stream::Config { num_replicas: Cluster::NODES, ..stream() }).await?;
    before.publish("upd.1", "one".into()).await?.await?;
    let leader = Cluster::leader(&url, "UPD").await?.expect("a stream that takes messages has a leader");
    cluster.kill(leader).await?;

    let after = jetstream::new(nats::connect(&url).await?);
    let kept = wait_for("the others to elect a leader", PATIENCE, async || {
        stored(&after).await.map_err(|error| format!("{error:#}"))
    });
    assert_eq!(kept.await?, ["one"]);
    cluster.start(leader).await
}

fn stream() -> jetstream::stream::Config {
    jetstream::stream::Config { name: "UPD".to_owned(), subjects: vec!["upd.>".to_owned()], ..Default::default() }
}

/// The bodies of all messages of the stream.
async fn stored(account: &jetstream::Context) -> anyhow::Result<Vec<String>> {
    let stream = account.get_stream("UPD").await?;
    let consumer = stream.create_consumer(jetstream::consumer::pull::Config::default()).await?;
    let mut messages = consumer.fetch().max_messages(10).messages().await?;
    let mut bodies = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.map_err(anyhow::Error::from_boxed)?;
        bodies.push(String::from_utf8(message.payload.to_vec())?);
    }
    Ok(bodies)
}

#[tokio::test]
async fn postgres_copies_a_template_that_is_prepared_once() -> anyhow::Result<()> {
    let postgres = Postgres::shared().await?;
    let mut prepared = 0;
    for _ in 0..2 {
        let copy = postgres.database_like("template_of_this_test", async |template| {
            prepared += 1;
            let mut connection = template.connect().await?;
            connection.execute("CREATE TABLE seen (n BIGINT PRIMARY KEY)").await?;
            Ok(connection.close().await?)
        });
        let mut connection = copy.await?.connect().await?;
        // Both insert the same key: they are two databases.
        connection.execute("INSERT INTO seen VALUES (1)").await?;
    }
    assert_eq!(prepared, 1);

    let mut empty = postgres.database().await?.connect().await?;
    assert!(empty.execute("SELECT * FROM seen").await.is_err());
    Ok(())
}

#[tokio::test]
async fn postgres_recovers_after_a_crash() -> anyhow::Result<()> {
    let mut postgres = Postgres::own().await?;
    let database = postgres.database().await?;
    let mut before = database.connect().await?;
    before.execute("CREATE TABLE seen AS SELECT 7::bigint AS n").await?;
    postgres.kill().await?;
    assert!(before.ping().await.is_err(), "the connection broke");
    postgres.start().await?;

    let mut after = database.connect().await?;
    let n: i64 = sqlx::query_scalar("SELECT n FROM seen").fetch_one(&mut after).await?;
    assert_eq!(n, 7);
    Ok(())
}

#[tokio::test]
async fn redis_keeps_databases_apart() -> anyhow::Result<()> {
    let redis = Redis::shared().await?;
    let mut ours = connect(&redis.database()?).await?;
    let mut theirs = connect(&redis.database()?).await?;
    redis::cmd("SET").arg("key").arg("ours").exec_async(&mut ours).await?;

    let pong: String = redis::cmd("PING").query_async(&mut ours).await?;
    let found: Option<String> = redis::cmd("GET").arg("key").query_async(&mut theirs).await?;
    assert_eq!((pong.as_str(), found), ("PONG", None));
    Ok(())
}

#[tokio::test]
async fn redis_goes_and_comes_back_empty() -> anyhow::Result<()> {
    let mut redis = Redis::own().await?;
    let url = redis.database()?;
    let mut before = connect(&url).await?;
    redis::cmd("SET").arg("key").arg("value").exec_async(&mut before).await?;
    redis.kill().await?;
    assert!(connect(&url).await.is_err(), "nobody listens while it is down");
    redis.start().await?;

    let found: Option<String> = redis::cmd("GET").arg("key").query_async(&mut connect(&url).await?).await?;
    assert_eq!(found, None);
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    Ok(tokio::time::timeout(Duration::from_secs(5), client.get_multiplexed_async_connection()).await??)
}
