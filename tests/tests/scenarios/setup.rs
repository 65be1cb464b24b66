//! `/setup`: from nothing to the first verification, with every wrong turn answered by what to do next.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::rights::AdminRights;

#[rstest]
#[tokio::test]
async fn a_newcomer_is_led_from_nothing_to_a_protected_group(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let news = stage.story.channel("News").public("daily_news").open();
    let corner = stage.story.group("Readers").with_bot_as_member().open();
    let olga = corner.owner();
    olga.says(&corner, "/setup")?;
    let list = corner.bot_says("Setting up Readers").await?;
    let seen = list.stands()?;
    assert!(seen.text.contains("✅ This is a supergroup"), "{seen:?}");
    assert!(seen.text.contains("❌ My rights here: please let me delete messages and ban users"), "{seen:?}");
    let rights = seen.button("Give me these rights").and_then(|button| button.url.clone()).unwrap_or_default();
    assert!(rights.ends_with("?startgroup&admin=delete_messages+restrict_members"), "{rights}");

    stage.story.world().promote(corner.id, olga.id, stage.sim().bot_id(), AdminRights::MODERATOR)?;
    stage.hears(&olga, &list, "Check again").await?;
    let seen = list.reads("Setting up Readers").await?;
    assert!(seen.text.contains("✅ I have the rights I need here"), "{seen:?}");
    assert!(seen.text.contains("❌ The channel: none chosen yet"), "{seen:?}");

    // The name is typed in reply. A typo and a channel without the bot have each their answer.
    stage.hears(&olga, &list, "Choose the channel").await?;
    list.reads("Which channel do people have to subscribe to?").await?;
    olga.replies(&list, "@daily_newz")?;
    corner.bot_says("I cannot find a channel called @daily_newz. Please check the spelling").await?;
    olga.replies(&list, "https://t.me/daily_news")?;
    let told = corner.bot_says("I am not an admin in News. Please add me there").await?;
    let add = told.stands()?.button("Add me to the channel").and_then(|button| button.url.clone()).unwrap_or_default();
    assert!(add.ends_with("?startchannel&admin=invite_users"), "{add}");
    let still = stage.hears(&olga, &told, "Try again").await?;
    assert!(still.starts_with("I am not an admin in News."), "{still}");
    stage.story.world().add_bot(news.id, AdminRights::INVITE_USERS);
    let done = stage.hears(&olga, &told, "Try again").await?;
    assert!(done.starts_with("Done! From now on only subscribers of News can write here."), "{done}");

    stage.hears(&olga, &list, "Back").await?;
    let seen = list.reads("Setting up Readers").await?;
    assert!(seen.text.contains("✅ Protected") && !seen.text.contains('❌'), "{seen:?}");
    stage.offender("Ann", &corner).await?;
    stage.hears(&olga, &list, "Settings").await?;
    list.reads("Settings of Readers").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_channel_named_in_reply_protects_and_the_list_says_so(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    olga.says(&place.corner, "/setup")?;
    let list = place.corner.bot_says("Setting up").await?;
    // Talk under the list names no channel.
    olga.replies(&list, "thank_you")?;
    stage.hears(&olga, &list, "Choose the channel").await?;
    olga.replies(&list, &format!("@{}", place.news.username().unwrap_or_default()))?;
    place.corner.bot_says("Done! From now on only subscribers of News 0 can write here.").await?;
    let seen = list.reads("Setting up").await?;
    assert!(seen.text.contains("✅ Protected"), "{seen:?}");
    let talk = place.corner.messages().iter().any(|seen| seen.text.contains("called thank_you"));
    assert!(!talk, "{:?}", place.corner.messages());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_channel_that_a_group_belongs_to_is_one_press_away(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    place.news.is_discussed_in(&place.corner)?;
    let olga = place.corner.owner();
    olga.says(&place.corner, "/setup")?;
    let list = place.corner.bot_says("Setting up").await?;
    let heard = stage.hears(&olga, &list, "Require News 0").await?;
    assert!(heard.starts_with("Done!"), "{heard}");
    let seen = list.reads("Setting up").await?;
    assert!(seen.text.contains("✅ The channel: News 0"), "{seen:?}");
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_basic_group_is_told_how_to_become_a_supergroup(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let friends = stage.story.basic_group("Old friends").with_bot(AdminRights::MODERATOR).open();
    friends.owner().says(&friends, "/setup")?;
    let seen = friends.bot_says("Setting up Old friends").await?.stands()?;
    assert!(seen.text.contains("❌ This is a basic group") && seen.text.contains("chat history visible"), "{seen:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_is_no_admin_is_not_shown_the_list_and_cannot_press_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let (ann, olga) = (place.corner.person("Ann"), place.corner.owner());
    ann.says(&place.corner, "/setup")?;
    olga.says(&place.corner, "/setup")?;
    let list = place.corner.bot_says("Setting up").await?;
    let lists = || place.corner.messages().iter().filter(|seen| seen.text.starts_with("Setting up")).count();
    for button in ["Choose the channel", "Check again"] {
        let answer = ann.presses(&list, button).await?;
        assert_eq!((answer.text.as_str(), answer.show_alert), ("Only admins of this group can use this button.", true));
    }
    list.reads("Setting up").await?;
    assert_eq!(lists(), 1);
    Ok(())
}

/// Anonymous admins press under their own name: the press tells who they are.
#[rstest]
#[tokio::test]
async fn an_anonymous_admin_can_set_up(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    olga.says_anonymously(&place.corner, "/setup")?;
    let list = place.corner.bot_says("Setting up").await?;
    stage.hears(&olga, &list, "Check again").await?;
    olga.says_anonymously(&place.corner, &format!("/protect @{}", place.news.username().unwrap_or_default()))?;
    place.corner.bot_says("Done!").await?;
    olga.says_anonymously(&place.corner, "/settings")?;
    let settings = place.corner.bot_says("Settings of").await?;
    stage.hears(&olga, &settings, "Mode: enforce").await?;
    settings.reads("Mode").await?;
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}

/// The ten minutes are not waited for: they are in the database, and begin anew with each press.
#[rstest]
#[tokio::test]
async fn the_list_goes_ten_minutes_after_the_last_press(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let olga = place.corner.owner();
    let asked_ms = stage.sim().clock().now_ms();
    olga.says(&place.corner, "/setup")?;
    let list = place.corner.bot_says("Setting up").await?;
    stage.hears(&olga, &list, "Check again").await?;
    let due = stage.due_ms(&place.corner, &format!("fold:{}", list.id)).await?.unwrap_or_default() - asked_ms;
    assert!((600_000..660_000).contains(&due), "after {due} ms");
    let command = stage.due_ms(&place.corner, "tidy:").await?.unwrap_or_default() - asked_ms;
    assert!((60_000..90_000).contains(&command), "the command after {command} ms");
    Ok(())
}
