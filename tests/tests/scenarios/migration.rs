//! A basic group becomes a supergroup, which has another id: all that was kept of it is there, and nothing happens to strangers' messages.

use std::time::Duration;

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{
    faults::Fault,
    rights::AdminRights,
    story::{place::Place, said::Said},
};

/// A basic group with the rows of a protected one, as no version leaves behind but rows may be, and the bot's greeting in it.
async fn protected_basic_group(stage: &Stage) -> anyhow::Result<(Place, Said, Protected)> {
    let place = stage.protected_group().await?;
    let small = stage.story.basic_group("Friends").with_bot(AdminRights::MODERATOR).open();
    let greeting = small.bot_says("Hello! ").await?;
    stage.give_rows(&place.corner, &small).await?;
    Ok((small, greeting, place))
}

#[rstest]
#[tokio::test]
async fn every_row_moves_to_the_new_id_and_rights_are_checked_again(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let (small, greeting, place) = protected_basic_group(&stage).await?;
    stage.set_params(&small, r#"{"warning_text":"Hey {name}, {channels} awaits you"}"#).await?;
    let large = small.becomes_supergroup()?;
    // Its rights are checked again once the rows are there.
    let bot = stage.story.world().bot();
    let looked = || (!large.calls().of("getChatMember").about(bot).is_empty()).then_some(());
    stage.story.until("the bot to look at its rights", looked).await?;
    let status = stage.ask(&large.owner(), &large, "/status").await?;
    assert!(status.text.starts_with("Protection is on.") && status.text.contains("all I need"), "{status:?}");
    let ann = large.person("Ann");
    ann.says(&large, "hello")?.gone().await?;
    ann.muted_in(&large).await?;
    let warning = large.bot_mentions(&ann).await?.stands()?;
    assert!(warning.text.starts_with("Hey Ann, News"), "the settings are there too: {warning:?}");
    ann.joins(&place.news)?;
    ann.free_in(&large).await?;
    // The greeting may go, once the group counts as protected.
    small.calls().of("deleteMessage").only(|call| call.args["message_id"] != greeting.id.0).none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_was_said_to_the_old_group_deletes_nothing_in_the_new_one(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let small = stage.story.basic_group("Friends").with_bot(AdminRights::MODERATOR).open();
    // Its answer is to be removed in a minute, under a number that means another message by then.
    let reply = stage.ask(&small.owner(), &small, "/protect @daily_news").await?;
    assert!(reply.text.starts_with("This is a basic group"), "{reply:?}");
    let large = small.becomes_supergroup()?;
    large.bot_says("Hello! ").await?;
    for n in 0..5 {
        large.owner().says(&large, &format!("word {n}"))?;
    }
    stage.settled(&large).await?;
    large.calls().of("deleteMessage").none()?;
    large.calls().of("deleteMessages").none()?;
    assert!(stage.lines_with("dead letter").is_empty());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_move_that_only_telegrams_error_tells_of_is_followed_too(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let small = stage.story.basic_group("Friends").with_bot(AdminRights::MODERATOR).open();
    small.bot_says("Hello! ").await?;
    // The group becomes a supergroup while the answer to its owner waits for Telegram.
    let slow = stage.sim().fault(Fault::latency(Duration::from_secs(2)).on("sendMessage").in_chat(small.id).next(1));
    small.owner().says(&small, "/help")?;
    let large = small.becomes_supergroup()?;
    large.bot_says("Hello! ").await?;
    stage.sim().end_fault(slow);
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    stage.protect(&large, &news).await?;
    assert!(stage.lines_with("dead letter").is_empty());
    Ok(())
}
