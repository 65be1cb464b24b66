//! The button: it judges whoever presses it on their own record, whatever it says and whoever made it.

use rstest::rstest;
use serde_json::json;
use system_tests::{
    http,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{
    faults::Fault,
    ids::MessageId,
    story::{person::Person, place::Place},
};

const BUTTON: &str = "I have joined";
const NOT_YET: &str = "You are not subscribed";
const THANKS: &str = "Thank you";

/// They subscribe, and Telegram loses what it should tell about it: a press alone has to do.
fn subscribe_unheard(stage: &Stage, news: &Place, people: &[&Person]) {
    for who in people {
        stage.story.world().seed_members(news.id, &[who.id]);
    }
}

#[rstest]
#[tokio::test]
async fn somebody_elses_press_frees_nobody_and_the_warning_stays(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let ben = place.corner.person("Ben");
    subscribe_unheard(&stage, &place.news, &[&ann, &ben]);

    let heard = stage.hears(&ben, &warning, BUTTON).await?;
    assert_eq!(heard, "This button is for somebody else. If you cannot write either, send me /start in private.");
    assert!(!ann.can_write_in(&place.corner), "{}", place.corner.calls());
    warning.stands()?;

    let heard = stage.hears(&ann, &warning, BUTTON).await?;
    assert!(heard.starts_with(THANKS), "{heard}");
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn one_muted_presses_another_ones_button_and_is_judged_on_their_own_record(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, to_ann) = stage.offender("Ann", &place.corner).await?;
    let (cem, to_cem) = stage.offender("Cem", &place.corner).await?;
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let heard = stage.hears(&cem, &to_ann, BUTTON).await?;
    assert!(heard.starts_with(NOT_YET), "{heard}");
    assert!(!ann.can_write_in(&place.corner) && !cem.can_write_in(&place.corner));

    subscribe_unheard(&stage, &place.news, &[&cem]);
    let heard = stage.hears(&cem, &to_ann, BUTTON).await?;
    assert!(heard.starts_with(THANKS), "{heard}");
    to_cem.gone().await?;
    assert!(cem.can_write_in(&place.corner) && !ann.can_write_in(&place.corner));
    to_ann.stands()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn forged_data_is_answered_and_does_no_harm(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let ben = place.corner.person("Ben");
    let before = stage.sim().last_call();
    let long = "x".repeat(5000);
    let for_ann = format!("v1:{}", ann.id);
    let forged = [
        "",
        "v1:",
        "v1:*",
        "v1:-5",
        "v1:0",
        "v1:99999999999999999999",
        "v1:*:*",
        "v2:1",
        "verify_membership",
        "v1:１",
        "\u{0}",
        "'; drop table mutes; --",
        "<b>🦊</b>",
        &long,
        &for_ann,
    ];
    for data in forged {
        for message in [warning.id, MessageId(1), MessageId(999_999)] {
            let press = stage.story.world().press_forged(ben.id, place.corner.id, message, data)?;
            let answer = press.answer(PATIENCE).await?;
            assert!(!answer.text.is_empty() && !answer.text.starts_with(THANKS), "{data:?}: {answer:?}");
        }
    }
    let calls = stage.sim().calls_after(before);
    calls.of("restrictChatMember").none()?;
    calls.of("deleteMessage").none()?;
    assert!(!ann.can_write_in(&place.corner));
    warning.stands()?;
    assert_eq!(stage.lines_with("panicked"), Vec::<String>::new());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn double_taps_and_late_presses_are_harmless(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let world = stage.story.world();
    let presses: Vec<_> = (0..3).map(|_| world.press(ann.id, place.corner.id, warning.id, BUTTON)).collect();
    for press in presses {
        let answer = press?.answer(PATIENCE).await?;
        assert!(answer.text.starts_with(THANKS) || answer.text.starts_with("You are all set"), "{answer:?}");
    }
    warning.gone().await?;
    let late = world.press_forged(ann.id, place.corner.id, warning.id, &format!("v1:{}", ann.id))?;
    let late = late.answer(PATIENCE).await?;
    assert!(late.text.starts_with("You are all set"), "{late:?}");
    assert!(ann.can_write_in(&place.corner));
    // One mute, one release.
    place.corner.calls().of("restrictChatMember").about(&ann).exactly(2)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_that_cannot_be_checked_says_so_and_leaves_the_mute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let error = Fault::error(400, "Bad Request: member not found");
    let fault = stage.sim().fault(error.on("getChatMember").in_chat(place.news.id));
    let heard = stage.hears(&ann, &warning, BUTTON).await?;
    assert!(heard.starts_with("I could not check right now"), "{heard}");
    assert!(!ann.can_write_in(&place.corner));
    stage.sim().end_fault(fault);
    let heard = stage.hears(&ann, &warning, BUTTON).await?;
    assert!(heard.starts_with(THANKS), "{heard}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn one_banned_from_the_channel_is_told_so_and_not_sent_to_a_link_that_will_not_work(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    place.news.owner().bans(&ann, &place.news)?;
    ann.says(&place.corner, "hello")?;
    let warning = place.corner.bot_mentions(&ann).await?;
    let seen = warning.stands()?;
    assert!(seen.text.contains("You are banned from"), "{seen:?}");
    assert!(seen.button("Join Channel").is_none(), "{seen:?}");
    let heard = stage.hears(&ann, &warning, BUTTON).await?;
    assert!(heard.starts_with("You are banned from"), "{heard}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_old_bots_button_frees_whom_its_message_mentions(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let old = old_warning(&stage, &place.corner, &ann).await?;
    let ben = place.corner.person("Ben");
    let pressed = async |who: &Person| {
        let press = stage.story.world().press(who.id, place.corner.id, old, "verify_membership")?;
        anyhow::Ok(press.answer(PATIENCE).await?.text)
    };
    assert_eq!(
        pressed(&ben).await?,
        "This button is for somebody else. If you cannot write either, send me /start in private."
    );
    let goes = format!("tidy:{old}");
    assert_eq!(stage.due_ms(&place.corner, &goes).await?, None, "it is not his");
    let heard = pressed(&ann).await?;
    assert!(heard.starts_with(NOT_YET), "{heard}");
    let after_ms = stage.due_ms(&place.corner, &goes).await?.unwrap_or_default() - stage.sim().clock().now_ms();
    assert!((240_000..=300_000).contains(&after_ms), "in {after_ms} ms");
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let heard = pressed(&ann).await?;
    assert!(heard.starts_with(THANKS), "{heard}");
    ann.free_in(&place.corner).await?;
    let gone = || stage.story.world().message(place.corner.id, old).is_none().then_some(());
    stage.story.until("the old bot's warning to go", gone).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_warning_whose_sending_was_never_confirmed_goes_with_the_mute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    stage.sim().fault(Fault::reply_lost().on("sendMessage").in_chat(place.corner.id).next(1));
    ann.says(&place.corner, "hello")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    let lost = place.corner.bot_mentions(&ann).await?;
    subscribe_unheard(&stage, &place.news, &[&ann]);
    let heard = stage.hears(&ann, &lost, BUTTON).await?;
    assert!(heard.starts_with(THANKS), "{heard}");
    lost.gone().await?;
    Ok(())
}

/// What the Python bot has sent with the same token.
async fn old_warning(stage: &Stage, corner: &Place, ann: &Person) -> anyhow::Result<MessageId> {
    let message = json!({
        "chat_id": corner.id.0,
        "text": "Hi Ann",
        "entities": [{ "type": "text_mention", "offset": 3, "length": 3, "user": { "id": ann.id.0, "is_bot": false, "first_name": "Ann" } }],
        "reply_markup": { "inline_keyboard": [[{ "text": BUTTON, "callback_data": "verify_membership" }]] },
    });
    let url = format!("{}/bot{}/sendMessage", stage.sim().api_url(), stage.sim().token());
    let request = http::client().post(url).header("content-type", "application/json").body(message.to_string());
    let sent: serde_json::Value = serde_json::from_str(&request.send().await?.text().await?)?;
    let id = sent["result"]["message_id"].as_i64();
    id.map(MessageId).ok_or_else(|| anyhow::anyhow!("{sent}"))
}
