//! What each call puts into its request, and what it makes of the answer.

use serde_json::{Value, json};
use shared::ids::{ChatId, MessageId, UserId};

use super::server::Reply;
use super::*;
use crate::telegram::budget::Priority;
use crate::telegram::chats::{ChatRef, CommandScope};
use crate::telegram::error::Error;
use crate::telegram::message::{Button, EntityKind, Keyboard, MessageEntity, Outgoing, Press};
use crate::telegram::permissions::Permissions;
use crate::telegram::replies::{ChatKind, MemberStatus};
use crate::telegram::sending::{Occasion, SendSlot};

const CHAT: ChatId = ChatId(-1001);
const USER: UserId = UserId(7);

async fn answering(result: Value) -> (Server, Telegram) {
    let server = Server::answering([Reply::result(result)]).await;
    let telegram = client(&server);
    (server, telegram)
}

async fn slot(telegram: &Telegram) -> SendSlot {
    telegram.send_slot(CHAT, Occasion::Ordinary, Priority::P0).await.expect("an idle budget")
}

#[tokio::test]
async fn get_me_needs_only_an_id() {
    // Without can_connect_to_business and the other newer fields.
    let (server, telegram) = answering(json!({"id": 42, "is_bot": true, "first_name": "G", "username": "gmbot"})).await;
    let me = telegram.get_me().await.expect("readable");
    assert_eq!((me.id, me.username.as_str()), (UserId(42), "gmbot"));
    assert_eq!(server.methods(), ["getMe"]);
}

#[tokio::test]
async fn a_chat_is_asked_for_by_id_or_by_name() {
    let reply = json!({"id": -1002, "type": "channel", "title": "<News & \"more\">", "username": "news", "linked_chat_id": -1001});
    for (by, expected) in
        [(ChatRef::Id(ChatId(-1002)), json!(-1002)), (ChatRef::Username("@news".into()), json!("@news"))]
    {
        let (server, telegram) = answering(reply.clone()).await;
        let chat = telegram.chat(by).await.expect("readable");
        assert_eq!((chat.kind, chat.title.as_deref()), (ChatKind::Channel, Some("<News & \"more\">")));
        assert_eq!(chat.linked_chat_id, Some(CHAT));
        assert_eq!(server.arguments(), json!({"chat_id": expected}));
    }
}

#[tokio::test]
async fn a_member_is_asked_for_by_chat_and_user() {
    let (server, telegram) = answering(json!({"status": "left", "user": {"id": 7}})).await;
    let member = telegram.member(CHAT, USER, Priority::P0).await.expect("readable");
    assert_eq!((member.status, member.is_member), (MemberStatus::Left, Some(false)));
    assert_eq!(server.arguments(), json!({"chat_id": -1001, "user_id": 7}));
    let negative = telegram.member(CHAT, UserId(-5), Priority::P0).await;
    assert!(matches!(negative, Err(Error::UserUnknown)), "{negative:?}");
}

#[tokio::test]
async fn administrators_come_with_their_rights() {
    let (_server, telegram) = answering(json!([
        {"status": "creator", "user": {"id": 1}, "is_anonymous": true},
        {"status": "administrator", "user": {"id": 2}, "can_restrict_members": true},
    ]))
    .await;
    let admins = telegram.admins(CHAT, Priority::P1).await.expect("readable");
    let rights: Vec<_> = admins.iter().map(|(id, member)| (id.0, member.rights.can_restrict_members)).collect();
    assert_eq!(rights, [(1, true), (2, true)]);
    assert!(!admins[1].1.rights.can_delete_messages);
}

#[tokio::test]
async fn a_mute_names_every_permission() {
    let (server, telegram) = answering(json!(true)).await;
    telegram.restrict(CHAT, USER, Permissions::NONE, Some(1_900_000_000), Priority::P0).await.expect("done");
    let arguments = server.arguments();
    assert_eq!(arguments["until_date"], 1_900_000_000);
    assert_eq!(arguments["use_independent_chat_permissions"], true);
    assert_eq!(arguments["permissions"].as_object().map(serde_json::Map::len), Some(16));
}

#[tokio::test]
async fn a_release_has_no_end() {
    let (server, telegram) = answering(json!(true)).await;
    telegram.restrict(CHAT, USER, Permissions::ALL, None, Priority::P0).await.expect("done");
    // Null would reach Telegram as the word.
    assert_eq!(server.arguments().get("until_date"), None);
}

#[tokio::test]
async fn a_ban_has_an_end_or_none() {
    for (until, end) in [(Some(1_900_000_000), Some(json!(1_900_000_000))), (None, None)] {
        let (server, telegram) = answering(json!(true)).await;
        telegram.ban(CHAT, USER, until, Priority::P0).await.expect("done");
        assert_eq!(server.methods(), ["banChatMember"]);
        assert_eq!(server.arguments().get("until_date"), end.as_ref());
    }
}

#[tokio::test]
async fn a_false_is_no_success() {
    let server = Server::answering([Reply::result(json!(false)), Reply::result(json!(true))]).await;
    client(&server).delete(CHAT, &[MessageId(3)], Priority::P0).await.expect("at the second try");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_restriction_is_never_repeated_without_another_look() {
    for reply in [Reply::result(json!(false)), Reply::error(500, "Internal Server Error: restart")] {
        let server = Server::answering([reply, Reply::result(json!(true))]).await;
        let restricted = client(&server).restrict(CHAT, USER, Permissions::NONE, None, Priority::P0).await;
        assert!(matches!(restricted, Err(Error::Unavailable(_))), "{restricted:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn one_message_is_deleted_alone_and_a_gone_one_is_a_success() {
    for reply in [Reply::result(json!(true)), Reply::error(400, "Bad Request: message to delete not found")] {
        let server = Server::answering([reply]).await;
        let left = client(&server).delete(CHAT, &[MessageId(3)], Priority::P0).await.expect("done");
        assert!(left.is_empty());
        assert_eq!(server.methods(), ["deleteMessage"]);
        assert_eq!(server.arguments(), json!({"chat_id": -1001, "message_id": 3}));
    }
}

#[tokio::test]
async fn many_messages_go_in_hundreds() {
    let (server, telegram) = answering(json!(true)).await;
    let messages: Vec<MessageId> = (1..=201).map(MessageId).collect();
    assert!(telegram.delete(CHAT, &messages, Priority::P0).await.expect("done").is_empty());
    assert_eq!(server.methods(), ["deleteMessages", "deleteMessages", "deleteMessage"]);
    assert_eq!(server.asked()[1].arguments["message_ids"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn an_undeletable_message_spoils_only_itself() {
    let stays = Reply::error(400, "Bad Request: message can't be deleted");
    let server = Server::answering([
        stays.clone(),
        Reply::result(json!(true)),
        stays,
        Reply::error(400, "Bad Request: message to delete not found"),
    ])
    .await;
    let messages = [MessageId(1), MessageId(2), MessageId(3)];
    let left = client(&server).delete(CHAT, &messages, Priority::P0).await.expect("done");
    assert_eq!(left, [MessageId(2)]);
    assert_eq!(server.methods(), ["deleteMessages", "deleteMessage", "deleteMessage", "deleteMessage"]);
}

#[tokio::test]
async fn a_delete_without_access_is_an_error() {
    let server = Server::answering([Reply::error(403, "Forbidden: bot was kicked from the supergroup chat")]).await;
    let outcome = client(&server).delete(CHAT, &[MessageId(1), MessageId(2)], Priority::P0).await;
    assert!(matches!(outcome, Err(Error::ChatInaccessible { .. })), "{outcome:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_message_carries_all_that_it_has() {
    let (server, telegram) = answering(json!({"message_id": 9, "text": "whatever"})).await;
    let message = Outgoing {
        text: "Hi 😀 <b>".into(),
        entities: vec![MessageEntity { kind: EntityKind::TextMention(USER), offset: 3, length: 2 }],
        keyboard: Some(Keyboard {
            rows: vec![vec![Button { text: "Verify".into(), press: Press::Callback("v1".into()) }]],
        }),
        thread: Some(4),
        reply_to: Some(MessageId(2)),
    };
    assert_eq!(telegram.send(slot(&telegram).await, &message).await.expect("sent"), MessageId(9));
    let expected = json!({
        "chat_id": -1001,
        "text": "Hi 😀 <b>",
        "entities": [{"type": "text_mention", "offset": 3, "length": 2, "user": {"id": 7, "is_bot": false, "first_name": ""}}],
        "link_preview_options": {"is_disabled": true},
        "reply_markup": {"inline_keyboard": [[{"text": "Verify", "callback_data": "v1"}]]},
        "message_thread_id": 4,
        "reply_parameters": {"message_id": 2, "allow_sending_without_reply": true},
    });
    assert_eq!(server.arguments(), expected);
}

#[tokio::test]
async fn a_plain_message_carries_nothing_else() {
    let (server, telegram) = answering(json!({"message_id": 9})).await;
    let message = Outgoing { text: "Hi".into(), ..Outgoing::default() };
    telegram.send(slot(&telegram).await, &message).await.expect("sent");
    let expected = json!({"chat_id": -1001, "text": "Hi", "link_preview_options": {"is_disabled": true}});
    assert_eq!(server.arguments(), expected);
}

#[tokio::test]
async fn an_edit_to_the_same_is_a_success() {
    let server = Server::answering([Reply::error(400, "Bad Request: message is not modified: specified new …")]).await;
    let telegram = client(&server);
    let message = Outgoing { text: "Hi".into(), ..Outgoing::default() };
    telegram.edit(slot(&telegram).await, MessageId(3), &message).await.expect("as asked already");
    telegram.edit_keyboard(slot(&telegram).await, MessageId(3), None).await.expect("as asked already");
    assert_eq!(server.methods(), ["editMessageText", "editMessageReplyMarkup"]);
    assert_eq!(server.asked()[1].arguments, json!({"chat_id": -1001, "message_id": 3}));
}

#[tokio::test]
async fn an_answer_is_never_stored_by_the_client() {
    let (server, telegram) = answering(json!(true)).await;
    telegram.answer("77", Some("Not yet"), true, tokio::time::Instant::now()).await.expect("answered");
    let expected = json!({"callback_query_id": "77", "text": "Not yet", "show_alert": true, "cache_time": 0});
    assert_eq!(server.arguments(), expected);
}

#[tokio::test]
async fn an_answer_that_is_too_late_is_a_success() {
    let too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    let server = Server::answering([Reply::error(400, too_old)]).await;
    let telegram = client(&server);
    let now = tokio::time::Instant::now();
    telegram.answer("77", None, false, now).await.expect("nobody is looking any more");
    assert_eq!(server.asked().len(), 1);
    if let Some(long_ago) = now.checked_sub(Duration::from_secs(16)) {
        telegram.answer("77", None, false, long_ago).await.expect("nobody is looking any more");
        assert_eq!(server.asked().len(), 1, "not even asked");
    }
}

#[tokio::test]
async fn links_requests_commands_and_leaving() {
    let (server, telegram) = answering(json!({"invite_link": "https://t.me/+abc", "is_primary": false})).await;
    assert_eq!(telegram.create_invite_link(CHAT, "gmbot").await.expect("made"), "https://t.me/+abc");
    assert_eq!(server.arguments(), json!({"chat_id": -1001, "name": "gmbot"}));

    let server = Server::answering([Reply::error(400, "Bad Request: HIDE_REQUESTER_MISSING")]).await;
    client(&server).approve_join(CHAT, USER).await.expect("settled is settled");
    assert_eq!(server.arguments(), json!({"chat_id": -1001, "user_id": 7}));

    let (server, telegram) = answering(json!(true)).await;
    let commands = [("protect", "Protect this group")];
    telegram.set_my_commands(CommandScope::AllChatAdministrators, None, &commands).await.expect("set");
    let expected = json!({
        "commands": [{"command": "protect", "description": "Protect this group"}],
        "scope": {"type": "all_chat_administrators"},
    });
    assert_eq!(server.arguments(), expected);

    let (server, telegram) = answering(json!(true)).await;
    telegram.leave_chat(CHAT).await.expect("left");
    assert_eq!(server.methods(), ["leaveChat"]);
}

#[tokio::test]
async fn commands_that_are_set_are_read_for_their_scope() {
    let reply = json!([{"command": "help", "description": "How it works"}, {"command": 7}]);
    let (server, telegram) = answering(reply).await;
    let commands = telegram.my_commands(CommandScope::AllGroupChats).await.expect("readable");
    assert_eq!(commands, [("help".to_owned(), "How it works".to_owned())]);
    assert_eq!(server.methods(), ["getMyCommands"]);
    assert_eq!(server.arguments(), json!({"scope": {"type": "all_group_chats"}}));
}
