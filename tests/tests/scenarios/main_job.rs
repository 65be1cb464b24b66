//! Who does not subscribe cannot write, and who does can at once.

use std::time::{Duration, Instant};

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{faults::Fault, rights::Permissions};

const DAY_S: i64 = 86_400;

#[rstest]
#[tokio::test]
async fn a_stranger_is_muted_and_told_where_to_join_and_writes_after_the_press(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    place.corner.calls().ok().in_this_order(&["deleteMessage", "restrictChatMember", "sendMessage"])?;
    let muted = ann.status_in(&place.corner);
    assert_eq!((muted.status, muted.permissions), ("restricted", Some(Permissions::none())));
    let left = muted.until_date.unwrap_or_default() - stage.sim().clock().now();
    assert!((DAY_S - 60..=DAY_S).contains(&left), "it ends in {left} s");
    let join = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone());
    assert_eq!(join, place.news.username().map(|name| format!("https://t.me/{name}")));

    let before = ann.presses(&warning, "I have joined").await?;
    assert!(before.show_alert && before.text.starts_with("You are not subscribed to"), "{before:?}");
    assert_eq!(before.cache_time, 0);
    // Telegram loses what it should tell about the channel: the press alone has to do.
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    let after = ann.presses(&warning, "I have joined").await?;
    assert!(after.show_alert && after.text.starts_with("Thank you"), "{after:?}");
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    let released = ann.status_in(&place.corner);
    assert_eq!((released.status, released.permissions, released.until_date), ("member", None, None));
    let hello = ann.says(&place.corner, "hello at last")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whoever_subscribes_writes_again_in_every_group_without_pressing_anything(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let here = stage.protected_group().await?;
    let there = stage.unprotected_group().corner;
    stage.protect(&there, &here.news).await?;
    let (ann, warning) = stage.offender("Ann", &here.corner).await?;
    stage.offender("Ann", &there).await?;

    ann.joins(&here.news)?;
    for group in [&here.corner, &there] {
        ann.free_in(group).await?;
        assert_eq!(ann.status_in(group).status, "member");
    }
    warning.gone().await?;
    Ok(())
}

/// The news of the subscription and the message wait in two lanes, so either may be first. It is young: the "no" from before may count.
#[rstest]
#[tokio::test]
async fn nobody_stays_muted_who_subscribes_and_writes_in_the_same_moment(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let here = stage.protected_group().await?;
    let there = stage.unprotected_group().corner;
    stage.protect(&there, &here.news).await?;
    let mut people = Vec::new();
    for n in 0..10 {
        let (who, warning) = stage.offender(&format!("Ann {n}"), &here.corner).await?;
        people.push((there.person(&who.name), warning));
    }
    for (n, (who, _)) in people.iter().enumerate() {
        if n % 2 == 0 {
            who.joins(&here.news)?;
            who.says(&there, "I am a subscriber")?;
        } else {
            who.says(&there, "I shall be a subscriber")?;
            who.joins(&here.news)?;
        }
    }
    for (who, warning) in &people {
        who.free_in(&here.corner).await?;
        warning.gone().await?;
    }
    stage.settled(&there).await?;
    for (who, _) in &people {
        who.free_in(&there).await?;
    }
    let warned = || there.messages().into_iter().any(|seen| seen.button("I have joined").is_some());
    stage.story.until("no warning to stay", || (!warned()).then_some(())).await?;
    let status = stage.ask(&there.owner(), &there, "/status").await?;
    assert!(status.text.contains("Muted now: 0 people"), "{status:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn nobody_is_muted_who_subscribes_between_the_message_and_the_mute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let slow = Fault::latency(Duration::from_millis(1500));
    stage.sim().fault(slow.on("deleteMessage").in_chat(place.corner.id));
    let hello = ann.says(&place.corner, "hello")?;
    let asked = || (!place.news.calls().of("getChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the bot to be about to delete", asked).await?;
    ann.joins(&place.news)?;

    hello.gone().await?;
    stage.settled(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").none()?;
    let warned = place.corner.messages().into_iter().find(|seen| seen.button("I have joined").is_some());
    assert!(warned.is_none(), "{warned:?}");
    assert!(ann.can_write_in(&place.corner));
    Ok(())
}

/// The end of a mute is told to nobody; it is set here as if the day were over.
#[rstest]
#[tokio::test]
async fn a_mute_that_is_over_is_not_renewed_and_the_next_message_is_a_new_offence(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    stage.make_due("unwarn:%").await?;
    warning.gone().await?;
    stage.stop().await?;
    stage.change("UPDATE mutes SET until_s = 1 WHERE name = $1", "Ann").await?;
    stage.change("UPDATE tasks SET due_ms = 0 WHERE key LIKE $1", "judge:%").await?;
    stage.story.world().seed_members(place.corner.id, &[ann.id]);
    stage.start_again().await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE closed_ms IS NULL", 0).await?;
    stage.settled(&place.corner).await?;
    assert!(ann.can_write_in(&place.corner));
    place.corner.calls().of("restrictChatMember").about(&ann).exactly(1)?;

    ann.says(&place.corner, "hello again")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    place.corner.calls().of("restrictChatMember").about(&ann).exactly(2)?;
    Ok(())
}

/// With what Telegram takes, which answers at once here. The median of some presses: one may meet a machine that is busy with others.
#[rstest]
#[tokio::test]
async fn from_press_to_release_it_is_less_than_a_second(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    const PRESSES: usize = 7;
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let mut times = Vec::new();
    for n in 0..PRESSES {
        let (who, warning) = stage.offender(&format!("Ann {n}"), &place.corner).await?;
        stage.story.world().seed_members(place.news.id, &[who.id]);
        let pressed = Instant::now();
        let press = stage.story.world().press(who.id, place.corner.id, warning.id, "I have joined")?;
        who.free_in(&place.corner).await?;
        times.push(pressed.elapsed());
        press.answer(PATIENCE).await?;
    }
    times.sort();
    assert!(times[PRESSES / 2] < Duration::from_secs(1), "{times:?}");
    Ok(())
}
