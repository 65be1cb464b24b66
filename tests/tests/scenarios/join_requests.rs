//! Requests to join a group that lets in subscribers: approved at once, or as soon as they have subscribed, and never declined.

use std::time::Duration;

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{
    faults::{Fault, Harm},
    rights::AdminRights,
    story::person::Person,
};

/// A protected group that people have to ask to be let into, with these settings.
async fn gated(stage: &Stage, params: &str) -> anyhow::Result<Protected> {
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    let corner = stage.story.group("Readers").asking_to_join().with_bot(AdminRights::MODERATOR).open();
    stage.protect(&corner, &news).await?;
    stage.set_params(&corner, params).await?;
    Ok(Protected { corner, news })
}

const GATE: &str = r#"{"join_requests": "gate"}"#;

async fn let_in(stage: &Stage, place: &Protected, who: &Person) -> anyhow::Result<()> {
    let is_in = || who.status_in(&place.corner).is_present.then_some(());
    Ok(stage.story.until(&format!("{who} to be let in"), is_in).await?)
}

fn still_asks(stage: &Stage, place: &Protected, who: &Person) -> bool {
    stage.story.world().join_requests(place.corner.id).contains(&who.id)
}

#[rstest]
#[tokio::test]
async fn a_subscriber_is_let_in_at_once_and_hears_nothing(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let ann = stage.story.person("Ann");
    ann.joins(&place.news)?;
    ann.asks_to_join(&place.corner)?;
    let_in(&stage, &place, &ann).await?;
    stage.settled(&place.corner).await?;
    assert!(stage.story.world().bot_messages(ann.id).is_empty());
    assert!(ann.can_write_in(&place.corner));
    place.corner.calls().of("declineChatJoinRequest").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn somebody_else_is_written_to_and_let_in_by_subscribing_or_by_the_press(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let (ann, bea) = (stage.story.person("Ann"), stage.story.person("Bea"));
    ann.asks_to_join(&place.corner)?;
    let told = ann.hears("Ann, to be let into Readers please subscribe to News first.").await?;
    let not_yet = ann.presses(&told, "I have joined").await?;
    assert!(not_yet.text.starts_with("You are not subscribed to News yet."), "{not_yet:?}");
    assert!(still_asks(&stage, &place, &ann));
    ann.joins(&place.news)?;
    let_in(&stage, &place, &ann).await?;
    told.gone().await?;

    bea.asks_to_join(&place.corner)?;
    let told = bea.hears("Bea, to be let into Readers").await?;
    stage.story.world().seed_members(place.news.id, &[bea.id]);
    let answer = bea.presses(&told, "I have joined").await?;
    assert_eq!(answer.text, "Thank you! I am letting you in.");
    let_in(&stage, &place, &bea).await?;
    told.gone().await?;
    place.corner.calls().of("restrictChatMember").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_subscription_that_nobody_told_of_is_found_while_the_request_lives(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let ann = stage.story.person("Ann");
    ann.asks_to_join(&place.corner)?;
    ann.hears("Ann, to be let into").await?;
    stage.settled(&place.corner).await?;
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    stage.hurry("admit").await?;
    let_in(&stage, &place, &ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn one_whom_the_admins_have_let_in_already_is_closed_quietly(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let (ann, bea) = (stage.story.person("Ann"), stage.story.person("Bea"));
    for who in [&ann, &bea] {
        who.asks_to_join(&place.corner)?;
    }
    let told = ann.hears("Ann, to be let into").await?;
    place.corner.owner().approves(&ann, &place.corner)?;
    told.gone().await?;
    // In the group she is a newcomer like any other.
    ann.muted_in(&place.corner).await?;

    let told = bea.hears("Bea, to be let into").await?;
    stage.story.world().decline(place.corner.id, bea.id)?;
    bea.joins(&place.news)?;
    told.gone().await?;
    stage.settled(&place.corner).await?;
    assert!(!bea.status_in(&place.corner).is_present);
    let answer = stage.story.world().bot_messages(bea.id);
    assert!(answer.is_empty(), "{answer:?}");
    Ok(())
}

#[rstest]
#[case::unknown(GATE, true)]
#[case::observed(r#"{"join_requests": "gate", "mode": "observe"}"#, false)]
#[case::off("{}", false)]
#[tokio::test]
async fn unknown_observed_or_off_is_left_to_the_admins(
    #[case] params: &str,
    #[case] is_unknown: bool,
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, params).await?;
    let ann = stage.story.person("Ann");
    if is_unknown {
        stage.sim().fault(Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID").on("getChatMember").about(ann.id));
    } else {
        ann.joins(&place.news)?;
    }
    ann.asks_to_join(&place.corner)?;
    stage.settled(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert!(still_asks(&stage, &place, &ann));
    assert!(stage.story.world().bot_messages(ann.id).is_empty());
    place.corner.calls().of("approveChatJoinRequest").none()?;
    place.corner.calls().of("declineChatJoinRequest").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn without_the_right_to_let_people_in_the_admins_are_told_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let (ann, bea) = (stage.story.person("Ann"), stage.story.person("Bea"));
    for who in [&ann, &bea] {
        who.asks_to_join(&place.corner)?;
        who.hears("").await?;
    }
    let olga = place.corner.owner();
    let rights = AdminRights::DELETE_MESSAGES | AdminRights::RESTRICT_MEMBERS;
    stage.story.world().promote(place.corner.id, olga.id, stage.sim().bot_id(), rights)?;
    ann.joins(&place.news)?;
    let notice = place.corner.bot_says("Subscribers ask to join this group and I may not let them in.").await?;
    bea.joins(&place.news)?;
    let tried = || (place.corner.calls().of("approveChatJoinRequest").about(&bea).len() == 1).then_some(());
    stage.story.until("a second try", tried).await?;
    stage.settled(&place.corner).await?;
    let told = place.corner.messages().into_iter().filter(|seen| seen.text.starts_with("Subscribers ask to join"));
    assert_eq!(told.count(), 1);
    // It does not stand for ever.
    let key = format!("tidy:{}", notice.id.0);
    assert!(stage.due_ms(&place.corner, &key).await?.is_some(), "nobody will take the notice away");
    stage.make_due("tidy:%").await?;
    notice.gone().await?;
    assert!(still_asks(&stage, &place, &ann) && still_asks(&stage, &place, &bea));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_channel_that_cannot_be_asked_about_lets_nobody_in(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let (ann, bea) = (stage.story.person("Ann"), stage.story.person("Bea"));
    ann.asks_to_join(&place.corner)?;
    let told = ann.hears("Ann, to be let into").await?;
    place.news.throws_bot_out();
    place.corner.bot_says("I can no longer see who is subscribed to").await?;

    bea.asks_to_join(&place.corner)?;
    stage.hurry("admit").await?;
    let answer = ann.presses(&told, "I have joined").await?;
    assert!(answer.text.contains("could not check"), "{answer:?}");
    stage.settled(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert!(still_asks(&stage, &place, &ann) && still_asks(&stage, &place, &bea));
    place.corner.calls().of("approveChatJoinRequest").none()?;

    bea.joins(&place.news)?;
    place.news.lets_bot(AdminRights::INVITE_USERS);
    place.corner.bot_says("I can see again").await?;
    ann.joins(&place.news)?;
    let_in(&stage, &place, &ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_they_miss_is_told_twice_at_most_however_often_it_crashes_on_the_way(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let ann = stage.story.person("Ann");
    // The message arrives, and nobody hears so before the end.
    let hang = Fault::hang(Duration::from_secs(20)).after_effect();
    stage.sim().fault(hang.on("sendMessage").in_chat(ann.id.into()));
    ann.asks_to_join(&place.corner)?;
    let told = |times| (stage.story.world().bot_messages(ann.id).len() == times).then_some(());
    stage.story.until("the first message", || told(1)).await?;
    stage.kill().await?;
    stage.start_again().await?;
    let told = |times| (stage.story.world().bot_messages(ann.id).len() == times).then_some(());
    stage.story.until("the second message", || told(2)).await?;
    for _ in 0..2 {
        stage.kill().await?;
        stage.start_again().await?;
        stage.hurry("admit").await?;
        stage.settled(&place.corner).await?;
    }
    assert_eq!(stage.story.world().bot_messages(ann.id).len(), 2);
    ann.joins(&place.news)?;
    let_in(&stage, &place, &ann).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_message_that_may_not_have_arrived_is_sent_once_more(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let (ann, bea) = (stage.story.person("Ann"), stage.story.person("Bea"));
    stage.sim().fault(Fault::new(Harm::Cut).on("sendMessage").in_chat(ann.id.into()).next(1));
    ann.asks_to_join(&place.corner)?;
    stage.hurry("admit").await?;
    ann.hears("Ann, to be let into").await?;

    stage.sim().fault(Fault::reply_lost().on("sendMessage").in_chat(bea.id.into()));
    bea.asks_to_join(&place.corner)?;
    stage.hurry("admit").await?;
    let told = || (stage.story.world().bot_messages(bea.id).len() == 2).then_some(());
    stage.story.until("the second message", told).await?;
    for _ in 0..3 {
        stage.hurry("admit").await?;
        stage.settled(&place.corner).await?;
    }
    stage.settled(&place.corner).await?;
    assert_eq!(stage.story.world().bot_messages(bea.id).len(), 2);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn while_protection_is_paused_or_off_the_admins_decide(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = gated(&stage, GATE).await?;
    let [ann, bea, cem] = ["Ann", "Bea", "Cem"].map(|name| stage.story.person(name));
    ann.asks_to_join(&place.corner)?;
    let told = ann.hears("Ann, to be let into").await?;
    place.corner.lets_bot(AdminRights::INVITE_USERS);
    place.corner.bot_says("Protection is paused").await?;
    for who in [&ann, &bea] {
        who.joins(&place.news)?;
    }
    bea.asks_to_join(&place.corner)?;
    let answer = ann.presses(&told, "I have joined").await?;
    assert!(answer.text.contains("admins"), "{answer:?}");
    stage.hurry("admit").await?;
    stage.settled(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert!(still_asks(&stage, &place, &ann) && still_asks(&stage, &place, &bea));
    place.corner.calls().of("approveChatJoinRequest").none()?;

    // Whoever was told to subscribe is let in when it goes on.
    place.corner.lets_bot(AdminRights::MODERATOR);
    place.corner.bot_says("Thank you, I have the rights I need again").await?;
    stage.hurry("admit").await?;
    let_in(&stage, &place, &ann).await?;

    cem.asks_to_join(&place.corner)?;
    let told = cem.hears("Cem, to be let into").await?;
    stage.ask(&place.corner.owner(), &place.corner, "/unprotect").await?;
    cem.joins(&place.news)?;
    told.gone().await?;
    stage.settled(&place.corner).await?;
    assert!(still_asks(&stage, &place, &cem));
    place.corner.calls().of("approveChatJoinRequest").about(&cem).none()?;
    Ok(())
}
