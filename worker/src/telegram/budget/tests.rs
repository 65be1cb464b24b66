//! The budget over time that only numbers know of.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const GROUP: ChatId = ChatId(-1001);
const OTHER_GROUP: ChatId = ChatId(-1002);
const PERSON: ChatId = ChatId(7);

fn budget() -> Budget {
    Budget::new(&LimiterConfig {
        send_per_s: 25,
        send_per_group_per_min: 20,
        read_per_s: 60,
        moderate_per_s: 30,
        broadcast_per_s: 5,
    })
}

fn ask(class: Class, chat: ChatId, priority: Priority) -> Ask {
    Ask { class, chat: Some(chat), priority }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How many calls go through when one tries as often as it makes sense, from `from` until `to`.
fn squeeze(budget: &mut Budget, from: Duration, to: Duration, ask: &Ask) -> usize {
    let mut granted = 0;
    let mut now = from;
    while now < to {
        match budget.reserve(now, ask) {
            Ok(()) => granted += 1,
            Err(refusal) => {
                let opens = refusal.opens().expect("a refusal says until when");
                assert!(opens > now, "a refusal must name a later time");
                now = opens;
            }
        }
    }
    granted
}

#[test]
fn each_bucket_gives_its_ceiling_and_no_more() {
    let table = [
        // Class, chat, seconds, at least, at most. The first second of a rested bucket has the burst in it.
        (Class::Send, GROUP, 60, 19, 20),
        (Class::Send, GROUP, 600, 150, 155),
        (Class::Send, PERSON, 60, 60, 60),
        (Class::Broadcast, OTHER_GROUP, 60, 19, 20),
        (Class::Moderate, GROUP, 1, 29, 30),
        (Class::Read, GROUP, 1, 59, 60),
    ];
    for (class, chat, seconds, least, most) in table {
        let granted = squeeze(&mut budget(), s(100), s(100 + seconds), &ask(class, chat, Priority::P0));
        assert!((least..=most).contains(&granted), "{class:?} {chat:?}: {granted} in {seconds} s");
    }
}

#[test]
fn sends_to_many_chats_share_the_overall_ceiling() {
    let mut budget = budget();
    let granted = (0..1000).filter(|n| budget.reserve(s(9), &ask(Class::Send, ChatId(*n + 1), Priority::P0)).is_ok());
    assert_eq!(granted.count(), 4, "the overall burst");
    // A broadcast has its own.
    assert_eq!(budget.reserve(s(9), &ask(Class::Broadcast, ChatId(5000), Priority::P2)), Ok(()));
}

#[test]
fn checks_in_a_channel_are_not_messages_to_it() {
    let mut budget = budget();
    let granted = squeeze(&mut budget, s(1), s(61), &ask(Class::Read, GROUP, Priority::P0));
    assert!(granted > 2_900, "only {granted} checks in a minute");
    assert_eq!(budget.reserve(s(61), &ask(Class::Send, GROUP, Priority::P0)), Ok(()));
}

#[test]
fn lower_classes_leave_something_over() {
    let mut budget = budget();
    let taken: Vec<usize> = [Priority::P2, Priority::P1, Priority::P0]
        .into_iter()
        .map(|priority| (0..10).filter(|_| budget.reserve(s(5), &ask(Class::Send, GROUP, priority)).is_ok()).count())
        .collect();
    assert_eq!(taken, [2, 1, 1], "of the four that may go at once");
}

#[test]
fn the_lowest_class_is_not_starved_when_nothing_else_waits() {
    let granted = squeeze(&mut budget(), s(0), s(600), &ask(Class::Send, GROUP, Priority::P2));
    assert!(granted >= 150, "only {granted} in ten minutes");
    let granted = squeeze(&mut budget(), s(0), s(60), &ask(Class::Moderate, GROUP, Priority::P2));
    assert!(granted >= 60 * 25, "only {granted} in a minute");
}

#[test]
fn a_flood_closes_its_own_bucket_for_the_whole_time() {
    let mut budget = budget();
    budget.flooded(s(10), Class::Send, Some(GROUP), s(41));
    let refusal = budget.reserve(s(11), &ask(Class::Send, GROUP, Priority::P0)).expect_err("closed");
    assert_eq!((refusal.class_opens, refusal.chat_opens), (None, Some(s(51))));
    assert!(budget.reserve(s(11), &ask(Class::Broadcast, GROUP, Priority::P0)).is_err(), "the same chat");
    assert_eq!(budget.reserve(s(11), &ask(Class::Send, OTHER_GROUP, Priority::P0)), Ok(()));
    assert_eq!(budget.reserve(s(11), &ask(Class::Moderate, GROUP, Priority::P0)), Ok(()));
    // A shorter one that comes later does not open it earlier.
    budget.flooded(s(12), Class::Send, Some(GROUP), s(5));
    assert!(budget.reserve(Duration::from_millis(50_999), &ask(Class::Send, GROUP, Priority::P0)).is_err());
    // It opens slowly: one at once, not a burst.
    let at_once = (0..10).filter(|_| budget.reserve(s(51), &ask(Class::Send, GROUP, Priority::P0)).is_ok()).count();
    assert_eq!(at_once, 1);
    assert_eq!(budget.reserve(s(55), &ask(Class::Send, GROUP, Priority::P0)), Ok(()));
}

#[test]
fn floods_in_three_chats_at_once_close_the_class() {
    let table = [
        ("three chats", vec![(10, 1), (11, 2), (12, 3)], true),
        ("one chat three times", vec![(10, 1), (11, 1), (12, 1)], false),
        ("two chats", vec![(10, 1), (11, 2), (12, 1)], false),
        ("three chats, slowly", vec![(1, 1), (6, 2), (12, 3)], false),
    ];
    for (what, floods, closes) in table {
        let mut budget = budget();
        for (at, chat) in floods {
            budget.flooded(s(at), Class::Read, Some(ChatId(-chat)), s(20));
        }
        let stranger = budget.reserve(s(13), &ask(Class::Read, ChatId(-99), Priority::P0));
        assert_eq!(stranger.is_err(), closes, "{what}");
        assert!(budget.reserve(s(13), &ask(Class::Moderate, ChatId(-99), Priority::P0)).is_ok(), "{what}");
        assert!(budget.reserve(s(33), &ask(Class::Read, ChatId(-99), Priority::P0)).is_ok(), "{what}: open again");
    }
}

#[test]
fn a_flood_without_a_chat_closes_the_class_and_messages_stop_broadcasts() {
    let mut budget = budget();
    budget.flooded(s(1), Class::Send, None, s(9));
    assert!(budget.reserve(s(2), &ask(Class::Send, GROUP, Priority::P0)).is_err());
    assert!(budget.reserve(s(2), &ask(Class::Broadcast, GROUP, Priority::P0)).is_err());
    let mut budget = self::budget();
    budget.flooded(s(1), Class::Broadcast, None, s(9));
    assert!(budget.reserve(s(2), &ask(Class::Send, GROUP, Priority::P0)).is_ok());
}

#[test]
fn a_clock_that_goes_back_costs_a_period_at_most() {
    let mut budget = budget();
    while budget.reserve(s(10_000), &ask(Class::Send, GROUP, Priority::P0)).is_ok() {}
    let refusal = budget.reserve(s(50), &ask(Class::Send, GROUP, Priority::P0)).expect_err("empty");
    assert!(refusal.opens().is_some_and(|opens| opens <= s(70)), "{refusal:?}");
}

#[test]
fn ceilings_of_nothing_still_let_something_through() {
    for per in [0, 1, 2] {
        let config = LimiterConfig {
            send_per_s: per,
            send_per_group_per_min: per,
            read_per_s: per,
            moderate_per_s: per,
            broadcast_per_s: per,
        };
        for class in [Class::Send, Class::Broadcast, Class::Read, Class::Moderate] {
            let granted = squeeze(&mut Budget::new(&config), s(0), s(180), &ask(class, GROUP, Priority::P2));
            assert!(granted >= 3, "{class:?} at {per}: {granted}");
        }
    }
}

#[test]
fn full_buckets_are_forgotten() {
    let mut budget = budget();
    for n in 0..20_000_i64 {
        let now = Duration::from_millis(n.unsigned_abs() * 100);
        let _ = budget.reserve(now, &ask(Class::Send, ChatId(n + 1), Priority::P0));
    }
    assert!(budget.buckets.len() <= 2 * SWEEP_FROM, "{} buckets", budget.buckets.len());
}

/// Random calls at random times, with floods between them. Failures are: more in any window than its ceiling, a call through a closed
/// bucket, a refusal that names no later time, and a time at which the same call alone is refused again.
#[test]
fn no_interleaving_exceeds_a_ceiling() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut budget = budget();
        let mut now = s(1);
        let mut granted: Vec<(Duration, Ask)> = Vec::new();
        let mut closed: Vec<(Duration, Duration, Class, ChatId)> = Vec::new();
        for _ in 0..4_000 {
            now += Duration::from_micros(rng.random_range(0..40_000));
            let ask = random_ask(&mut rng);
            let chat = ask.chat.expect("random asks have one");
            if rng.random_ratio(1, 400) {
                let wait = s(rng.random_range(1..30));
                budget.flooded(now, ask.class, Some(chat), wait);
                closed.push((now, now + wait, ask.class, chat));
                continue;
            }
            match budget.reserve(now, &ask) {
                Ok(()) => granted.push((now, ask)),
                Err(refusal) => {
                    let opens = refusal.opens().expect("a refusal says until when");
                    assert!(opens > now, "seed {seed}");
                }
            }
        }
        let by_class = |class| move |ask: &Ask| ask.class == class;
        assert_ceiling(seed, "send", &granted, s(1), 25, by_class(Class::Send));
        assert_ceiling(seed, "broadcast", &granted, s(1), 5, by_class(Class::Broadcast));
        assert_ceiling(seed, "moderate", &granted, s(1), 30, by_class(Class::Moderate));
        assert_ceiling(seed, "read", &granted, s(1), 60, by_class(Class::Read));
        for chat in CHATS {
            let to_chat = |ask: &Ask| matches!(ask.class, Class::Send | Class::Broadcast) && ask.chat == Some(chat);
            let (window, most) = if chat.0 > 0 { (s(1), 1) } else { (s(60), 20) };
            assert_ceiling(seed, "chat", &granted, window, most, to_chat);
        }
        for (at, ask) in &granted {
            let through = closed
                .iter()
                .find(|(from, to, class, chat)| from < at && at < to && *class == ask.class && Some(*chat) == ask.chat);
            assert_eq!(through, None, "seed {seed}: {ask:?} at {at:?}");
        }
    }
}

/// Workers that cannot count together, each of which takes all that it gets. A failure is more in a window than its ceiling: of a few
/// windows, if there are more workers than calls in one.
#[test]
fn the_parts_of_all_workers_are_no_more_than_the_whole() {
    for workers in [1, 2, 3, 4, 7, 9, 10, 12, 25, 26, 40, 100] {
        let all = |class, from: Duration, window: Duration| -> u32 {
            let parts = (0..workers).map(|_| {
                let mut part = budget();
                part.share(workers);
                // Of as many chats as it takes: only the class is in the way.
                let (mut granted, mut now) = (0, from);
                for chat in 1.. {
                    match part.reserve(now, &ask(class, ChatId(chat), Priority::P0)) {
                        Ok(()) => granted += 1,
                        Err(refusal) => now = refusal.opens().expect("a refusal says until when"),
                    }
                    if now >= from + window {
                        break;
                    }
                }
                granted
            });
            parts.sum()
        };
        for (class, ceiling) in [(Class::Send, 25), (Class::Broadcast, 5), (Class::Moderate, 30), (Class::Read, 60)] {
            let seconds = workers.div_ceil(ceiling);
            let granted = all(class, s(100), s(seconds.into()));
            // The first of each comes at once.
            let most = if workers <= ceiling { ceiling } else { ceiling * seconds + workers };
            assert!((1..=most).contains(&granted), "{class:?}, {workers} workers: {granted} of {most} in {seconds} s");
        }
    }
}

#[test]
fn whoever_comes_back_in_time_and_alone_is_let_in() {
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut budget = budget();
        let mut now = s(1);
        for _ in 0..300 {
            now += Duration::from_micros(rng.random_range(0..5_000));
            let ask = random_ask(&mut rng);
            let Err(refusal) = budget.reserve(now, &ask) else {
                continue;
            };
            now = refusal.opens().expect("a refusal says until when");
            assert_eq!(budget.reserve(now, &ask), Ok(()), "seed {seed}");
        }
    }
}

/// While lower classes take all that they may, somebody who is waited for still goes at once.
#[test]
fn the_highest_class_goes_at_once_under_pressure_from_below() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut budget = budget();
        let mut now = s(1);
        for _ in 0..200 {
            for _ in 0..50 {
                now += Duration::from_micros(rng.random_range(0..20_000));
                let priority = *[Priority::P1, Priority::P2].choose(&mut rng).expect("not empty");
                let _ = budget.reserve(now, &ask(Class::Moderate, GROUP, priority));
                let _ = budget.reserve(now, &ask(Class::Send, ChatId(-rng.random_range(1..500)), priority));
            }
            assert_eq!(budget.reserve(now, &ask(Class::Moderate, GROUP, Priority::P0)), Ok(()), "seed {seed}");
            let rested = ChatId(-rng.random_range(1_000..1_000_000));
            assert_eq!(budget.reserve(now, &ask(Class::Send, rested, Priority::P0)), Ok(()), "seed {seed}");
        }
    }
}

const CHATS: [ChatId; 6] = [ChatId(-1), ChatId(-2), ChatId(-3), ChatId(-4), ChatId(1), ChatId(2)];

fn random_ask(rng: &mut StdRng) -> Ask {
    Ask {
        class: *[Class::Send, Class::Broadcast, Class::Moderate, Class::Read].choose(rng).expect("not empty"),
        chat: CHATS.choose(rng).copied(),
        priority: *[Priority::P0, Priority::P1, Priority::P2].choose(rng).expect("not empty"),
    }
}

/// No window of this length, wherever it begins, has more than `most` in it.
fn assert_ceiling(
    seed: u64,
    what: &str,
    granted: &[(Duration, Ask)],
    window: Duration,
    most: usize,
    counts: impl Fn(&Ask) -> bool,
) {
    let times: Vec<Duration> = granted.iter().filter(|(_, ask)| counts(ask)).map(|(at, _)| *at).collect();
    for (first, begin) in times.iter().enumerate() {
        let inside = times[first..].iter().take_while(|at| **at < *begin + window).count();
        assert!(inside <= most, "seed {seed}, {what}: {inside} within {window:?} from {begin:?}");
    }
}
