//! While gmbot deletes, mutes and warns: what did not succeed is made good, and nobody else is hit by it.

use system_tests::standalone::Standalone;

use super::forms::{Form, each, failures, logged};

#[tokio::test]
async fn a_message_whose_deletion_failed_goes_later() -> anyhow::Result<()> {
    is_made_good("deleteMessage", |_| "not finished; trying again").await
}

#[tokio::test]
async fn one_whose_mute_failed_is_muted_later() -> anyhow::Result<()> {
    is_made_good("restrictChatMember", |_| "not finished; trying again").await
}

#[tokio::test]
async fn a_warning_that_failed_is_sent_later() -> anyhow::Result<()> {
    let flood = |form: &Form| form.name.contains("429");
    is_made_good(
        "sendMessage",
        |form| {
            if flood(form) { "a warning has to wait" } else { "a warning may not have been sent" }
        },
    )
    .await
}

/// Whatever the failure of this method looks like, the log says so, and the offence has all its consequences once it is over.
async fn is_made_good(method: &str, line: impl Fn(&Form) -> &'static str) -> anyhow::Result<()> {
    each(failures(), async |form| {
        let (bot, ann) = offence_under(form, method, line(form)).await?;
        let Offence { place, who, message } = ann;
        bot.deleted(place.group, message).await?;
        bot.muted(place.group, who).await?;
        bot.warned(place.group, who).await?;
        goes_on(&bot, &ann).await?;
        Ok(bot)
    })
    .await
}

struct Offence {
    place: system_tests::place::Place,
    who: telegram_sim::ids::UserId,
    message: telegram_sim::ids::MessageId,
}

/// Somebody offends while the method fails, until the log says so in these words.
async fn offence_under(form: &Form, method: &str, line: &str) -> anyhow::Result<(Standalone, Offence)> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ben = bot.world.person_in(place.group, "Ben");
    bot.world.seed_members(place.channel, &[ben]);
    let fault = bot.sim.fault(form.fault.clone().on(method).in_chat(place.group));
    let who = bot.world.person_in(place.group, "Ann");
    let innocent = bot.world.say(place.group, ben, "good morning")?;
    let message = bot.world.say(place.group, who, "hello")?;
    logged(&bot, &["WARN", line]).await?;
    bot.sim.end_fault(fault);
    anyhow::ensure!(bot.world.can_speak(place.group, ben), "a subscriber is muted");
    anyhow::ensure!(bot.world.message(place.group, innocent).is_some(), "a subscriber's message is gone");
    Ok((bot, Offence { place, who, message }))
}

/// The next offender meets the bot as it should be, and whoever was meant is freed as usual.
async fn goes_on(bot: &Standalone, offence: &Offence) -> anyhow::Result<()> {
    bot.offender(&offence.place, "Cem").await?;
    bot.world.join(offence.place.channel, offence.who)?;
    bot.released(offence.place.group, offence.who).await
}
