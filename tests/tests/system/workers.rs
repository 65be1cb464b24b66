//! Several workers: they share the shards evenly, and whoever comes, goes, dies or freezes costs nobody an update.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use async_nats::jetstream::kv::{Entry, Operation};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all};
use sqlx::AssertSqlSafe;
use system_tests::{
    child::Signal,
    place::Place,
    process::Process,
    services::{nats::Nats, postgres::Postgres},
    split::{SHARDS, Servers, Split, migrate, stored},
    wait::wait_for,
};

use super::{
    crowd::{Crowd, LIMITS, PATIENCE},
    metrics::owned,
};

async fn split() -> anyhow::Result<Split> {
    Ok(limited(Split::prepare().await?))
}

fn limited(split: Split) -> Split {
    LIMITS.iter().fold(split, |split, (name, value)| split.worker_env(name, value))
}

/// With a NATS that may be stopped.
async fn split_with_own_nats() -> anyhow::Result<(Nats, Split)> {
    let nats = Nats::own().await?;
    let servers = Servers { nats: nats.account()?, ..Servers::shared().await? };
    Ok((nats, limited(Split::on(servers).await?)))
}

/// Starts a gateway and so many workers.
async fn start_all(split: &Split, count: usize) -> anyhow::Result<(Process, Vec<Process>)> {
    let mut gateway = split.gateway().spawn()?;
    let workers = start(split, count).await?;
    gateway.ready().await?;
    Ok((gateway, workers))
}

/// Starts so many and waits until they have shared all the shards.
pub(crate) async fn start(split: &Split, count: usize) -> anyhow::Result<Vec<Process>> {
    let mut workers = (0..count).map(|_| split.worker().spawn()).collect::<anyhow::Result<Vec<_>>>()?;
    for worker in &mut workers {
        worker.ready().await?;
    }
    even(&workers.iter().collect::<Vec<_>>()).await?;
    Ok(workers)
}

/// Waits until these workers own all shards and each has its even share; gives how many each has.
async fn even(workers: &[&Process]) -> anyhow::Result<Vec<u16>> {
    let least = usize::from(SHARDS) / workers.len();
    wait_for("even shares", PATIENCE, async || {
        let owned = try_join_all(workers.iter().map(|worker| owned(worker))).await?;
        let is_even = owned.iter().all(|count| (least..=least + 1).contains(&usize::from(*count)));
        if is_even && owned.iter().sum::<u16>() == SHARDS { Ok(owned) } else { Err(format!("{owned:?}")) }
    })
    .await
}

/// Who has held each shard since this began, in order; None: nobody, for a moment.
struct Hands {
    seen: Arc<Mutex<BTreeMap<String, Vec<Option<String>>>>>,
    _watching: tokio::task::JoinSet<()>,
}

impl Hands {
    async fn watch(split: &Split) -> anyhow::Result<Self> {
        let mut changes = split.jetstream().await?.get_key_value("leases").await?.watch_with_history("*").await?;
        let seen: Arc<Mutex<BTreeMap<String, Vec<Option<String>>>>> = Arc::default();
        let (note, mut watching) = (Arc::clone(&seen), tokio::task::JoinSet::new());
        watching.spawn(async move {
            while let Some(Ok(entry)) = changes.next().await {
                let Entry { key, value, operation, .. } = entry;
                let holder = (operation == Operation::Put).then(|| String::from_utf8_lossy(&value).into_owned());
                let mut seen = note.lock().expect("nobody panics with it");
                let hands = seen.entry(key).or_default();
                if hands.last() != Some(&holder) {
                    hands.push(holder);
                }
            }
        });
        let hands = Self { seen, _watching: watching };
        wait_for("every lease to be seen", PATIENCE, async || match hands.shards().len() {
            all if all == usize::from(SHARDS) => Ok(()),
            some => Err(format!("{some} are")),
        })
        .await?;
        Ok(hands)
    }

    fn shards(&self) -> BTreeMap<String, Vec<Option<String>>> {
        let seen = self.seen.lock().expect("nobody panics with it");
        seen.iter().filter(|(key, _)| key.starts_with('s')).map(|(key, hands)| (key.clone(), hands.clone())).collect()
    }

    /// The way of each shard that did not stay where it was.
    fn moved(&self) -> Vec<Vec<Option<String>>> {
        self.shards().into_values().filter(|hands| hands.len() > 1).collect()
    }
}

#[tokio::test]
async fn ten_workers_have_three_or_four_shards_and_an_eleventh_moves_only_what_it_must() -> anyhow::Result<()> {
    // All of them together must stay below what the tests' database takes.
    let split = split().await?.worker_env("DB_POOL_SIZE", "2");
    let mut workers = start(&split, 10).await?;
    let hands = Hands::watch(&split).await?;
    let holders = hands.shards().into_values().flatten().flatten().collect::<BTreeSet<_>>();
    assert_eq!(holders.len(), 10, "{holders:?}");

    workers.push(split.worker().start().await?);
    let owned = even(&workers.iter().collect::<Vec<_>>()).await?;
    assert_eq!(owned.last(), Some(&2), "{owned:?}");
    let moved = hands.moved();
    assert_eq!(moved.len(), 2, "only what the eleventh has: {moved:?}");
    for hands in moved {
        // Given back by one of the ten, and taken by the new one.
        assert!(
            matches!(&hands[..], [Some(from), None, Some(to)] if holders.contains(from) && !holders.contains(to)),
            "{hands:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn others_take_over_from_a_worker_that_is_killed_and_everything_is_handled() -> anyhow::Result<()> {
    let split = split().await?;
    let (_gateway, mut workers) = start_all(&split, 3).await?;
    let crowd = Crowd::gather(&split).await?;
    let round = crowd.talk()?;
    crowd.reached(&round, "restrictChatMember", 60).await?;
    let killed_ms = split.sim.clock().now_ms();
    let mut killed = workers.pop().context("three")?;
    killed.kill().await?;
    let kill = crowd.killed_at(killed_ms).await?;

    even(&workers.iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;
    crowd.judge(&round, Some(&kill)).await
}

#[tokio::test]
async fn workers_come_and_go_in_the_midst_of_work_and_nothing_is_done_twice() -> anyhow::Result<()> {
    let split = split().await?;
    let (_gateway, mut workers) = start_all(&split, 2).await?;
    let crowd = Crowd::gather(&split).await?;

    let coming = crowd.talk()?;
    crowd.reached(&coming, "restrictChatMember", 20).await?;
    workers.push(split.worker().start().await?);
    even(&workers.iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;
    crowd.judge(&coming, None).await?;

    let going = crowd.talk()?;
    crowd.reached(&going, "restrictChatMember", 20).await?;
    let mut stopped = workers.remove(0);
    assert_eq!(stopped.stop().await?, 0);
    even(&workers.iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;
    assert_eq!(stored(&crowd.jetstream, "DLQ").await?, 0);
    crowd.judge(&going, None).await
}

#[tokio::test]
async fn a_frozen_worker_loses_its_shards_and_has_its_share_again_once_it_wakes() -> anyhow::Result<()> {
    let split = split().await?;
    let (_gateway, mut workers) = start_all(&split, 3).await?;
    let crowd = Crowd::gather(&split).await?;
    let round = crowd.talk()?;
    crowd.reached(&round, "restrictChatMember", 60).await?;
    let frozen_ms = split.sim.clock().now_ms();
    workers[0].signal(Signal::STOP)?;
    let frozen = crowd.killed_at(frozen_ms).await?;
    even(&workers[1..].iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;
    workers[0].signal(Signal::CONT)?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    // What it had in hand was not its own any more.
    crowd.judge(&round, Some(&frozen)).await
}

#[tokio::test]
async fn what_changed_while_a_chat_was_another_workers_holds_when_it_comes_back() -> anyhow::Result<()> {
    let split = split().await?;
    let (_gateway, first) = start_all(&split, 1).await?;
    // Enough for some to be in shards that move.
    let places: Vec<Place> = (0..8).map(|_| split.place()).collect();
    for place in &places {
        split.protect(place.channel, &[(place.group, place.owner)]).await?;
        // So that the first worker has their rules in memory.
        split.world.say(place.group, place.owner, "Good morning!")?;
    }
    let nothing_left = async || match split.sim.pending_updates() {
        0 => Ok(()),
        left => Err(format!("{left} are at Telegram")),
    };
    wait_for("all to be delivered", PATIENCE, nothing_left).await?;

    let mut second = split.worker().start().await?;
    even(&[&first[0], &second]).await?;
    for place in &places {
        split.world.say(place.group, place.owner, "/unprotect")?;
    }
    for place in &places {
        let off =
            || split.world.bot_messages(place.group).into_iter().find(|it| it.text.starts_with("Protection is off"));
        split.sim.wait("the protection to be off", PATIENCE, off).await?;
    }
    assert_eq!(second.stop().await?, 0);
    even(&[&first[0]]).await?;
    let jetstream = split.jetstream().await?;
    let mut said = Vec::new();
    for place in &places {
        let ann = split.world.person_in(place.group, "Ann");
        said.push((place.group, split.world.say(place.group, ann, "Hello!")?));
    }
    wait_for("all to be handled", PATIENCE, async || {
        match (split.sim.pending_updates(), stored(&jetstream, "UPD").await.map_err(|error| error.to_string())?) {
            (0, 0) => Ok(()),
            left => Err(format!("{left:?} are left")),
        }
    })
    .await?;
    for (group, message) in said {
        assert!(split.world.message(group, message).is_some(), "{message} in {group} was deleted by rules of before");
    }
    Ok(())
}

#[tokio::test]
async fn a_queue_that_was_away_for_longer_than_the_leases_changes_no_owner_and_loses_nothing() -> anyhow::Result<()> {
    // More than the term of a lease (3 s) and what the server adds to it.
    const AWAY: Duration = Duration::from_secs(4);
    let (mut nats, split) = split_with_own_nats().await?;
    let (_gateway, workers) = start_all(&split, 3).await?;
    let crowd = Crowd::gather(&split).await?;
    let before = owners(&split).await?;

    let round = crowd.talk()?;
    crowd.reached(&round, "restrictChatMember", 60).await?;
    nats.kill().await?;
    tokio::time::sleep(AWAY).await;
    // The workers went on for as long as their leases held: only then they were cut short.
    let kill = crowd.killed_at(split.sim.clock().now_ms()).await?;
    nats.start().await?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    assert_eq!(owners(&split).await?, before);
    crowd.judge(&round, Some(&kill)).await
}

#[tokio::test]
async fn a_queue_that_has_lost_its_disk_is_made_again_and_the_work_goes_on() -> anyhow::Result<()> {
    let (mut nats, split) = split_with_own_nats().await?;
    let (_gateway, workers) = start_all(&split, 2).await?;
    let crowd = Crowd::gather(&split).await?;
    nats.kill().await?;
    nats.forget()?;
    nats.start().await?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    let round = crowd.talk()?;
    crowd.all_handled().await?;
    crowd.judge(&round, None).await
}

#[tokio::test]
async fn a_worker_that_alone_has_lost_its_database_leaves_its_shards_to_the_others_until_it_is_back()
-> anyhow::Result<()> {
    // A role that only this test knows: the server has many databases and one list of roles.
    const ROLE: &str = "worker_without_a_database";
    let split = split().await?;
    let mut database = split.servers.database.connect().await?;
    let alone = split.servers.database.url().split_once('@').context("a user in it")?.1;
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE ROLE {ROLE} LOGIN SUPERUSER"))).execute(&mut database).await?;
    let (_gateway, mut workers) = start_all(&split, 2).await?;
    let crowd = Crowd::gather(&split).await?;
    workers.push(split.worker().env("DATABASE_URL", format!("postgres://{ROLE}@{alone}")).start().await?);
    even(&workers.iter().collect::<Vec<_>>()).await?;

    let ends = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    sqlx::raw_sql(AssertSqlSafe(format!("ALTER ROLE {ROLE} NOLOGIN; {ends}"))).execute(&mut database).await?;
    let round = crowd.talk()?;
    even(&workers[..2].iter().collect::<Vec<_>>()).await?;
    crowd.all_handled().await?;

    sqlx::raw_sql(AssertSqlSafe(format!("ALTER ROLE {ROLE} LOGIN"))).execute(&mut database).await?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    crowd.judge(&round, None).await
}

#[tokio::test]
async fn a_database_that_is_away_for_all_changes_no_owner() -> anyhow::Result<()> {
    // More than it takes a worker to say that it has no database, and the others to take over from it.
    const AWAY: Duration = Duration::from_secs(12);
    let mut postgres = Postgres::own().await?;
    let database = postgres.database_like("migrated", migrate).await?;
    let split = limited(Split::on(Servers { database, ..Servers::shared().await? }).await?);
    let (_gateway, workers) = start_all(&split, 3).await?;
    let crowd = Crowd::gather(&split).await?;
    let hands = Hands::watch(&split).await?;
    postgres.kill().await?;
    let round = crowd.talk()?;
    tokio::time::sleep(AWAY).await;
    postgres.start().await?;
    crowd.all_handled().await?;
    even(&workers.iter().collect::<Vec<_>>()).await?;
    assert!(hands.moved().is_empty(), "{:?}", hands.moved());
    crowd.judge(&round, None).await
}

/// Who holds each shard now.
async fn owners(split: &Split) -> anyhow::Result<BTreeMap<String, String>> {
    let leases = split.jetstream().await?.get_key_value("leases").await?;
    let keys: Vec<String> = leases.keys().await?.try_collect().await?;
    let mut owners = BTreeMap::new();
    for key in keys.into_iter().filter(|key| key.starts_with('s')) {
        let holder = leases.get(&key).await?.unwrap_or_default();
        owners.insert(key, String::from_utf8_lossy(&holder).into_owned());
    }
    Ok(owners)
}
