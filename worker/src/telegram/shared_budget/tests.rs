//! The scripts on a real Redis, held against the budget in memory.

use deadpool_redis::redis::Value;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::*;
use crate::{cache::redis::server::Server, telegram::budget::Budget};
use shared::ids::ChatId;

/// A clock that the test turns, and no key runs out by the server's own.
const TURNED: &str = r"
local server = redis
local redis = { call = function(command, ...)
  if command == 'SET' then return server.call('SET', (select(1, ...)), (select(2, ...))) end
  return server.call(command, ...)
end }
local now = tonumber(server.call('GET', 'clock'))
";

const GROUP: ChatId = ChatId(-1001);
const CHATS: [ChatId; 6] = [ChatId(-1), ChatId(-2), ChatId(-3), ChatId(-4), ChatId(1), ChatId(2)];

/// Every interval is a whole number of microseconds, which is what the scripts count in.
fn config() -> LimiterConfig {
    LimiterConfig { send_per_s: 24, send_per_group_per_min: 20, read_per_s: 60, moderate_per_s: 30, broadcast_per_s: 5 }
}

async fn turn(redis: &Redis, now: Duration) {
    let set = Script::new("return redis.call('SET', KEYS[1], ARGV[1])");
    let _: Value = redis.script("set", &set, &["clock".to_owned()], &[micros(now)]).await.expect("Redis is there");
}

fn random_ask(rng: &mut StdRng) -> Ask {
    Ask {
        class: *[Class::Send, Class::Broadcast, Class::Moderate, Class::Read].choose(rng).expect("not empty"),
        chat: CHATS.choose(rng).copied(),
        priority: *[Priority::P0, Priority::P1, Priority::P2].choose(rng).expect("not empty"),
    }
}

/// Random calls at random times, alone and several at once, with floods between them: the script and the budget in memory, which has property
/// tests of its own, say the same each time.
#[tokio::test]
async fn it_says_what_the_budget_in_memory_says() {
    let server = Server::running().await;
    for seed in 0..5 {
        let redis = server.client("");
        let clear = Script::new("return redis.call('FLUSHALL')");
        let _: Value = redis.script("clear", &clear, &[], &[0]).await.expect("Redis is there");
        let (shared, mut budget) = (SharedBudget::on_clock(redis.clone(), &config(), TURNED), Budget::new(&config()));
        let mut rng = StdRng::seed_from_u64(seed);
        let mut now = Duration::from_secs(1_000);
        for step in 0..1_500 {
            now += Duration::from_micros(rng.random_range(0..60_000));
            turn(&redis, now).await;
            if rng.random_ratio(1, 200) {
                let (ask, wait) = (random_ask(&mut rng), Duration::from_secs(rng.random_range(1..30)));
                budget.flooded(now, ask.class, ask.chat, wait);
                shared.flooded(&ask, wait).await;
                continue;
            }
            let asks: Vec<(Ask, Duration)> =
                (0..rng.random_range(1..5)).map(|_| (random_ask(&mut rng), Duration::ZERO)).collect();
            let said = shared.reserve(&asks).await.expect("Redis is there");
            for ((ask, _), outcome) in asks.iter().zip(said) {
                assert_eq!(
                    outcome.answer(now),
                    budget.reserve(now, ask),
                    "seed {seed}, step {step}: {ask:?} at {now:?}"
                );
            }
        }
    }
}

/// Two workers that ask for all they can get share what one would have.
#[tokio::test]
async fn two_workers_together_have_no_more_than_one() {
    let server = Server::running().await;
    let workers = [server.client("a:"), server.client("a:")].map(|redis| SharedBudget::new(redis, &config()));
    let began = std::time::Instant::now();
    let ask = Ask { class: Class::Send, chat: Some(GROUP), priority: Priority::P0 };
    let mut taken = 0;
    for _ in 0..50 {
        for worker in &workers {
            let said = worker.reserve(&[(ask, Duration::ZERO)]).await.expect("Redis is there");
            taken += u64::from(said[0].answer(Duration::ZERO).is_ok());
        }
    }
    // Five at once, and one more every four seconds.
    let most = 5 + began.elapsed().as_secs() / 4 + 1;
    assert!((4..=most).contains(&taken), "{taken} of {most}");
    let stranger = SharedBudget::new(server.client("b:"), &config());
    let said = stranger.reserve(&[(ask, Duration::ZERO)]).await.expect("Redis is there");
    assert_eq!(said[0].answer(Duration::ZERO), Ok(()), "another bot on the same Redis");
}

/// What a worker has let through while Redis was away counts when it is back.
#[tokio::test]
async fn what_was_sent_without_it_counts_afterwards() {
    let server = Server::running().await;
    let shared = SharedBudget::new(server.client(""), &config());
    let ask = Ask { class: Class::Send, chat: Some(GROUP), priority: Priority::P0 };
    let full = Duration::from_secs(20);
    let said = shared.reserve(&[(ask, full)]).await.expect("Redis is there");
    let wait = said[0].answer(Duration::ZERO).expect_err("the group has had its burst").chat_opens.expect("a time");
    assert!(wait <= Duration::from_secs(4), "{wait:?}");
}

#[tokio::test]
async fn a_flood_that_one_worker_met_closes_the_bucket_for_all() {
    let server = Server::running().await;
    let (one, two) = (SharedBudget::new(server.client(""), &config()), SharedBudget::new(server.client(""), &config()));
    let ask = |chat, class| Ask { class, chat: Some(ChatId(chat)), priority: Priority::P0 };
    one.flooded(&ask(-1, Class::Read), Duration::from_secs(30)).await;
    let said = two.reserve(&[(ask(-1, Class::Read), Duration::ZERO), (ask(-2, Class::Read), Duration::ZERO)]).await;
    let said = said.expect("Redis is there");
    let wait = said[0].answer(Duration::ZERO).expect_err("closed").chat_opens.expect("a time");
    assert!((25..=30).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(said[0].levels.chat.opens_in, wait, "and it is told that this is a closing");
    assert_eq!(said[1].answer(Duration::ZERO), Ok(()), "another chat");
}
