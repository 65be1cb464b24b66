//! Who goes when, in paused time: what takes ten seconds here takes none.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::*;
use crate::cache::redis::server::Server;

const CHAT: ChatId = ChatId(-1001);
const OTHER_CHAT: ChatId = ChatId(-1002);

/// Moderation at 7/s: a burst of one and six a second after it.
fn limiter() -> Arc<Limiter> {
    let config = LimiterConfig {
        send_per_s: 25,
        send_per_group_per_min: 20,
        read_per_s: 1_000,
        moderate_per_s: 7,
        broadcast_per_s: 5,
    };
    Limiter::new(&config, None, TelegramMetrics::default())
}

fn ask(class: Class, chat: ChatId, priority: Priority) -> Ask {
    Ask { class, chat: Some(chat), priority }
}

fn in_s(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Lets everything run that can without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_limiter_lets_in_at_once() {
    let limiter = limiter();
    let started = Instant::now();
    for class in [Class::Moderate, Class::Read] {
        let pass = limiter.enter(ask(class, CHAT, Priority::P2), in_s(10)).await.expect("open");
        pass.end(Pace::Fine);
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_line_is_ordered_by_priority_then_by_arrival() {
    let limiter = limiter();
    limiter.enter(ask(Class::Moderate, CHAT, Priority::P0), in_s(10)).await.expect("the burst").end(Pace::Fine);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut all = JoinSet::new();
    let arrivals =
        [("b1", Priority::P1), ("c1", Priority::P2), ("b2", Priority::P1), ("a1", Priority::P0), ("b3", Priority::P1)];
    for (name, priority) in arrivals {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        all.spawn(async move {
            match limiter.enter(ask(Class::Moderate, CHAT, priority), in_s(10)).await {
                Ok(pass) => {
                    order.lock().expect("not poisoned").push(name);
                    pass.end(Pace::Fine);
                }
                // The last priority does not wait for long.
                Err(_) => order.lock().expect("not poisoned").push("later"),
            }
        });
        settle().await;
    }
    let started = Instant::now();
    all.join_all().await;
    assert_eq!(*order.lock().expect("not poisoned"), ["a1", "later", "b1", "b2", "b3"]);
    let took = started.elapsed();
    assert!((650..750).contains(&took.as_millis()), "four at six a second took {took:?}");
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_messages_come_back_one_after_another() {
    let limiter = limiter();
    let mut people = (1..).map(ChatId);
    while limiter.try_send(&ask(Class::Send, people.next().expect("endless"), Priority::P0)).await.is_ok() {}
    let warning = |n: i64| ask(Class::Send, ChatId(-n), Priority::P1);
    let mut waits = Vec::new();
    for n in 1..=500 {
        waits.push(limiter.try_send(&warning(n)).await.expect_err("empty"));
    }
    let apart = waits.windows(2).take(100).map(|two| two[1].saturating_sub(two[0])).collect::<Vec<_>>();
    assert!(apart.iter().all(|apart| (45..50).contains(&apart.as_millis())), "{apart:?}");
    let longest = waits.iter().max().expect("some");
    assert!((4..=6).contains(&longest.as_secs()), "nobody is sent away for long: {longest:?}");
    // Whoever is waited for comes back before all of them.
    let reply = limiter.try_send(&ask(Class::Send, ChatId(-999), Priority::P0)).await.expect_err("empty");
    assert!(reply < Duration::from_millis(250), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_chat_holds_up_nobody_else() {
    let limiter = limiter();
    let closed_for = limiter.flooded(&ask(Class::Read, CHAT, Priority::P1), Duration::from_secs(5)).await;
    assert!(closed_for >= Duration::from_secs(5));
    let started = Instant::now();
    let waiting = {
        let limiter = Arc::clone(&limiter);
        TaskTracker::new().spawn(async move { limiter.enter(ask(Class::Read, CHAT, Priority::P0), in_s(10)).await })
    };
    settle().await;
    let other = limiter.enter(ask(Class::Read, OTHER_CHAT, Priority::P2), in_s(10)).await;
    assert!(other.is_ok());
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(waiting.await.expect("no panic").is_ok());
    assert!(started.elapsed() >= closed_for, "came in after {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_comes_too_late() {
    let limiter = limiter();
    limiter.flooded(&ask(Class::Moderate, CHAT, Priority::P1), Duration::from_secs(41)).await;
    let started = Instant::now();
    let refused = limiter.enter(ask(Class::Moderate, CHAT, Priority::P0), in_s(10)).await;
    let wait = refused.expect_err("closed for 41 s");
    assert!((41.0..46.0).contains(&wait.as_secs_f64()), "{wait:?}");
    assert_eq!(started.elapsed(), Duration::ZERO, "told at once");
}

#[tokio::test(start_paused = true)]
async fn a_line_too_long_ends_at_the_deadline() {
    let limiter = limiter();
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let limiter = Arc::clone(&limiter);
        all.spawn(async move { limiter.enter(ask(Class::Moderate, CHAT, Priority::P1), in_s(10)).await.is_ok() });
    }
    let admitted = all.join_all().await.into_iter().filter(|admitted| *admitted).count();
    assert!((58..=61).contains(&admitted), "{admitted} in ten seconds at six a second");
}

#[tokio::test(start_paused = true)]
async fn calls_about_one_chat_are_bounded_and_follow_each_other() {
    let limiter = limiter();
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut all = JoinSet::new();
    for _ in 0..64 {
        let (limiter, under_way, most) = (Arc::clone(&limiter), Arc::clone(&under_way), Arc::clone(&most));
        all.spawn(async move {
            let pass = limiter.enter(ask(Class::Read, CHAT, Priority::P1), in_s(10)).await.expect("its turn comes");
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            pass.end(Pace::Unknown);
        });
    }
    let started = Instant::now();
    all.join_all().await;
    assert_eq!(most.load(Ordering::SeqCst), 16, "the window a chat starts with");
    assert!(started.elapsed() < Duration::from_millis(450), "four rounds of 100 ms took {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_no_gap() {
    let limiter = limiter();
    limiter.enter(ask(Class::Moderate, CHAT, Priority::P0), in_s(10)).await.expect("the burst").end(Pace::Fine);
    let leader = {
        let limiter = Arc::clone(&limiter);
        TaskTracker::new()
            .spawn(async move { limiter.enter(ask(Class::Moderate, CHAT, Priority::P0), in_s(10)).await.is_ok() })
    };
    settle().await;
    let next = {
        let limiter = Arc::clone(&limiter);
        TaskTracker::new()
            .spawn(async move { limiter.enter(ask(Class::Moderate, CHAT, Priority::P2), in_s(10)).await.is_ok() })
    };
    settle().await;
    leader.abort();
    let started = Instant::now();
    assert!(next.await.expect("no panic"));
    assert!(started.elapsed() < Duration::from_millis(250), "took over the lead after {:?}", started.elapsed());
    let line = limiter.line(Class::Moderate);
    assert!(line.waiting.is_empty() && line.leader.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_told_when_to_come_back_and_may_then_go() {
    let limiter = limiter();
    let warning = ask(Class::Send, CHAT, Priority::P1);
    while limiter.try_send(&warning).await.is_ok() {}
    let started = Instant::now();
    for _ in 0..20 {
        let wait = limiter.try_send(&warning).await.expect_err("empty");
        tokio::time::sleep(wait).await;
        limiter.try_send(&warning).await.expect("at the time it was told");
    }
    let took = started.elapsed();
    // The overall ceiling may have said no first, and left one in the group's burst.
    assert!((76..82).contains(&took.as_secs()), "20 at 15 a minute took {took:?}");
}

/// Redis was away when Telegram said 429: this worker keeps to it afterwards, and the others are told.
#[tokio::test]
async fn a_flood_that_redis_did_not_hear_of_still_closes_the_chat_for_all() {
    let mut server = Server::stopped();
    let [met, other] = ["", ""].map(|prefix| {
        let redis = server.client(prefix);
        let config = LimiterConfig {
            send_per_s: 25,
            send_per_group_per_min: 20,
            read_per_s: 50,
            moderate_per_s: 50,
            broadcast_per_s: 5,
        };
        (Limiter::new(&config, Some(redis.clone()), TelegramMetrics::default()), redis)
    });
    let question = ask(Class::Read, CHAT, Priority::P0);
    met.0.flooded(&question, Duration::from_secs(60)).await;
    server.start().await;
    for (_, redis) in [&met, &other] {
        redis.ask_at_once();
    }
    met.0.enter(question, in_s(1)).await.expect_err("closed by what it was told itself");
    met.0.enter(ask(Class::Read, OTHER_CHAT, Priority::P0), in_s(1)).await.expect("another chat").end(Pace::Fine);
    let wait = other.0.enter(question, in_s(1)).await.expect_err("the other worker has heard of it");
    assert!((50..=66).contains(&wait.as_secs()), "{wait:?}");
}

/// A moment without an answer is no outage: the others count on in Redis, and who goes alone has more than their share.
#[tokio::test]
async fn messages_wait_while_redis_is_silent_and_deletes_do_not() {
    let server = Server::running().await;
    let config = LimiterConfig {
        send_per_s: 25,
        send_per_group_per_min: 20,
        read_per_s: 50,
        moderate_per_s: 50,
        broadcast_per_s: 5,
    };
    let redis = server.client_within("", Duration::from_millis(50));
    let limiter = Limiter::new(&config, Some(redis), TelegramMetrics::default());
    server.signal("STOP");
    let wait = limiter.try_send(&ask(Class::Send, CHAT, Priority::P0)).await.expect_err("silent");
    assert!((500..=1_100).contains(&wait.as_millis()), "{wait:?}");
    limiter.enter(ask(Class::Moderate, CHAT, Priority::P0), in_s(1)).await.expect("a delete goes").end(Pace::Fine);
    limiter.share(2);
    limiter.try_send(&ask(Class::Send, CHAT, Priority::P0)).await.expect_err("silent to both");
    limiter.share(1);
    limiter.try_send(&ask(Class::Send, CHAT, Priority::P0)).await.expect("nobody else counts there");
    server.signal("CONT");
}

/// Many callers on several threads, some of whom give up. A failure is one who never gets a turn, or what is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten_in_a_crowd() {
    let config = LimiterConfig {
        send_per_s: 1,
        send_per_group_per_min: 1,
        read_per_s: 4_000,
        moderate_per_s: 1,
        broadcast_per_s: 1,
    };
    let limiter = Limiter::new(&config, None, TelegramMetrics::default());
    let mut all = JoinSet::new();
    for n in 0..2_000_u32 {
        let limiter = Arc::clone(&limiter);
        let chat = ChatId(-i64::from(n % 7));
        let priority = [Priority::P0, Priority::P1, Priority::P2][n as usize % 3];
        all.spawn(async move {
            if n % 5 == 0 {
                let entering = limiter.enter(ask(Class::Read, chat, priority), in_s(10));
                let _ = tokio::time::timeout(Duration::from_millis(u64::from(n % 90)), entering).await;
                return true;
            }
            let pass = loop {
                match limiter.enter(ask(Class::Read, chat, priority), in_s(10)).await {
                    Ok(pass) => break pass,
                    Err(wait) if priority == Priority::P2 => tokio::time::sleep(wait).await,
                    Err(_) => return false,
                }
            };
            tokio::task::yield_now().await;
            pass.end(Pace::Fine);
            true
        });
    }
    let left_out = all.join_all().await.into_iter().filter(|served| !served).count();
    assert_eq!(left_out, 0);
    let line = limiter.line(Class::Read);
    assert!(line.waiting.is_empty() && line.leader.is_none(), "{line:?}");
    assert!(line.windows.is_empty(), "{line:?}");
}
