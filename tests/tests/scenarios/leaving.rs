//! Who leaves a required channel: muted with a notice where they are a member now and the whole rule is not met any more, and nowhere else.

use std::time::Duration;

use rstest::rstest;
use system_tests::{
    http,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::{PATIENCE, wait_for},
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
    let [patient, watched, halted] = ["Patient", "Watched", "Halted"]
        .map(|title| stage.story.group(title).with_bot(AdminRights::MODERATOR).person("Ann").open());
    for (group, params) in [(&patient, r#"{"on_channel_leave": "next_message"}"#), (&watched, r#"{"mode": "observe"}"#)]
    {
        stage.protect(group, &place.news).await?;
        stage.set_params(group, params).await?;
    }
    stage.protect(&halted, &place.news).await?;
    halted.lets_bot(AdminRights::INVITE_USERS);
    halted.bot_says("Protection is paused").await?;
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
    // What would have happened is told and counted.
    stage.story.until("a line in the log", || stage.lines_with("left a channel: observed").pop()).await?;
    let counted = async || {
        let page = http::client().get(stage.process().admin("/metrics")).send();
        let page = async { page.await?.text().await };
        let page = page.await.map_err(|error| error.to_string())?;
        let is_there = page.lines().any(|line| line.contains("outcome=\"observed\"") && line.ends_with(" 1"));
        if is_there { Ok(()) } else { Err(page) }
    };
    wait_for("the metric", PATIENCE, counted).await?;
    for group in [&patient, &watched, &halted] {
        stage.settled(group).await?;
        assert!(ann.can_write_in(group));
        group.calls().of("restrictChatMember").none()?;
    }
    for group in [&patient, &halted] {
        // Whether she is there makes no difference, so nobody asks.
        group.calls().of("getChatMember").about(&ann).none()?;
    }
    place.corner.calls().of("restrictChatMember").about(&bea).none()?;
    // What was remembered of her is dropped there too: her next message goes.
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

/// The mute could not be carried out, and now there is nobody to mute.
#[rstest]
#[tokio::test]
async fn who_has_left_the_group_before_their_mute_came_to_pass_is_not_muted_outside_of_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, corner) = (stage.story.person("Ann"), &place.corner);
    let fails = Fault::error(500, "Internal Server Error").on("restrictChatMember").about(ann.id);
    let fails = stage.sim().fault(fails);
    ann.joins(corner)?;
    let tried = || (!corner.calls().of("restrictChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the mute to fail", tried).await?;
    ann.leaves(corner)?;
    stage.settled(corner).await?;
    stage.until_count("SELECT COUNT(*) FROM warnings WHERE closed_ms IS NULL", 0).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'pending'", 1).await?;
    stage.sim().end_fault(fails);
    let looks = || corner.calls().of("getChatMember").about(&ann).ok().len();
    let before = looks();
    stage.hurry("judge").await?;
    stage.story.until("the later look", || (looks() > before).then_some(())).await?;
    stage.settled(corner).await?;
    assert_eq!(ann.status_in(corner).status, "left");
    corner.calls().of("restrictChatMember").about(&ann).ok().none()?;

    // Back again, that is answered.
    ann.joins(corner)?;
    ann.muted_in(corner).await?;
    corner.bot_mentions(&ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_an_admin_has_lifted_is_not_brought_back_by_a_leaving_that_was_answered_already(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    const LEFT: &str = "SELECT COUNT(*) FROM tasks WHERE key LIKE 'seek:%' OR key LIKE 'left:%'";
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, corner) = (place.corner.person("Ann"), &place.corner);
    ann.joins(&place.news)?;
    ann.says(corner, "hello")?;
    stage.settled(corner).await?;
    // Whether she is there at all takes Telegram a while to say, so her leaving is judged after all that follows.
    stage.sim().fault(Fault::latency(Duration::from_secs(4)).on("getChatMember").in_chat(corner.id).next(1));
    let world = stage.story.world();
    let left_s = world.now_ms() / 1000;
    ann.leaves(&place.news)?;
    stage.until_count(LEFT, 1).await?;
    stage.story.until("another second", || (world.now_ms() / 1000 > left_s + 1).then_some(())).await?;
    ann.says(corner, "hello again")?.gone().await?;
    ann.muted_in(corner).await?;
    corner.owner().unmutes(&ann, corner)?;
    stage.until_count(LEFT, 0).await?;
    stage.settled(corner).await?;
    assert!(ann.can_write_in(corner), "the admin has lifted the mute");
    corner.calls().of("restrictChatMember").about(&ann).exactly(1)?;
    Ok(())
}
