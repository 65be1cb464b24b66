//! `/settings`: values by buttons, texts by typing, and whoever a change makes no offender is released.

use rstest::rstest;
use system_tests::{
    http,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
};
use telegram_sim::{
    ids::MessageId,
    rights::AdminRights,
    story::{person::Person, said::Said},
};

/// The owner opens the settings.
async fn settings_of(place: &system_tests::stage::Protected) -> anyhow::Result<(Person, Said)> {
    let olga = place.corner.owner();
    olga.says(&place.corner, "/settings")?;
    let list = place.corner.bot_says("Settings of").await?;
    Ok((olga, list))
}

/// Presses a button of the list, and waits for the page on which there is this one.
async fn press(stage: &Stage, olga: &Person, list: &Said, page: &str, then: &str) -> anyhow::Result<()> {
    let there = |label: &str| list.seen().filter(|seen| seen.button(label).is_some());
    stage.story.until(page, || there(page)).await?;
    stage.hears(olga, list, page).await?;
    stage.story.until(then, || there(then)).await?;
    Ok(())
}

/// From the list to the page, and there this value.
async fn set(stage: &Stage, olga: &Person, list: &Said, page: &str, value: &str) -> anyhow::Result<()> {
    press(stage, olga, list, page, value).await?;
    let heard = stage.hears(olga, list, value).await?;
    anyhow::ensure!(heard.starts_with("Saved."), "{page} {value}: {heard:?}");
    list.reads("Settings of").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn observe_mode_frees_the_muted_and_touches_nobody_until_it_ends(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let (olga, list) = settings_of(&place).await?;
    set(&stage, &olga, &list, "Mode: enforce", "observe").await?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    let hello = ann.says(&place.corner, "hello")?;
    let status = stage.ask(&olga, &place.corner, "/status").await?;
    assert!(status.text.starts_with("I only watch and stop nobody"), "{status:?}");
    olga.says(&place.corner, "/setup")?;
    let list_of_steps = place.corner.bot_says("Setting up").await?.stands()?;
    assert!(!list_of_steps.text.contains("only subscribers and admins can write"), "{list_of_steps:?}");
    assert!(list_of_steps.text.contains("I only watch and stop nobody"), "{list_of_steps:?}");
    hello.stands()?;
    let page = http::client().get(stage.process().admin("/metrics")).send().await?.text().await?;
    let counted = page.lines().find(|line| line.contains("outcome=\"observed\"") && line.ends_with(" 1"));
    assert!(counted.is_some(), "{page}");
    set(&stage, &olga, &list, "Mode: observe", "enforce").await?;
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn all_to_any_frees_whoever_subscribes_to_one(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = stage.unprotected_group().news;
    let olga = place.corner.owner();
    olga.says(&place.corner, &format!("/protect @{}", art.username().unwrap_or_default()))?;
    let choice = place.corner.bot_says("This group requires").await?;
    stage.hears(&olga, &choice, "Require both").await?;
    let ann = place.corner.person("Ann");
    ann.joins(&art)?;
    let (ann, _) = stage.offender(&ann.name, &place.corner).await?;
    let (ben, _) = stage.offender("Ben", &place.corner).await?;
    let (olga, list) = settings_of(&place).await?;
    set(&stage, &olga, &list, "Channels needed: all", "any one").await?;
    ann.free_in(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert!(!ben.can_write_in(&place.corner), "Ben subscribes to none");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_text_is_typed_in_reply_shown_as_it_will_be_and_can_go_back_to_the_default(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    press(&stage, &olga, &list, "Warning: default", "Cancel").await?;
    let page = list.reads("Warning").await?;
    for word in ["{name}", "{group}", "{channels}", "Reply to this message", "Olga, to write in"] {
        assert!(page.text.contains(word), "{word}: {page:?}");
    }
    olga.replies(&list, "Hey {name}! <b>{group}</b> is for readers of {channels} {odd}")?;
    let saved = stage.story.until("the preview", || {
        list.seen().filter(|seen| seen.text.contains("Hey Olga! <b>Readers 0</b> is for readers of News 0 {odd}"))
    });
    saved.await?;
    let (_, warning) = stage.offender("Ann", &place.corner).await?;
    assert_eq!(warning.stands()?.text, "Hey Ann! <b>Readers 0</b> is for readers of News 0 {odd}");

    stage.hears(&olga, &list, "Back to the default").await?;
    let (_, warning) = stage.offender("Ben", &place.corner).await?;
    assert!(warning.stands()?.text.contains("to write in Readers 0 please subscribe to News 0 first."));

    // What cannot be used is answered, and cancelling leaves everything as it was.
    press(&stage, &olga, &list, "Done", "Close").await?;
    press(&stage, &olga, &list, "Join button: default", "Cancel").await?;
    olga.replies(&list, &"x".repeat(65))?;
    place.corner.bot_says("I cannot use that: it is empty or too long.").await?;
    stage.hears(&olga, &list, "Cancel").await?;
    let seen = list.reads("Settings of").await?;
    assert!(seen.button("Join button: default").is_some(), "{seen:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn buttons_have_the_texts_that_an_admin_typed(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    for (page, text) in [("Join button: default", "To {channels}"), ("Second button: default", "There, {name}")] {
        press(&stage, &olga, &list, page, "Cancel").await?;
        olga.replies(&list, text)?;
        stage.story.until("Saved", || list.seen().filter(|seen| seen.text.contains("Saved."))).await?;
        press(&stage, &olga, &list, "Done", "Close").await?;
    }
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    assert!(warning.stands()?.button("To News 0").is_some(), "{:?}", warning.seen());
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn only_admins_presses_and_texts_count(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    ann.joins(&place.news)?;
    let (olga, list) = settings_of(&place).await?;
    let heard = stage.hears(&ann, &list, "Mode: enforce").await?;
    assert_eq!(heard, "Only admins of this group can use this button.");
    // A modified client sends what it likes, on any message.
    let (place_id, world) = (place.corner.id, stage.story.world());
    for data in ["s1:mode=observe", "s1:require=any", "s1:warning_text=", "s1:done", "u1:check", "a1:5", "p1:both:-5"] {
        let heard =
            world.press_forged(ann.id, place_id, list.id, data)?.answer(std::time::Duration::from_secs(15)).await?;
        assert_eq!(heard.text, "Only admins of this group can use this button.", "{data}");
    }
    press(&stage, &olga, &list, "Warning: default", "Cancel").await?;
    ann.replies(&list, "I was here")?;
    stage.settled(&place.corner).await?;
    let seen = list.reads("Warning").await?;
    assert!(!seen.text.contains("I was here"), "{seen:?}");
    stage.offender("Ben", &place.corner).await?;
    Ok(())
}

/// Also an admin's forged value: no setting becomes what it cannot be.
#[rstest]
#[tokio::test]
async fn values_that_cannot_be_are_refused(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    let before = list.stands()?;
    for (data, heard) in [
        ("s1:mute_for=1", "That value is not possible. Please choose another one."),
        ("s1:mode=off", "That value is not possible. Please choose another one."),
        ("s1:colour=red", "This button is out of date. Please send your command again, or /start to me in private."),
        ("s2:mode=observe", "This button is out of date. Please send your command again, or /start to me in private."),
    ] {
        let press = stage.story.world().press_forged(olga.id, place.corner.id, list.id, data)?;
        assert_eq!(press.answer(std::time::Duration::from_secs(15)).await?.text, heard, "{data}");
    }
    assert_eq!(list.stands()?.buttons, before.buttons);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn every_setting_has_values_to_choose_from(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    for (page, value, after) in [
        ("Mutes last: 24 h", "1 h", "Mutes last: 1 h"),
        ("Warnings stay: 5 min", "15 min", "Warnings stay: 15 min"),
        ("Leaving a channel: mute", "wait for a message", "Leaving a channel: wait for a message"),
        ("Posts as a channel: delete", "allow", "Posts as a channel: allow"),
        ("Newcomers: mute and welcome", "wait for a message", "Newcomers: wait for a message"),
    ] {
        set(&stage, &olga, &list, page, value).await?;
        stage.story.until(after, || list.seen().filter(|seen| seen.button(after).is_some())).await?;
    }
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let until = ann.status_in(&place.corner).until_date.unwrap_or_default();
    let left = until - stage.sim().clock().now_ms() / 1000;
    assert!((3500..=3601).contains(&left), "{left} s");

    let art = stage.story.channel("Art").owned_by(&place.corner.person("Cem")).open();
    let post = stage.story.person("Cem").says_as(&art, &place.corner, "as my channel")?;
    stage.settled(&place.corner).await?;
    post.stands()?;

    // Letting people in needs a right that the bot does not have any more: it says so.
    let needed = AdminRights::DELETE_MESSAGES | AdminRights::RESTRICT_MEMBERS;
    stage.story.world().promote(place.corner.id, olga.id, stage.sim().bot_id(), needed)?;
    press(&stage, &olga, &list, "Join requests: off", "let subscribers in").await?;
    let heard = stage.hears(&olga, &list, "let subscribers in").await?;
    assert!(heard.contains("the right to invite users"), "{heard}");

    stage.story.until("the list", || list.seen().filter(|seen| seen.button("Close").is_some())).await?;
    stage.hears(&olga, &list, "Close").await?;
    list.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn settings_go_ten_minutes_after_the_last_press_and_outlive_a_restart(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    set(&stage, &olga, &list, "Mutes last: 24 h", "7 days").await?;
    let MessageId(id) = list.id;
    let due = stage.due_ms(&place.corner, &format!("fold:{id}")).await?.unwrap_or_default();
    let after = due - stage.sim().clock().now_ms();
    assert!((540_000..=600_000).contains(&after), "in {after} ms");
    stage.stop().await?;
    stage.start_again().await?;
    let (_, list) = settings_of(&place).await?;
    assert!(list.stands()?.button("Mutes last: 7 days").is_some(), "{:?}", list.seen());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn without_protection_there_is_nothing_to_set_and_old_buttons_say_so(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, list) = settings_of(&place).await?;
    stage.ask(&olga, &place.corner, "/unprotect").await?;
    let heard = stage.hears(&olga, &list, "Mode: enforce").await?;
    assert!(heard.starts_with("This group is not protected any more."), "{heard}");
    let reply = stage.ask(&olga, &place.corner, "/settings").await?;
    assert!(reply.text.starts_with("This group is not protected. To start, send /protect"), "{reply:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_a_setting_means_the_default_and_a_line_in_the_log(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let broken = r#"{"mode": "off", "mute_for": "long", "require": 7, "warning_text": null, "colour": "red"}"#;
    stage.set_params(&place.corner, broken).await?;
    stage.stop().await?;
    stage.start_again().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let left = ann.status_in(&place.corner).until_date.unwrap_or_default() - stage.sim().clock().now();
    assert!((86_340..=86_400).contains(&left), "{left} s");
    assert!(warning.stands()?.text.contains("please subscribe to News 0 first."), "{:?}", warning.seen());
    let told = || stage.lines_with("settings that cannot be used").into_iter().find(|line| line.contains("mute_for"));
    let line = stage.story.until("a line in the log", told).await?;
    assert!(line.contains("WARN"), "{line}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_in_a_group_that_only_observes_sets_free(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    stage.stop().await?;
    stage.set_params(&place.corner, r#"{"mode": "observe"}"#).await?;
    stage.start_again().await?;
    let heard = stage.hears(&ann, &warning, "I have joined").await?;
    assert!(ann.can_write_in(&place.corner), "{heard}");
    assert!(!heard.contains("not subscribed"), "{heard}");
    Ok(())
}
