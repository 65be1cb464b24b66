//! Rule 3: all kinds of updates, chosen when they are created, in one queue with ids, expiry and a cap.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::ids::MessageId;
use telegram_sim::rights::AdminRights;

use crate::bot::{ALL_KINDS, Bot, TestResult, kinds, roomy, start};
use crate::hook::{Answer, Hook};
use crate::place::{Place, place, place_with};

async fn message_with_button(place: &Place) -> anyhow::Result<MessageId> {
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Check", "callback_data": "check" }]] });
    let args = json!({ "chat_id": place.group, "text": "Join", "reply_markup": keyboard });
    let sent = place.bot.ok("sendMessage", args).await?;
    Ok(MessageId(sent["message_id"].as_i64().unwrap_or_default()))
}

async fn pending(bot: &Bot) -> anyhow::Result<Value> {
    Ok(bot.ok("getWebhookInfo", json!({})).await?["pending_update_count"].clone())
}

/// Makes one update of every kind there is.
async fn do_everything(place: &Place) -> TestResult {
    let Place { world, group, channel, ann, owner, .. } = place;
    let button = message_with_button(place).await?;
    let said = world.say(*group, *ann, "hello")?;
    world.edit(*group, *ann, said, "hello all")?;
    let post = world.post(*channel, "news")?;
    world.edit_post(*channel, post, "better news")?;
    drop(world.press(*ann, *group, button, "Check")?);
    world.add_bot(world.group("Other", *owner), AdminRights::MODERATOR);
    world.join(*channel, *ann)?;
    world.set_join_by_request(*group, true);
    world.request_to_join(*group, world.person("Ben"), None)?;
    Ok(())
}

#[tokio::test]
async fn every_kind_of_update_is_made_in_one_queue_with_ids_one_after_another() -> TestResult {
    let place = place().await?;
    do_everything(&place).await?;
    let updates = place.bot.updates().await?;
    let mut made = kinds(&updates);
    made.sort_unstable();
    made.dedup();
    let mut all = ALL_KINDS;
    all.sort_unstable();
    assert_eq!(made, all);
    let ids: Vec<i64> = updates.iter().filter_map(|update| update["update_id"].as_i64()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "consecutive: {ids:?}");
    assert!((2_000_001..1 << 30).contains(&ids[0]), "random, but not anywhere: {ids:?}");
    Ok(())
}

#[tokio::test]
async fn kinds_are_chosen_when_an_update_is_created() -> TestResult {
    let (sim, bot) = start().await?;
    let world = sim.world();
    let owner = world.person("Olga");
    let group = world.group("Readers", owner);
    world.add_bot(group, AdminRights::MODERATOR);
    bot.call("getUpdates", json!({ "allowed_updates": ["message"], "offset": -1 })).await?;
    world.join(group, world.person("Ann"))?;
    bot.call("getUpdates", json!({ "allowed_updates": [], "offset": 3 })).await?;
    world.join(group, world.person("Ben"))?;
    let updates = bot.updates().await?;
    let ids: Vec<i64> = updates.iter().filter_map(|update| update["update_id"].as_i64()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "consecutive: {ids:?}");
    assert!(!kinds(&updates).contains(&"chat_member"), "neither chosen nor in the default");
    Ok(())
}

#[tokio::test]
async fn the_default_is_everything_but_chat_member() -> TestResult {
    let place = place().await?;
    place.bot.ok("getUpdates", json!({ "allowed_updates": [], "offset": 2 })).await?;
    do_everything(&place).await?;
    let updates = place.bot.updates().await?;
    for kind in ALL_KINDS {
        assert_eq!(kinds(&updates).contains(&kind), kind != "chat_member", "{kind}");
    }
    let info = place.bot.ok("getWebhookInfo", json!({})).await?;
    assert_eq!(info.get("allowed_updates"), None, "the default is not shown");
    Ok(())
}

#[tokio::test]
async fn an_absent_or_unreadable_list_keeps_what_was_chosen_and_unknown_names_are_ignored() -> TestResult {
    let (_sim, bot) = start().await?;
    for (list, chosen) in [
        (json!(["message", "callback_query", "nonsense"]), json!(["message", "callback_query"])),
        (json!("no list"), json!(["message", "callback_query"])),
        (json!(null), json!(["message", "callback_query"])),
        (json!({ "a": "list" }), json!(["message", "callback_query"])),
        (json!(["nonsense"]), json!(null)),
        (json!(["chat_member"]), json!(["chat_member"])),
        (json!([]), json!(null)),
    ] {
        bot.ok("deleteWebhook", json!({ "allowed_updates": list })).await?;
        assert_eq!(bot.ok("getWebhookInfo", json!({})).await?["allowed_updates"], chosen, "{list}");
    }
    Ok(())
}

#[tokio::test]
async fn a_press_expires_after_150_s_and_everything_else_after_a_day() -> TestResult {
    let place = place().await?;
    do_everything(&place).await?;
    let made = place.sim.pending_updates();
    place.sim.clock().advance(Duration::from_secs(140));
    assert_eq!(pending(&place.bot).await?, made);
    place.sim.clock().advance(Duration::from_secs(11));
    assert_eq!(pending(&place.bot).await?, made - 1, "the press is gone");
    place.sim.clock().advance(Duration::from_secs(86_400 - 200));
    assert_eq!(pending(&place.bot).await?, made - 1);
    place.sim.clock().advance(Duration::from_secs(60));
    assert_eq!(pending(&place.bot).await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_queue_takes_100_000_updates_and_drops_new_ones_silently() -> TestResult {
    // That many updates are slow to check; those of the other tests are.
    let config = SimConfig { check_schema: false, ..roomy() };
    let Place { sim, world, group, ann, bot, .. } = place_with(config, AdminRights::MODERATOR).await?;
    for _ in 0..100_000 {
        world.say(group, ann, "x")?;
    }
    world.say(group, ann, "too many")?;
    assert_eq!(sim.pending_updates(), 100_000);
    let last = bot.ok("getUpdates", json!({ "offset": -1 })).await?;
    assert_eq!(last[0]["message"]["text"], "x");
    world.say(group, ann, "there is room again")?;
    assert_eq!(sim.pending_updates(), 2);
    Ok(())
}

#[tokio::test]
async fn after_a_week_without_updates_the_ids_begin_anew() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let id = async || {
        world.say(group, ann, "hello")?;
        let updates = bot.ok("getUpdates", json!({ "offset": -1 })).await?;
        anyhow::Ok(updates[0]["update_id"].as_i64().unwrap_or_default())
    };
    let first = id().await?;
    sim.clock().advance(Duration::from_secs(6 * 86_400));
    assert_eq!(id().await?, first + 1);
    sim.clock().advance(Duration::from_secs(7 * 86_400 + 1));
    assert_ne!(id().await?, first + 2);
    Ok(())
}

#[tokio::test]
async fn the_pending_count_includes_what_is_being_delivered() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Held).await?;
    world.say_many(group, ann, &["one", "two", "three"])?;
    hook.wait_for(&sim, 1).await?;
    assert_eq!(pending(&bot).await?, 3);
    Ok(())
}
