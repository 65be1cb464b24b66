//! What ends by itself, on the clock that a test moves.

use std::time::Duration;

use serde_json::json;
use telegram_sim::rights::Permissions;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn an_unread_press_expires_after_150_s_and_a_message_after_a_day() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Check", "callback_data": "check" }]] });
    bot.ok("sendMessage", json!({ "chat_id": group, "text": "Join", "reply_markup": keyboard })).await?;
    let _press = world.press(ann, group, world.bot_messages(group)[0].id, "Check")?;
    world.say(group, ann, "hello")?;
    for (after_s, left) in [(149, 2), (1, 1), (86_400 - 151, 1), (1, 0)] {
        sim.clock().advance(Duration::from_secs(after_s));
        let info = bot.ok("getWebhookInfo", json!({})).await?;
        assert_eq!(info["pending_update_count"], left, "after {after_s} s more");
    }
    Ok(())
}

#[tokio::test]
async fn restrictions_and_bans_end_to_the_second() -> TestResult {
    let Place { sim, world, owner, group, ann, .. } = place().await?;
    let ben = world.person_in(group, "Ben");
    let until = sim.clock().now() + 3600;
    world.restrict(group, owner, ann, Permissions::none(), until)?;
    world.ban(group, owner, ben, until)?;
    sim.clock().advance(Duration::from_secs(3590));
    assert_eq!((world.member(group, ann).status, world.member(group, ben).status), ("restricted", "kicked"));
    sim.clock().advance(Duration::from_secs(10));
    assert_eq!((world.member(group, ann).status, world.member(group, ben).status), ("member", "left"));
    Ok(())
}
