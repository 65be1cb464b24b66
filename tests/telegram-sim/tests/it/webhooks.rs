//! Webhook delivery: order, parallel queues, retries, the secret, and what getWebhookInfo says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::bot::{ALL_KINDS, SOON, TestResult};
use crate::place::{Place, place};

/// A webhook that answers as told and remembers what came.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    answers: VecDeque<(u16, Option<&'static str>)>,
    seen: Vec<(HeaderMap, Value)>,
}

impl Hook {
    async fn listen(&self) -> anyhow::Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let router = Router::new().fallback(receive).with_state(self.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn texts(&self) -> Vec<String> {
        self.with(|kept| {
            kept.seen.iter().map(|(_, update)| update["message"]["text"].as_str().unwrap_or("-").to_owned()).collect()
        })
    }
}

async fn receive(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> Response {
    let update = serde_json::from_slice(&body).unwrap_or_default();
    let (status, retry_after) = hook.with(|kept| {
        kept.seen.push((headers, update));
        kept.answers.pop_front().unwrap_or((200, None))
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    match retry_after {
        Some(seconds) => (status, [("retry-after", seconds)]).into_response(),
        None => status.into_response(),
    }
}

#[tokio::test]
async fn updates_come_in_order_with_the_secret_and_are_tried_again() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::default();
    hook.with(|kept| kept.answers = [(500, None), (503, Some("1"))].into());
    let url = hook.listen().await?;
    let set = json!({ "url": url, "secret_token": "s3cret_-", "allowed_updates": ALL_KINDS });
    let reply = bot.call("setWebhook", set.clone()).await?;
    assert_eq!(reply.body["description"], "Webhook was set");
    world.say_many(group, ann, &["one", "two", "three"])?;
    sim.wait_until("all is delivered", SOON, |_| sim.pending_updates() == 0).await?;
    // The first is sent again at once, then after the second that was asked for; only then come the others.
    assert_eq!(hook.texts(), ["one", "one", "one", "two", "three"]);
    hook.with(|kept| {
        let (headers, _) = &kept.seen[0];
        assert_eq!(headers["x-telegram-bot-api-secret-token"], "s3cret_-");
        assert_eq!(headers["content-type"], "application/json");
        assert!(headers.get("user-agent").is_none());
    });
    let info = bot.ok("getWebhookInfo", json!({})).await?;
    assert_eq!(info["last_error_message"], "Wrong response from the webhook: 503 Service Unavailable");
    assert_eq!((info["url"].as_str(), info["max_connections"].as_i64()), (Some(url.as_str()), Some(40)));
    let answers: Vec<String> =
        sim.deliveries().iter().filter(|d| d.via == "webhook").map(|d| d.answer.clone()).collect();
    assert_eq!(answers[1..], ["Wrong response from the webhook: 503 Service Unavailable", "200", "200", "200"]);
    assert_eq!(bot.call("setWebhook", set).await?.body["description"], "Webhook is already set");
    assert_eq!(bot.call("deleteWebhook", json!({})).await?.body["description"], "Webhook was deleted");
    assert_eq!(bot.call("deleteWebhook", json!({})).await?.body["description"], "Webhook is already deleted");
    Ok(())
}

#[tokio::test]
async fn a_failing_chat_does_not_hold_up_others() -> TestResult {
    let Place { bot, sim, world, group, ann, owner, .. } = place().await?;
    let other = world.group("Other", owner);
    world.add_bot(other, telegram_sim::rights::AdminRights::MODERATOR);
    bot.updates().await?;
    bot.updates().await?;
    let hook = Hook::default();
    hook.with(|kept| kept.answers = [(500, Some("3600"))].into());
    bot.ok("setWebhook", json!({ "url": hook.listen().await? })).await?;
    world.say(group, ann, "stuck")?;
    sim.wait_until("the first has failed", SOON, |_| hook.texts().len() == 1).await?;
    world.say(group, ann, "behind it")?;
    world.say(other, owner, "elsewhere")?;
    sim.wait_until("the other chat's came", SOON, |_| hook.texts().len() == 2).await?;
    assert_eq!(hook.texts(), ["stuck", "elsewhere"]);
    sim.clock().advance(std::time::Duration::from_secs(3601));
    sim.wait_until("all is delivered", SOON, |_| sim.pending_updates() == 0).await?;
    assert_eq!(hook.texts(), ["stuck", "elsewhere", "stuck", "behind it"]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_a_webhook_and_why() -> TestResult {
    let config = telegram_sim::config::SimConfig { strict_webhooks: true, ..crate::bot::roomy() };
    let (_sim, strict) = crate::bot::start_with(config).await?;
    let (_sim, loose) = crate::bot::start().await?;
    for (bot, args, error) in [
        (&strict, json!({ "url": "http://example.org/" }), "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            &strict,
            json!({ "url": "https://example.org:9000/" }),
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        (&strict, json!({ "url": "https://127.0.0.1/" }), "bad webhook: IP address 127.0.0.1 is reserved"),
        (&loose, json!({ "url": "ftp://x" }), "invalid webhook URL specified"),
        (
            &loose,
            json!({ "url": "http://127.0.0.1:9/", "secret_token": "a b" }),
            "secret token contains unallowed characters",
        ),
        (&loose, json!({ "url": "http://127.0.0.1:9/", "secret_token": "a".repeat(257) }), "secret token is too long"),
    ] {
        assert_eq!(bot.error("setWebhook", args).await?, format!("Bad Request: {error}"));
    }
    Ok(())
}
