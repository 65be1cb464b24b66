//! Who comes into a protected group: muted and welcomed unless they subscribe, once for each coming, and never somebody else.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{
    delivery_faults::DeliveryFaults,
    faults::Fault,
    rights::AdminRights,
    story::{person::Person, said::Said},
};

/// Waits until somebody who came is muted and welcomed by name, with the way out.
async fn welcomed(stage: &Stage, place: &Protected, who: &Person) -> anyhow::Result<Said> {
    who.muted_in(&place.corner).await?;
    let welcome = place.corner.bot_mentions(who).await?;
    let seen = welcome.stands()?;
    let beginning = format!("{who}, welcome to ");
    anyhow::ensure!(seen.text.starts_with(&beginning) && seen.text.contains("News"), "{seen:?}");
    anyhow::ensure!(seen.button("Join Channel").is_some() && seen.button("I have joined").is_some(), "{seen:?}");
    stage.settled(&place.corner).await?;
    Ok(welcome)
}

#[rstest]
#[tokio::test]
async fn who_joins_unsubscribed_is_muted_and_welcomed_once_and_free_after_the_press(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    let welcome = welcomed(&stage, &place, &ann).await?;
    // Told by chat_member and by a service message: one mute, one welcome.
    let calls = place.corner.calls().ok();
    calls.of("restrictChatMember").about(&ann).exactly(1)?;
    let welcomes = place.corner.messages().into_iter().filter(|seen| seen.text.contains("welcome to")).count();
    assert_eq!(welcomes, 1, "{calls}");
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    welcome.gone().await?;
    assert_eq!(ann.status_in(&place.corner).status, "member", "not left behind in the list of exceptions");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_service_message_or_a_chat_member_alone_is_a_join(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.sim().set_delivery_faults(DeliveryFaults { lose_chat_member: 1.0, ..DeliveryFaults::none() });
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    welcomed(&stage, &place, &ann).await?;
    stage.sim().set_delivery_faults(DeliveryFaults::none());
    // So many that Telegram makes no service messages any more (telegram.md 4.2).
    let crowd = stage.story.world().seed(1, 10_000, AdminRights::none());
    stage.story.world().seed_members(place.corner.id, &crowd[0].members);
    let before = place.corner.messages().len();
    let bea = stage.story.person("Bea");
    bea.joins(&place.corner)?;
    assert_eq!(place.corner.messages().len(), before, "no service message");
    welcomed(&stage, &place, &bea).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_one_who_was_added_is_meant_and_not_who_added_them(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (bo, ann) = (place.corner.person("Bo"), stage.story.person("Ann"));
    bo.adds(&ann, &place.corner)?;
    welcomed(&stage, &place, &ann).await?;
    assert!(bo.can_write_in(&place.corner));
    place.corner.calls().of("restrictChatMember").about(&bo).none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn subscribers_bots_admins_and_the_unknown_see_nothing(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.news)?;
    ann.joins(&place.corner)?;
    let bot = telegram_sim::world::Person { first_name: "Other bot", is_bot: true, ..Default::default() };
    let bot = stage.story.world().person_like(&bot);
    stage.story.world().join(place.corner.id, bot)?;
    let olga = place.corner.owner();
    stage.story.world().leave(place.news.id, olga.id)?;
    olga.leaves(&place.corner)?;
    olga.joins(&place.corner)?;
    // Unknown is not "no".
    let dan = stage.story.person("Dan");
    stage.sim().fault(Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID").on("getChatMember").about(dan.id));
    dan.joins(&place.corner)?;
    stage.settled(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").none()?;
    for who in [&ann, &dan] {
        assert!(who.can_write_in(&place.corner), "{who}");
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_leaves_loses_their_warning_and_gets_the_buttons_back_when_they_return(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    let first = welcomed(&stage, &place, &ann).await?;
    ann.leaves(&place.corner)?;
    first.gone().await?;
    ann.joins(&place.corner)?;
    let second = welcomed(&stage, &place, &ann).await?;
    place.corner.calls().ok().of("restrictChatMember").about(&ann).exactly(1)?;
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    ann.presses(&second, "I have joined").await?;
    ann.free_in(&place.corner).await?;
    second.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_subscription_that_nobody_told_of_is_found_in_the_background(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    let welcome = welcomed(&stage, &place, &ann).await?;
    let looks = || place.corner.calls().of("getChatMember").about(&ann).len();
    // Not subscribed yet: the look leaves her muted, and will be taken again.
    let before = looks();
    stage.hurry("judge").await?;
    stage.story.until("a look", || (looks() > before).then_some(())).await?;
    stage.settled(&place.corner).await?;
    assert!(!ann.can_write_in(&place.corner));
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    stage.hurry("judge").await?;
    ann.free_in(&place.corner).await?;
    welcome.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn where_joins_are_not_greeted_the_first_message_is_waited_for(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.set_params(&place.corner, r#"{"greet_on_join": false}"#).await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    stage.settled(&place.corner).await?;
    assert!(ann.can_write_in(&place.corner));
    ann.says(&place.corner, "hello")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn in_observe_mode_a_join_is_logged_once_and_nobody_touched(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.set_params(&place.corner, r#"{"mode": "observe"}"#).await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.corner)?;
    stage.settled(&place.corner).await?;
    stage.story.until("a line in the log", || stage.lines_with("a join that would have muted").pop()).await?;
    stage.settled(&place.corner).await?;
    assert_eq!(stage.lines_with("a join that would have muted").len(), 1);
    assert!(ann.can_write_in(&place.corner));
    place.corner.calls().of("restrictChatMember").none()?;
    Ok(())
}
