//! The wait budget of 8 s: a small flood is a slow success, a larger one is told at once.

use std::time::Duration;

use serde_json::json;
use telegram_sim::faults::Fault;
use telegram_sim::floods::{Ceiling, FloodLimits};

use super::{message, place_limited, wait_asked};
use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::Place;

/// A ceiling of no reads at all asks for the same wait again and again.
fn reads(per_second: usize, retry_after: u32) -> FloodLimits {
    FloodLimits { reads: Some(Ceiling { per_second, retry_after, per_chat: false }), ..FloodLimits::off() }
}

#[tokio::test]
async fn a_wait_of_up_to_eight_seconds_is_slept_inside_and_answered_200() -> TestResult {
    for wait in [1, 3, 8] {
        let Place { bot, group, ann, sim, .. } = place_limited(reads(1, wait)).await?;
        let ask = json!({ "chat_id": group, "user_id": ann });
        let both = async {
            bot.ok("getChatMember", ask.clone()).await?;
            bot.ok("getChatMember", ask.clone()).await
        };
        while_time_passes(&sim.clock(), both).await?;
        let calls = sim.calls().of("getChatMember");
        // Asking takes some of the first one's second already.
        let took = calls.0[1].took_ms;
        assert!((i64::from(wait) * 1000 - 999..i64::from(wait) * 1000 + 900).contains(&took), "{wait}: {calls}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_of_nine_seconds_is_told_at_once() -> TestResult {
    let Place { bot, group, ann, sim, .. } = place_limited(reads(0, 9)).await?;
    let reply = bot.call("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    assert_eq!(wait_asked(&reply), 9);
    let took = sim.calls().of("getChatMember").0[0].took_ms;
    assert!(took < 1000, "{took} ms");
    Ok(())
}

#[tokio::test]
async fn a_429_of_eight_seconds_or_less_has_been_slept_for_inside_already() -> TestResult {
    // Once for 8 s; twice for 4 s; twice for 3 s (and 9 s would be too much); eight times for 1 s.
    for (wait, slept) in [(8, 8), (4, 8), (3, 6), (1, 8)] {
        let Place { bot, group, ann, sim, .. } = place_limited(reads(0, wait)).await?;
        let ask = bot.call("getChatMember", json!({ "chat_id": group, "user_id": ann }));
        let reply = while_time_passes(&sim.clock(), ask).await?;
        assert_eq!(wait_asked(&reply), i64::from(wait));
        let took = sim.calls().of("getChatMember").0[0].took_ms;
        assert!((slept * 1000..slept * 1000 + 900 + 200 * i64::from(8 / wait)).contains(&took), "{wait}: {took} ms");
    }
    Ok(())
}

#[tokio::test]
async fn each_core_request_of_a_call_has_a_budget_of_its_own() -> TestResult {
    let restricts = Some(Ceiling { per_second: 0, retry_after: 8, per_chat: false });
    let Place { bot, group, ann, sim, .. } = place_limited(FloodLimits { restricts, ..FloodLimits::off() }).await?;
    // The look-up of the member sleeps 1, 2 and 4 s, and then the restriction its own 8 s.
    sim.fault(Fault::core_outage(Duration::from_millis(6500)));
    let mute = bot.call("restrictChatMember", json!({ "chat_id": group, "user_id": ann }));
    let reply = while_time_passes(&sim.clock(), mute).await?;
    assert_eq!(wait_asked(&reply), 8);
    let took = sim.calls().of("restrictChatMember").0[0].took_ms;
    assert!((15_000..17_500).contains(&took), "{took} ms");
    Ok(())
}

#[tokio::test]
async fn a_client_that_gave_up_is_sent_for_all_the_same() -> TestResult {
    let limits = FloodLimits { chat_per_second: Some(1), chat_burst: 1, ..FloodLimits::off() };
    let Place { bot, group, world, sim, .. } = place_limited(limits).await?;
    bot.ok("sendMessage", message(group)).await?;
    let impatient = tokio::time::timeout(
        Duration::from_millis(100),
        bot.call("sendMessage", json!({ "chat_id": group, "text": "late" })),
    );
    assert!(impatient.await.is_err(), "the flood wait is longer than the client's patience");
    let arrived = sim.wait_until("the message", crate::bot::SOON, |world| world.bot_messages(group).len() == 2);
    while_time_passes(&sim.clock(), arrived).await?;
    assert_eq!(world.bot_messages(group)[1].text, "late");
    Ok(())
}
