//! The three answers, how they are kept, and who shares a question, over HTTP with a server that can be held up.

mod server;

use shared::clock::now_ms;
use tokio::task::JoinSet;

use self::server::Server;
use super::*;
use crate::{
    store::tests::database::Database,
    telegram::{TelegramConfig, budget::LimiterConfig, metrics::TelegramMetrics},
    timers::Bell,
};

const ANN: UserId = UserId(7);
const NEWS: ChannelId = ChannelId(-1_001);
const ART: ChannelId = ChannelId(-1_002);
const NO: Answer = Answer::No { banned: false };

/// On a database of its own, which ends with it.
struct Asked {
    membership: Membership,
    database: Database,
}

impl std::ops::Deref for Asked {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.membership
    }
}

async fn membership(server: &Server) -> Asked {
    // The second test of the process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = TelegramConfig {
        api_url: server.url(),
        token: "123456:TEST-token-for-the-simulator-only".into(),
        limits: LimiterConfig {
            send_per_s: 1_000,
            send_per_group_per_min: 1_000,
            read_per_s: 1_000,
            moderate_per_s: 1_000,
            broadcast_per_s: 1_000,
        },
        redis: None,
        timeout: Duration::from_secs(20),
    };
    let telegram = Telegram::new(config, TelegramMetrics::default()).expect("a client");
    let database = Database::sqlite().await;
    let breakers = Breakers::new(database.store.clone(), Bell::default(), News::default());
    Asked { membership: Membership::new(telegram, breakers, None, News::default(), CacheMetrics::default()), database }
}

async fn ask(membership: &Membership, channel: ChannelId, freshness: Freshness) -> Fact {
    membership.facts(ANN, [channel], freshness, Priority::P0).await[0]
}

async fn known(membership: &Membership, channel: ChannelId) -> Option<Answer> {
    membership.recall(ANN, channel).await.map(|fact| fact.answer)
}

#[tokio::test]
async fn many_askers_are_one_question() {
    for freshness in [Freshness::Cached, Freshness::Fresh] {
        let server = Server::answering("left").await;
        let membership = membership(&server).await;
        server.hold();
        let mut askers = JoinSet::new();
        for n in 0..60 {
            let membership = membership.clone();
            let channel = if n % 2 == 0 { NEWS } else { ART };
            askers.spawn(async move { ask(&membership, channel, freshness).await });
        }
        server.until_asked(2).await;
        server.let_go();
        let facts = askers.join_all().await;
        assert!(facts.iter().all(|fact| fact.answer == NO), "{facts:?}");
        assert_eq!(server.asked(), 2, "{freshness:?}: one for each channel");
    }
}

#[tokio::test]
async fn a_known_answer_is_used_as_far_as_it_may_be() {
    let server = Server::answering("left").await;
    let membership = membership(&server).await;
    assert_eq!(ask(&membership, NEWS, Freshness::Cached).await.answer, NO);
    server.answer("member");
    assert_eq!(ask(&membership, NEWS, Freshness::Cached).await.answer, NO, "for its time to live");
    assert_eq!(ask(&membership, NEWS, Freshness::Fresh).await.answer, NO, "for five seconds");
    assert_eq!(server.asked(), 1);
    assert_eq!(ask(&membership, NEWS, Freshness::Anew).await.answer, Answer::Yes, "asked again");
    assert_eq!(server.asked(), 2);
    for freshness in [Freshness::Cached, Freshness::Fresh] {
        assert_eq!(ask(&membership, NEWS, freshness).await.answer, Answer::Yes, "{freshness:?}: known to all now");
    }
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn who_asks_anew_does_not_join_an_older_question() {
    let server = Server::answering("left").await;
    let membership = membership(&server).await;
    server.hold();
    let mut askers = JoinSet::new();
    let before = membership.clone();
    askers.spawn(async move { ask(&before, NEWS, Freshness::Fresh).await });
    server.until_asked(1).await;
    server.answer("member");
    let press = membership.clone();
    askers.spawn(async move { ask(&press, NEWS, Freshness::Anew).await });
    server.until_asked(2).await;
    server.let_go();
    let facts = askers.join_all().await;
    assert!(facts.iter().any(|fact| fact.answer == Answer::Yes), "{facts:?}");
    assert_eq!(
        known(&membership, NEWS).await,
        Some(Answer::Yes),
        "the older question does not win, whichever comes last"
    );
}

#[tokio::test]
async fn unknown_is_never_kept() {
    let cases = [
        ("!Bad Request: PARTICIPANT_ID_INVALID", Answer::Unknown),
        ("!Bad Request: member not found", Answer::Unknown),
        ("!Bad Request: something new", Answer::Unknown),
        ("guest", Answer::Unknown),
        ("!Bad Request: member list is inaccessible", Answer::Broken),
        ("!Bad Request: CHAT_ADMIN_REQUIRED", Answer::Broken),
        ("!Bad Request: chat not found", Answer::Broken),
    ];
    for (reply, answer) in cases {
        let server = Server::answering(reply).await;
        let membership = membership(&server).await;
        for (times, freshness) in [(1, Freshness::Cached), (2, Freshness::Fresh), (3, Freshness::Anew)] {
            assert_eq!(ask(&membership, NEWS, freshness).await.answer, answer, "{reply}");
            assert_eq!(server.asked(), times, "{reply}: asked again each time");
        }
        assert_eq!(known(&membership, NEWS).await, None, "{reply}");
        server.answer("member");
        assert_eq!(ask(&membership, NEWS, Freshness::Cached).await.answer, Answer::Yes, "{reply}");
    }
}

#[tokio::test]
async fn those_who_wait_for_an_unknown_answer_share_it() {
    let server = Server::answering("!Bad Request: member not found").await;
    let membership = membership(&server).await;
    server.hold();
    let mut askers = JoinSet::new();
    for _ in 0..20 {
        let membership = membership.clone();
        askers.spawn(async move { ask(&membership, NEWS, Freshness::Fresh).await });
    }
    server.until_asked(1).await;
    server.let_go();
    let facts = askers.join_all().await;
    assert!(facts.iter().all(|fact| fact.answer == Answer::Unknown), "{facts:?}");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn unknown_takes_nothing_away() {
    let server = Server::answering("member").await;
    let membership = membership(&server).await;
    ask(&membership, NEWS, Freshness::Cached).await;
    server.answer("!Bad Request: member not found");
    assert_eq!(ask(&membership, NEWS, Freshness::Anew).await.answer, Answer::Unknown);
    assert_eq!(known(&membership, NEWS).await, Some(Answer::Yes));
}

#[tokio::test]
async fn a_push_beats_a_poll_of_its_second_also_while_the_question_is_on_its_way() {
    for freshness in [Freshness::Cached, Freshness::Fresh, Freshness::Anew] {
        let server = Server::answering("left").await;
        let membership = membership(&server).await;
        server.hold();
        let mut askers = JoinSet::new();
        let asker = membership.clone();
        askers.spawn(async move { ask(&asker, NEWS, freshness).await });
        server.until_asked(1).await;
        membership.learn(ANN, NEWS, Answer::Yes, now_ms() / 1000, None).await;
        server.let_go();
        let facts = askers.join_all().await;
        assert_eq!(facts[0].answer, Answer::Yes, "{freshness:?}");
        assert_eq!(known(&membership, NEWS).await, Some(Answer::Yes), "{freshness:?}");
        assert_eq!(ask(&membership, NEWS, Freshness::Fresh).await.answer, Answer::Yes, "{freshness:?}");
    }
}

#[tokio::test]
async fn a_push_is_known_at_once_and_an_old_one_changes_nothing() {
    let server = Server::answering("member").await;
    let membership = membership(&server).await;
    membership.learn(ANN, NEWS, NO, now_ms() / 1000, None).await;
    assert_eq!(ask(&membership, NEWS, Freshness::Cached).await.answer, NO);
    assert_eq!(server.asked(), 0);
    assert_eq!(ask(&membership, NEWS, Freshness::Fresh).await.answer, Answer::Yes, "to punish, ask");

    assert_eq!(ask(&membership, ART, Freshness::Cached).await.answer, Answer::Yes);
    membership.learn(ANN, ART, NO, now_ms() / 1000 - 60, None).await;
    assert_eq!(known(&membership, ART).await, Some(Answer::Yes), "delivered late");
    membership.learn(ANN, ART, Answer::No { banned: true }, now_ms() / 1000 + 1, None).await;
    assert_eq!(known(&membership, ART).await, Some(Answer::No { banned: true }));
    membership.learn(ANN, ART, Answer::Unknown, now_ms() / 1000 + 2, None).await;
    assert_eq!(known(&membership, ART).await, Some(Answer::No { banned: true }), "unknown is no news");
}

#[tokio::test]
async fn channels_are_answered_in_their_order() {
    let server = Server::answering("member").await;
    let membership = membership(&server).await;
    membership.learn(ANN, ART, NO, now_ms() / 1000, None).await;
    let facts = membership.facts(ANN, [NEWS, ART, NEWS], Freshness::Cached, Priority::P0).await;
    let told: Vec<_> = facts.iter().map(|fact| (fact.channel, fact.answer)).collect();
    assert_eq!(told, [(NEWS, Answer::Yes), (ART, NO), (NEWS, Answer::Yes)]);
    assert_eq!(server.asked(), 1);
}

/// Told or kept by a worker whose clock is wrong, it would overrule what is learnt after it.
#[tokio::test]
async fn a_verdict_from_the_future_is_none() {
    let server = Server::answering("member").await;
    let membership = membership(&server).await;
    let dated = |ahead_ms: i64| format!("no {} {}", now_ms() + ahead_ms, now_ms() + 60_000 + ahead_ms);
    membership.hear(ANN, NEWS, &dated(3_600_000)).await;
    assert_eq!(known(&membership, NEWS).await, None);
    membership.hear(ANN, NEWS, &dated(1_000)).await;
    assert_eq!(known(&membership, NEWS).await, Some(NO), "clocks are never quite the same");
    membership.learn(ANN, NEWS, Answer::Yes, now_ms() / 1000 + 1, None).await;
    assert_eq!(known(&membership, NEWS).await, Some(Answer::Yes), "what is learnt after it");
}

#[test]
fn statuses_of_a_channel_give_three_answers() {
    let no = Answer::No { banned: false };
    let cases = [
        (MemberStatus::Creator, Some(true), Answer::Yes),
        (MemberStatus::Administrator, Some(true), Answer::Yes),
        (MemberStatus::Member, Some(true), Answer::Yes),
        (MemberStatus::Left, Some(false), no),
        (MemberStatus::Kicked, Some(false), Answer::No { banned: true }),
        (MemberStatus::Restricted, Some(true), Answer::Yes),
        (MemberStatus::Restricted, Some(false), no),
        (MemberStatus::Restricted, None, Answer::Unknown),
        (MemberStatus::Other, None, Answer::Unknown),
    ];
    for (status, is_member, expected) in cases {
        assert_eq!(answer(status, is_member), expected, "{status:?}, is_member {is_member:?}");
    }
}

#[test]
fn times_to_live_are_jittered_and_end_with_a_subscription() {
    for (given, base_ms) in [(Answer::Yes, YES_MS), (Answer::No { banned: false }, NO_MS)] {
        let ttls: Vec<i64> =
            (0..200).filter_map(|_| Verdict::new(given, 1_000, None)).map(|v| v.expires_ms - 1_000).collect();
        let (least, most) = (ttls.iter().min(), ttls.iter().max());
        assert!(least >= Some(&(base_ms * 85 / 100)) && most <= Some(&(base_ms * 115 / 100)), "{least:?} {most:?}");
        assert_ne!(least, most);
    }
    let paid = Verdict::new(Answer::Yes, 1_000, Some(31)).expect("a definite answer");
    assert_eq!(paid.expires_ms, 31_000);
    assert_eq!(Verdict::new(Answer::Unknown, 0, None), None);
    assert_eq!(Verdict::new(Answer::Broken, 0, None), None);
}

#[test]
fn verdicts_survive_their_encoding() {
    for given in [Answer::Yes, Answer::No { banned: false }, Answer::No { banned: true }] {
        let verdict = Verdict::new(given, 5, None).expect("a definite answer");
        assert_eq!(Verdict::decode(&verdict.encode()), Some(verdict));
    }
    for text in ["", "maybe 1 2", "yes", "yes x y", "unknown 1 2"] {
        assert_eq!(Verdict::decode(text), None, "{text:?}");
    }
}

/// Telegram says that the channel's set-up is broken: its lane is asked to see to it, once for all that notice.
#[tokio::test]
async fn a_broken_channel_is_reported_once() {
    let server = Server::answering("!Bad Request: member list is inaccessible").await;
    let membership = membership(&server).await;
    for _ in 0..3 {
        assert_eq!(ask(&membership, NEWS, Freshness::Anew).await.answer, Answer::Broken);
    }
    let shards: Vec<_> = crate::store::tests::database::config("x.db").shards.all().collect();
    let due = membership.database.store.due_tasks(&shards, now_ms(), 9).await.expect("an answer");
    let told: Vec<_> = due.iter().map(|task| (task.chat.0, task.body.as_str(), task.version)).collect();
    assert_eq!(told, [(NEWS.0, r#"{"task":"probe","about":7}"#, 1)]);
    for transient in ["!Bad Request: PARTICIPANT_ID_INVALID", "!Bad Request: member not found"] {
        server.answer(transient);
        assert_eq!(ask(&membership, ART, Freshness::Anew).await.answer, Answer::Unknown);
    }
    assert_eq!(membership.database.store.due_tasks(&shards, now_ms(), 9).await.expect("an answer"), due);
}
