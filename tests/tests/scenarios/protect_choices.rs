//! `/protect` on a protected group, in all the ways of naming a channel, and what a press of its buttons is worth.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{faults::Fault, rights::AdminRights, story::place::Place};

/// A second channel with the bot in it.
fn art(stage: &Stage) -> Place {
    stage.story.channel("Art").public("daily_art").with_bot(AdminRights::INVITE_USERS).open()
}

#[rstest]
#[tokio::test]
async fn protect_on_a_protected_group_shows_what_holds_and_can_replace_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = art(&stage);
    let ann = place.corner.person("Ann");
    ann.joins(&art)?;
    stage.offender("Ann", &place.corner).await?;
    let olga = place.corner.owner();
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires News 0 already. What about Art?").await?;
    let heard = stage.hears(&olga, &choice, "Replace").await?;
    assert!(heard.starts_with("Done! From now on only subscribers of Art can write here."), "{heard}");
    let seen = choice.reads("Done! From now on only subscribers of Art can write here.").await?;
    assert!(seen.buttons.is_empty(), "{seen:?}");
    ann.free_in(&place.corner).await?;
    let (_, warning) = stage.offender("Ben", &place.corner).await?;
    assert!(warning.stands()?.text.contains("Art") && !warning.stands()?.text.contains("News 0"));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn both_can_be_required_and_each_missing_one_gets_a_button(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = art(&stage);
    let olga = place.corner.owner();
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires").await?;
    let heard = stage.hears(&olga, &choice, "Require both").await?;
    assert!(heard.contains("only subscribers of News 0 and Art can write"), "{heard}");
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let seen = warning.stands()?;
    assert!(seen.button("Join News 0").is_some() && seen.button("Join Art").is_some(), "{seen:?}");
    ann.joins(&art)?;
    let heard = stage.hears(&ann, &warning, "I have joined").await?;
    assert!(heard.contains("News 0") && !heard.contains("Art"), "{heard}");
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn either_can_be_enough_and_frees_whoever_meets_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = art(&stage);
    let ann = place.corner.person("Ann");
    ann.joins(&art)?;
    stage.offender("Ann", &place.corner).await?;
    let olga = place.corner.owner();
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires").await?;
    let heard = stage.hears(&olga, &choice, "Either").await?;
    assert!(heard.contains("subscribers of at least one of News 0 and Art"), "{heard}");
    ann.free_in(&place.corner).await?;
    // Nobody is told to subscribe to both.
    let (ben, warning) = stage.offender("Ben", &place.corner).await?;
    let seen = warning.stands()?;
    assert!(seen.text.contains("please subscribe to News 0 or Art first."), "{seen:?}");
    let heard = stage.hears(&ben, &warning, "I have joined").await?;
    assert_eq!(heard, "You are not subscribed to News 0 or Art yet. Please join, then press again.");
    ben.tells_bot("/start")?;
    let told = ben.hears("You cannot write yet in these groups:").await?.stands()?;
    assert!(told.text.contains("Please subscribe to News 0 or Art, then press the button."), "{told:?}");
    ben.joins(&place.news)?;
    ben.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_choice_is_checked_anew_when_it_is_pressed(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = art(&stage);
    let (olga, ann) = (place.corner.owner(), place.corner.person("Ann"));
    ann.joins(&place.news)?;
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires").await?;
    let heard = stage.hears(&ann, &choice, "Replace").await?;
    assert_eq!(heard, "Only admins of this group can use this button.");

    let (world, bot) = (stage.story.world(), stage.sim().bot_id());
    world.promote(place.corner.id, olga.id, bot, AdminRights::DELETE_MESSAGES)?;
    let heard = stage.hears(&olga, &choice, "Replace").await?;
    assert!(heard.contains("an admin who may ban users"), "{heard}");
    world.promote(place.corner.id, olga.id, bot, AdminRights::MODERATOR)?;

    olga.says(&place.corner, "/protect @daily_art")?;
    let again = stage.story.until("the choices again", || {
        place.corner.messages().into_iter().rfind(|seen| seen.button("Replace").is_some()).map(|seen| seen.id)
    });
    let again = again.await?;
    world.remove_bot(art.id);
    let press = world.press(olga.id, place.corner.id, again, "Replace")?;
    let heard = press.answer(std::time::Duration::from_secs(15)).await?.text;
    assert!(heard.starts_with("I cannot see that channel. Please add me there as an admin"), "{heard}");
    // It may have something to say of its rights first.
    olga.says(&place.corner, "/status")?;
    let status = place.corner.bot_says("Protection is on.\nChannel News 0: all is well").await?.stands()?;
    assert!(!status.text.contains("Art"), "{status:?}");
    Ok(())
}

/// The link into a private channel is in every warning: only the channel's own admins may put it there.
#[rstest]
#[tokio::test]
async fn a_stranger_obtains_no_link_into_a_private_channel(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let secret =
        stage.story.channel("Secret").owned_by(&stage.story.person("Pia")).with_bot(AdminRights::INVITE_USERS).open();
    let (olga, number) = (place.corner.owner(), secret.id.0);
    let reply = stage.ask(&olga, &place.corner, &format!("/protect {number}")).await?;
    assert!(reply.text.starts_with("That channel is private, and only its own admins can require it."), "{reply:?}");
    // Nor by a press with forged data, on any message, nor without a name.
    for how in ["ask", "replace", "both", "either"] {
        let data = format!("p1:{how}:{number}");
        let press = stage.story.world().press_forged(olga.id, place.corner.id, reply.id, &data)?;
        let heard = press.answer(std::time::Duration::from_secs(15)).await?.text;
        assert!(heard.starts_with("That channel is private"), "{how}: {heard}");
    }
    olga.says_anonymously(&place.corner, &format!("/protect {number}"))?;
    place.corner.bot_says("For a private channel I have to see that you are an admin there").await?;
    stage.story.calls().of("createChatInviteLink").none()?;
    let told = place.corner.messages().iter().any(|seen| seen.text.contains("Secret"));
    assert!(!told, "its name is nobody's business: {:?}", place.corner.messages());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_channel_can_be_named_in_every_way_people_do(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, corner) = (place.corner.owner(), &place.corner);
    let name = place.news.username().unwrap_or_default();
    let bare = place.news.id.0.to_string().trim_start_matches("-100").to_owned();
    for way in [
        format!("@{name}"),
        name.clone(),
        name.to_uppercase(),
        format!("https://t.me/{name}"),
        format!("t.me/{name}"),
        format!("https://t.me/{name}/12"),
        place.news.id.0.to_string(),
        bare.clone(),
        format!("https://t.me/c/{bare}/12"),
    ] {
        let reply = stage.ask(&olga, corner, &format!("/protect {way}")).await?;
        assert_eq!(reply.text, "This group requires News 0 already. All is set.", "{way}");
        stage.story.world().delete(corner.id, olga.id, reply.id)?;
    }
    let post = place.news.posts("Some news")?;
    let forwarded = olga.forwards(&post, corner)?;
    olga.replies(&forwarded, "/protect")?;
    corner.bot_says("This group requires News 0 already.").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_names_no_channel_is_answered_and_not_looked_up(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    for way in ["", " 9223372036854775808", " -9223372036854775809", " 0", " @1234567", " https://example.com/news"] {
        let reply = stage.ask(&olga, &place.corner, &format!("/protect{way}")).await?;
        assert!(reply.text.starts_with("Tell me which channel: /protect @channel."), "{way}: {reply:?}");
        stage.story.world().delete(place.corner.id, olga.id, reply.id)?;
    }
    stage.story.calls().of("getChat").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_error_on_the_way_leaves_no_half_written_set_up(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    let secret = stage.story.channel("Secret").with_bot(AdminRights::INVITE_USERS).open();
    stage.sim().fault(Fault::error(500, "Internal Server Error").on("createChatInviteLink").next(20));
    let reply = stage.ask(&olga, &place.corner, &format!("/protect {}", secret.id.0)).await?;
    assert!(
        reply.text.starts_with("Telegram did not answer my questions just now, so nothing was changed."),
        "{reply:?}"
    );
    let status = stage.ask(&olga, &place.corner, "/status").await?;
    assert!(status.text.starts_with("This group is not protected."), "{status:?}");
    let hello = place.corner.person("Ann").says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    stage.sim().end_faults();
    let reply = stage.ask(&olga, &place.corner, &format!("/protect {}", secret.id.0)).await?;
    assert!(reply.text.starts_with("Done! From now on only subscribers of Secret"), "{reply:?}");
    Ok(())
}

/// While it was public anybody could require it, and most did no more than that. Its link is for those groups alone that an admin of the
/// channel has set up.
#[rstest]
#[tokio::test]
async fn a_channel_that_has_become_private_hands_its_link_only_to_groups_that_its_own_admins_set_up(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let pia = stage.story.person("Pia");
    let club =
        stage.story.channel("Club").public("daily_club").owned_by(&pia).with_bot(AdminRights::INVITE_USERS).open();
    let hers = stage.story.group("Members").owned_by(&pia).with_bot(AdminRights::MODERATOR).open();
    let strange = stage.unprotected_group().corner;
    for group in [&hers, &strange] {
        stage.protect(group, &club).await?;
    }
    stage.story.world().set_username(club.id, None);
    let new = stage.story.group("New members").owned_by(&pia).with_bot(AdminRights::MODERATOR).open();
    let number = format!("/protect {}", club.id);
    let reply = stage.ask(&pia, &new, &number).await?;
    assert!(reply.text.starts_with("Done!"), "{reply:?}");

    // The other group's rules are read anew.
    stage.ask(&strange.owner(), &strange, "/allow 5").await?;
    let (ben, warning) = stage.offender("Ben", &strange).await?;
    let seen = warning.stands()?;
    assert!(seen.buttons.iter().flatten().all(|button| button.url.is_none()), "{seen:?}");
    ben.tells_bot("/start")?;
    let told = ben.hears("You cannot write yet in these groups:").await?.stands()?;
    assert!(told.buttons.iter().flatten().all(|button| button.url.is_none()), "{told:?}");
    let reply = stage.ask(&strange.owner(), &strange, &number).await?;
    assert!(reply.text.starts_with("That channel is private"), "{reply:?}");

    // She says it once more, and her first group too has a way in that works.
    let reply = stage.ask(&pia, &hers, &number).await?;
    assert!(reply.text.starts_with("This group requires Club already."), "{reply:?}");
    let (ann, warning) = stage.offender("Ann", &hers).await?;
    let link = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    ann.joins_by(&link, &club)?;
    ann.free_in(&hers).await?;
    Ok(())
}

/// A channel's name can change, and the old one can become another's.
#[rstest]
#[tokio::test]
async fn protect_once_more_leads_to_the_channel_by_its_new_name(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.story.world().set_username(place.news.id, Some("evening_news"));
    let reply = stage.ask(&place.corner.owner(), &place.corner, "/protect @evening_news").await?;
    assert!(reply.text.starts_with("This group requires News 0 already."), "{reply:?}");
    let (_, warning) = stage.offender("Ann", &place.corner).await?;
    let join = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    assert_eq!(join, "https://t.me/evening_news");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_question_whose_sending_was_never_confirmed_goes_after_it_was_answered(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    art(&stage);
    let olga = place.corner.owner();
    stage.sim().fault(Fault::reply_lost().on("sendMessage").in_chat(place.corner.id).next(1));
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires News 0 already. What about Art?").await?;
    stage.hears(&olga, &choice, "Replace").await?;
    choice.reads("Done! From now on only subscribers of Art can write here.").await?;
    stage.make_due(&format!("tidy:{}", choice.id)).await?;
    choice.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn such_a_question_goes_whoever_presses_it_and_whatever_comes_of_it(
    #[values(StandAlone, Split)] form: Form,
    #[values("a member", "an admin who may not")] presser: &str,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let pia = stage.story.person("Pia");
    let club =
        stage.story.channel("Club").public("daily_club").owned_by(&pia).with_bot(AdminRights::INVITE_USERS).open();
    let olga = place.corner.owner();
    stage.sim().fault(Fault::reply_lost().on("sendMessage").in_chat(place.corner.id).next(1));
    olga.says(&place.corner, "/protect @daily_club")?;
    let choice = place.corner.bot_says("This group requires News 0 already. What about Club?").await?;
    if presser == "a member" {
        let heard = stage.hears(&place.corner.person("Ann"), &choice, "Replace").await?;
        assert_eq!(heard, "Only admins of this group can use this button.");
    } else {
        stage.story.world().set_username(club.id, None);
        let heard = stage.hears(&olga, &choice, "Replace").await?;
        assert!(heard.starts_with("That channel is private"), "{heard}");
    }
    stage.make_due(&format!("tidy:{}", choice.id)).await?;
    choice.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_choice_that_was_carried_out_is_told_so_though_telegram_shows_it_only_later(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    art(&stage);
    let olga = place.corner.owner();
    olga.says(&place.corner, "/protect @daily_art")?;
    let choice = place.corner.bot_says("This group requires News 0 already. What about Art?").await?;
    let fault = Fault::error(500, "Internal Server Error").on("editMessageText").in_chat(place.corner.id);
    stage.sim().fault(fault.next(4));
    let heard = stage.hears(&olga, &choice, "Replace").await?;
    assert!(heard.starts_with("Done! From now on only subscribers of Art"), "{heard}");
    choice.reads("Done! From now on only subscribers of Art").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_with_forged_data_takes_nothing_away(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.lets_bot(AdminRights::DELETE_MESSAGES);
    let notice = place.corner.bot_says("Protection is paused").await?;
    let ann = place.corner.person("Ann");
    for data in [format!("p1:replace:{}", place.news.id), format!("a1:{}", ann.id), "u1:open".to_owned()] {
        let press = stage.story.world().press_forged(ann.id, place.corner.id, notice.id, &data)?;
        let heard = press.answer(std::time::Duration::from_secs(15)).await?.text;
        assert_eq!(heard, "Only admins of this group can use this button.", "{data}");
    }
    assert_eq!(stage.due_ms(&place.corner, &format!("tidy:{}", notice.id)).await?, None);
    notice.stands()?;
    Ok(())
}
