//! Rule 10: a strict flag for setWebhook's rules about HTTPS, ports and addresses; without it the simulator is `--local`.

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;

use crate::bot::{Bot, TestResult, roomy, start, start_with};
use crate::hook::{Answer, Hook};

async fn strict() -> anyhow::Result<Bot> {
    let config = SimConfig { strict_webhooks: true, ..roomy() };
    Ok(start_with(config).await?.1)
}

async fn assert_refused(bot: &Bot, args: Value, error: &str) -> TestResult {
    assert_eq!(bot.error("setWebhook", args.clone()).await?, format!("Bad Request: {error}"), "{args}");
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["url"], "", "{args}");
    Ok(())
}

#[tokio::test]
async fn strictly_a_webhook_has_https() -> TestResult {
    let bot = strict().await?;
    for url in ["http://example.org/", "example.org", "http://example.org:9000/"] {
        let error = "bad webhook: An HTTPS URL must be provided for webhook";
        assert_refused(&bot, json!({ "url": url }), error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn strictly_a_webhook_has_one_of_four_ports() -> TestResult {
    let bot = strict().await?;
    for port in [1, 444, 8080, 9000] {
        let error = "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443";
        assert_refused(&bot, json!({ "url": format!("https://127.0.0.1:{port}/") }), error).await?;
    }
    for port in [80, 88, 443, 8443] {
        let error = "bad webhook: IP address 127.0.0.1 is reserved";
        assert_refused(&bot, json!({ "url": format!("https://127.0.0.1:{port}/") }), error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn strictly_a_webhook_has_no_reserved_address() -> TestResult {
    let bot = strict().await?;
    for ip in
        ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.5", "169.254.1.1", "100.64.0.1", "0.0.0.0", "240.0.0.1"]
    {
        let error = format!("bad webhook: IP address {ip} is reserved");
        assert_refused(&bot, json!({ "url": format!("https://{ip}/") }), &error).await?;
        assert_refused(&bot, json!({ "url": "https://example.org/", "ip_address": ip }), &error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn strictly_a_webhook_is_not_ipv6_only() -> TestResult {
    let bot = strict().await?;
    let error = "bad webhook: IPv6-only addresses are not allowed";
    assert_refused(&bot, json!({ "url": "https://[::1]/" }), error).await
}

#[tokio::test]
async fn locally_there_may_be_more_than_100_connections() -> TestResult {
    let (sim, bot) = start().await?;
    let _hook = Hook::set(&bot, &sim, json!({ "max_connections": 500 }), |_, _| Answer::Status(200)).await?;
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["max_connections"], 500);
    Ok(())
}

#[tokio::test]
async fn a_url_that_is_none_is_invalid_strict_or_not() -> TestResult {
    for bot in [strict().await?, start().await?.1] {
        for url in ["ftp://x", "http://", "https://:443/", "http://exa mple/"] {
            assert_refused(&bot, json!({ "url": url }), "invalid webhook URL specified").await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_refused_strict_or_not() -> TestResult {
    for bot in [strict().await?, start().await?.1] {
        let error = "bad webhook: Failed to resolve host: Name or service not known";
        assert_refused(&bot, json!({ "url": "https://nowhere.invalid/" }), error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_is_256_letters_digits_and_two_signs_at_most_strict_or_not() -> TestResult {
    for bot in [strict().await?, start().await?.1] {
        for (secret, error) in [
            ("a".repeat(257), "secret token is too long"),
            ("a b".to_owned(), "secret token contains unallowed characters"),
            ("a+b".to_owned(), "secret token contains unallowed characters"),
            ("é".to_owned(), "secret token contains unallowed characters"),
        ] {
            assert_refused(&bot, json!({ "url": "https://127.0.0.1/", "secret_token": secret }), error).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn locally_http_any_port_and_loopback_will_do_if_somebody_listens() -> TestResult {
    let (sim, bot) = start().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let gone = format!("http://{}/", listener.local_addr()?);
    drop(listener);
    assert_refused(&bot, json!({ "url": gone }), "bad webhook: Connection refused").await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    bot.ok("setWebhook", json!({ "url": hook.origin, "secret_token": format!("{}_-", "a".repeat(254)) })).await?;
    Ok(())
}
