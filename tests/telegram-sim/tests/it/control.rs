//! The control API: acting as a person from any language.

use serde_json::{Value, json};
use telegram_sim::rights::AdminRights;

use crate::bot::{Bot, TestResult};
use crate::place::{Place, place};

async fn post(bot: &Bot, url: &str, body: Value) -> anyhow::Result<(u16, Value)> {
    let response = bot.http.post(url).body(body.to_string()).send().await?;
    let status = response.status().as_u16();
    Ok((status, serde_json::from_str(&response.text().await?)?))
}

async fn get(bot: &Bot, url: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&bot.http.get(url).send().await?.text().await?)?)
}

#[tokio::test]
async fn people_act_over_http_and_are_told_why_not() -> TestResult {
    let Place { bot, sim, group, .. } = place().await?;
    let base = format!("{}/control", sim.api_url());
    let acts = format!("{base}/acts");
    let (_, ben) = post(&bot, &acts, json!({ "act": "person", "first_name": "Ben" })).await?;
    post(&bot, &acts, json!({ "act": "join", "chat": group, "user": ben })).await?;
    let say = json!({ "act": "say", "chat": group, "user": ben, "text": "hello" });
    let (status, message) = post(&bot, &acts, say.clone()).await?;
    assert_eq!((status, message.is_i64()), (200, true));
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ben })).await?;
    assert_eq!(post(&bot, &acts, say).await?, (409, json!({ "error": "they are muted" })));
    let (status, _) = post(&bot, &acts, json!({ "act": "fly" })).await?;
    assert_eq!(status, 400);
    let messages = get(&bot, &format!("{base}/chats/{group}/messages")).await?;
    assert_eq!(messages.as_array().and_then(|all| all.last()).map(|last| last["text"].clone()), Some("hello".into()));
    let member = get(&bot, &format!("{base}/chats/{group}/members/{ben}")).await?;
    assert_eq!(member["status"], "restricted");
    let calls = get(&bot, &format!("{base}/calls?method=restrictChatMember")).await?;
    assert_eq!((calls[0]["args"]["user_id"].clone(), calls[0]["result"].clone()), (ben, json!(true)));
    Ok(())
}

#[tokio::test]
async fn a_topic_and_a_reply_are_kept_under_any_name_and_in_private() -> TestResult {
    let Place { bot, sim, world, owner, channel, .. } = place().await?;
    let forum = world.forum("Forum", owner);
    world.add_bot(forum, AdminRights::MODERATOR);
    let topic = world.topic(forum, owner, "News")?;
    let start = world.direct(owner, "/start")?;
    bot.updates().await?;
    let acts = format!("{}/control/acts", sim.api_url());
    let here = json!({ "chat": forum, "user": owner, "topic": topic, "reply_to": topic, "text": "x" });
    for act in [
        json!({ "act": "say" }),
        json!({ "act": "say_anonymously" }),
        json!({ "act": "say_as_channel", "channel": channel }),
        json!({ "act": "album", "photos": 2, "text": null }),
        json!({ "act": "direct", "chat": null, "topic": null, "reply_to": start }),
    ] {
        let mut whole = here.clone();
        if let (Some(whole), Some(act)) = (whole.as_object_mut(), act.as_object()) {
            whole.extend(act.clone());
            whole.retain(|_, value| !value.is_null());
        }
        let (status, done) = post(&bot, &acts, whole).await?;
        assert_eq!(status, 200, "{act}: {done}");
        let update = bot.updates().await?[0]["message"].clone();
        if act["act"] == "direct" {
            assert_eq!(update["reply_to_message"]["message_id"], start.0);
        } else {
            assert_eq!(update["message_thread_id"], topic.0, "{act}: {update}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn faults_floods_and_time_can_be_set_over_http() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let base = format!("{}/control", sim.api_url());
    let fault = json!({ "method": "getMe", "how_often": { "next": 1 }, "harm": "html502" });
    assert_eq!(post(&bot, &format!("{base}/faults"), fault).await?.0, 200);
    assert_eq!(bot.call("getMe", json!({})).await?.status, 502);
    assert_eq!(post(&bot, &format!("{base}/floods"), json!({ "overall_per_second": 1 })).await?.0, 200);
    assert_eq!(get(&bot, &format!("{base}/floods")).await?["overall_per_second"], 1);
    let before = sim.clock().now();
    post(&bot, &format!("{base}/clock"), json!({ "advance_ms": 60_000 })).await?;
    assert!(sim.clock().now() >= before + 60);
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_is_there() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let listed = get(&bot, &format!("{}/control/methods", sim.api_url())).await?;
    assert!(
        listed.as_array().is_some_and(|all| all.contains(&json!("sendMessage")) && !all.contains(&json!("sendPhoto")))
    );
    assert_eq!(bot.error("sendPhoto", json!({})).await?, "Not Found: method not found");
    let calls = get(&bot, &format!("{}/control/calls?method=sendphoto", sim.api_url())).await?;
    assert_eq!(calls[0]["method"], "sendPhoto", "it is recorded as it was spelt");
    Ok(())
}

#[tokio::test]
async fn many_people_are_made_at_once() -> TestResult {
    let Place { bot, world, .. } = place().await?;
    let seeded = world.seed(10, 1000, AdminRights::MODERATOR);
    let last = &seeded[9];
    let count = bot.ok("getChatMemberCount", json!({ "chat_id": last.group })).await?;
    assert_eq!(count, 1002);
    let member = json!({ "chat_id": last.group, "user_id": last.members[999] });
    assert_eq!(bot.ok("getChatMember", member).await?["status"], "member");
    assert!(bot.updates().await?.is_empty());
    Ok(())
}
