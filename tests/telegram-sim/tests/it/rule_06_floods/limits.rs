//! The limits on sending that Telegram states, with what is reported of them as defaults.

use std::time::Duration;

use serde_json::json;
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use telegram_sim::rights::AdminRights;

use super::{message, place_limited, wait_asked};
use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::{Place, place_with};

#[tokio::test]
async fn by_default_a_group_takes_twenty_messages_a_minute_and_then_says_how_long_to_wait() -> TestResult {
    let Place { bot, group, sim, .. } = place_with(SimConfig::default(), AdminRights::MODERATOR).await?;
    while_time_passes(&sim.clock(), async {
        for _ in 0..20 {
            bot.ok("sendMessage", message(group)).await?;
        }
        TestResult::Ok(())
    })
    .await?;
    let reply = bot.call("sendMessage", message(group)).await?;
    // The usual case of the reports: what is left of the minute after sending at the chat's pace.
    let wait = wait_asked(&reply);
    assert!((20..=50).contains(&wait), "{reply:?}");
    sim.clock().advance(Duration::from_secs(60));
    bot.ok("sendMessage", message(group)).await?;
    Ok(())
}

#[tokio::test]
async fn a_chat_takes_a_short_burst_at_once_and_then_one_message_a_second() -> TestResult {
    let Place { bot, ann, world, sim, .. } = place_limited(FloodLimits::telegram()).await?;
    world.direct(ann, "/start")?;
    while_time_passes(&sim.clock(), async {
        for _ in 0..8 {
            bot.ok("sendMessage", message(ann.into())).await?;
        }
        TestResult::Ok(())
    })
    .await?;
    let taken: Vec<i64> = sim.calls().of("sendMessage").iter().filter_map(|call| call.taken_ms).collect();
    assert!(taken[5] - taken[0] >= 1000, "five at once: {taken:?}");
    for later in 6..8 {
        assert!(taken[later] - taken[later - 1] >= 900, "and then one a second: {taken:?}");
    }
    Ok(())
}

#[tokio::test]
async fn all_chats_together_take_thirty_messages_a_second() -> TestResult {
    let Place { bot, world, sim, .. } = place_limited(FloodLimits::telegram()).await?;
    let people: Vec<_> = (0..40).map(|number| world.person(&format!("P{number}"))).collect();
    for person in &people {
        world.direct(*person, "/start")?;
    }
    let sends = people.iter().map(|person| bot.ok("sendMessage", message((*person).into())));
    while_time_passes(&sim.clock(), futures::future::try_join_all(sends)).await?;
    let mut taken: Vec<i64> = sim.calls().of("sendMessage").iter().filter_map(|call| call.taken_ms).collect();
    taken.sort_unstable();
    assert_eq!(taken.len(), 40);
    assert!(taken.windows(31).all(|window| window[30] - window[0] >= 1000), "{taken:?}");
    Ok(())
}

#[tokio::test]
async fn a_flood_of_edits_meets_the_groups_limit_too() -> TestResult {
    let limits = FloodLimits { group_per_minute: Some(20), ..FloodLimits::off() };
    for (edits_count_as_messages, expected) in [(true, 429), (false, 200)] {
        let limits = FloodLimits { edits_count_as_messages, ..limits.clone() };
        let Place { bot, group, .. } = place_limited(limits).await?;
        let sent = bot.ok("sendMessage", message(group)).await?;
        let edit = |text: String| json!({ "chat_id": group, "message_id": sent["message_id"], "text": text });
        for number in 0..19 {
            bot.ok("editMessageText", edit(format!("edit {number}"))).await?;
        }
        let twentieth = bot.call("editMessageText", edit("one more".into())).await?;
        assert_eq!(twentieth.status, expected, "whether edits count as messages is a setting: {twentieth:?}");
        let after = bot.call("editMessageText", edit("and one more".into())).await?;
        assert!(wait_asked(&after) >= 50);
        assert_eq!(bot.call("sendMessage", message(group)).await?.status, expected);
    }
    Ok(())
}

#[tokio::test]
async fn calling_on_during_a_wait_makes_it_longer() -> TestResult {
    let limits = FloodLimits { chat_per_second: None, ..FloodLimits::telegram() };
    let Place { bot, group, sim, .. } = place_limited(limits).await?;
    for _ in 0..20 {
        bot.ok("sendMessage", message(group)).await?;
    }
    let first = wait_asked(&bot.call("sendMessage", message(group)).await?);
    let mut last = first;
    for _ in 0..30 {
        last = wait_asked(&bot.call("sendMessage", message(group)).await?);
    }
    assert!(last >= first + 60, "{first} s became {last} s");
    sim.clock().advance(Duration::from_secs(u64::try_from(last)?));
    bot.ok("sendMessage", message(group)).await?;
    Ok(())
}

#[tokio::test]
async fn what_fails_by_itself_is_not_counted() -> TestResult {
    let limits = FloodLimits { group_per_minute: Some(1), ..FloodLimits::off() };
    let Place { bot, group, .. } = place_limited(limits).await?;
    for _ in 0..5 {
        bot.error("sendMessage", json!({ "chat_id": group, "text": " " })).await?;
    }
    bot.ok("sendMessage", message(group)).await?;
    Ok(())
}

#[tokio::test]
async fn without_limits_nothing_waits() -> TestResult {
    let Place { bot, group, .. } = place_limited(FloodLimits::off()).await?;
    for _ in 0..60 {
        bot.ok("sendMessage", message(group)).await?;
    }
    Ok(())
}
