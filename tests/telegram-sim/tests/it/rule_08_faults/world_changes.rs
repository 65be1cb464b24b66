//! What happens to the bot and its groups in the middle of a run.

use std::time::Duration;

use serde_json::json;
use telegram_sim::faults::{Fault, Harm};
use telegram_sim::rights::AdminRights;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place};

#[tokio::test]
async fn a_valid_user_is_participant_id_invalid_for_a_while_and_left_later() -> TestResult {
    let Place { bot, sim, channel, ann, .. } = place().await?;
    let now = sim.clock().now_ms();
    sim.fault(Fault::participant_id_invalid().in_chat(channel).about(ann).between(now, now + 60_000));
    let ask = json!({ "chat_id": channel, "user_id": ann });
    for _ in 0..3 {
        assert_eq!(bot.error("getChatMember", ask.clone()).await?, "Bad Request: PARTICIPANT_ID_INVALID");
    }
    sim.clock().advance(Duration::from_secs(61));
    assert_eq!(bot.ok("getChatMember", ask).await?["status"], "left");
    Ok(())
}

#[tokio::test]
async fn the_bot_can_be_kicked_mid_run() -> TestResult {
    let Place { bot, sim, group, .. } = place().await?;
    sim.fault(Fault::new(Harm::Kick).on("sendMessage").in_chat(group).after(2).next(1));
    let send = json!({ "chat_id": group, "text": "x" });
    bot.ok("sendMessage", send.clone()).await?;
    bot.ok("sendMessage", send.clone()).await?;
    let error = bot.error("sendMessage", send.clone()).await?;
    assert_eq!(error, "Forbidden: bot was kicked from the supergroup chat");
    assert_eq!(bot.error("sendMessage", send).await?, error, "and it stays out");
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["my_chat_member"]);
    assert_eq!(updates[0]["my_chat_member"]["new_chat_member"]["status"], "kicked");
    Ok(())
}

#[tokio::test]
async fn the_kick_can_come_just_after_the_call_had_its_effect() -> TestResult {
    let Place { bot, sim, group, world, .. } = place().await?;
    sim.fault(Fault::new(Harm::Kick).on("sendMessage").after_effect().next(1));
    bot.ok("sendMessage", json!({ "chat_id": group, "text": "x" })).await?;
    assert_eq!(world.member(group, sim.bot_id()).status, "kicked");
    Ok(())
}

#[tokio::test]
async fn a_group_can_migrate_mid_run_with_all_that_follows() -> TestResult {
    let Place { bot, sim, world, owner, .. } = place().await?;
    let basic = world.basic_group("Old", owner);
    world.add_bot(basic, AdminRights::MODERATOR);
    bot.updates().await?;
    sim.fault(Fault::new(Harm::Upgrade).on("sendMessage").in_chat(basic).next(1));
    let reply = bot.call("sendMessage", json!({ "chat_id": basic, "text": "x" })).await?;
    assert_eq!(reply.error(), "Bad Request: group chat was upgraded to a supergroup chat");
    let new = reply.body["parameters"]["migrate_to_chat_id"].clone();
    let updates = bot.updates().await?;
    assert!(updates.iter().any(|update| update["message"]["migrate_to_chat_id"] == new), "{updates:?}");
    assert!(updates.iter().any(|update| update["message"]["migrate_from_chat_id"] == basic.0), "{updates:?}");
    bot.ok("sendMessage", json!({ "chat_id": new, "text": "x" })).await?;
    Ok(())
}

#[tokio::test]
async fn the_member_list_can_be_lost_mid_run() -> TestResult {
    let Place { bot, sim, channel, ann, world, .. } = place().await?;
    let ask = json!({ "chat_id": channel, "user_id": ann });
    bot.ok("getChatMember", ask.clone()).await?;
    sim.fault(Fault::new(Harm::LoseAdmin).in_chat(channel).next(1));
    assert_eq!(bot.error("getChatMember", ask.clone()).await?, "Bad Request: member list is inaccessible");
    assert_eq!(bot.updates().await?[0]["my_chat_member"]["new_chat_member"]["status"], "member");
    world.add_bot(channel, AdminRights::INVITE_USERS);
    bot.ok("getChatMember", ask).await?;
    Ok(())
}
