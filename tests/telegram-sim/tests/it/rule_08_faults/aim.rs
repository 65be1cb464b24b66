//! Which calls a fault meets: by method, chat, user, chance, count and time.

use std::time::Duration;

use serde_json::json;
use telegram_sim::config::SimConfig;
use telegram_sim::faults::Fault;
use telegram_sim::rights::AdminRights;

use crate::bot::TestResult;
use crate::place::{Place, place, place_with};

#[tokio::test]
async fn a_fault_is_settable_per_method_chat_and_user() -> TestResult {
    let Place { bot, sim, group, channel, ann, owner, .. } = place().await?;
    sim.fault(Fault::restart().on("getchatmember").in_chat(channel).about(ann));
    let struck = async |method: &str, chat: serde_json::Value, user| {
        let reply = bot.call(method, json!({ "chat_id": chat, "user_id": user })).await?;
        anyhow::Ok(reply.status == 500)
    };
    assert!(struck("getChatMember", json!(channel), ann).await?);
    assert!(struck("getChatMember", json!("@newspaper"), ann).await?, "by its name, too");
    assert!(!struck("getChatMember", json!(group), ann).await?);
    assert!(!struck("getChatMember", json!(channel), owner).await?);
    assert!(!struck("restrictChatMember", json!(group), ann).await?);
    Ok(())
}

#[tokio::test]
async fn a_fault_about_a_person_meets_answers_and_messages_to_them() -> TestResult {
    let Place { bot, sim, group, ann, world, .. } = place().await?;
    let ben = world.person_in(group, "Ben");
    let keyboard = json!({ "inline_keyboard": [[{ "text": "Check", "callback_data": "check" }]] });
    bot.ok("sendMessage", json!({ "chat_id": group, "text": "x", "reply_markup": keyboard })).await?;
    let button = world.bot_messages(group)[0].id;
    sim.fault(Fault::restart().about(ann));
    for (person, expected) in [(ann, 500), (ben, 200)] {
        let _press = world.press(person, group, button, "Check")?;
        let asked = bot.updates().await?;
        let id = &asked[0]["callback_query"]["id"];
        let answered = bot.call("answerCallbackQuery", json!({ "callback_query_id": id })).await?;
        world.direct(person, "/start")?;
        bot.updates().await?;
        let sent = bot.call("sendMessage", json!({ "chat_id": person, "text": "x" })).await?;
        assert_eq!((answered.status, sent.status), (expected, expected));
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_by_chance_repeats_with_its_seed() -> TestResult {
    let run = async |seed| {
        let config = SimConfig { seed, ..SimConfig::default() };
        let Place { bot, sim, .. } = place_with(config, AdminRights::MODERATOR).await?;
        sim.fault(Fault::restart().on("getMe").with_probability(0.5));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(bot.call("getMe", json!({})).await?.status);
        }
        anyhow::Ok(statuses)
    };
    let first = run(7).await?;
    let struck = first.iter().filter(|status| **status == 500).count();
    assert!((8..=32).contains(&struck), "about half: {struck}");
    assert_eq!(first, run(7).await?);
    assert_ne!(first, run(8).await?);
    Ok(())
}

#[tokio::test]
async fn a_run_repeats_whatever_order_its_calls_come_in() -> TestResult {
    let run = async |turned: bool| {
        let Place { bot, sim, world, group, .. } = place().await?;
        let mut people: Vec<_> = (0..40).map(|number| world.person_in(group, &format!("P{number}"))).collect();
        sim.fault(Fault::restart().on("getChatMember").with_probability(0.3));
        if turned {
            people.reverse();
        }
        let mut struck = Vec::new();
        for person in people {
            let reply = bot.call("getChatMember", json!({ "chat_id": group, "user_id": person })).await?;
            if reply.status == 500 {
                struck.push(person);
            }
        }
        struck.sort_unstable();
        anyhow::Ok(struck)
    };
    let struck = run(false).await?;
    assert!((3..=25).contains(&struck.len()), "{struck:?}");
    assert_eq!(struck, run(true).await?, "the same users, not the same turns");
    Ok(())
}

#[tokio::test]
async fn a_fault_can_begin_after_so_many_calls_and_last_from_one_time_to_another() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let now = sim.clock().now_ms();
    sim.fault(Fault::restart().on("getMe").after(1).between(now + 60_000, now + 120_000));
    let mut struck = Vec::new();
    for advance_s in [0, 61, 1, 60] {
        sim.clock().advance(Duration::from_secs(advance_s));
        struck.push(bot.call("getMe", json!({})).await?.status == 500);
    }
    assert_eq!(struck, [false, false, true, false], "before; let through; struck; over");
    Ok(())
}

#[tokio::test]
async fn a_fault_can_be_taken_back() -> TestResult {
    let Place { bot, sim, .. } = place().await?;
    let number = sim.fault(Fault::restart());
    bot.error("getMe", json!({})).await?;
    sim.end_fault(number);
    bot.ok("getMe", json!({})).await?;
    Ok(())
}
