//! What is wrong with a token.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::simulator::Simulator;

use crate::bot::{Bot, TestResult, start};

async fn error(bot: &Bot, sim: &Simulator, token: &str) -> anyhow::Result<(u16, String)> {
    let response = bot.http.get(format!("{}/bot{token}/getMe", sim.api_url())).send().await?;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await?)?;
    assert_eq!(body["error_code"], status);
    Ok((status, body["description"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_token_of_a_wrong_shape_is_invalid() -> TestResult {
    let (sim, bot) = start().await?;
    for token in ["0123:abcdefghijklmnopqrstuvwx", "abc", &format!("1:{}", "x".repeat(79))] {
        let expected = (401, "Unauthorized: invalid token specified".to_owned());
        assert_eq!(error(&bot, &sim, token).await?, expected, "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_whose_id_is_no_number_is_unallowed() -> TestResult {
    let (sim, bot) = start().await?;
    let expected = (421, "Misdirected Request: unallowed token specified".to_owned());
    assert_eq!(error(&bot, &sim, "bot:abcdefghijklmnopqrstuvwx").await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_wrong_secret_is_unauthorized() -> TestResult {
    let (sim, bot) = start().await?;
    for token in ["123456:TEST-token-of-some-other-bot-here", "123456:short"] {
        assert_eq!(error(&bot, &sim, token).await?, (401, "Unauthorized".to_owned()), "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn twenty_new_tokens_a_minute_are_looked_at() -> TestResult {
    let (sim, bot) = start().await?;
    for n in 1..=20 {
        assert_eq!(error(&bot, &sim, &format!("{n}:x")).await?.0, 401, "token {n}");
    }
    let (status, text) = error(&bot, &sim, "21:x").await?;
    assert_eq!(status, 429);
    assert!(text.starts_with("Too Many Requests: retry after "), "{text}");
    assert_eq!(error(&bot, &sim, "1:x").await?.0, 401, "it is not new");
    bot.ok("getMe", json!({})).await?;
    sim.clock().advance(Duration::from_secs(61));
    assert_eq!(error(&bot, &sim, "21:x").await?.0, 401);
    Ok(())
}

#[tokio::test]
async fn after_log_out_no_method_answers() -> TestResult {
    let (_sim, bot) = start().await?;
    assert_eq!(bot.ok("logOut", json!({})).await?, true);
    assert_eq!(bot.error("getMe", json!({})).await?, "Logged out");
    assert_eq!(bot.call("sendMessage", json!({})).await?.status, 400);
    Ok(())
}
