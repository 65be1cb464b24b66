//! Calls that land long after they were given up: nobody stays muted by one.

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Protected, Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{faults::Fault, rights::Permissions, story::person::Person};

/// The call of their first mute arrives, now.
async fn lands(stage: &Stage, place: &Protected, who: &Person) -> anyhow::Result<()> {
    let until_s = stage.count("SELECT until_s FROM mutes WHERE state = 'closed'").await?;
    let bot = stage.sim().bot_id();
    stage.story.world().restrict(place.corner.id, bot, who.id, Permissions::none(), until_s)?;
    anyhow::ensure!(!who.can_write_in(&place.corner));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_mute_that_lands_minutes_after_its_release_is_lifted(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'closed'", 1).await?;

    stage.execute("UPDATE mutes SET closed_ms = closed_ms - 180000").await?;
    stage.hurry("judge").await?;
    let once_more =
        "SELECT COUNT(*) FROM tasks, mutes WHERE tasks.key LIKE 'judge:%' AND tasks.due_ms > mutes.closed_ms + 800000";
    stage.until_count(once_more, 1).await?;
    lands(&stage, &place, &ann).await?;
    stage.execute("UPDATE mutes SET closed_ms = closed_ms - 800000").await?;
    stage.hurry("judge").await?;
    ann.free_in(&place.corner).await?;
    assert_eq!(ann.status_in(&place.corner).status, "member");
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key LIKE 'judge:%'", 0).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_lifts_a_mute_that_has_landed_after_its_release_and_blames_no_admin(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'closed'", 1).await?;
    // Long before the bot looks by itself.
    stage.execute("UPDATE tasks SET due_ms = due_ms + 3600000 WHERE key LIKE 'judge:%'").await?;
    lands(&stage, &place, &ann).await?;
    let presses = async || {
        let data = format!("v1:{}", ann.id);
        let press = stage.story.world().press_forged(ann.id, place.corner.id, warning.id, &data)?;
        anyhow::Ok(press.answer(PATIENCE).await?.text)
    };
    let unknown = Fault::error(400, "Bad Request: member not found").on("getChatMember").in_chat(place.corner.id);
    let unknown = stage.sim().fault(unknown);
    let heard = presses().await?;
    assert!(heard.starts_with("I could not check right now"), "{heard}");
    stage.sim().end_fault(unknown);
    let heard = presses().await?;
    assert!(heard.starts_with("Thank you! You can write in the group now."), "{heard}");
    assert_eq!(ann.status_in(&place.corner).status, "member");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_mute_that_lands_upon_the_next_one_goes_with_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'closed'", 1).await?;
    // So that the two do not end in the same second.
    stage.execute("UPDATE mutes SET until_s = until_s - 100").await?;
    ann.leaves(&place.news)?;
    ann.muted_in(&place.corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'active'", 1).await?;
    lands(&stage, &place, &ann).await?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    assert_eq!(ann.status_in(&place.corner).status, "member");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_mute_whose_answer_was_lost_is_known_once_it_is_seen_and_stays_lifted_by_an_admin(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, corner) = (place.corner.person("Ann"), &place.corner);
    stage.sim().fault(Fault::reply_lost().on("restrictChatMember").about(ann.id).next(1));
    // The offence is tried again, and does not get as far as the mute.
    let fails = Fault::error(500, "Internal Server Error").on("deleteMessage").in_chat(corner.id).after(1);
    let fails = stage.sim().fault(fails);
    ann.says(corner, "hello")?.gone().await?;
    ann.muted_in(corner).await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE state = 'active'", 1).await?;
    corner.owner().unmutes(&ann, corner)?;
    stage.sim().end_fault(fails);
    stage.settled(corner).await?;
    assert!(ann.can_write_in(corner));
    corner.calls().of("restrictChatMember").about(&ann).exactly(1)?;
    Ok(())
}
