//! `/unprotect`: enforcement stops, whoever the bot muted is free, and `/protect` works again.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::faults::Fault;

#[rstest]
#[tokio::test]
async fn unprotect_stops_frees_everybody_and_can_be_undone(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let mut muted = Vec::new();
    for name in ["Ann", "Ben", "Cem"] {
        muted.push(stage.offender(name, &place.corner).await?.0);
    }
    let off = stage.ask(&olga, &place.corner, "/unprotect").await?;
    assert!(off.text.starts_with("Protection is off."), "{off:?}");
    for who in &muted {
        who.free_in(&place.corner).await?;
        assert_eq!(who.status_in(&place.corner).status, "member", "not left among the exceptions");
    }
    place.corner.bot_says("Protection is off, and I have freed 3 people.").await?;
    let hello = muted[0].says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;

    stage.protect(&place.corner, &place.news).await?;
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn unprotect_of_one_channel_frees_whoever_meets_the_rest(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = stage.unprotected_group().news;
    let olga = place.corner.owner();
    let name = art.username().unwrap_or_default();
    olga.says(&place.corner, &format!("/protect @{name}"))?;
    let choice = place.corner.bot_says("This group requires").await?;
    stage.hears(&olga, &choice, "Require both").await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    stage.offender("Ann", &place.corner).await?;
    let (ben, _) = stage.offender("Ben", &place.corner).await?;
    let reply = stage.ask(&olga, &place.corner, &format!("/unprotect https://t.me/{name}")).await?;
    assert!(reply.text.contains("is no longer required. The other channels still are"), "{reply:?}");
    ann.free_in(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert!(!ben.can_write_in(&place.corner), "the other channel is still required");
    ben.joins(&place.news)?;
    ben.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whom_an_admin_has_muted_stays_muted(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    // One of them is an admin's business by now, and so is one whom the bot never touched.
    let (dua, to_dua) = stage.offender("Dua", &place.corner).await?;
    let eva = place.corner.person("Eva");
    for who in [&dua, &eva] {
        olga.mutes(who, &place.corner)?;
    }
    // By this the bot has taken note of it.
    to_dua.gone().await?;
    stage.ask(&olga, &place.corner, "/unprotect").await?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    place.corner.bot_says("Protection is off, and I have freed 1 person.").await?;
    for who in [&dua, &eva] {
        let left = who.status_in(&place.corner);
        assert_eq!((left.status, left.until_date), ("restricted", Some(0)), "{who}");
    }
    Ok(())
}

/// The news of what an admin did about somebody may be lost; at the release it is seen all the same.
#[rstest]
#[tokio::test]
async fn only_who_was_freed_is_counted_as_freed(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let (dua, _) = stage.offender("Dua", &place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'active'", 2).await?;
    stage.change("UPDATE mutes SET until_s = until_s - 5 WHERE name = $1", "Dua").await?;
    stage.ask(&place.corner.owner(), &place.corner, "/unprotect").await?;
    place.corner.bot_says("Protection is off, and I have freed 1 person.").await?;
    ann.free_in(&place.corner).await?;
    assert!(!dua.can_write_in(&place.corner));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn settings_outlive_unprotect(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.set_params(&place.corner, r#"{"warning_text":"Hey {name}, {channels} awaits you"}"#).await?;
    let olga = place.corner.owner();
    let off = stage.ask(&olga, &place.corner, "/unprotect").await?;
    assert!(off.text.starts_with("Protection is off. Your settings are kept"), "{off:?}");
    let twice = stage.ask(&olga, &place.corner, "/unprotect").await?;
    assert!(twice.text.starts_with("This group is not protected"), "{twice:?}");

    stage.protect(&place.corner, &place.news).await?;
    let (_, warning) = stage.offender("Ann", &place.corner).await?;
    assert_eq!(warning.stands()?.text, "Hey Ann, News 0 awaits you");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn unprotect_of_one_channel_needs_one_that_is_required(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let other = stage.ask(&olga, &place.corner, "/unprotect @somewhere_else").await?;
    assert!(other.text.starts_with("This group does not require that channel."), "{other:?}");
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let only = format!("/unprotect @{}", place.news.username().unwrap_or_default());
    let only = stage.ask(&olga, &place.corner, &only).await?;
    assert!(only.text.starts_with("Protection is off."), "{only:?}");
    ann.free_in(&place.corner).await?;
    Ok(())
}

/// As many requests fail as one reply is tried with: another reply, to the same command, would be sent at once.
#[rstest]
#[tokio::test]
async fn what_was_done_is_told_as_done_though_telegram_takes_the_reply_only_later(
    #[values(StandAlone, Split)] form: Form,
    #[values("/unprotect", "/protect", "/allow")] command: &str,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = if command == "/protect" { stage.unprotected_group() } else { stage.protected_group().await? };
    let (command, done) = match command {
        "/protect" => (format!("/protect @{}", place.news.username().unwrap_or_default()), "Done!"),
        "/allow" => ("/allow 5".to_owned(), "5 can write here"),
        _ => (command.to_owned(), "Protection is off."),
    };
    stage.settled(&place.corner).await?;
    let fault = Fault::error(500, "Internal Server Error").on("sendMessage").in_chat(place.corner.id);
    stage.sim().fault(fault.next(4));
    let reply = stage.ask(&place.corner.owner(), &place.corner, &command).await?;
    assert!(reply.text.starts_with(done), "{reply:?}");
    stage.settled(&place.corner).await?;
    let replies = || place.corner.messages().into_iter().filter(|seen| seen.is_from_bot && seen.id >= reply.id);
    assert_eq!(replies().count(), 2, "that one and the status: {:?}", place.corner.messages());
    Ok(())
}
