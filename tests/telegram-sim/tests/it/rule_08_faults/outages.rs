//! Servers that restart, hang, or lose their reply, and connections that are slow to begin.

use std::time::Duration;

use serde_json::json;
use telegram_sim::faults::{Fault, Harm};

use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::{Place, place};

#[tokio::test]
async fn a_server_that_restarts_says_so_with_500() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    sim.fault(Fault::restart().next(1));
    assert_eq!(bot.error("getMe", json!({})).await?, "Internal Server Error: restart");
    bot.ok("getMe", json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn a_proxy_without_its_server_sends_html_502_or_504() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    for (harm, status, title) in [(Harm::Html502, 502, "502 Bad Gateway"), (Harm::Html504, 504, "504 Gateway Time-out")]
    {
        sim.fault(Fault::new(harm).next(1));
        let reply = bot.call("getMe", json!({})).await?;
        assert_eq!(reply.status, status);
        let page = reply.body.as_str().unwrap_or_default();
        assert!(page.contains(&format!("<title>{title}</title>")), "{page}");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_can_hang_until_its_connection_is_closed() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    sim.fault(Fault::hang(Duration::from_secs(90)).next(1));
    let hanging = while_time_passes(&sim.clock(), bot.call("getMe", json!({}))).await;
    assert!(hanging.is_err(), "{hanging:?}");
    Ok(())
}

#[tokio::test]
async fn a_slow_call_is_handled_even_when_its_client_has_given_up() -> TestResult {
    let Place { bot, sim, group, .. } = place().await?;
    sim.fault(Fault::latency(Duration::from_secs(30)).on("sendMessage").next(1));
    let send = bot.call("sendMessage", json!({ "chat_id": group, "text": "x" }));
    assert!(tokio::time::timeout(Duration::from_millis(50), send).await.is_err());
    let sent = sim.wait_until("the message", crate::bot::SOON, |world| world.bot_messages(group).len() == 1);
    while_time_passes(&sim.clock(), sent).await?;
    Ok(())
}

#[tokio::test]
async fn a_reply_can_be_lost_after_the_effect_so_that_sending_again_doubles() -> TestResult {
    let Place { bot, sim, world, group, .. } = place().await?;
    let send = json!({ "chat_id": group, "text": "x" });
    for (fault, sent) in [(Fault::new(Harm::Cut), 0), (Fault::reply_lost(), 1)] {
        sim.fault(fault.on("sendMessage").next(1));
        assert!(bot.call("sendMessage", send.clone()).await.is_err(), "no reply");
        assert_eq!(world.bot_messages(group).len(), sent);
    }
    let calls = sim.calls().of("sendMessage");
    assert!(calls.iter().all(|call| call.status == 0 && call.fault.is_some()), "{calls}");
    bot.ok("sendMessage", send).await?;
    assert_eq!(world.bot_messages(group).len(), 2, "it is not idempotent");
    Ok(())
}

#[tokio::test]
async fn a_new_connection_can_be_slow_to_begin_and_an_old_one_is_not() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    sim.fault(Fault::slow_connect(Duration::from_secs(20)));
    bot.ok("getMe", json!({})).await?;
    let newcomer = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/getMe", bot.base);
    let started_ms = sim.clock().now_ms();
    let response = while_time_passes(&sim.clock(), newcomer.get(&url).send()).await?;
    assert!(response.status().is_success());
    let waited_ms = sim.clock().now_ms() - started_ms;
    assert!(waited_ms >= 20_000, "{waited_ms}");
    drop(response);
    let calls = sim.calls().of("getMe");
    assert!(calls.iter().all(|call| call.took_ms < 1000), "the call itself was not slow: {calls}");
    Ok(())
}
