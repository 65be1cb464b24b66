//! The main job over webhooks: posted, deleted, muted, warned, subscribed, released, speaks.

use system_tests::{place::Place, split::Split, wait::PATIENCE};
use telegram_sim::{
    ids::UserId,
    ledger::Call,
    world::seeing::{Button, Seen},
};

#[tokio::test]
async fn a_non_subscriber_is_muted_and_told_and_released_by_the_button() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let _running = split.start().await?;
    let place = split.protected_group().await?;
    let (ann, warning) = offence(&split, place, "Ann").await?;

    let not_yet = split.world.press(ann, place.group, warning.id, "I have joined")?.answer(PATIENCE).await?;
    assert!(not_yet.show_alert && not_yet.text.contains("not subscribed to News 0 yet"), "{not_yet:?}");
    assert!(!split.world.can_speak(place.group, ann));

    // As if Telegram had lost the update that tells of it: the press alone must do.
    split.world.seed_members(place.channel, &[ann]);
    let verified = split.world.press(ann, place.group, warning.id, "I have joined")?.answer(PATIENCE).await?;
    assert!(verified.show_alert && verified.text == "Thank you! You can write in the group now.", "{verified:?}");
    speaks_again(&split, place, ann, &warning).await
}

#[tokio::test]
async fn a_non_subscriber_is_released_by_subscribing_without_a_press() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let _running = split.start().await?;
    let place = split.protected_group().await?;
    let (ann, warning) = offence(&split, place, "Ann").await?;
    split.world.join(place.channel, ann)?;
    speaks_again(&split, place, ann, &warning).await
}

/// Posted, deleted, muted, warned. Gives the offender and the warning.
async fn offence(split: &Split, place: Place, name: &str) -> anyhow::Result<(UserId, Seen)> {
    let Place { group, channel: _, owner: _ } = place;
    let ann = split.world.person_in(group, name);
    let posted = split.world.say(group, ann, "Hello everyone!")?;
    split.sim.wait_until("the deletion", PATIENCE, |world| world.message(group, posted).is_none()).await?;
    split.sim.wait_until("the mute", PATIENCE, |world| !world.can_speak(group, ann)).await?;
    let find = || split.world.bot_messages(group).into_iter().find(|seen| seen.text.starts_with(name));
    let warning = split.sim.wait("the warning", PATIENCE, find).await?;

    let wanted = [
        vec![Button { label: "Join Channel".into(), url: Some("https://t.me/daily_news_0".into()), data: None }],
        vec![Button { label: "I have joined".into(), url: None, data: Some(format!("v1:{ann}")) }],
    ];
    assert_eq!(warning.buttons, wanted);
    assert!(warning.entities.iter().any(|entity| entity["user"]["id"] == ann.0), "{warning:?} mentions nobody");
    Ok((ann, warning))
}

/// Released, speaks; the warning is gone, and the calls and the rows tell of nothing else.
async fn speaks_again(split: &Split, place: Place, ann: UserId, warning: &Seen) -> anyhow::Result<()> {
    let Place { group, channel: _, owner: _ } = place;
    split.sim.wait_until("the release", PATIENCE, |world| world.can_speak(group, ann)).await?;
    assert_eq!(split.world.member(group, ann).status, "member", "no longer among the group's exceptions");
    split.sim.wait_until("the warning to go", PATIENCE, |world| world.message(group, warning.id).is_none()).await?;

    let said = split.world.say(group, ann, "Hello everyone, at last!")?;
    // Messages of a group are handled in their order, so this one comes after hers.
    let stranger = split.world.person_in(group, "Ben");
    split.world.say(group, stranger, "Me too!")?;
    split.sim.wait_until("the next offender to be muted", PATIENCE, |world| !world.can_speak(group, stranger)).await?;
    assert!(split.world.message(group, said).is_some(), "a subscriber's message was deleted");

    let calls = split.sim.calls();
    let restrictions = calls.of("restrictChatMember").about(ann);
    let allowed: Vec<bool> = restrictions.iter().map(|call| allows_something(call)).collect();
    assert_eq!(allowed, [false, true], "one mute and one release:\n{restrictions}");
    let deletions = calls.in_chat(group).only(|call| call.method.starts_with("deleteMessage"));
    let warnings = calls.of("sendMessage").in_chat(group).only(|call| call.text_arg("text").starts_with("Ann"));
    assert_eq!(warnings.len(), 1, "one warning:\n{warnings}");
    assert!(deletions.len() >= 2 && deletions.ok().len() == deletions.len(), "{deletions}");

    let person = (group, ann);
    assert_eq!(split.mutes().await?.get(&person), Some(&vec!["closed: released".to_owned()]));
    assert_eq!(split.warnings().await?.get(&person), Some(&vec!["removed".to_owned()]));
    Ok(())
}

fn allows_something(restriction: &Call) -> bool {
    let permissions = restriction.args.get("permissions").and_then(|permissions| permissions.as_object());
    permissions.is_some_and(|permissions| permissions.values().any(|allowed| allowed == true))
}
