//! `/unprotect`: everybody whom the bot muted is free, nobody else is, and a later `/protect` finds everything as it was.

use system_tests::{place::Place, standalone::Standalone};
use telegram_sim::rights::Permissions;

#[tokio::test]
async fn unprotect_frees_everybody_the_bot_muted_and_tells_how_far_it_is() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let mut muted = Vec::new();
    for name in ["Ann", "Ben", "Cem", "Dua"] {
        muted.push(bot.offender(&place, name).await?);
    }
    // One of them is an admin's business by now, and so is one whom the bot never touched.
    let (dua, _) = muted.remove(3);
    let eva = bot.world.person_in(place.group, "Eva");
    for who in [dua, eva] {
        bot.world.restrict(place.group, place.owner, who, Permissions::none(), 0)?;
    }

    let reply = bot.ask(place.group, place.owner, "/unprotect").await?;
    assert!(reply.text.starts_with("Protection is off."), "{reply:?}");
    for (who, warning) in &muted {
        bot.released(place.group, *who).await?;
        assert_eq!(bot.world.member(place.group, *who).status, "member");
        bot.deleted(place.group, warning.id).await?;
    }
    let told = |world: &telegram_sim::world::World| {
        world.message(place.group, reply.id).filter(|seen| seen.text.contains("I have freed 3 people")).map(drop)
    };
    bot.until("the reply to tell that all is done", told).await?;
    for who in [dua, eva] {
        let left = bot.world.member(place.group, who);
        assert_eq!((left.status, left.until_date), ("restricted", Some(0)));
    }
    let message = bot.world.say(place.group, muted[0].0, "free again")?;
    let status = bot.settled(&place).await?;
    assert!(status.text.starts_with("This group is not protected"), "{status:?}");
    assert!(bot.world.message(place.group, message).is_some());
    Ok(())
}

#[tokio::test]
async fn settings_outlive_unprotect_and_protect_works_again() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    set_params(&bot, &place, r#"{"warning_text":"Hey {name}, {channels} awaits you"}"#).await?;
    let off = bot.ask(place.group, place.owner, "/unprotect").await?;
    assert!(off.text.starts_with("Protection is off. Your settings are kept"), "{off:?}");
    let twice = bot.ask(place.group, place.owner, "/unprotect").await?;
    assert!(twice.text.starts_with("This group is not protected"), "{twice:?}");

    bot.protect(&place).await?;
    let (_, warning) = bot.offender(&place, "Ann").await?;
    assert_eq!(warning.text, "Hey Ann, News 0 awaits you");
    Ok(())
}

#[tokio::test]
async fn unprotect_of_one_channel_needs_one_that_is_required() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let other = bot.ask(place.group, place.owner, "/unprotect @somewhere_else").await?;
    assert!(other.text.starts_with("This group does not require that channel."), "{other:?}");
    let (ann, _) = bot.offender(&place, "Ann").await?;
    let only = bot.ask(place.group, place.owner, &format!("/unprotect {}", bot.name_of(place.channel)?)).await?;
    assert!(only.text.starts_with("Protection is off."), "{only:?}");
    bot.released(place.group, ann).await
}

/// Until `/settings` can.
async fn set_params(bot: &Standalone, place: &Place, params: &str) -> anyhow::Result<()> {
    let mut file = bot.database().await?;
    let set =
        sqlx::query("update protected_groups set params = $1 where group_id = $2").bind(params).bind(place.group.0);
    let done = set.execute(&mut file).await?;
    anyhow::ensure!(done.rows_affected() == 1, "no such group in the file");
    Ok(())
}
