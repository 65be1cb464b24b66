//! The steady state: what a subscriber writes costs no question to Telegram, to Redis or to the database.

use std::collections::BTreeMap;

use deadpool_redis::redis::{self, Client};
use system_tests::{
    services::{nats::Nats, postgres::Postgres, redis::Redis},
    split::{Servers, Split, migrate},
    wait::{PATIENCE, wait_for},
};

use crate::metrics::{Samples, page, parsed};

const MESSAGES: usize = 100;

/// Questions that the worker asks by itself, whoever writes or not, and the wait for a connection, which every question is counted with.
const BACKGROUND: [&str; 4] = ["query=\"next_due\"", "query=\"due_tasks\"", "query=\"purge_", "query=\"acquire\""];

#[tokio::test]
async fn a_subscribers_message_asks_nobody_anything() -> anyhow::Result<()> {
    let redis = Redis::own().await?;
    let url = redis.database()?;
    let servers = Servers {
        nats: Nats::shared().await?.account()?,
        database: Postgres::shared().await?.database_like("migrated", migrate).await?,
        redis: url.clone(),
    };
    let split = Split::on(servers).await?;
    let (_gateway, worker) = split.start().await?;
    let place = split.protected_group().await?;
    let ben = split.world.person_in(place.group, "Ben");
    split.world.seed_members(place.channel, &[ben]);

    let judged = async |wanted: f64| {
        wait_for("Ben's messages to be judged", PATIENCE, async || {
            let page = page(&worker, "/metrics").await.map_err(|error| format!("{error:#}"))?;
            let samples = parsed(&page).map_err(|error| format!("{error:#}"))?;
            let subscribed = sum(&samples, "bot_verification_latency_seconds_count", "outcome=\"subscribed\"");
            if subscribed >= wanted { Ok(samples) } else { Err(format!("{subscribed} of {wanted}")) }
        })
        .await
    };
    // The first message fills the cache.
    split.world.say(place.group, ben, "Good morning!")?;
    let before = judged(1.0).await?;
    let (calls_before, redis_before) = (split.sim.last_call(), commands(&url).await?);

    for number in 0..MESSAGES {
        split.world.say(place.group, ben, &format!("Message {number}"))?;
    }
    let messages = u16::try_from(MESSAGES)?;
    let after = judged(1.0 + f64::from(messages)).await?;

    let calls = split.sim.calls_after(calls_before);
    assert!(calls.is_empty(), "Telegram was asked:\n{calls}");
    assert_eq!(commands(&url).await?, redis_before, "Redis was asked");
    let asked = |samples: &Samples| -> BTreeMap<String, f64> {
        let queries = samples.iter().filter(|(name, _)| name.starts_with("db_query_duration_seconds_count"));
        queries
            .filter(|(name, _)| !BACKGROUND.iter().any(|query| name.contains(query)))
            .map(|(name, count)| (name.clone(), *count))
            .collect()
    };
    assert_eq!(asked(&after), asked(&before), "the database was asked");
    // Messages that waited together are judged by one look.
    for (name, grows) in
        [("cache_memory_hits_total", true), ("cache_redis_hits_total", false), ("cache_misses_total", false)]
    {
        let grown = sum(&after, name, "") > sum(&before, name, "");
        assert_eq!(grown, grows, "{name}");
    }
    Ok(())
}

fn sum(samples: &Samples, name: &str, label: &str) -> f64 {
    let of_it = samples.iter().filter(|(sample, _)| sample.split('{').next() == Some(name) && sample.contains(label));
    of_it.map(|(_, value)| value).sum()
}

/// What clients say to a server to greet it, what a pool says to see whether a connection still lives, and what this test asks.
const GREETINGS: [&str; 7] = ["client|setinfo", "client|setname", "hello", "info", "ping", "select", "unwatch"];

/// How often each command was given to this server so far.
async fn commands(url: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    let page: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await?;
    let lines = page.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let counts = lines.map(|(name, rest)| (name.to_owned(), rest.split(',').next().unwrap_or_default().to_owned()));
    Ok(counts.filter(|(name, _)| !GREETINGS.contains(&name.as_str())).collect())
}
