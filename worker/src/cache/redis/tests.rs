//! Memory over a real Redis: filling, ages, and what an outage costs.

mod log;

use futures::future::join_all;
use tokio::time::{sleep, timeout};

use self::log::Log;
use super::{server::Server, *};
use crate::{
    cache::{
        Cache, Value as _,
        tests::{Word, word},
    },
    metrics::CacheMetrics,
};

const SOON: Duration = Duration::from_secs(20);

/// As in the program.
const TIMEOUT: Duration = Duration::from_millis(50);

/// One time-out, with room for a busy machine.
const ONE_TIMEOUT: Duration = Duration::from_millis(300);

/// A worker of its own over the same Redis.
fn worker(redis: &Redis) -> (Cache<&'static str, Word>, CacheMetrics) {
    let metrics = CacheMetrics::default();
    (Cache::new(100, Some(redis.clone()), metrics.clone()), metrics)
}

async fn raw(redis: &Redis, command: &[&str]) -> deadpool_redis::redis::Value {
    let mut connection = redis.pool.get().await.expect("a connection");
    let mut call = deadpool_redis::redis::cmd(command[0]);
    call.arg(&command[1..]).query_async(&mut connection).await.expect("an answer")
}

#[tokio::test]
async fn what_one_worker_learns_the_others_find() {
    let server = Server::running().await;
    let (one, _) = worker(&server.client("a:"));
    let (two, metrics) = worker(&server.client("a:"));
    let yes = word("yes", 0, 60_000);
    one.put(&"ann", &yes).await;
    assert_eq!(two.get(&"ann").await, Some(yes.clone()));
    assert_eq!((metrics.redis_hits.get(), metrics.memory_hits.get()), (1, 0));
    assert_eq!(two.get(&"ann").await, Some(yes));
    assert_eq!((metrics.redis_hits.get(), metrics.memory_hits.get()), (1, 1), "kept in memory");

    let (stranger, _) = worker(&server.client("b:"));
    assert_eq!(stranger.get(&"ann").await, None, "another bot on the same Redis");
}

#[tokio::test]
async fn the_newer_of_two_workers_values_stays() {
    let server = Server::running().await;
    let redis = server.client("");
    let first = word("yes", 1_000, 60_000);
    let cases = [
        ("newer", word("no", 0, 60_000), true),
        ("older", word("no", 2_000, 60_000), false),
        ("as old", Word { text: "no", ..first.clone() }, true),
    ];
    for (name, second, wins) in cases {
        worker(&redis).0.put(&name, &first).await;
        worker(&redis).0.put(&name, &second).await;
        let kept = if wins { second } else { first.clone() };
        assert_eq!(worker(&redis).0.get(&name).await, Some(kept), "{name}");
    }
}

#[tokio::test]
async fn the_newest_is_what_any_worker_was_told_last() {
    let server = Server::running().await;
    let redis = server.client("");
    let (older, newer) = (word("yes", 1_000, 60_000), word("no", 0, 60_000));
    let (one, _) = worker(&redis);
    let (two, _) = worker(&redis);
    one.put(&"ann", &older).await;
    two.put(&"ann", &newer).await;
    assert_eq!(one.get(&"ann").await, Some(older.clone()), "what it has heard itself");
    assert_eq!(one.newest(&"ann").await, Some(newer.clone()));
    assert_eq!(one.get(&"ann").await, Some(newer.clone()), "remembered");

    // What Redis has lost is still remembered, and so is all of it while Redis is away.
    raw(&redis, &["SET", "word:ann", &format!("{}|{}", older.as_of_ms, older.encode())]).await;
    assert_eq!(one.newest(&"ann").await, Some(newer.clone()));
    raw(&redis, &["DEL", "word:ann"]).await;
    assert_eq!(one.newest(&"ann").await, Some(newer.clone()));
    drop(server);
    assert_eq!(one.newest(&"ann").await, Some(newer));
    assert_eq!(one.newest(&"bo").await, None);
}

#[tokio::test]
async fn values_end_in_redis_too() {
    let server = Server::running().await;
    let redis = server.client("");
    worker(&redis).0.put(&"ann", &word("yes", 9_000, 60_000)).await;
    let left = raw(&redis, &["PTTL", "word:ann"]).await;
    let deadpool_redis::redis::Value::Int(left) = left else { panic!("{left:?}") };
    assert!((55_000..=60_000).contains(&left), "{left}");

    // Told late: over already, but newer than what is there.
    worker(&redis).0.put(&"ann", &word("no", 8_000, -1_000)).await;
    assert_eq!(worker(&redis).0.get(&"ann").await, None);

    worker(&redis).0.put(&"bo", &word("yes", 0, 150)).await;
    let gone = async {
        while worker(&redis).0.get(&"bo").await.is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, gone).await.expect("its time passes");
}

#[tokio::test]
async fn what_another_program_left_is_as_good_as_absent() {
    let server = Server::running().await;
    let redis = server.client("");
    for left in ["", "yes", "|", "x|yes 1 2", "5|", "5|never 1 2", "5|yes 1", "\0\u{fffd}|"] {
        raw(&redis, &["SET", "word:ann", left]).await;
        assert_eq!(worker(&redis).0.get(&"ann").await, None, "{left:?}");
        let yes = word("yes", 0, 60_000);
        worker(&redis).0.put(&"ann", &yes).await;
        assert_eq!(worker(&redis).0.get(&"ann").await, Some(yes), "{left:?}");
    }
    // Of another type altogether: an error of Redis, and no reason to fail.
    raw(&redis, &["DEL", "word:bo"]).await;
    raw(&redis, &["LPUSH", "word:bo", "x"]).await;
    assert_eq!(worker(&redis).0.get(&"bo").await, None);
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_time_out_and_is_told_once() {
    let server = Server::running().await;
    let redis = server.client_within("", TIMEOUT);
    let (writer, _) = worker(&redis);
    let yes = word("yes", 0, 600_000);
    let stored = async {
        while worker(&redis).0.get(&"ann").await.is_none() {
            writer.put(&"ann", &yes).await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, stored).await.expect("it answers");
    let (log, _guard) = Log::listen();

    server.signal("STOP");
    let (reader, _) = worker(&redis);
    let start = Instant::now();
    assert_eq!(reader.get(&"ann").await, None);
    assert!(start.elapsed() >= TIMEOUT && start.elapsed() < ONE_TIMEOUT, "{:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(reader.get(&"ann").await, None);
        reader.put(&"bo", &yes).await;
    }
    assert!(start.elapsed() < PAUSE / 2, "{:?}", start.elapsed());
    assert_eq!(reader.get(&"bo").await, Some(yes.clone()), "memory goes on");
    assert!(redis.ping().await.is_err());
    assert_eq!(log.lines(), Vec::<String>::new(), "one call without an answer is no outage yet");

    // Each second one call tries again, and no other waits with it.
    for _ in 0..2 {
        sleep(PAUSE).await;
        let waits = join_all((0..50).map(|_| async {
            let start = Instant::now();
            assert_eq!(reader.get(&"ann").await, None);
            start.elapsed()
        }));
        let waited = waits.await.into_iter().filter(|wait| *wait >= TIMEOUT).count();
        assert_eq!(waited, 1);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("Redis does not answer"), "{lines:?}");

    server.signal("CONT");
    let back = async {
        while reader.get(&"ann").await.is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG_PAUSE * 2, back).await.expect("it is asked again");
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("INFO") && lines[1].contains("Redis answers again"), "{lines:?}");
    assert_eq!(redis.ping().await, Ok(()));
}

#[tokio::test]
async fn a_redis_that_takes_nothing_is_away_until_it_does() {
    let server = Server::running().await;
    let redis = server.client("");
    let (log, _guard) = Log::listen();
    let (one, _) = worker(&redis);
    one.put(&"ann", &word("yes", 0, 600_000)).await;
    raw(&redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    for _ in 0..5 {
        redis.ask_at_once();
        one.put(&"bo", &word("yes", 0, 600_000)).await;
        assert_eq!(worker(&redis).0.get(&"ann").await, None, "it could be read, but nobody asks a Redis that is full");
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN"), "{lines:?}");

    raw(&redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    redis.ask_at_once();
    assert!(worker(&redis).0.get(&"ann").await.is_some());
    assert!(log.lines()[1].contains("Redis answers again"), "{:?}", log.lines());
}

/// Its value is not of use to anybody, but it must not keep out what is.
#[tokio::test]
async fn a_worker_whose_clock_is_ahead_overrules_nobody_for_long() {
    let server = Server::running().await;
    let redis = server.client("");
    worker(&redis).0.put(&"ann", &word("no", -3_600_000, 7_200_000)).await;
    let later = word("yes", -2_000, 600_000);
    worker(&redis).0.put(&"ann", &later).await;
    assert_eq!(worker(&redis).0.get(&"ann").await, Some(later));
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_found_later() {
    let mut server = Server::stopped();
    let redis = server.client_within("", TIMEOUT);
    let (cache, _) = worker(&redis);
    let (log, _guard) = Log::listen();
    let yes = word("yes", 0, 600_000);
    let start = Instant::now();
    cache.put(&"ann", &yes).await;
    assert_eq!(cache.get(&"ann").await, Some(yes.clone()));
    assert!(start.elapsed() < ONE_TIMEOUT, "{:?}", start.elapsed());
    server.start().await;
    let found = async {
        while worker(&redis).0.get(&"ann").await.is_none() {
            cache.put(&"ann", &yes).await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, found).await.expect("it is asked again");
    let levels: Vec<String> = log.lines().iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(levels, ["WARN", "INFO"], "{:?}", log.lines());
}

#[test]
fn addresses_are_told_from_other_text_and_never_shown() {
    for (text, is_address) in [
        ("redis://127.0.0.1:6379/0", true),
        ("redis://:hunter2@cache:6379", true),
        ("rediss://cache", false),
        ("127.0.0.1:6379", false),
        ("http://cache", false),
        ("redis://cache/zero", false),
        ("redis://user:hunter2@host:port", false),
        ("redis://:hunter2@[::", false),
        ("", false),
    ] {
        let url = text.parse::<RedisUrl>();
        assert_eq!(url.is_ok(), is_address, "{text}");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
