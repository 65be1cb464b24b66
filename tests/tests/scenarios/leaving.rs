//! Who leaves a required channel: muted with a notice where they are a member now and the whole rule is not met any more, and nowhere else.

use std::time::Duration;

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{faults::Fault, rights::AdminRights};

#[rstest]
#[tokio::test]
async fn who_leaves_the_channel_is_muted_with_the_way_back_and_free_once_they_return(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    let hello = ann.says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    ann.leaves(&place.news)?;
    ann.muted_in(&place.corner).await?;
    let notice = place.corner.bot_mentions(&ann).await?;
    let seen = notice.stands()?;
    assert!(seen.text.contains("are revoked because you left News"), "{seen:?}");
    assert!(seen.button("Join Channel").is_some() && seen.button("I have joined").is_some(), "{seen:?}");
    hello.stands()?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    notice.gone().await?;
    assert_eq!(ann.status_in(&place.corner).status, "member");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_is_banned_from_the_channel_is_told_to_ask_its_admins(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    place.news.owner().bans(&ann, &place.news)?;
    ann.muted_in(&place.corner).await?;
    let seen = place.corner.bot_mentions(&ann).await?.stands()?;
    assert!(seen.text.contains("You are banned from News"), "{seen:?}");
    assert!(seen.button("Join Channel").is_none(), "the link is no help to them: {seen:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn strangers_in_groups_they_are_not_in_are_never_touched(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    // More groups than are asked about at once require the channel too; Ann is in the last of them only.
    let mut others = Vec::new();
    for n in 0..22 {
        let other = stage.story.group(&format!("Other readers {n}")).with_bot(AdminRights::MODERATOR).open();
        stage.protect(&other, &place.news).await?;
        others.push(other);
    }
    others.sort_by_key(|other| other.id);
    let ann = others[21].person("Ann");
    // She was in one of them once, and went.
    ann.joins(&place.news)?;
    ann.joins(&others[0])?;
    ann.leaves(&others[0])?;
    ann.leaves(&place.news)?;
    ann.muted_in(&others[21]).await?;
    for elsewhere in others[..21].iter().chain([&place.corner]) {
        elsewhere.calls().of("restrictChatMember").none()?;
        assert_eq!(ann.status_in(elsewhere).status, "left");
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn admins_are_left_alone_and_so_is_everybody_where_the_next_message_is_waited_for_or_only_observed(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, bea) = (place.corner.person("Ann"), place.corner.person("Bea"));
    place.corner.owner().promotes(&bea, &place.corner, AdminRights::PIN_MESSAGES)?;
    let [patient, watched] = ["Patient", "Watched"]
        .map(|title| stage.story.group(title).with_bot(AdminRights::MODERATOR).person("Ann").open());
    for (group, params) in [(&patient, r#"{"on_channel_leave": "next_message"}"#), (&watched, r#"{"mode": "observe"}"#)]
    {
        stage.protect(group, &place.news).await?;
        stage.set_params(group, params).await?;
    }
    for who in [&ann, &bea] {
        who.joins(&place.news)?;
    }
    let hello = ann.says(&patient, "hello")?;
    stage.settled(&patient).await?;
    hello.stands()?;
    for who in [&bea, &ann] {
        who.leaves(&place.news)?;
    }
    ann.muted_in(&place.corner).await?;
    for group in [&patient, &watched] {
        stage.settled(group).await?;
        assert!(ann.can_write_in(group));
        group.calls().of("restrictChatMember").none()?;
    }
    place.corner.calls().of("restrictChatMember").about(&bea).none()?;
    // What was remembered of her is dropped there too: her next message goes.
    stage
        .story
        .until("the patient group to hear of it", || {
            (place.news.calls().of("getChatMember").about(&ann).len() >= 3).then_some(())
        })
        .await?;
    ann.says(&patient, "hello again")?.gone().await?;
    ann.muted_in(&patient).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn with_any_of_several_channels_leaving_one_is_no_offence_and_joining_one_releases(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = stage.story.channel("Art").public("daily_art").with_bot(AdminRights::INVITE_USERS).open();
    stage.require_too(&place.corner, &art, r#"{"require": "any"}"#).await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    ann.joins(&art)?;
    ann.leaves(&place.news)?;
    stage
        .story
        .until("her absence to be noticed", || {
            (!place.corner.calls().of("getChatMember").about(&ann).is_empty()).then_some(())
        })
        .await?;
    stage.settled(&place.corner).await?;
    assert!(ann.can_write_in(&place.corner));
    ann.leaves(&art)?;
    ann.muted_in(&place.corner).await?;
    ann.joins(&art)?;
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn with_all_of_several_channels_only_the_last_one_joined_releases(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = stage.story.channel("Art").with_bot(AdminRights::INVITE_USERS).open();
    stage.require_too(&place.corner, &art, "{}").await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    ann.joins(&place.news)?;
    let answer = ann.presses(&warning, "I have joined").await?;
    assert!(answer.text.contains("Art") && !answer.text.contains("News"), "{answer:?}");
    assert!(!ann.can_write_in(&place.corner));
    // A private channel tells of its subscribers as well.
    ann.joins(&art)?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_notice_is_owed_also_after_a_crash_between_the_mute_and_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    ann.says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    let hang = Fault::hang(Duration::from_secs(15)).on("sendMessage").in_chat(place.corner.id);
    let hang = stage.sim().fault(hang);
    ann.leaves(&place.news)?;
    ann.muted_in(&place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM warnings WHERE state = 'sending'", 1).await?;
    stage.kill().await?;
    stage.sim().end_fault(hang);
    stage.start_again().await?;
    stage.hurry("left").await?;
    let notice = place.corner.bot_mentions(&ann).await?;
    assert!(notice.stands()?.button("Join Channel").is_some());
    Ok(())
}
