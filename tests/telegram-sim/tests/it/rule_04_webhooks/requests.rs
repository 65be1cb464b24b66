//! What a delivery looks like.

use serde_json::json;

use crate::bot::TestResult;
use crate::hook::{Answer, Hook};
use crate::place::{Place, place};

#[tokio::test]
async fn an_update_is_posted_as_json_with_the_secret_and_telegrams_headers() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({ "secret_token": "s3cret_-" }), |_, _| Answer::Status(200)).await?;
    world.say(group, ann, "hello")?;
    let came = hook.wait_for(&sim, 1).await?;
    assert_eq!((came.request_line.as_str(), came.text()), ("POST /hook HTTP/1.1", "hello"));
    for (name, value) in [
        ("host", hook.origin.trim_start_matches("http://")),
        ("x-telegram-bot-api-secret-token", "s3cret_-"),
        ("content-type", "application/json"),
        ("content-length", came.update.to_string().len().to_string().as_str()),
        ("connection", "keep-alive"),
        ("accept-encoding", "gzip, deflate"),
        ("user-agent", ""),
        ("authorization", ""),
    ] {
        assert_eq!(came.header(name), value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_header_and_the_path_and_query_are_the_urls() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    bot.ok("setWebhook", json!({ "url": format!("{}/a/b?c=d", hook.origin) })).await?;
    world.say(group, ann, "hello")?;
    let came = hook.wait_for(&sim, 1).await?;
    assert_eq!(
        (came.request_line.as_str(), came.header("x-telegram-bot-api-secret-token")),
        ("POST /a/b?c=d HTTP/1.1", "")
    );
    Ok(())
}

#[tokio::test]
async fn a_user_and_password_in_the_url_come_as_basic_authorization() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let url = hook.origin.replace("http://", "http://user:pass@");
    bot.ok("setWebhook", json!({ "url": url })).await?;
    world.say(group, ann, "hello")?;
    let came = hook.wait_for(&sim, 1).await?;
    assert_eq!(came.header("authorization"), "Basic dXNlcjpwYXNz");
    assert_eq!(came.header("host"), hook.origin.trim_start_matches("http://"));
    Ok(())
}

#[tokio::test]
async fn the_address_can_be_pinned_whatever_the_host_resolves_to() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let url = hook.origin.replace("127.0.0.1", "bot.example.invalid");
    bot.ok("setWebhook", json!({ "url": url, "ip_address": "127.0.0.1" })).await?;
    world.say(group, ann, "hello")?;
    assert_eq!(hook.wait_for(&sim, 1).await?.text(), "hello");
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["ip_address"], "127.0.0.1");
    Ok(())
}
