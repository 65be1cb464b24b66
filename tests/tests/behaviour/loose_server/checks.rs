//! While gmbot finds out whether somebody may write: whatever it cannot find out is held against nobody.

use system_tests::standalone::{Standalone, warning};

use super::forms::{Form, each, failures, logged, strangers};

#[tokio::test]
async fn one_whose_subscription_cannot_be_checked_is_left_alone_until_it_can() -> anyhow::Result<()> {
    let line = "membership unknown: nobody is punished for it";
    each(everything(), async |form| asked_in_vain(form, "getChatMember", true, line).await).await
}

#[tokio::test]
async fn one_whose_standing_in_the_group_cannot_be_checked_is_left_alone_until_it_can() -> anyhow::Result<()> {
    let line = "standing in the group unknown: nobody is punished for it";
    each(everything(), async |form| asked_in_vain(form, "getChatMember", false, line).await).await
}

#[tokio::test]
async fn nobody_is_punished_while_it_is_not_known_who_is_an_admin() -> anyhow::Result<()> {
    let line = "admins unknown: the message stands";
    each(everything(), async |form| asked_in_vain(form, "getChatAdministrators", false, line).await).await
}

fn everything() -> Vec<Form> {
    failures().into_iter().chain(strangers()).collect()
}

async fn asked_in_vain(form: &Form, method: &str, of_channel: bool, line: &str) -> anyhow::Result<Standalone> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    let fault = form.fault.clone().on(method).in_chat(if of_channel { place.channel } else { place.group });
    let fault = bot.sim.fault(if method == "getChatMember" { fault.about(ann) } else { fault });
    let message = bot.world.say(place.group, ann, "hello")?;
    logged(&bot, &["WARN", line]).await?;
    bot.sim.end_fault(fault);
    bot.settled(&place).await?;
    anyhow::ensure!(bot.world.message(place.group, message).is_some(), "her message was deleted");
    anyhow::ensure!(bot.world.can_speak(place.group, ann), "she was muted");
    anyhow::ensure!(warning(&bot.world, place.group, ann).is_none(), "she was warned");

    let message = bot.world.say(place.group, ann, "hello again")?;
    bot.deleted(place.group, message).await?;
    bot.muted(place.group, ann).await?;
    bot.warned(place.group, ann).await?;
    Ok(bot)
}
