//! What the table catches, and what it lets pass.

use serde_json::{Value, json};

use super::*;
use crate::schema::people::{CHAT_MEMBER, ME};
use crate::schema::updates::UPDATE;

fn message() -> Value {
    json!({
        "message_id": 5,
        "date": 1_700_000_000,
        "chat": { "id": -100_123, "type": "supergroup", "title": "Readers" },
        "from": { "id": 7, "is_bot": false, "first_name": "Ann" },
        "text": "/start",
        "entities": [{ "type": "bot_command", "offset": 0, "length": 6 }],
        "reply_markup": { "inline_keyboard": [[{ "text": "Verify", "callback_data": "v" }]] },
    })
}

fn update() -> Value {
    json!({ "update_id": 2_000_003, "message": message() })
}

/// An update with one change: `pointer` set to a value, or taken away.
fn changed(pointer: &str, new: Option<Value>) -> Value {
    let mut update = update();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let parent = update.pointer_mut(parent).expect("what is changed is there");
    match new {
        Some(value) => parent[name] = value,
        None => {
            parent.as_object_mut().expect("fields are taken from objects").remove(name);
        }
    }
    update
}

fn said(value: &Value, expected: Type) -> Vec<String> {
    check("update", value, expected).into_iter().map(|found| format!("{}: {}", found.path, found.expected)).collect()
}

#[test]
fn a_sound_update_passes() {
    assert_eq!(said(&update(), Type::Object(&UPDATE)), Vec::<String>::new());
    let nested = changed("/message/reply_to_message", Some(message()));
    assert_eq!(said(&nested, Type::Object(&UPDATE)), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    let press = |message: Value| json!({ "id": "1", "from": message["from"], "chat_instance": "2", "data": "v" });
    let cases = [
        (changed("/message/date", None), "update.message.date: an integer, for every Message has it"),
        (changed("/message/from/first_name", Some(Value::Null)), "update.message.from.first_name: a string"),
        (changed("/message/chat/id", Some(json!("-100123"))), "update.message.chat.id: an integer"),
        (changed("/message/date", Some(json!(1.5))), "update.message.date: an integer"),
        (changed("/message/chat", Some(json!([]))), "update.message.chat: a Chat"),
        (
            changed("/message/chat/type", Some(json!("megagroup"))),
            "update.message.chat.type: one of private, group, supergroup, channel",
        ),
        (
            changed("/message/is_topic_message", Some(json!(false))),
            "update.message.is_topic_message: true, or no such field",
        ),
        (changed("/message/texts", Some(json!("x"))), "update.message.texts: no such field in a Message"),
        (
            changed("/message/entities", Some(json!([{ "type": "bold", "offset": 0, "length": "6" }]))),
            "update.message.entities[0].length: an integer",
        ),
        (
            changed("/message/reply_markup", Some(json!({ "inline_keyboard": [{ "text": "x", "url": "y" }] }))),
            "update.message.reply_markup.inline_keyboard[0]: an array, each of it a InlineKeyboardButton",
        ),
        (
            changed("/message/forward_origin", Some(json!({ "type": "nobody", "date": 1 }))),
            "update.message.forward_origin: a MessageOrigin that says by its `type` which it is",
        ),
        (
            changed("/edited_message", Some(message())),
            "update: exactly one of message, edited_message, channel_post, edited_channel_post, callback_query, \
             my_chat_member, chat_member, chat_join_request in a Update, not 2",
        ),
        (
            json!({ "update_id": 5, "callback_query": {
                "id": "1", "from": message()["from"], "chat_instance": "2", "data": "v",
                "message": { "message_id": 5, "date": 0, "chat": message()["chat"], "text": "gone" },
            }}),
            "update.callback_query.message.text: no such field in a InaccessibleMessage",
        ),
        (
            json!({ "update_id": 5, "callback_query": {
                "id": 1, "from": press(message())["from"], "chat_instance": "2", "data": "v",
            }}),
            "update.callback_query.id: a string",
        ),
    ];
    for (update, expected) in cases {
        assert_eq!(said(&update, Type::Object(&UPDATE)), [expected], "{update}");
    }
}

#[test]
fn each_sort_of_member_has_its_own_fields() {
    let user = json!({ "id": 7, "is_bot": false, "first_name": "Ann" });
    for (member, expected) in [
        (json!({ "status": "left", "user": user }), vec![]),
        (
            json!({ "status": "kicked", "user": user }),
            vec!["update.until_date: an integer, for every ChatMemberBanned has it"],
        ),
        (
            json!({ "status": "left", "user": user, "is_member": false }),
            vec!["update.is_member: no such field in a ChatMemberLeft"],
        ),
        (json!({ "user": user }), vec!["update: a ChatMember that says by its `status` which it is"]),
    ] {
        assert_eq!(said(&member, Type::Union(&CHAT_MEMBER)), expected, "{member}");
    }
    let restricted = check("result", &json!({ "status": "restricted", "user": user }), Type::Union(&CHAT_MEMBER));
    assert_eq!(restricted.len(), 18, "sixteen permissions, is_member and until_date");
}

#[test]
fn the_bot_is_shown_in_full() {
    let me = json!({ "id": 1, "is_bot": true, "first_name": "Gate", "username": "gate_bot" });
    assert!(
        said(&me, Type::Object(&ME))
            .contains(&"update.can_join_groups: true or false, for every User has it".to_owned())
    );
}

#[test]
fn a_finding_shows_what_is_around_it_and_not_too_much() {
    let long = "ж".repeat(1000);
    let update = changed("/message/text", Some(json!([long])));
    let found = check("update", &update, Type::Object(&UPDATE));
    assert!(found[0].around.starts_with(r#"{"chat":{"#), "{found:?}");
    assert!(found[0].around.len() <= LONGEST_SHOWN + 3, "{}", found[0].around.len());
}
