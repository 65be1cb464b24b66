//! Rule 9: the server's own memory of members, which can be stale. Off unless it is switched on.

use std::time::Duration;

use serde_json::{Value, json};
use telegram_sim::config::{MemberCache, SimConfig};
use telegram_sim::floods::{Ceiling, FloodLimits};
use telegram_sim::ids::UserId;
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place, place_with};

const MINUTE: Duration = Duration::from_secs(60);

async fn place_with_cache(lost_pushes: f64) -> anyhow::Result<Place> {
    let member_cache = Some(MemberCache { lost_pushes, ..MemberCache::default() });
    place_with(SimConfig { member_cache, ..SimConfig::default() }, AdminRights::MODERATOR).await
}

async fn status(place: &Place, user: UserId) -> anyhow::Result<Value> {
    let ask = json!({ "chat_id": place.channel, "user_id": user });
    Ok(place.bot.ok("getChatMember", ask).await?["status"].clone())
}

#[tokio::test]
async fn by_default_every_answer_is_the_truth() -> TestResult {
    let place = place().await?;
    assert_eq!(status(&place, place.ann).await?, "left");
    place.world.join(place.channel, place.ann)?;
    assert_eq!(status(&place, place.ann).await?, "member");
    Ok(())
}

#[tokio::test]
async fn a_push_keeps_the_cache_right() -> TestResult {
    let place = place_with_cache(0.0).await?;
    assert_eq!(status(&place, place.ann).await?, "left");
    place.world.join(place.channel, place.ann)?;
    assert_eq!(status(&place, place.ann).await?, "member");
    // Long after the push the cache answers again, and it knows.
    place.sim.clock().advance(2 * MINUTE);
    assert_eq!(status(&place, place.ann).await?, "member");
    Ok(())
}

#[tokio::test]
async fn a_lost_push_leaves_a_stale_answer_for_half_an_hour_and_makes_no_update() -> TestResult {
    let place = place_with_cache(1.0).await?;
    assert_eq!(status(&place, place.ann).await?, "left");
    place.world.join(place.channel, place.ann)?;
    assert!(kinds(&place.bot.updates().await?).is_empty(), "the push is what the update is made of");
    assert_eq!(status(&place, place.ann).await?, "left", "though she has joined");
    place.sim.clock().advance(31 * MINUTE);
    assert_eq!(status(&place, place.ann).await?, "member");
    Ok(())
}

#[tokio::test]
async fn only_a_share_of_the_users_is_stale_and_the_same_with_each_seed() -> TestResult {
    let stale = async || {
        let place = place_with_cache(0.5).await?;
        let people: Vec<UserId> =
            (0..30).map(|number| place.world.person_in(place.group, &format!("P{number}"))).collect();
        for person in &people {
            status(&place, *person).await?;
        }
        for person in &people {
            place.world.join(place.channel, *person)?;
        }
        place.sim.clock().advance(2 * MINUTE);
        let mut stale = Vec::new();
        for person in &people {
            stale.push(status(&place, *person).await? == "left");
        }
        anyhow::Ok(stale)
    };
    let first = stale().await?;
    let share = first.iter().filter(|stale| **stale).count();
    assert!((5..=25).contains(&share), "about half: {share}");
    assert_eq!(first, stale().await?);
    Ok(())
}

#[tokio::test]
async fn any_push_has_the_server_ask_each_time_for_a_minute_but_not_mend_its_cache() -> TestResult {
    let place = place_with_cache(1.0).await?;
    assert_eq!(status(&place, place.ann).await?, "left");
    place.world.join(place.channel, place.ann)?;
    assert_eq!(status(&place, place.ann).await?, "left");
    // The bot's own acts come back to it for certain.
    place.bot.ok("restrictChatMember", json!({ "chat_id": place.group, "user_id": place.ann })).await?;
    assert_eq!(status(&place, place.ann).await?, "member", "asked afresh");
    place.sim.clock().advance(2 * MINUTE);
    assert_eq!(status(&place, place.ann).await?, "left", "the entry that was there was not overwritten");
    Ok(())
}

#[tokio::test]
async fn losing_the_administrators_rights_drops_what_was_remembered() -> TestResult {
    let place = place_with_cache(1.0).await?;
    assert_eq!(status(&place, place.ann).await?, "left");
    place.world.join(place.channel, place.ann)?;
    place.world.take_bot_rights(place.channel);
    place.world.add_bot(place.channel, AdminRights::INVITE_USERS);
    assert_eq!(status(&place, place.ann).await?, "member");
    Ok(())
}

#[tokio::test]
async fn an_answer_out_of_the_cache_costs_no_request() -> TestResult {
    let place = place_with_cache(0.0).await?;
    place.sim.set_floods(FloodLimits {
        reads: Some(Ceiling { per_second: 1, retry_after: 30, per_chat: false }),
        ..FloodLimits::off()
    });
    for _ in 0..20 {
        assert_eq!(status(&place, place.ann).await?, "left");
    }
    Ok(())
}

#[tokio::test]
async fn a_restriction_believes_the_cache_too() -> TestResult {
    let place = place_with_cache(1.0).await?;
    let Place { bot, world, group, ann, owner, .. } = &place;
    bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    world.restrict(*group, *owner, *ann, Permissions::none(), 0)?;
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    assert_eq!(bot.ok("restrictChatMember", unmute).await?, true);
    assert!(!world.can_speak(*group, *ann), "the same as she seemed to be: nothing was done");
    Ok(())
}
