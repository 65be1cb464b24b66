//! Loose replies, repetitions, and what never gets out.

use std::error::Error as _;
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;
use shared::ids::{ChatId, MessageId, UserId};

use super::server::Reply;
use super::*;
use crate::telegram::budget::Priority;
use crate::telegram::error::{Error, Outage};
use crate::telegram::message::Outgoing;
use crate::telegram::sending::Occasion;

const CHAT: ChatId = ChatId(-1001);
const USER: UserId = UserId(7);

fn member() -> Reply {
    Reply::result(json!({"status": "member"}))
}

fn flood(retry_after: u64) -> Reply {
    let body = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": retry_after}}).to_string();
    Reply::Http { status: 429, headers: "", body }
}

/// The whole chain, as a log shows it, and Debug.
fn everything_shown(error: &Error) -> String {
    let mut shown = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown = format!("{shown} {cause:?} {cause}");
        source = cause.source();
    }
    shown
}

async fn send(telegram: &Telegram) -> Result<MessageId, Error> {
    let slot = telegram.send_slot(CHAT, Occasion::Ordinary, Priority::P0).await.expect("an idle budget");
    telegram.send(slot, &Outgoing { text: "hello".into(), ..Outgoing::default() }).await
}

#[tokio::test]
async fn a_passing_trouble_is_survived() {
    let troubles = [
        Reply::raw(500, ""),
        Reply::raw(502, "<html><h1>502 Bad Gateway</h1></html>"),
        Reply::error(500, "Internal Server Error: restart"),
        Reply::raw(200, r#"{"ok":true,"result":null}"#),
        Reply::raw(200, r#"{"ok":true,"resul"#),
        Reply::result(json!({"no": "status"})),
        Reply::Cut,
        Reply::Silence,
        flood(1),
    ];
    let mut all = tokio::task::JoinSet::new();
    for trouble in troubles {
        all.spawn(async move {
            let server = Server::answering([trouble.clone(), member()]).await;
            let (telegram, _) = client_of(&server, Duration::from_millis(1_500));
            let started = Instant::now();
            let answer = telegram.member(CHAT, USER, Priority::P0).await;
            assert!(answer.is_ok(), "{trouble:?}: {answer:?}");
            assert_eq!(server.methods(), ["getChatMember", "getChatMember"], "{trouble:?}");
            assert!(started.elapsed() >= Duration::from_millis(900), "{trouble:?}: came back too early");
        });
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_lasting_trouble_is_tried_four_times_and_holds_no_more_than_ten_seconds() {
    let server = Server::answering([Reply::raw(502, "<html>what a member wrote</html>")]).await;
    let started = Instant::now();
    let error = client(&server).member(CHAT, USER, Priority::P0).await.expect_err("it never works");
    assert!(matches!(error, Error::Unavailable(Outage::Unreadable { status: 502, bytes: 32 })), "{error:?}");
    assert!(!everything_shown(&error).contains("member wrote"), "{error:?}");
    assert_eq!(server.asked().len(), 4);
    let took = started.elapsed().as_secs_f64();
    assert!((6.0..10.0).contains(&took), "1 + 2 + 4 s took {took}");
}

#[tokio::test]
async fn a_refusal_is_final() {
    let refusals = [
        Reply::error(400, "Bad Request: member list is inaccessible"),
        Reply::error(400, "Bad Request: user not found"),
        Reply::error(403, "Forbidden: bot was kicked from the channel chat"),
        Reply::error(401, "Unauthorized"),
        Reply::error(404, "Not Found"),
        Reply::raw(200, r#"{"ok":false,"error_code":400,"description":"Bad Request: CHAT_ADMIN_REQUIRED"}"#),
        Reply::raw(400, r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1009}}"#),
    ];
    for refusal in refusals {
        let server = Server::answering([refusal.clone(), member()]).await;
        let answer = client(&server).member(CHAT, USER, Priority::P0).await;
        assert!(answer.is_err(), "{refusal:?}: {answer:?}");
        assert_eq!(server.asked().len(), 1, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_long_flood_is_the_callers_and_closes_the_chat() {
    let server = Server::answering([flood(41), member()]).await;
    let telegram = client(&server);
    for _ in 0..2 {
        let started = Instant::now();
        let answer = telegram.member(CHAT, USER, Priority::P0).await;
        assert!(
            matches!(answer, Err(Error::FloodWait { retry_after, .. }) if retry_after > Duration::from_secs(40)),
            "{answer:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(2), "nobody is held for 41 s");
    }
    assert_eq!(server.asked().len(), 1, "the second call was not made");
    assert!(telegram.member(ChatId(-1002), USER, Priority::P0).await.is_ok(), "other chats go on");
}

#[tokio::test]
async fn a_flood_without_parameters_waits_a_default() {
    let server = Server::answering([Reply::raw(429, ""), member()]).await;
    let started = Instant::now();
    assert!(client(&server).member(CHAT, USER, Priority::P0).await.is_ok());
    let took = started.elapsed().as_secs_f64();
    assert!((5.0..6.5).contains(&took), "{took}");
}

#[tokio::test]
async fn the_header_of_a_flood_is_heeded() {
    let server = Server::answering([
        Reply::Http { status: 429, headers: "Retry-After: 1\r\n", body: "<html>slow down</html>".into() },
        member(),
    ])
    .await;
    let started = Instant::now();
    assert!(client(&server).member(CHAT, USER, Priority::P0).await.is_ok());
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_not_sent_again() {
    let troubles = [
        Reply::Cut,
        Reply::Silence,
        Reply::raw(502, "<html>Bad Gateway</html>"),
        Reply::raw(500, ""),
        Reply::raw(200, r#"{"ok":true,"result":null}"#),
        Reply::raw(200, "{"),
    ];
    for trouble in troubles {
        let server = Server::answering([trouble.clone(), Reply::result(json!({"message_id": 5}))]).await;
        let (telegram, _) = client_of(&server, Duration::from_millis(300));
        let answer = send(&telegram).await;
        assert!(matches!(answer, Err(Error::OutcomeUnknown(_))), "{trouble:?}: {answer:?}");
        assert_eq!(server.asked().len(), 1, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_message_that_was_surely_not_sent_is_sent_again() {
    let restart = Reply::error(500, "Internal Server Error: restart");
    let server = Server::answering([restart, Reply::result(json!({"message_id": 5}))]).await;
    assert_eq!(send(&client(&server)).await.ok(), Some(MessageId(5)));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_flooded_message_comes_back_at_once_and_closes_the_chat() {
    let server = Server::answering([flood(1), Reply::result(json!({"message_id": 5}))]).await;
    let telegram = client(&server);
    let answer = send(&telegram).await;
    assert!(matches!(answer, Err(Error::FloodWait { .. })), "{answer:?}");
    let wait = telegram.send_slot(CHAT, Occasion::Ordinary, Priority::P0).await.expect_err("closed");
    tokio::time::sleep(wait).await;
    assert_eq!(send(&telegram).await.ok(), Some(MessageId(5)));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let server = Server::answering([member()]).await;
    let (telegram, _) = client_of(&server, Duration::from_millis(300));
    drop(server);
    // The port is free once the server's task is gone.
    tokio::task::yield_now().await;
    let started = Instant::now();
    let error = send(&telegram).await.expect_err("nobody is there");
    assert!(matches!(error, Error::Unavailable(Outage::Connect(_))), "{error:?}");
    assert!(started.elapsed() > Duration::from_secs(6), "tried again, since nothing was sent");
    assert!(!everything_shown(&error).contains("TEST-token"), "{error:?}");
}

#[tokio::test]
async fn the_token_is_in_the_path_and_nowhere_else() {
    let troubles =
        [Reply::Cut, Reply::Silence, Reply::raw(302, ""), Reply::error(404, "Not Found"), Reply::raw(200, "[")];
    for trouble in troubles {
        let server = Server::answering([trouble]).await;
        let (telegram, _) = client_of(&server, Duration::from_millis(200));
        let error = send(&telegram).await.expect_err("trouble");
        assert_eq!(server.asked()[0].path, format!("/bot{TOKEN}/sendMessage"));
        let shown = format!("{} {telegram:?}", everything_shown(&error));
        assert!(!shown.contains("TEST-token"), "{shown}");
        assert!(!shown.contains("/bot"), "{shown}");
    }
}

#[tokio::test]
async fn calls_and_errors_are_counted_and_what_is_expected_is_no_error() {
    let server = Server::answering([
        member(),
        Reply::error(400, "Bad Request: member list is inaccessible"),
        Reply::error(400, "Bad Request: user not found"),
    ])
    .await;
    let (telegram, metrics) = client_of(&server, Duration::from_secs(20));
    for _ in 0..3 {
        let _ = telegram.member(CHAT, USER, Priority::P1).await;
    }
    // One a second in a private chat.
    let slot = async || telegram.send_slot(USER.into(), Occasion::Ordinary, Priority::P0).await.is_ok();
    let slots = [slot().await, slot().await];
    assert_eq!(slots, [true, false]);
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("encodable");
    for line in [
        r#"api_calls_total{method="getChatMember"} 3"#,
        r#"api_errors_total{method="getChatMember",kind="chat_inaccessible"} 1"#,
        r#"api_call_duration_seconds_count{method="getChatMember"} 3"#,
        r#"bot_rate_limit_wait_seconds_count{class="read",priority="p1"} 3"#,
        r#"bot_rate_limit_delays_total{class="send",priority="p0"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("user_unknown"), "{text}");
}
