//! Limits that Telegram does not state: look-ups, restrictions and deletions, each a setting.

use futures::future::join_all;
use serde_json::json;
use telegram_sim::floods::{Ceiling, FloodLimits};

use super::{place_limited, wait_asked};
use crate::bot::TestResult;
use crate::passing::while_time_passes;
use crate::place::Place;

#[tokio::test]
async fn get_chat_member_can_have_a_ceiling_with_a_wait_of_eight_seconds() -> TestResult {
    let reads = Some(Ceiling { per_second: 40, retry_after: 8, per_chat: false });
    let Place { bot, group, ann, sim, .. } = place_limited(FloodLimits { reads, ..FloodLimits::off() }).await?;
    let ask = || bot.call("getChatMember", json!({ "chat_id": group, "user_id": ann }));
    let replies = while_time_passes(&sim.clock(), join_all((0..120).map(|_| ask()))).await;
    let replies: Vec<_> = replies.into_iter().collect::<anyhow::Result<_>>()?;
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(wait_asked(reply), 8);
    }
    let mut taken: Vec<i64> = sim.calls().of("getChatMember").iter().filter_map(|call| call.taken_ms).collect();
    taken.sort_unstable();
    assert!(taken.len() >= 80, "the first 40 at once, 40 more after 8 s: {}", taken.len());
    assert!(taken.windows(41).all(|window| window[40] - window[0] >= 1000));
    Ok(())
}

#[tokio::test]
async fn by_default_look_ups_restrictions_and_deletions_are_not_limited() -> TestResult {
    let Place { bot, group, ann, .. } = place_limited(FloodLimits::telegram()).await?;
    let ask = || bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann }));
    let delete = || bot.ok("deleteMessages", json!({ "chat_id": group, "message_ids": [999] }));
    for _ in 0..60 {
        tokio::try_join!(ask(), delete())?;
    }
    Ok(())
}

#[tokio::test]
async fn deletions_and_restrictions_can_have_ceilings() -> TestResult {
    let none = |retry_after| Some(Ceiling { per_second: 0, retry_after, per_chat: true });
    let limits = FloodLimits { deletes: none(30), restricts: none(20), ..FloodLimits::off() };
    let Place { bot, group, ann, world, .. } = place_limited(limits).await?;
    let message = world.say(group, ann, "hello")?;
    for (method, args, wait) in [
        ("deleteMessage", json!({ "chat_id": group, "message_id": message }), 30),
        ("deleteMessages", json!({ "chat_id": group, "message_ids": [message] }), 30),
        ("restrictChatMember", json!({ "chat_id": group, "user_id": ann }), 20),
        ("banChatMember", json!({ "chat_id": group, "user_id": ann }), 20),
    ] {
        assert_eq!(wait_asked(&bot.call(method, args).await?), wait, "{method}");
    }
    assert_eq!(world.member(group, ann).status, "member", "nothing of it had its effect");
    Ok(())
}
