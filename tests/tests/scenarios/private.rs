//! In private: the menu, and the way back for somebody whose warning has gone. And what `/start` and `/help` say in a group.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{faults::Fault, rights::AdminRights};

#[rstest]
#[tokio::test]
async fn start_is_a_menu_whose_pages_lead_to_each_other(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let nia = stage.story.person("Nia");
    nia.tells_bot("/start")?;
    let menu = nia.hears("Hello! With me, only subscribers of your channel can write").await?;
    let add = menu.stands()?.button("Add me to a group").and_then(|button| button.url.clone()).unwrap_or_default();
    assert!(add.ends_with("?startgroup&admin=delete_messages+restrict_members"), "{add}");
    for (button, page) in [
        ("How it works", "Somebody writes in your group"),
        ("Set up", "Three steps"),
        ("Commands", "In your group, for admins"),
    ] {
        stage.hears(&nia, &menu, button).await?;
        menu.reads(page).await?;
        stage.hears(&nia, &menu, "Back").await?;
        menu.reads("Hello!").await?;
    }
    // By the link under the bot's greeting in a group.
    nia.tells_bot("/start help")?;
    nia.hears("Somebody writes in your group").await?;
    nia.tells_bot("/help")?;
    nia.hears("In your group, for admins:").await?;
    nia.tells_bot("/protect @daily_news")?;
    nia.hears("That is for a group: please send it there.").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_is_muted_finds_where_and_why_and_is_freed_from_private(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    stage.story.world().delete(place.corner.id, place.corner.owner().id, warning.id)?;
    ann.tells_bot("/start")?;
    let told = ann.hears("You cannot write yet in these groups:").await?;
    let seen = told.stands()?;
    assert!(seen.text.contains("Readers 0\nPlease subscribe to News 0, then press the button."), "{seen:?}");
    let join = seen.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    assert_eq!(join, format!("https://t.me/{}", place.news.username().unwrap_or_default()));

    let heard = stage.hears(&ann, &told, "I have joined").await?;
    assert_eq!(heard, "You are not subscribed to News 0 yet. Please join, then press again.");
    assert!(!ann.can_write_in(&place.corner));
    // As if Telegram had lost the news of it: only the press tells.
    stage.story.world().seed_members(place.news.id, &[ann.id]);
    let heard = stage.hears(&ann, &told, "I have joined").await?;
    assert_eq!(heard, "Thank you! You can write in Readers 0 in a moment.");
    ann.free_in(&place.corner).await?;
    told.reads("Nothing holds you back any more").await?;
    let hello = ann.says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    ann.tells_bot("/start")?;
    ann.hears("Hello! With me").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn several_groups_have_each_their_own_buttons(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let (one, two) = (stage.protected_group().await?, stage.protected_group().await?);
    let (ann, _) = stage.offender("Ann", &one.corner).await?;
    stage.offender("Ann", &two.corner).await?;
    ann.tells_bot("/start")?;
    let told = ann.hears("You cannot write yet in these groups:").await?;
    let titles: Vec<String> = told.stands()?.buttons.iter().flatten().map(|button| button.label.clone()).collect();
    let verify: Vec<&String> = titles.iter().filter(|label| label.starts_with("I have joined: Readers")).collect();
    assert_eq!(verify.len(), 2, "{titles:?}");
    stage.story.world().seed_members(two.news.id, &[ann.id]);
    let second = verify.into_iter().next_back().cloned().unwrap_or_default();
    stage.hears(&ann, &told, &second).await?;
    ann.free_in(&two.corner).await?;
    assert!(!ann.can_write_in(&one.corner));
    stage
        .story
        .until("one group to be left", || told.seen().filter(|seen| seen.button("I have joined").is_some()))
        .await?;
    Ok(())
}

/// Anybody can send any data: it opens nothing and tells nothing.
#[rstest]
#[tokio::test]
async fn a_forged_press_frees_nobody_and_names_no_group(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let nia = stage.story.person("Nia");
    nia.tells_bot("/start")?;
    let menu = nia.hears("Hello!").await?;
    for data in [format!("g1:{}", place.corner.id), "g1:-1".to_owned(), format!("v1:{}", ann.id)] {
        let press = stage.story.world().press_forged(nia.id, menu.chat, menu.id, &data)?;
        let heard = press.answer(std::time::Duration::from_secs(15)).await?.text;
        assert!(!heard.contains("Readers") && !heard.contains("News"), "{data}: {heard}");
        assert!(!heard.contains("Thank you"), "{data}: {heard}");
    }
    stage.settled(&place.corner).await?;
    assert!(!ann.can_write_in(&place.corner));
    menu.stands()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn in_a_group_start_is_one_line_for_admins_and_others_get_only_status_and_help(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, ann) = (place.corner.owner(), place.corner.person("Ann"));
    ann.joins(&place.news)?;
    let said = || place.corner.messages().into_iter().filter(|seen| seen.is_from_bot).count();
    let before = said();
    for command in ["/start", "/setup", "/settings", "/allow", "/disallow 5", "/protect @daily_art", "/unprotect"] {
        ann.says(&place.corner, command)?;
    }
    let reply = stage.ask(&olga, &place.corner, "/start").await?;
    assert_eq!(reply.text, "I am here. Admins: send /setup, and I will show you what is left to do.");
    assert_eq!(said(), before + 1, "{:?}", place.corner.messages());
    for command in ["/help", "/help", "/status"] {
        ann.says(&place.corner, command)?;
    }
    stage.story.until("an answer to Ann", || (said() == before + 2).then_some(())).await?;
    stage.settled(&place.corner).await?;
    assert_eq!(said(), before + 3, "one answer a minute, and the admin's: {:?}", place.corner.messages());
    Ok(())
}

/// What could not be found out is not told as if it were well.
#[rstest]
#[tokio::test]
async fn who_may_still_be_muted_somewhere_is_not_told_that_nothing_holds_them(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let (one, two) = (stage.protected_group().await?, stage.protected_group().await?);
    let (ann, _) = stage.offender("Ann", &one.corner).await?;
    stage.offender("Ann", &two.corner).await?;
    // In one of the two nobody can say whether she misses anything.
    let art = stage.story.channel("Art").public("daily_art").with_bot(AdminRights::INVITE_USERS).open();
    stage.sim().fault(Fault::error(400, "Bad Request: member not found").on("getChatMember").in_chat(art.id));
    stage.require_too(&two.corner, &art, r#"{"require": "any"}"#).await?;
    stage.ask(&two.corner.owner(), &two.corner, "/allow 5").await?;
    ann.tells_bot("/start")?;
    let told = ann.hears("You cannot write yet in these groups:").await?;
    stage.story.world().seed_members(one.news.id, &[ann.id]);
    stage.hears(&ann, &told, "I have joined").await?;
    ann.free_in(&one.corner).await?;
    told.reads("I could not check right now whether you can write in all your groups.").await?;
    assert!(!ann.can_write_in(&two.corner));
    stage.sim().end_faults();
    ann.joins(&art)?;
    ann.free_in(&two.corner).await?;
    ann.tells_bot("/start")?;
    ann.hears("Hello! With me").await?;
    Ok(())
}
