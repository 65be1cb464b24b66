//! The main job, as a gatekeeping bot meets it: a stranger writes, is muted, subscribes, presses, and speaks.

use serde_json::json;
use telegram_sim::rights::AdminRights;

use crate::bot::{SOON, TestResult, kinds, start};

#[tokio::test]
async fn a_stranger_is_muted_subscribes_presses_and_speaks() -> TestResult {
    let (sim, bot) = start().await?;
    let world = sim.world();
    let owner = world.person("Olga");
    let ann = world.person("Ann");
    let channel = world.channel("Newspaper", Some("newspaper"), owner);
    let group = world.group("Readers", owner);
    world.add_bot(channel, AdminRights::INVITE_USERS);
    world.add_bot(group, AdminRights::MODERATOR);
    world.join(group, ann)?;
    let hello = world.say(group, ann, "hello")?;

    let updates = bot.updates().await?;
    let expected =
        ["my_chat_member", "my_chat_member", "message", "my_chat_member", "chat_member", "message", "message"];
    assert_eq!(kinds(&updates), expected);
    assert_eq!(updates[6]["message"]["text"], "hello");

    let status = bot.ok("getChatMember", json!({ "chat_id": "@Newspaper", "user_id": ann })).await?;
    assert_eq!(status["status"], "left", "a stranger is no error");
    bot.ok("deleteMessage", json!({ "chat_id": group, "message_id": hello })).await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann, "permissions": {} })).await?;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "I have joined", "callback_data": "v1:check" }]] });
    bot.ok("sendMessage", json!({ "chat_id": group, "text": "Join first", "reply_markup": keyboard })).await?;

    let refused = world.say(group, ann, "hello?").map_err(|refused| refused.to_string());
    assert_eq!(refused, Err("Telegram would not let them: they are muted".to_owned()));
    assert!(!world.can_speak(group, ann));
    world.join(channel, ann)?;
    let warning = &world.bot_messages(group)[0];
    let press = world.press(ann, group, warning.id, "I have joined")?;

    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_member", "chat_member", "callback_query"]);
    assert_eq!(updates[1]["chat_member"]["new_chat_member"]["status"], "member");
    let query = &updates[2]["callback_query"];
    assert_eq!(query["data"], "v1:check");

    bot.ok(
        "restrictChatMember",
        json!({
            "chat_id": group,
            "user_id": ann,
            "permissions": telegram_sim::rights::Permissions::all(),
        }),
    )
    .await?;
    bot.ok("answerCallbackQuery", json!({ "callback_query_id": query["id"], "text": "Welcome", "show_alert": true }))
        .await?;
    let answer = press.answer(SOON).await?;
    assert_eq!((answer.text.as_str(), answer.show_alert), ("Welcome", true));
    world.say(group, ann, "hello at last")?;
    assert_eq!(world.member(group, ann).status, "member");
    let restrictions = sim.calls().of("restrictchatmember").in_chat(group).about(ann);
    assert_eq!(restrictions.len(), 2, "{restrictions}");
    Ok(())
}

#[tokio::test]
async fn a_stopped_simulator_answers_nobody() -> TestResult {
    let sim = telegram_sim::simulator::Simulator::start(Default::default()).await?;
    let address = sim.api_url().trim_start_matches("http://").to_owned();
    let _idle = tokio::net::TcpStream::connect(&address).await?;
    sim.stop().await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    Ok(())
}
