//! The button: it judges whoever presses it on their own record, whatever it says and whoever made it.

use serde_json::json;
use system_tests::{http, standalone::Standalone, wait::PATIENCE};
use telegram_sim::ids::MessageId;

const BUTTON: &str = "I have joined";

#[tokio::test]
async fn somebody_elses_press_frees_nobody_and_the_warning_stays() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.seed_members(place.channel, &[ann]);
    let ben = bot.world.person_in(place.group, "Ben");
    bot.world.seed_members(place.channel, &[ben]);

    let answer = bot.press(ben, place.group, warning.id, BUTTON).await?;
    assert_eq!(answer.text, "This button is for somebody else.");
    assert!(!bot.world.can_speak(place.group, ann), "{}", bot.sim.calls());
    assert!(bot.world.message(place.group, warning.id).is_some());

    let answer = bot.press(ann, place.group, warning.id, BUTTON).await?;
    assert!(answer.text.starts_with("Thank you"), "{answer:?}");
    bot.released(place.group, ann).await
}

#[tokio::test]
async fn one_muted_presses_another_ones_button_and_is_judged_on_their_own_record() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, to_ann) = bot.offender(&place, "Ann").await?;
    let (cem, to_cem) = bot.offender(&place, "Cem").await?;
    bot.world.seed_members(place.channel, &[ann]);

    let answer = bot.press(cem, place.group, to_ann.id, BUTTON).await?;
    assert!(answer.text.starts_with("You are not subscribed"), "{answer:?}");
    assert!(!bot.world.can_speak(place.group, ann) && !bot.world.can_speak(place.group, cem));

    bot.world.seed_members(place.channel, &[cem]);
    let answer = bot.press(cem, place.group, to_ann.id, BUTTON).await?;
    assert!(answer.text.starts_with("Thank you"), "{answer:?}");
    bot.deleted(place.group, to_cem.id).await?;
    assert!(bot.world.can_speak(place.group, cem) && !bot.world.can_speak(place.group, ann));
    assert!(bot.world.message(place.group, to_ann.id).is_some(), "Ann's own warning stays");
    Ok(())
}

#[tokio::test]
async fn forged_data_is_answered_and_does_no_harm() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.seed_members(place.channel, &[ann]);
    let ben = bot.world.person_in(place.group, "Ben");
    let before = bot.sim.last_call();
    let long = "x".repeat(5000);
    let for_ann = format!("v1:{ann}");
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
            let press = bot.world.press_forged(ben, place.group, message, data)?;
            let answer = press.answer(PATIENCE).await?;
            assert!(!answer.text.is_empty() && !answer.text.starts_with("Thank you"), "{data:?}: {answer:?}");
        }
    }
    let calls = bot.sim.calls_after(before);
    assert!(calls.of("restrictChatMember").is_empty() && calls.of("deleteMessage").is_empty(), "{calls}");
    assert!(!bot.world.can_speak(place.group, ann));
    assert!(bot.world.message(place.group, warning.id).is_some());
    assert_eq!(bot.process.lines_with("panicked"), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn double_taps_and_late_presses_are_harmless() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.seed_members(place.channel, &[ann]);
    let presses: Vec<_> = (0..3).map(|_| bot.world.press(ann, place.group, warning.id, BUTTON)).collect();
    for press in presses {
        let answer = press?.answer(PATIENCE).await?;
        assert!(answer.text.starts_with("Thank you") || answer.text.starts_with("You are all set"), "{answer:?}");
    }
    bot.deleted(place.group, warning.id).await?;
    let late = bot.world.press_forged(ann, place.group, warning.id, &format!("v1:{ann}"))?.answer(PATIENCE).await?;
    assert!(late.text.starts_with("You are all set"), "{late:?}");
    assert!(bot.world.can_speak(place.group, ann));
    assert_eq!(bot.sim.calls().of("restrictChatMember").about(ann).len(), 2, "one mute, one release");
    Ok(())
}

#[tokio::test]
async fn one_banned_from_the_channel_is_told_so_and_not_sent_to_a_link_that_will_not_work() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    bot.world.ban(place.channel, place.owner, ann, 0)?;
    bot.world.say(place.group, ann, "hello")?;
    let warning = bot.warned(place.group, ann).await?;
    assert!(warning.text.contains("You are banned from"), "{warning:?}");
    assert!(warning.button("Join Channel").is_none(), "{warning:?}");
    let answer = bot.press(ann, place.group, warning.id, BUTTON).await?;
    assert!(answer.text.starts_with("You are banned from"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn the_old_bots_button_frees_whom_its_message_mentions() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, _) = bot.offender(&place, "Ann").await?;
    let old = old_warning(&bot, &place, ann).await?;
    let ben = bot.world.person_in(place.group, "Ben");

    let answer = bot.press(ben, place.group, old, "verify_membership").await?;
    assert_eq!(answer.text, "This button is for somebody else.");
    let answer = bot.press(ann, place.group, old, "verify_membership").await?;
    assert!(answer.text.starts_with("You are not subscribed"), "{answer:?}");
    bot.world.seed_members(place.channel, &[ann]);
    let answer = bot.press(ann, place.group, old, "verify_membership").await?;
    assert!(answer.text.starts_with("Thank you"), "{answer:?}");
    bot.released(place.group, ann).await
}

/// What the Python bot has sent with the same token.
async fn old_warning(
    bot: &Standalone,
    place: &system_tests::place::Place,
    ann: telegram_sim::ids::UserId,
) -> anyhow::Result<MessageId> {
    let message = json!({
        "chat_id": place.group.0,
        "text": "Hi Ann",
        "entities": [{ "type": "text_mention", "offset": 3, "length": 3, "user": { "id": ann.0, "is_bot": false, "first_name": "Ann" } }],
        "reply_markup": { "inline_keyboard": [[{ "text": "I have joined", "callback_data": "verify_membership" }]] },
    });
    let url = format!("{}/bot{}/sendMessage", bot.sim.api_url(), bot.sim.token());
    let request = http::client().post(url).header("content-type", "application/json").body(message.to_string());
    let sent: serde_json::Value = serde_json::from_str(&request.send().await?.text().await?)?;
    let id = sent["result"]["message_id"].as_i64();
    id.map(MessageId).ok_or_else(|| anyhow::anyhow!("{sent}"))
}
