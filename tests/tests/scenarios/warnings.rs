//! What a warning says, where it stands, and how long; and what counts as a message.

use std::time::Duration;

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{
    faults::Fault,
    rights::{AdminRights, Permissions},
};

/// A protected forum, with its channel.
async fn forum(stage: &Stage) -> anyhow::Result<Protected> {
    let news = stage.story.channel("News").public("forum_news").with_bot(AdminRights::INVITE_USERS).open();
    let corner = stage.story.forum("Forum").with_bot(AdminRights::MODERATOR).open();
    stage.protect(&corner, &news).await?;
    Ok(Protected { corner, news })
}

#[rstest]
#[tokio::test]
async fn a_warning_goes_to_the_topic_the_message_came_from(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = forum(&stage).await?;
    let topic = place.corner.topic("Cats")?;
    let (ann, bob) = (place.corner.person("Ann"), place.corner.person("Bob"));
    ann.says_in_topic(&place.corner, topic, "hello")?.gone().await?;
    bob.says(&place.corner, "hello")?.gone().await?;
    let there = place.corner.bot_mentions(&ann).await?.stands()?;
    let here = place.corner.bot_mentions(&bob).await?.stands()?;
    anyhow::ensure!(there.thread == Some(topic) && here.thread.is_none(), "{there:?} {here:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_wrote_in_a_topic_that_is_closed_since_is_warned_outside_of_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = forum(&stage).await?;
    let corner = &place.corner;
    let topic = corner.topic("Cats")?;
    let ann = corner.person("Ann");
    // An admin closes the topic while the bot looks at her.
    stage.sim().fault(Fault::latency(Duration::from_millis(700)).on("getChatMember").in_chat(corner.id).about(ann.id));
    let hello = ann.says_in_topic(corner, topic, "hello")?;
    let asked = || (!place.news.calls().of("getChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the question about her", asked).await?;
    stage.story.world().set_topic_closed(corner.id, topic, true);
    hello.gone().await?;
    ann.muted_in(corner).await?;
    let warning = corner.bot_mentions(&ann).await?.stands()?;
    anyhow::ensure!(warning.thread.is_none(), "{warning:?}");
    anyhow::ensure!(warning.button("I have joined").is_some(), "{warning:?}");
    stage.settled(corner).await?;
    let told = corner.calls().of("sendMessage").ok().only(|call| call.args.contains_key("entities"));
    told.exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn old_messages_of_two_topics_are_warned_of_once_in_each(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = forum(&stage).await?;
    let topics = [place.corner.topic("Cats")?, place.corner.topic("Dogs")?];
    stage.stop().await?;
    let away = Duration::from_secs(20 * 60);
    stage.sim().clock().turn_back(away);
    for n in 0..6 {
        place.corner.person(&format!("Ann {n}")).says_in_topic(&place.corner, topics[n % 2], "hello")?;
    }
    stage.sim().clock().advance(away);
    stage.start_again().await?;
    let merged = |topic| {
        let warnings = place.corner.messages().into_iter().filter(|seen| !seen.buttons.is_empty());
        let here: Vec<_> = warnings.filter(|seen| seen.thread == Some(topic)).collect();
        (here.len() == 1 && here[0].entities.len() == 3).then_some(())
    };
    for topic in topics {
        stage.story.until("one warning for three in each topic", || merged(topic)).await?;
    }
    Ok(())
}

/// It waits for the group's send budget, which opens only when nothing is enforced there any more.
#[rstest]
#[case::observed(true)]
#[case::unprotected(false)]
#[tokio::test]
async fn nobody_is_warned_any_more_once_the_group_is_only_observed_or_not_protected(
    #[case] is_observed: bool,
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (pia, olga) = (place.corner.person("Pia"), place.corner.owner());
    // She has no mute of ours, with whose release the warning would go.
    let partly = Permissions::all().without(Permissions::SEND_POLLS);
    stage.story.world().restrict(place.corner.id, olga.id, pia.id, partly, 0)?;
    olga.says(&place.corner, "/settings")?;
    let list = place.corner.bot_says("Settings of").await?;

    stage.sim().fault(Fault::flood(8).on("sendMessage").in_chat(place.corner.id).next(1));
    pia.says(&place.corner, "hello")?.gone().await?;
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key = 'warn'", 1).await?;
    if is_observed {
        let press = stage.story.world().press_forged(olga.id, place.corner.id, list.id, "s1:mode=observe")?;
        press.answer(Duration::from_secs(15)).await?;
    } else {
        olga.says(&place.corner, "/unprotect")?;
    }
    stage.until_count("SELECT COUNT(*) FROM warnings WHERE closed_ms IS NULL", 0).await?;
    let told = place.corner.messages().into_iter().filter(|seen| seen.is_from_bot && seen.text.contains("Pia"));
    anyhow::ensure!(told.count() == 0, "{}", place.corner.calls());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_warning_disappears_by_itself_after_its_time(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let due = "SELECT COUNT(*) FROM tasks, warnings WHERE tasks.key LIKE 'unwarn:%' AND warnings.state = 'sent' \
               AND tasks.due_ms - warnings.created_ms BETWEEN 299000 AND 330000";
    // Five minutes, unless set otherwise.
    stage.until_count(due, 1).await?;
    stage.make_due("unwarn:%").await?;
    warning.gone().await?;
    anyhow::ensure!(!ann.can_write_in(&place.corner), "the mute outlives it");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_edit_counts_as_a_message(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let ann = place.corner.person("Ann");
    let hello = ann.says(&place.corner, "hello")?;
    stage.protect(&place.corner, &place.news).await?;
    hello.stands()?;
    ann.edits(&hello, "buy this")?;
    hello.gone().await?;
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_live_location_that_moves_is_no_edit_that_counts(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let ann = place.corner.person("Ann");
    let here = ann.shares_location(&place.corner)?;
    stage.protect(&place.corner, &place.news).await?;
    ann.moves(&here)?;
    stage.settled(&place.corner).await?;
    here.stands()?;
    anyhow::ensure!(ann.can_write_in(&place.corner), "{}", place.corner.calls());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_edit_of_a_message_too_old_to_delete_mutes_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let ann = place.corner.person("Ann");
    let old = Duration::from_secs(49 * 3600);
    stage.sim().clock().turn_back(old);
    let hello = ann.says(&place.corner, "hello")?;
    stage.sim().clock().advance(old);
    stage.protect(&place.corner, &place.news).await?;
    ann.edits(&hello, "buy this")?;
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    ann.edits(&hello, "buy that").ok();
    stage.settled(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_command_by_a_stranger_is_a_message_like_any_other(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    ann.says(&place.corner, "/status")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_is_over_for_long_is_forgotten(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    stage.offender("Bob", &place.corner).await?;
    stage.stop().await?;
    for statement in [
        "UPDATE mutes SET closed_ms = CAST($1 AS BIGINT) WHERE closed_ms IS NOT NULL",
        "UPDATE warnings SET closed_ms = CAST($1 AS BIGINT) WHERE closed_ms IS NOT NULL",
        "UPDATE effects SET at_ms = CAST($1 AS BIGINT)",
    ] {
        stage.change(statement, "1").await?;
    }
    stage.start_again().await?;
    for (rows, left) in [
        ("SELECT COUNT(*) FROM mutes", 1),
        ("SELECT COUNT(*) FROM warnings", 1),
        ("SELECT COUNT(*) FROM effects WHERE at_ms = 1", 0),
    ] {
        stage.until_count(rows, left).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_warning_stays_as_long_as_the_group_has_set(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.set_params(&place.corner, r#"{"warning_ttl": 900}"#).await?;
    stage.offender("Ann", &place.corner).await?;
    let due = "SELECT COUNT(*) FROM tasks, warnings WHERE tasks.key LIKE 'unwarn:%' AND warnings.state = 'sent' \
               AND tasks.due_ms - warnings.created_ms BETWEEN 899000 AND 930000";
    stage.until_count(due, 1).await
}
