//! A check that fails mutes nobody: the message stands, however Telegram says that it cannot tell.

use std::time::Duration;

use system_tests::{
    standalone::{Standalone, warning},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::{
    faults::{Fault, Harm},
    rights::AdminRights,
};

#[tokio::test]
async fn an_error_during_the_check_mutes_nobody() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let errors = [
        Fault::flood(600),
        Fault::error(500, "Internal Server Error"),
        Fault::new(Harm::Html502),
        Fault::new(Harm::Cut),
        Fault::error(400, "Bad Request: member list is inaccessible"),
        Fault::error(400, "Bad Request: CHAT_ADMIN_REQUIRED"),
        Fault::error(400, "Bad Request: CHANNEL_PRIVATE"),
        Fault::error(400, "Bad Request: chat not found"),
        Fault::error(403, "Forbidden: bot was kicked from the channel chat"),
        Fault::error(403, "Forbidden: bot is not a member of the channel chat"),
        Fault::error(400, "Bad Request: member not found"),
        Fault::error(400, "Bad Request: user not found"),
        Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID"),
        Fault::error(400, "Bad Request: USER_ID_INVALID"),
        Fault::error(400, "Bad Request: something that nobody has seen yet"),
    ];
    let checks = errors.into_iter().map(async |error| {
        let place = bot.protected_group().await?;
        let ann = bot.world.person_in(place.group, "Ann");
        let fault = bot.sim.fault(error.clone().on("getChatMember").in_chat(place.channel).about(ann));
        let message = bot.world.say(place.group, ann, "hello")?;
        bot.settled(&place).await?;
        let asked = bot.sim.calls().of("getChatMember").in_chat(place.channel).about(ann);
        anyhow::ensure!(!asked.is_empty() && asked.ok().is_empty(), "{error:?}: {asked}");
        anyhow::ensure!(bot.world.message(place.group, message).is_some(), "{error:?}: her message is gone");
        anyhow::ensure!(bot.world.can_speak(place.group, ann), "{error:?}: she is muted");
        anyhow::ensure!(warning(&bot.world, place.group, ann).is_none(), "{error:?}: she is warned");
        bot.sim.end_fault(fault);
        anyhow::Ok(())
    });
    futures::future::try_join_all(checks).await?;
    Ok(())
}

#[tokio::test]
async fn a_bot_thrown_out_of_the_channel_mutes_nobody_and_goes_on_when_it_is_back() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    bot.world.remove_bot(place.channel);
    let ann = bot.world.person_in(place.group, "Ann");
    let message = bot.world.say(place.group, ann, "hello")?;
    let status = bot.settled(&place).await?;
    assert!(status.text.contains("I am not an admin there"), "{status:?}");
    assert!(bot.world.message(place.group, message).is_some() && bot.world.can_speak(place.group, ann));

    bot.world.add_bot(place.channel, AdminRights::INVITE_USERS);
    wait_for("the channel to be asked about again", PATIENCE, async || match bot.settled(&place).await {
        Ok(status) if status.text.contains("all is well") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    let message = bot.world.say(place.group, ann, "hello again")?;
    bot.deleted(place.group, message).await?;
    bot.muted(place.group, ann).await
}

#[tokio::test]
async fn a_press_that_cannot_be_checked_says_so_and_leaves_the_mute() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.seed_members(place.channel, &[ann]);
    let fault =
        bot.sim.fault(Fault::error(400, "Bad Request: member not found").on("getChatMember").in_chat(place.channel));
    let answer = bot.press(ann, place.group, warning.id, "I have joined").await?;
    assert!(answer.text.starts_with("I could not check right now"), "{answer:?}");
    assert!(!bot.world.can_speak(place.group, ann));
    bot.sim.end_fault(fault);
    let answer = bot.press(ann, place.group, warning.id, "I have joined").await?;
    assert!(answer.text.starts_with("Thank you"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_no_that_took_longer_than_five_seconds_mutes_nobody() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    let slow = Fault::latency(Duration::from_millis(5_100)).on("getChatMember").in_chat(place.channel).about(ann);
    let fault = bot.sim.fault(slow);
    let message = bot.world.say(place.group, ann, "hello")?;
    bot.settled(&place).await?;
    assert!(bot.world.message(place.group, message).is_some() && bot.world.can_speak(place.group, ann));
    bot.sim.end_fault(fault);
    let message = bot.world.say(place.group, ann, "hello again")?;
    bot.deleted(place.group, message).await?;
    bot.muted(place.group, ann).await
}
