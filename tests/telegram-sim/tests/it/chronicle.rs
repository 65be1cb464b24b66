//! The chronicle: what happened, by whom, and in which order.

use serde_json::json;
use telegram_sim::world::seeing::What;

use crate::bot::TestResult;
use crate::place::place;

#[tokio::test]
async fn it_tells_what_people_and_the_bot_did_in_one_order() -> TestResult {
    let place = place().await?;
    let (world, group, ann, bot) = (&place.world, place.group, place.ann, place.world.bot());
    assert!(world.chronicle(0).is_empty(), "nobody has asked for it yet");
    world.keep_chronicle();

    let hello = world.say(group, ann, "hello")?;
    world.edit(group, ann, hello, "hello!")?;
    place.bot.ok("deleteMessage", json!({ "chat_id": group, "message_id": hello })).await?;
    let (one, two) = (world.say(group, ann, "one")?, world.say(group, ann, "two")?);
    place.bot.ok("deleteMessages", json!({ "chat_id": group, "message_ids": [one, two, hello] })).await?;
    place.bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann, "permissions": {} })).await?;
    world.join(place.channel, ann)?;

    let told: Vec<String> = world.chronicle(0).iter().map(|event| short(&event.what)).collect();
    let expected = [
        format!("{ann} wrote \"hello\""),
        format!("edited {hello}"),
        format!("{bot} deleted {hello}"),
        format!("{ann} wrote \"one\""),
        format!("{ann} wrote \"two\""),
        format!("{bot} deleted {one}, {two}"),
        format!("{bot} made {ann} restricted, was member"),
        format!("{ann} made {ann} member, was left"),
    ];
    assert_eq!(told, expected);
    let last = world.chronicle(7);
    assert_eq!((last.len(), last[0].number, last[0].chat), (1, 7, place.channel));
    Ok(())
}

fn short(what: &What) -> String {
    match what {
        What::Became { user, by, old, new } => format!("{by} made {user} {}, was {}", new.status, old.status),
        What::Wrote { by, text, .. } => format!("{} wrote {text:?}", by.map_or(0, |by| by.0)),
        What::Edited { message } => format!("edited {message}"),
        What::Deleted { messages, by } => {
            let numbers: Vec<String> = messages.iter().map(ToString::to_string).collect();
            format!("{by} deleted {}", numbers.join(", "))
        }
    }
}
