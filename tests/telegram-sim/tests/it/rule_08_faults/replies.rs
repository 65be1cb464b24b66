//! Replies that are not what they should be, or late.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use telegram_sim::faults::{Fault, Harm};

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn replies_can_be_anything() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let raw = |body: &str| Harm::Raw { status: 200, content_type: "application/json".into(), body: body.into() };
    for (fault, status, body) in [
        (Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID"), 400, "PARTICIPANT_ID_INVALID"),
        (Fault::new(Harm::Html502), 502, "<html>"),
        (Fault::new(Harm::Empty500), 500, "\"\""),
        (Fault::new(raw(r#"{"ok":true,"result":null}"#)), 200, r#""result":null"#),
        (Fault::flood(7), 429, "retry after 7"),
    ] {
        sim.fault(fault.on("getMe").next(1));
        let reply = bot.call("getMe", json!({})).await?;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.body.to_string().contains(body), "{reply:?}");
        assert_eq!(reply.retry_after.is_some(), status == 429);
        bot.ok("getMe", json!({})).await?;
    }
    Ok(())
}

#[tokio::test]
async fn results_can_lose_and_gain_fields() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let mut set = serde_json::Map::new();
    set.insert("is_made_up".into(), true.into());
    sim.fault(Fault::new(Harm::Patch { remove: vec!["can_connect_to_business".into()], set }));
    let me = bot.ok("getMe", json!({})).await?;
    assert_eq!((me.get("can_connect_to_business"), me["is_made_up"].as_bool()), (None, Some(true)));
    Ok(())
}

#[tokio::test]
async fn calls_can_be_slow_or_hang() -> TestResult {
    let Place { bot, sim, group, ann, .. } = place().await?;
    let args = json!({ "chat_id": group, "user_id": ann });
    let delay = Duration::from_millis(150);
    sim.fault(Fault::latency(delay).on("getChatMember").in_chat(group).about(ann).next(1));
    let started = Instant::now();
    bot.ok("getChatMember", args.clone()).await?;
    assert!(started.elapsed() >= delay);
    sim.fault(Fault::hang(delay).on("getChatMember").next(1));
    assert!(bot.call("getChatMember", args.clone()).await.is_err());
    let fault = sim.fault(Fault::new(Harm::Empty500));
    sim.end_fault(fault);
    assert_eq!(bot.ok("getChatMember", args).await?["status"], Value::from("member"));
    Ok(())
}
