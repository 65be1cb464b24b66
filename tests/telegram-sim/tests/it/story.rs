//! The main job, as a gatekeeping bot meets it: a stranger writes, is muted, subscribes, presses, and speaks.

use serde_json::json;
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::{TestResult, kinds, start};

#[tokio::test]
async fn a_stranger_is_muted_subscribes_presses_and_speaks() -> TestResult {
    let (sim, bot) = start().await?;
    let story = sim.story();
    let channel = story.channel("Newspaper").public("newspaper").with_bot(AdminRights::INVITE_USERS).open();
    let group = story.group("Readers").with_bot(AdminRights::MODERATOR).open();
    let ann = story.person("Ann");
    ann.joins(&group)?;
    let hello = ann.says(&group, "hello")?;

    let updates = bot.updates().await?;
    let expected =
        ["my_chat_member", "my_chat_member", "message", "my_chat_member", "chat_member", "message", "message"];
    assert_eq!(kinds(&updates), expected);
    assert_eq!(updates[6]["message"]["text"], "hello");

    let status = bot.ok("getChatMember", json!({ "chat_id": "@Newspaper", "user_id": ann.id })).await?;
    assert_eq!(status["status"], "left", "a stranger is no error");
    bot.ok("deleteMessage", json!({ "chat_id": group.id, "message_id": hello.id })).await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group.id, "user_id": ann.id, "permissions": {} })).await?;
    let entities = json!([{ "type": "text_mention", "offset": 0, "length": 3, "user": { "id": ann.id } }]);
    let keyboard = json!({ "inline_keyboard": [[{ "text": "I have joined", "callback_data": "v1:check" }]] });
    let warning =
        json!({ "chat_id": group.id, "text": "Ann, join first", "entities": entities, "reply_markup": keyboard });
    bot.ok("sendMessage", warning).await?;
    hello.gone().await?;
    ann.muted_in(&group).await?;

    let refused = ann.says(&group, "hello?").map_err(|refused| refused.to_string());
    assert_eq!(refused.err().as_deref(), Some("Telegram would not let them: they are muted"));
    ann.joins(&channel)?;
    let warning = group.bot_mentions(&ann).await?;
    assert_eq!(warning.stands()?.text, "Ann, join first");
    let answer = ann.presses(&warning, "I have joined");
    let bots_part = async {
        let updates = bot.updates().await?;
        assert_eq!(kinds(&updates), ["chat_member", "chat_member", "callback_query"]);
        assert_eq!(updates[1]["chat_member"]["new_chat_member"]["status"], "member");
        let query = &updates[2]["callback_query"];
        assert_eq!(query["data"], "v1:check");
        let free = json!({ "chat_id": group.id, "user_id": ann.id, "permissions": Permissions::all() });
        bot.ok("restrictChatMember", free).await?;
        let answer = json!({ "callback_query_id": query["id"], "text": "Welcome", "show_alert": true });
        bot.ok("answerCallbackQuery", answer).await
    };
    let (answer, answered) = tokio::join!(answer, bots_part);
    answered?;
    let answer = answer?;
    assert_eq!((answer.text.as_str(), answer.show_alert), ("Welcome", true));
    ann.free_in(&group).await?;
    ann.says(&group, "hello at last")?;
    assert_eq!(ann.status_in(&group).status, "member");
    let made = group.calls().ok().about(&ann).of("restrictChatMember").exactly(2)?;
    assert!(made.to_string().contains("restrictChatMember"), "{made}");
    let acts = ["deleteMessage", "restrictChatMember", "sendMessage", "restrictChatMember"];
    group.calls().in_this_order(&acts)?;
    Ok(())
}

#[tokio::test]
async fn what_a_story_expects_in_vain_is_told_with_the_calls() -> TestResult {
    let (sim, bot) = start().await?;
    let story = sim.story();
    let group = story.group("Readers").with_bot(AdminRights::MODERATOR).person("Ann").open();
    let ann = story.person("Ann");
    assert_eq!(ann.id, group.person("Ann").id, "a name is one person");
    bot.ok("restrictChatMember", json!({ "chat_id": group.id, "user_id": ann.id, "permissions": {} })).await?;
    let told = |outcome: Result<(), String>| outcome.err().unwrap_or_default();
    let twice = told(story.calls().of("restrictChatMember").exactly(2).map(drop).map_err(|e| e.to_string()));
    assert!(twice.starts_with("expected 2 calls, not 1") && twice.contains(&ann.id.to_string()), "{twice}");
    let none = told(group.calls().none().map_err(|e| e.to_string()));
    assert!(none.starts_with("expected 0 calls, not 1"), "{none}");
    let order = told(
        story.calls().in_this_order(&["restrictChatMember", "deleteMessage"]).map(drop).map_err(|e| e.to_string()),
    );
    assert!(order.starts_with("expected restrictChatMember, then deleteMessage, but"), "{order}");
    let refused = told(story.person("Ben").says(&group, "hi").map(drop).map_err(|e| e.to_string()));
    assert_eq!(refused, "Telegram would not let them: they are not in the group");
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
