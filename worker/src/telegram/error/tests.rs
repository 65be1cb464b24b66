//! Telegram's texts, as they are written in the sources of its server, and what each is to us.

use super::*;

fn kind(code: u16, description: &str) -> &'static str {
    Error::from(Refusal { code, description: description.to_owned(), ..Refusal::default() }).code()
}

#[test]
fn each_text_has_its_kind() {
    let table = [
        (400, "Bad Request: member list is inaccessible", "chat_inaccessible"),
        (400, "Bad Request: CHAT_ADMIN_REQUIRED", "chat_inaccessible"),
        (400, "Bad Request: CHANNEL_PRIVATE", "chat_inaccessible"),
        (400, "Bad Request: chat not found", "chat_inaccessible"),
        (403, "Forbidden: bot is not a member of the supergroup chat", "chat_inaccessible"),
        (403, "Forbidden: bot is not a member of the channel chat", "chat_inaccessible"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "chat_inaccessible"),
        (403, "Forbidden: bot was kicked from the channel chat", "chat_inaccessible"),
        (403, "Forbidden: the group chat was deleted", "chat_inaccessible"),
        (400, "Bad Request: member not found", "user_unknown"),
        (400, "Bad Request: user not found", "user_unknown"),
        (400, "Bad Request: PARTICIPANT_ID_INVALID", "user_unknown"),
        (400, "Bad Request: USER_ID_INVALID", "user_unknown"),
        (400, "Bad Request: invalid user_id specified", "user_unknown"),
        (400, "Bad Request: user is an administrator of the chat", "user_is_admin"),
        (400, "Bad Request: can't remove chat owner", "user_is_admin"),
        (400, "Bad Request: not enough rights to restrict/unrestrict chat member", "missing_right"),
        (400, "Bad Request: not enough rights", "missing_right"),
        (400, "Bad Request: not enough rights to manage chat invite link", "missing_right"),
        (400, "Bad Request: not enough rights to manage chat join requests", "missing_right"),
        (400, "Bad Request: method is available only for supergroups", "only_supergroups"),
        (400, "Bad Request: can't restrict self", "other"),
        (400, "Bad Request: message to delete not found", "message_gone"),
        (400, "Bad Request: message can't be deleted", "message_stays"),
        (400, "Bad Request: message can't be deleted for everyone", "message_stays"),
        (400, "Bad Request: message to edit not found", "message_gone"),
        (400, "Bad Request: message can't be edited", "message_stays"),
        (
            400,
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current \
             content and reply markup of the message",
            "not_modified",
        ),
        (400, "Bad Request: query is too old and response timeout expired or query ID is invalid", "query_too_old"),
        (400, "Bad Request: HIDE_REQUESTER_MISSING", "request_settled"),
        (400, "Bad Request: USER_ALREADY_PARTICIPANT", "request_settled"),
        (400, "Bad Request: message thread not found", "topic_gone"),
        (400, "Bad Request: TOPIC_CLOSED", "topic_gone"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "cannot_write"),
        (400, "Bad Request: have no write access to the chat", "cannot_write"),
        (400, "Bad Request: need administrator rights in the channel chat", "cannot_write"),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "cannot_write"),
        (400, "Bad Request: CHAT_RESTRICTED", "cannot_write"),
        (403, "Forbidden: bot was blocked by the user", "user_unreachable"),
        (403, "Forbidden: user is deactivated", "user_unreachable"),
        (403, "Forbidden: bot can't initiate conversation with a user", "user_unreachable"),
        (400, "Bad Request: private chat not found", "user_unreachable"),
        (401, "Unauthorized", "token_dead"),
        (401, "Unauthorized: invalid token specified", "token_dead"),
        (404, "Not Found", "token_dead"),
        (421, "Misdirected Request: unallowed token specified", "token_dead"),
        (400, "Logged out", "token_dead"),
        (404, "Not Found: method not found", "other"),
        (409, "Conflict: terminated by other getUpdates request", "other"),
        (400, "Bad Request: BUTTON_DATA_INVALID", "other"),
        (400, "Bad Request: message text is empty", "other"),
        (400, "", "other"),
        (200, "", "other"),
        (500, "Internal Server Error: restart", "unavailable"),
        (502, "Bad Gateway", "unavailable"),
        (429, "Too Many Requests: retry after 8", "flood_wait"),
    ];
    for (code, description, expected) in table {
        assert_eq!(kind(code, description), expected, "{code} {description}");
        assert_eq!(kind(code, &description.to_uppercase()), expected, "{code} {description}, shouted");
    }
}

#[test]
fn a_flood_without_a_number_gets_a_default() {
    let silent = Error::from(Refusal { code: 429, ..Refusal::default() });
    assert!(matches!(silent, Error::FloodWait { retry_after, .. } if retry_after == UNSAID_RETRY_AFTER));
    let said = Error::from(Refusal { code: 429, retry_after: Some(Duration::from_secs(41)), ..Refusal::default() });
    assert!(matches!(said, Error::FloodWait { retry_after, .. } if retry_after == Duration::from_secs(41)));
}

#[test]
fn a_migration_is_known_by_its_parameter() {
    let description = "Bad Request: group chat was upgraded to a supergroup chat".to_owned();
    let error = Error::from(Refusal { code: 400, description, migrate_to: Some(ChatId(-1001)), ..Refusal::default() });
    assert!(matches!(error, Error::Migrated { to: ChatId(-1001) }));
}
