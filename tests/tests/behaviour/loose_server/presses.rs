//! While gmbot answers a press: the presser is freed though the answer cannot be shown.

use system_tests::standalone::Standalone;

use super::forms::{each, failures, logged};

#[tokio::test]
async fn a_presser_is_freed_though_the_answer_to_the_press_fails() -> anyhow::Result<()> {
    each(failures(), async |form| {
        let bot = Standalone::start().await?;
        let place = bot.protected_group().await?;
        let (ann, to_ann) = bot.offender(&place, "Ann").await?;
        let (ben, to_ben) = bot.offender(&place, "Ben").await?;
        bot.world.seed_members(place.channel, &[ann]);
        let fault = bot.sim.fault(form.fault.clone().on("answerCallbackQuery"));
        let _unanswered = bot.world.press(ann, place.group, to_ann.id, "I have joined")?;
        bot.released(place.group, ann).await?;
        bot.deleted(place.group, to_ann.id).await?;
        logged(&bot, &["a press could not be answered"]).await?;
        bot.sim.end_fault(fault);
        anyhow::ensure!(!bot.world.can_speak(place.group, ben), "somebody else is free");
        let answer = bot.press(ben, place.group, to_ben.id, "I have joined").await?;
        anyhow::ensure!(answer.text.starts_with("You are not subscribed"), "{answer:?}");
        Ok(bot)
    })
    .await
}

#[tokio::test]
async fn a_release_that_fails_is_made_later() -> anyhow::Result<()> {
    each(failures(), async |form| {
        let bot = Standalone::start().await?;
        let place = bot.protected_group().await?;
        let (ann, warning) = bot.offender(&place, "Ann").await?;
        bot.world.seed_members(place.channel, &[ann]);
        let fault = bot.sim.fault(form.fault.clone().on("restrictChatMember"));
        let answer = bot.press(ann, place.group, warning.id, "I have joined").await?;
        anyhow::ensure!(answer.text.starts_with("I could not check right now"), "{answer:?}");
        logged(&bot, &["WARN", "not finished; trying again"]).await?;
        bot.sim.end_fault(fault);
        bot.released(place.group, ann).await?;
        bot.deleted(place.group, warning.id).await?;
        Ok(bot)
    })
    .await
}
