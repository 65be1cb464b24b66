//! setWebhook, deleteWebhook and getWebhookInfo.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use tokio::net::{TcpSocket, TcpStream};

use crate::bot::{Bot, TestResult, start, start_with};
use crate::hook::{Answer, Hook};
use crate::place::{Place, place};
use crate::wire;

async fn described(bot: &Bot, method: &str, args: Value) -> anyhow::Result<String> {
    let reply = bot.call(method, args).await?;
    anyhow::ensure!(reply.body["result"] == true, "{reply:?}");
    Ok(reply.body["description"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_webhook_is_set_or_already_set_and_deleted_or_already_deleted() -> TestResult {
    let (sim, bot) = start().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let set = json!({ "url": hook.origin, "secret_token": "a", "max_connections": 5 });
    assert_eq!(described(&bot, "setWebhook", set.clone()).await?, "Webhook was set");
    assert_eq!(described(&bot, "setWebhook", set.clone()).await?, "Webhook is already set");
    for (name, value) in
        [("max_connections", json!(6)), ("secret_token", json!("b")), ("url", json!(hook.origin + "/x"))]
    {
        let mut other = set.clone();
        other[name] = value;
        assert_eq!(described(&bot, "setWebhook", other).await?, "Webhook was set", "another {name}");
    }
    assert_eq!(described(&bot, "setWebhook", json!({ "url": "" })).await?, "Webhook was deleted");
    assert_eq!(described(&bot, "setWebhook", json!({})).await?, "Webhook is already deleted");
    bot.ok("setWebhook", set).await?;
    assert_eq!(described(&bot, "deleteWebhook", json!({})).await?, "Webhook was deleted");
    assert_eq!(described(&bot, "deleteWebhook", json!({})).await?, "Webhook is already deleted");
    Ok(())
}

#[tokio::test]
async fn changed_allowed_updates_are_stored_though_the_webhook_is_already_set() -> TestResult {
    let (sim, bot) = start().await?;
    let hook = Hook::set(&bot, &sim, json!({ "allowed_updates": ["message"] }), |_, _| Answer::Status(200)).await?;
    let again = json!({ "url": format!("{}/hook", hook.origin), "allowed_updates": ["chat_member"] });
    assert_eq!(described(&bot, "setWebhook", again).await?, "Webhook is already set");
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["allowed_updates"], json!(["chat_member"]));
    Ok(())
}

#[tokio::test]
async fn max_connections_are_40_and_at_least_1() -> TestResult {
    let (sim, bot) = start().await?;
    for (given, kept) in [(json!(null), 1), (json!(""), 40), (json!(0), 1), (json!(7), 7), (json!(1_000_000), 100_000)]
    {
        let _hook = Hook::set(&bot, &sim, json!({ "max_connections": given }), |_, _| Answer::Status(200)).await?;
        assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["max_connections"], kept, "{given}");
    }
    Ok(())
}

#[tokio::test]
async fn setting_and_deleting_can_drop_what_is_pending() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    world.say(group, ann, "hello")?;
    bot.ok("deleteWebhook", json!({ "drop_pending_updates": true })).await?;
    assert_eq!(sim.pending_updates(), 0);
    world.say(group, ann, "hello")?;
    let hook = Hook::set(&bot, &sim, json!({ "drop_pending_updates": true }), |_, _| Answer::Status(200)).await?;
    world.say(group, ann, "after")?;
    assert_eq!(hook.wait_for(&sim, 1).await?.text(), "after");
    Ok(())
}

#[tokio::test]
async fn the_info_shows_what_is_set_and_the_last_error() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let none = bot.ok("getWebhookInfo", json!({})).await?;
    assert_eq!(
        (&none["url"], &none["has_custom_certificate"], &none["pending_update_count"]),
        (&json!(""), &json!(false), &json!(0))
    );
    assert!(none.get("max_connections").is_none() && none.get("last_error_date").is_none());
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::with_header(500, "Retry-After: 3600")).await?;
    world.say(group, ann, "hello")?;
    sim.wait_until("the failure", Duration::from_secs(10), |_| {
        sim.deliveries().iter().any(|delivery| delivery.via == "webhook")
    })
    .await?;
    let info = bot.ok("getWebhookInfo", json!({})).await?;
    assert_eq!(info["url"], format!("{}/hook", hook.origin));
    assert_eq!((&info["ip_address"], &info["pending_update_count"]), (&json!("127.0.0.1"), &json!(1)));
    assert_eq!(info["last_error_message"], "Wrong response from the webhook: 500 Internal Server Error");
    assert!((sim.clock().now() - info["last_error_date"].as_i64().unwrap_or_default()) < 10, "{info}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_comes_as_a_file_of_3_mib_at_most() -> TestResult {
    let (sim, bot) = start().await?;
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let with_file = async |size: usize| {
        let body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; \
             name=\"certificate\"; filename=\"a.pem\"\r\n\r\n{}\r\n--x--\r\n",
            hook.origin,
            "c".repeat(size)
        );
        wire::post(&sim, "setWebhook", "Content-Type: multipart/form-data; boundary=x\r\n", body.as_bytes()).await
    };
    let too_big = with_file((3 << 20) + 1).await?;
    assert!(too_big.body.contains("Bad Request: certificate size is too big (3145729 bytes)"), "{too_big:?}");
    let set = with_file(3 << 20).await?;
    assert!(set.body.contains("Webhook was set"), "{set:?}");
    assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["has_custom_certificate"], true);
    Ok(())
}

#[tokio::test]
async fn more_than_one_set_webhook_a_second_has_to_wait_one() -> TestResult {
    let floods = FloodLimits { webhooks_per_second: Some(1), ..FloodLimits::off() };
    let (sim, bot) = start_with(SimConfig { floods, ..SimConfig::default() }).await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(200)).await?;
    let again = bot.call("setWebhook", json!({ "url": hook.origin })).await?;
    assert_eq!((again.status, &again.body["parameters"]["retry_after"]), (429, &json!(1)));
    bot.ok("setWebhook", json!({ "url": "" })).await?;
    sim.clock().advance(Duration::from_secs(1));
    bot.ok("setWebhook", json!({ "url": hook.origin })).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_set_webhook_ends_the_first_while_that_looks_at_its_url() -> TestResult {
    let (sim, bot) = start().await?;
    // Nobody accepts here, and the queue of those who wait for it is full: a connection takes for ever.
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let full = socket.listen(1)?;
    let address = full.local_addr()?;
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream?);
        anyhow::ensure!(waiting.len() < 100, "the queue of connections does not fill");
    }
    let hook = Hook::listen(&sim, |_, _| Answer::Status(200)).await?;
    let first = bot.error("setWebhook", json!({ "url": format!("http://{address}/") }));
    let second = async {
        tokio::task::yield_now().await;
        // Whichever came first is the older one; only one of them can ever connect.
        let mut set = bot.call("setWebhook", json!({ "url": hook.origin })).await?;
        while set.body["description"] != "Webhook is already set" {
            set = bot.call("setWebhook", json!({ "url": hook.origin })).await?;
        }
        anyhow::Ok(())
    };
    let (first, second) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(first, second) }).await?;
    second?;
    assert_eq!(first?, "Conflict: terminated by other setWebhook");
    Ok(())
}
