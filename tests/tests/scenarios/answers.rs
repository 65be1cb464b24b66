//! A check that fails mutes nobody: the message stands, however Telegram says that it cannot tell. Nor does a "no" that is too old.

use std::time::Duration;

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{
    faults::{Fault, Harm},
    ledger::Calls,
    rights::AdminRights,
};

#[rstest]
#[tokio::test]
async fn an_error_during_the_check_mutes_nobody(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let errors = [
        Fault::flood(600),
        Fault::error(500, "Internal Server Error"),
        Fault::new(Harm::Html502),
        Fault::new(Harm::Cut),
        Fault::error(400, "Bad Request: member list is inaccessible"),
        Fault::error(400, "Bad Request: CHAT_ADMIN_REQUIRED"),
        Fault::error(400, "Bad Request: CHANNEL_PRIVATE"),
        Fault::error(400, "Bad Request: chat not found"),
        Fault::error(403, "Forbidden: bot was kicked from the channel chat"),
        Fault::error(403, "Forbidden: bot is not a member of the channel chat"),
        Fault::error(400, "Bad Request: member not found"),
        Fault::error(400, "Bad Request: user not found"),
        Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID"),
        Fault::error(400, "Bad Request: USER_ID_INVALID"),
        Fault::error(400, "Bad Request: something that nobody has seen yet"),
    ];
    // One after the other: each has its own name.
    let places: Vec<_> = errors.iter().map(|_| stage.unprotected_group()).collect();
    let checks = errors.into_iter().zip(places).map(async |(error, place)| {
        stage.protect(&place.corner, &place.news).await?;
        let ann = place.corner.person("Ann");
        let fault = stage.sim().fault(error.clone().on("getChatMember").in_chat(place.news.id).about(ann.id));
        let hello = ann.says(&place.corner, "hello")?;
        stage.settled(&place.corner).await?;
        let asked = place.news.calls().of("getChatMember").about(&ann);
        anyhow::ensure!(!asked.is_empty() && asked.ok().is_empty(), "{error:?}: {asked}");
        hello.stands().map_err(|gone| anyhow::anyhow!("{error:?}: {gone}"))?;
        anyhow::ensure!(ann.can_write_in(&place.corner), "{error:?}: she is muted");
        let warned = place.corner.messages().into_iter().find(|seen| seen.button("I have joined").is_some());
        anyhow::ensure!(warned.is_none(), "{error:?}: she is warned: {warned:?}");
        stage.sim().end_fault(fault);
        anyhow::Ok(())
    });
    futures::future::try_join_all(checks).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_could_not_be_asked_yet_is_asked_later_and_only_what_telegram_refused_is_let_pass(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    // Longer than a call waits for its turn.
    stage.sim().fault(Fault::flood(12).on("getChatMember").in_chat(place.news.id).next(1));
    let (bob, ann) = (place.corner.person("Bob"), place.corner.person("Ann"));
    let refused = bob.says(&place.corner, "hello")?;
    let asked = |calls: &Calls| (!calls.of("getChatMember").about(&bob).is_empty()).then_some(());
    stage.sim().wait_for("Bob to be asked about", PATIENCE, asked).await?;
    ann.says(&place.corner, "hello")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    refused.stands()?;
    assert!(bob.can_write_in(&place.corner));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_bot_thrown_out_of_the_channel_mutes_nobody_and_goes_on_when_it_is_back(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    place.news.throws_bot_out();
    let ann = place.corner.person("Ann");
    let hello = ann.says(&place.corner, "hello")?;
    let status = stage.ask(&olga, &place.corner, "/status").await?;
    assert!(status.text.contains("I am not an admin there"), "{status:?}");
    hello.stands()?;
    assert!(ann.can_write_in(&place.corner));

    place.news.lets_bot(AdminRights::INVITE_USERS);
    // From then on the channel is asked about again.
    stage.until_count("SELECT COUNT(*) FROM channel_breakers", 0).await?;
    ann.says(&place.corner, "hello again")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_no_that_took_longer_than_five_seconds_mutes_nobody(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let slow = Fault::latency(Duration::from_millis(5_100)).on("getChatMember").in_chat(place.news.id).about(ann.id);
    let fault = stage.sim().fault(slow);
    let hello = ann.says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    assert!(ann.can_write_in(&place.corner));
    stage.sim().end_fault(fault);
    ann.says(&place.corner, "hello again")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_no_that_has_aged_while_the_message_was_deleted_mutes_nobody_who_has_subscribed_since(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, corner) = (place.corner.person("Ann"), &place.corner);
    let slow = Fault::latency(Duration::from_millis(5_200)).on("deleteMessage").in_chat(corner.id).next(1);
    stage.sim().fault(slow);
    let hello = ann.says(corner, "hello")?;
    let looked = || (!corner.calls().of("getChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the bot's look at her", looked).await?;
    // She subscribes, and Telegram does not tell.
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    hello.gone().await?;
    stage.settled(corner).await?;
    assert!(ann.can_write_in(corner), "she was muted\n{}", corner.calls());
    corner.calls().of("restrictChatMember").about(&ann).none()?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE closed_ms IS NULL", 0).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_remembered_no_mutes_nobody_who_has_subscribed_since(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let here = stage.protected_group().await?;
    let there = stage.unprotected_group().corner;
    stage.protect(&there, &here.news).await?;
    let (ann, _) = stage.offender("Ann", &here.corner).await?;
    let ann = there.person(&ann.name);

    // She subscribes, and Telegram does not tell.
    stage.story.world().seed_members(here.news.id, &[ann.id]);
    let asked = here.news.calls().of("getChatMember").about(&ann);
    let asked_ms = asked.iter().map(|call| call.at_ms).max().unwrap_or_default();
    let old = || (stage.sim().clock().now_ms() > asked_ms + 5_100).then_some(());
    stage.sim().wait("the answer to be more than 5 s old", PATIENCE, old).await?;

    let hello = ann.says(&there, "I am a subscriber")?;
    stage.settled(&there).await?;
    hello.stands()?;
    assert!(ann.can_write_in(&there), "she was muted\n{}", there.calls());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whoever_is_in_the_channel_may_write_its_owner_and_admins_too(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let (pia, adi, mia) = (corner.person("Pia"), corner.person("Adi"), corner.person("Mia"));
    let art = stage.story.channel("Art").public("daily_art").owned_by(&pia).with_bot(AdminRights::INVITE_USERS).open();
    for who in [&adi, &mia] {
        who.joins(&art)?;
    }
    pia.promotes(&adi, &art, AdminRights::POST_MESSAGES)?;
    stage.protect(&corner, &art).await?;
    for (who, status) in [(&pia, "creator"), (&adi, "administrator"), (&mia, "member")] {
        assert_eq!(who.status_in(&art).status, status);
        let hello = who.says(&corner, "hello")?;
        stage.settled(&corner).await?;
        hello.stands()?;
        assert!(who.can_write_in(&corner), "{who}");
    }
    stage.offender("Ann", &corner).await?;
    Ok(())
}
