//! While gmbot starts: it waits, says for what, and then serves.

use serde_json::json;
use system_tests::standalone::Standalone;
use telegram_sim::faults::{Fault, Harm};

use super::forms::{Form, each, failures, logged, with_more, without};

#[tokio::test]
async fn a_server_that_answers_loosely_at_the_start_is_waited_for() -> anyhow::Result<()> {
    each(failures(), start).await
}

async fn start(form: &Form) -> anyhow::Result<Standalone> {
    let mut bot = Standalone::start_under([]).await?;
    let on = |method: &str| bot.sim.fault(form.fault.clone().on(method));
    let [me, webhook, updates] = ["getMe", "getWebhookInfo", "getUpdates"].map(on);
    logged(&bot, &["WARN", "cannot ask Telegram whether a webhook is set"]).await?;
    bot.sim.end_fault(webhook);
    logged(&bot, &["WARN", "cannot fetch updates"]).await?;
    bot.sim.end_fault(updates);
    logged(&bot, &["WARN", "waiting for Telegram"]).await?;
    bot.sim.end_fault(me);
    bot.process.ready().await?;
    let place = bot.protected_group().await?;
    bot.offender(&place, "Ann").await?;
    Ok(bot)
}

#[tokio::test]
async fn an_older_or_newer_server_is_no_trouble() -> anyhow::Result<()> {
    // As of before Bot API 7.2, and barer than any was; then newer than any is.
    let me = [
        "can_connect_to_business",
        "has_main_web_app",
        "can_join_groups",
        "can_read_all_group_messages",
        "supports_inline_queries",
    ];
    let older = [
        without(&me).on("getMe"),
        without(&["has_custom_certificate", "pending_update_count", "allowed_updates", "max_connections"])
            .on("getWebhookInfo"),
        without(&["user", "until_date", "tag"]).on("getChatMember"),
        without(&["accent_color_id", "max_reaction_count", "accepted_gift_types", "invite_link"]).on("getChat"),
        without(&["from", "entities", "reply_markup", "link_preview_options"]).on("sendMessage"),
    ];
    let newer =
        ["getMe", "getWebhookInfo", "getChatMember", "getChat", "sendMessage"].map(|method| with_more().on(method));
    for (age, faults) in [("older", older), ("newer", newer)] {
        let mut bot = Standalone::start_under(faults).await?;
        bot.process.ready().await?;
        let place = bot.protected_group().await?;
        let (ann, warning) = bot.offender(&place, "Ann").await?;
        let ben = bot.world.person_in(place.group, "Ben");
        bot.world.seed_members(place.channel, &[ann, ben]);
        let message = bot.world.say(place.group, ben, "hello")?;
        let answer = bot.press(ann, place.group, warning.id, "I have joined").await?;
        // Without until_date nobody can say whose mute it is, so it stays.
        let wanted = if age == "older" { "an admin has restricted you" } else { "Thank you" };
        anyhow::ensure!(answer.text.contains(wanted), "{age}: {answer:?}");
        bot.settled(&place).await?;
        anyhow::ensure!(
            bot.world.message(place.group, message).is_some() && bot.world.can_speak(place.group, ben),
            "{age}"
        );
        let complaints: Vec<String> =
            bot.process.lines().into_iter().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        anyhow::ensure!(complaints.is_empty(), "{age}: {complaints:?}");
    }
    Ok(())
}

/// A status that nobody knows yet is no "no".
#[tokio::test]
async fn a_status_of_the_future_mutes_nobody() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    for chat in ["channel", "group"] {
        let place = bot.protected_group().await?;
        let ann = bot.world.person_in(place.group, "Ann");
        let harm = Harm::Patch {
            remove: vec!["is_member".to_owned()],
            set: [("status".to_owned(), json!("hovering"))].into_iter().collect(),
        };
        let asked = if chat == "channel" { place.channel } else { place.group };
        bot.sim.fault(Fault::new(harm).on("getChatMember").in_chat(asked).about(ann));
        let message = bot.world.say(place.group, ann, "hello")?;
        bot.settled(&place).await?;
        assert!(bot.world.message(place.group, message).is_some() && bot.world.can_speak(place.group, ann), "{chat}");
        bot.sim.end_faults();
        let message = bot.world.say(place.group, ann, "hello again")?;
        bot.deleted(place.group, message).await?;
        bot.muted(place.group, ann).await?;
    }
    Ok(())
}

#[tokio::test]
async fn updates_full_of_things_that_nobody_knows_are_handled_as_ever() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let before = bot.sim.last_call();
    let ann = bot.world.person_in(place.group, "Ann");
    let chat = json!({ "id": place.group.0, "type": "supergroup", "title": "Readers", "is_moon": true });
    let date = bot.sim.clock().now();
    let updates = json!([
        { "update_id": 1, "novelty": { "chat": chat, "from": { "id": ann.0 } } },
        { "update_id": 2, "message": { "message_id": 900, "date": date, "chat": chat, "from": { "id": ann.0, "is_bot": false, "first_name": "Ann" }, "hologram": {} } },
        { "update_id": 3, "chat_member": { "chat": chat, "from": { "id": ann.0 }, "date": date, "new_chat_member": { "status": "hovering", "user": { "id": ann.0 } } } },
        { "update_id": 4, "callback_query": { "id": "77", "from": { "id": ann.0 }, "game_short_name": "chess" } },
        { "update_id": 5 },
        {
            "update_id": 6, "novelty": 1,
            "message": {
                "message_id": 901, "date": date, "chat": chat, "text": "hello", "sender_mood": null, "effect": [{}],
                "entities": [{ "type": "hologram", "offset": 0, "length": 5, "depth": 3 }],
                "from": { "id": ann.0, "is_bot": false, "first_name": "Ann", "aura": "green" },
            },
        },
    ]);
    let body = json!({ "ok": true, "result": updates, "server": "of the future" }).to_string();
    bot.sim.fault(Fault::new(Harm::Raw { status: 200, content_type: String::new(), body }).on("getUpdates").next(1));
    // Ends the long poll that is under way.
    bot.settled(&place).await?;
    bot.muted(place.group, ann).await?;
    bot.warned(place.group, ann).await?;
    let deleted = bot
        .sim
        .calls_after(before)
        .of("deleteMessage")
        .only(|call| call.args.get("message_id").is_some_and(|id| *id != 901));
    assert!(deleted.is_empty(), "{deleted}");
    bot.offender(&place, "Ben").await?;
    assert_eq!(bot.process.lines_with("panicked"), Vec::<String>::new());
    Ok(())
}
