//! Rule 8, of deliveries: `chat_member` updates lost, updates handed over twice, and out of order across queues.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::delivery_faults::DeliveryFaults;
use telegram_sim::rights::AdminRights;

use crate::bot::{ALL_KINDS, SOON, TestResult, kind, kinds, roomy};
use crate::hook::{Answer, Hook};
use crate::passing::timed;
use crate::place::{Place, place, place_with};

/// Which of 100 people's comings the bot is told of.
async fn told_of(seed: u64, share: f64) -> anyhow::Result<Vec<i64>> {
    let config = SimConfig { seed, ..roomy() };
    let Place { bot, sim, world, group, .. } = place_with(config, AdminRights::MODERATOR).await?;
    sim.set_delivery_faults(DeliveryFaults { lose_chat_member: share, ..DeliveryFaults::none() });
    let first = world.person("First").0;
    for _ in 0..100 {
        world.join(group, world.person("Ben"))?;
    }
    let mut told = Vec::new();
    loop {
        let updates = bot.updates().await?;
        if updates.is_empty() {
            return Ok(told);
        }
        let members = updates.iter().filter(|update| kind(update) == "chat_member");
        told.extend(members.filter_map(|update| Some(update["chat_member"]["from"]["id"].as_i64()? - first)));
    }
}

#[tokio::test]
async fn a_share_of_chat_member_updates_is_lost_the_same_for_a_seed() -> TestResult {
    assert_eq!(told_of(1, 0.0).await?.len(), 100);
    let told = told_of(1, 0.2).await?;
    assert!((65..95).contains(&told.len()), "{} of 100", told.len());
    assert_eq!(told_of(1, 0.2).await?, told);
    assert_ne!(told_of(2, 0.2).await?, told);
    assert!(told_of(1, 1.0).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn only_chat_member_updates_are_lost() -> TestResult {
    let Place { bot, sim, world, group, ann, owner, .. } = place().await?;
    sim.set_delivery_faults(DeliveryFaults { lose_chat_member: 1.0, ..DeliveryFaults::none() });
    world.say(group, ann, "hello")?;
    world.leave(group, ann)?;
    world.add_bot(world.group("Other", owner), AdminRights::MODERATOR);
    let updates = bot.updates().await?;
    let told = kinds(&updates);
    assert!(!told.contains(&"chat_member"), "{told:?}");
    assert!(told.contains(&"message") && told.contains(&"my_chat_member"), "{told:?}");
    Ok(())
}

/// What 40 messages look like at a webhook with these faults: the texts as they came.
async fn delivered(faults: DeliveryFaults) -> anyhow::Result<Vec<String>> {
    let Place { bot, sim, world, .. } = place().await?;
    sim.set_delivery_faults(faults);
    let hook = Hook::set(&bot, &sim, json!({}), |_, _| Answer::Status(200)).await?;
    let groups = world.seed(4, 1, AdminRights::MODERATOR);
    for n in 0..40 {
        let group = &groups[n % 4];
        world.say(group.group, group.members[0], &format!("{} {n:02}", n % 4))?;
    }
    let all = async { Ok(sim.wait_until("all to come", SOON, |_| sim.pending_updates() == 0).await?) };
    // In small steps: also on a busy machine, what is not held back comes long before what is.
    timed(&sim.clock(), Duration::from_millis(20), all).await?;
    Ok(hook.texts())
}

/// Whether each chat's messages came in order, repeated ones one after another.
fn is_ordered_within_chats(texts: &[String]) -> bool {
    (0..4).all(|chat| texts.iter().filter(|text| text.starts_with(&format!("{chat} "))).is_sorted())
}

#[tokio::test]
async fn a_share_of_updates_is_handed_over_again_though_it_was_answered_2xx() -> TestResult {
    let texts = delivered(DeliveryFaults { repeat: 0.3, ..DeliveryFaults::none() }).await?;
    assert!((44..64).contains(&texts.len()), "{} deliveries of 40", texts.len());
    assert!(is_ordered_within_chats(&texts), "{texts:?}");
    let twice = delivered(DeliveryFaults { repeat: 1.0, ..DeliveryFaults::none() }).await?;
    assert_eq!(twice.len(), 80, "twice, and no more often");
    let mut sorted = [texts, delivered(DeliveryFaults { repeat: 0.3, ..DeliveryFaults::none() }).await?];
    sorted.iter_mut().for_each(|texts| texts.sort());
    assert_eq!(sorted[0], sorted[1], "the same ones again");
    Ok(())
}

#[tokio::test]
async fn updates_held_back_are_overtaken_by_other_chats_but_not_by_their_own() -> TestResult {
    let texts = delivered(DeliveryFaults { hold_back: 0.2, hold_back_ms: 5000, ..DeliveryFaults::none() }).await?;
    assert_eq!(texts.len(), 40, "nothing is lost, nothing comes twice");
    assert!(is_ordered_within_chats(&texts), "{texts:?}");
    let numbers: Vec<&str> = texts.iter().filter_map(|text| text.split(' ').nth(1)).collect();
    let overtaken = numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken >= 4, "{numbers:?}");
    Ok(())
}

#[tokio::test]
async fn delivery_faults_are_set_and_shown_over_http_while_it_runs() -> TestResult {
    let Place { bot, sim, world, group, ann, .. } = place().await?;
    let url = format!("{}/control/delivery-faults", sim.api_url());
    let set = bot.http.post(&url).body(json!({ "lose_chat_member": 1.0, "hold_back": 0.5 }).to_string()).send().await?;
    assert_eq!(set.status().as_u16(), 200);
    let expected = DeliveryFaults { lose_chat_member: 1.0, hold_back: 0.5, ..DeliveryFaults::none() };
    assert_eq!(sim.delivery_faults(), expected);
    let shown: Value = serde_json::from_str(&bot.http.get(&url).send().await?.text().await?)?;
    assert_eq!(shown, json!({ "lose_chat_member": 1.0, "repeat": 0.0, "hold_back": 0.5, "hold_back_ms": 1000 }));
    world.leave(group, ann)?;
    assert!(!kinds(&bot.updates().await?).contains(&ALL_KINDS[6]));
    let wrong = bot.http.post(&url).body(r#"{"lose":1}"#).send().await?;
    assert_eq!(wrong.status().as_u16(), 400);
    Ok(())
}
