//! Sends into one chat go one after another, and 310 of them at most.

use futures::future::join_all;
use serde_json::json;
use telegram_sim::floods::FloodLimits;

use super::{message, place_limited, wait_asked};
use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::Place;

fn slow_pace() -> FloodLimits {
    FloodLimits { chat_per_second: Some(1), chat_burst: 1, ..FloodLimits::off() }
}

#[tokio::test]
async fn a_send_that_waits_holds_the_later_sends_of_its_chat_but_no_other_calls() -> TestResult {
    let Place { bot, group, ann, world, owner, sim, .. } = place_limited(slow_pace()).await?;
    let other = world.group("Writers", owner);
    world.add_bot(other, telegram_sim::rights::AdminRights::MODERATOR);
    bot.ok("sendMessage", message(group)).await?;
    let waiting = join_all((0..3).map(|_| bot.ok("sendMessage", message(group))));
    let meanwhile = async {
        // Time stands still as good as: whatever comes back now did not wait.
        bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
        bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
        bot.ok("sendMessage", message(other)).await?;
        anyhow::ensure!(world.bot_messages(group).len() == 1, "the held ones are not there yet");
        while_time_passes(&sim.clock(), async {
            sim.wait_until("all messages", crate::bot::SOON, |world| world.bot_messages(group).len() == 4).await
        })
        .await?;
        TestResult::Ok(())
    };
    let (sent, others) = tokio::join!(waiting, meanwhile);
    others?;
    sent.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let taken: Vec<i64> =
        sim.calls().of("sendMessage").in_chat(group).iter().filter_map(|call| call.taken_ms).collect();
    assert!(taken.windows(2).all(|pair| pair[1] - pair[0] >= 900), "one after another: {taken:?}");
    Ok(())
}

#[tokio::test]
async fn the_sends_behind_one_that_fails_fail_with_the_same_wait() -> TestResult {
    // The first passes. The second waits 1 s for the pace, and then the minute is full: it fails with about 59 s.
    let limits = FloodLimits { group_per_minute: Some(1), hammering: None, ..slow_pace() };
    let Place { bot, group, sim, .. } = place_limited(limits).await?;
    bot.ok("sendMessage", message(group)).await?;
    let replies =
        while_time_passes(&sim.clock(), join_all((0..5).map(|_| bot.call("sendMessage", message(group))))).await;
    let waits = replies.iter().map(|reply| reply.as_ref().map(wait_asked));
    let waits: Vec<i64> = waits.filter_map(Result::ok).collect();
    assert_eq!(waits.len(), 5);
    assert!(waits.iter().all(|wait| *wait >= 50), "{waits:?}");
    Ok(())
}

#[tokio::test]
async fn more_than_310_unsent_messages_of_a_chat_are_held_3_s_and_told_to_wait_a_minute() -> TestResult {
    let limits = FloodLimits { unsent_per_chat: FloodLimits::telegram().unsent_per_chat, ..slow_pace() };
    let Place { bot, group, sim, .. } = place_limited(limits).await?;
    // One a second goes out, 310 wait for their turn, the others are too many.
    let asked = join_all((0..340).map(|_| bot.call("sendMessage", message(group))));
    let refused = async {
        let too_many = || (sim.calls_under_way() > 310).then_some(());
        sim.wait("more than 310 calls", crate::bot::SOON, too_many).await?;
        let refused =
            sim.wait_for("a refusal", crate::bot::SOON, |calls| calls.iter().find(|call| call.status == 429).cloned());
        while_time_passes(&sim.clock(), refused).await
    };
    let refused = tokio::select! {
        refused = refused => refused?,
        _ = asked => anyhow::bail!("the last of them waits for minutes"),
    };
    assert_eq!(refused.error.as_deref(), Some("Too Many Requests: retry after 60"));
    assert!((3000..4500).contains(&refused.took_ms), "{refused}");
    Ok(())
}

#[tokio::test]
async fn very_many_calls_at_once_are_told_to_wait_a_minute_where_that_is_set() -> TestResult {
    let limits = FloodLimits { active_calls: Some(0), ..FloodLimits::off() };
    let Place { bot, sim, .. } = place_limited(FloodLimits::off()).await?;
    sim.set_floods(limits);
    let reply = while_time_passes(&sim.clock(), bot.call("getMe", json!({}))).await?;
    assert_eq!(wait_asked(&reply), 60);
    Ok(())
}
