//! The two 429s that no flood has to do with.

use std::time::Duration;

use serde_json::json;
use telegram_sim::faults::Fault;
use telegram_sim::floods::FloodLimits;

use super::{message, place_limited, wait_asked};
use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::Place;

#[tokio::test]
async fn an_outage_of_the_core_says_retry_after_8_after_about_7_s() -> TestResult {
    let Place { bot, group, ann, world, sim, .. } = place_limited(FloodLimits::off()).await?;
    sim.fault(Fault::core_outage(Duration::from_secs(3600)));
    for (method, args) in [
        ("getChatMember", json!({ "chat_id": group, "user_id": ann })),
        ("sendMessage", message(group)),
        ("restrictChatMember", json!({ "chat_id": group, "user_id": ann })),
    ] {
        let reply = while_time_passes(&sim.clock(), bot.call(method, args)).await?;
        assert_eq!(wait_asked(&reply), 8, "{method}");
        let took = sim.calls().of(method).0[0].took_ms;
        assert!((7000..8500).contains(&took), "waits of 1, 2 and 4 s, not of 8: {method} took {took} ms");
    }
    assert!(world.bot_messages(group).is_empty() && world.can_speak(group, ann));
    bot.ok("getMe", json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn a_short_outage_of_the_core_is_only_a_slow_success() -> TestResult {
    let Place { bot, group, ann, sim, .. } = place_limited(FloodLimits::off()).await?;
    // Tried again 1, 3 and 7 s after the first time.
    for (lasts_ms, took_s) in [(900, 1), (2500, 3), (6900, 7)] {
        sim.clear_calls();
        sim.fault(Fault::core_outage(Duration::from_millis(lasts_ms)).next(1));
        let ask = bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann }));
        while_time_passes(&sim.clock(), ask).await?;
        let took = sim.calls().0[0].took_ms;
        assert!((took_s * 1000..took_s * 1000 + 900).contains(&took), "{lasts_ms}: {took} ms");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_dropped_with_its_instance_says_retry_after_5_and_may_have_had_its_effect() -> TestResult {
    let Place { bot, group, world, sim, .. } = place_limited(FloodLimits::off()).await?;
    for (fault, sent) in [(Fault::instance_closing(), 0), (Fault::instance_closing().after_effect(), 1)] {
        sim.fault(fault.on("sendMessage").next(1));
        let reply = bot.call("sendMessage", message(group)).await?;
        assert_eq!(wait_asked(&reply), 5);
        assert_eq!(world.bot_messages(group).len(), sent, "both ways look the same to the bot");
    }
    Ok(())
}

#[tokio::test]
async fn little_waiting_is_hidden_for_chat_actions() -> TestResult {
    let Place { bot, group, sim, .. } = place_limited(FloodLimits::off()).await?;
    sim.fault(Fault::core_outage(Duration::from_secs(3600)));
    let typing = bot.call("sendChatAction", json!({ "chat_id": group, "action": "typing" }));
    let reply = while_time_passes(&sim.clock(), typing).await?;
    assert_eq!(wait_asked(&reply), 2, "1 s was slept for; 2 s more would be too late for typing");
    Ok(())
}
