//! The way of somebody who has never seen the bot: each answer leads to the next step, and what has been done needs no typing again.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{faults::Fault, rights::AdminRights};

#[rstest]
#[tokio::test]
async fn the_greeting_leads_through_the_set_up_and_goes_once_it_has_served(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.story.group("Readers").open();
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    let olga = corner.owner();
    corner.brings_bot_in();
    let hello = corner.bot_says("Hello! ").await?;
    corner.lets_bot(AdminRights::MODERATOR);
    let asks = || hello.seen().filter(|seen| seen.button("Set up").is_some());
    stage.story.until("the greeting to offer the set-up", asks).await?;
    stage.hears(&olga, &hello, "Set up").await?;
    let list = corner.bot_says("Setting up Readers").await?;
    stage.hears(&olga, &list, "Choose the channel").await?;
    list.reads("Which channel").await?;
    olga.replies(&list, &format!("@{}", news.username().unwrap_or_default()))?;
    corner.bot_says("Done! From now on only subscribers of News can write here.").await?;
    let ready = || list.seen().filter(|seen| seen.text.contains("✅ Protected"));
    stage.story.until("the list to be done", ready).await?;
    hello.gone().await?;
    stage.offender("Ann", &corner).await?;
    Ok(())
}

/// Only its button tells where it stands.
#[rstest]
#[tokio::test]
async fn a_greeting_whose_sending_was_never_confirmed_goes_once_it_has_served(
    #[values(StandAlone, Split)] form: Form,
    #[values("first", "late")] pressed: &str,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.story.group("Readers").open();
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    let olga = corner.owner();
    stage.sim().fault(Fault::reply_lost().on("sendMessage").in_chat(corner.id).next(1));
    corner.lets_bot(AdminRights::MODERATOR);
    let hello = corner.bot_says("Hello! ").await?;
    stage.until_count("SELECT COUNT(*) FROM bot_standings WHERE message_id = 0", 1).await?;
    let command = format!("/protect @{}", news.username().unwrap_or_default());
    if pressed == "first" {
        stage.hears(&olga, &hello, "Set up").await?;
        stage.ask(&olga, &corner, &command).await?;
    } else {
        stage.ask(&olga, &corner, &command).await?;
        stage.until_count("SELECT COUNT(*) FROM bot_standings WHERE said = 'well'", 1).await?;
        stage.hears(&olga, &hello, "Set up").await?;
        stage.make_due(&format!("tidy:{}", hello.id)).await?;
    }
    hello.gone().await?;
    Ok(())
}

/// A full disk takes no row about the list that has been sent.
#[tokio::test]
async fn the_list_is_sent_once_however_often_the_press_is_repeated_while_the_database_is_away() -> anyhow::Result<()> {
    let stage = Stage::open(Split).await?;
    let corner = stage.unprotected_group().corner;
    let hello = corner.bot_says("Hello! ").await?;
    stage.until_count("SELECT COUNT(*) FROM bot_standings WHERE message_id IS NOT NULL", 1).await?;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql \
                AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$";
    stage.execute(full).await?;
    for table in [
        "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON tasks EXECUTE FUNCTION full_disk()",
        "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON bot_standings EXECUTE FUNCTION full_disk()",
    ] {
        stage.execute(table).await?;
    }
    let heard = stage.hears(&corner.owner(), &hello, "Set up").await?;
    assert!(heard.starts_with("I could not check right now"), "{heard}");
    let tried = || (stage.sim().calls().of("answerCallbackQuery").len() >= 3).then_some(());
    stage.story.until("the press to be repeated", tried).await?;
    stage.execute("DROP FUNCTION full_disk() CASCADE").await?;
    corner.bot_says("Setting up").await?;
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key LIKE 'fold:%'", 1).await?;
    corner.calls().of("sendMessage").only(|call| call.text_arg("text").starts_with("Setting up")).exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_missing_right_is_given_and_tried_again_without_typing(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    place.corner.lets_bot(AdminRights::DELETE_MESSAGES);
    olga.says(&place.corner, &format!("/protect @{}", place.news.username().unwrap_or_default()))?;
    let told = place.corner.bot_says("I need more rights").await?;
    let still = stage.hears(&olga, &told, "Try again").await?;
    assert!(still.starts_with("I need more rights"), "{still}");
    place.corner.lets_bot(AdminRights::MODERATOR);
    let done = stage.hears(&olga, &told, "Try again").await?;
    assert!(done.starts_with("Done!"), "{done}");
    Ok(())
}

/// The bot cannot know a private channel that it is not in: it says what to do, and the same button works once that is done.
#[rstest]
#[tokio::test]
async fn a_private_channel_that_the_bot_is_not_in_is_one_button_away(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let olga = corner.owner();
    let secret = stage.story.channel("Secret").open();
    let post = olga.forwards(&secret.posts("Only for us")?, &corner)?;
    olga.replies(&post, "/protect")?;
    let told = corner.bot_says("I cannot see that channel. Please add me there as an admin").await?;
    assert!(told.stands()?.button("Add me to the channel").is_some_and(|button| button.url.is_some()), "{told:?}");
    secret.lets_bot(AdminRights::INVITE_USERS);
    let done = stage.hears(&olga, &told, "Try again").await?;
    assert!(done.starts_with("Done! From now on only subscribers of Secret can write here."), "{done}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whatever_is_written_in_private_is_answered_with_the_menu_once_a_minute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let nia = stage.story.person("Nia");
    nia.tells_bot("How do I use you?")?;
    let menu = nia.hears("Hello! With me").await?;
    assert!(menu.stands()?.button("Add me to a group").is_some(), "{menu:?}");
    nia.tells_bot("and then?")?;
    nia.tells_bot("/status")?;
    nia.hears("That is for a group: please send it there.").await?;
    let menus = stage.sim().calls().of("sendMessage").only(|call| call.text_arg("text").starts_with("Hello!"));
    menus.exactly(1)?;
    Ok(())
}
