//! Finding the chat, the user and the right that a method needs, or the error that Telegram gives.

use serde_json::json;

use crate::args::Args;
use crate::ids::{ChatId, UserId};
use crate::reply::ApiError;
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// The chat an argument names, if the bot may know of it.
pub(crate) fn chat_id(state: &State, text: &str) -> Result<ChatId, ApiError> {
    if text.is_empty() {
        return Err(ApiError::bad_request("chat_id is empty"));
    }
    let not_found = || ApiError::bad_request("chat not found");
    if text.starts_with('@') {
        return state.chat_named(text).ok_or_else(not_found);
    }
    let id = ChatId(text.trim().parse().map_err(|_| not_found())?);
    let known =
        if id.0 > 0 { state.has_met(UserId(id.0)) } else { state.chats.get(&id).is_some_and(|chat| chat.known_to_bot) };
    if known { Ok(id) } else { Err(not_found()) }
}

/// The chat of `chat_id`, checked for what the method wants with it.
pub(crate) fn chat(state: &State, args: &Args, access: Access) -> Result<ChatId, ApiError> {
    let id = chat_id(state, args.text("chat_id"))?;
    if id.0 > 0 {
        let deleted = state.users.get(&UserId(id.0)).is_some_and(|user| user.is_deleted);
        if deleted && access == Access::Write {
            return Err(ApiError::forbidden("user is deactivated"));
        }
        return Ok(id);
    }
    let Some(chat) = state.chats.get(&id) else {
        return Err(ApiError::bad_request("chat not found"));
    };
    let status = chat.status(state.bot, state.now());
    match chat.kind {
        ChatKind::Private => {}
        ChatKind::Basic if access == Access::Read => {}
        ChatKind::Basic => {
            if let Some(new) = chat.migrated_to {
                return Err(ApiError::bad_request("group chat was upgraded to a supergroup chat")
                    .with_parameters(json!({ "migrate_to_chat_id": new })));
            }
            if chat.is_deleted {
                return Err(ApiError::forbidden("the group chat was deleted"));
            }
            outside(&status, "group chat", true)?;
        }
        ChatKind::Supergroup => outside(&status, "supergroup chat", access == Access::Write || !chat.is_public())?,
        ChatKind::Channel => outside(&status, "channel chat", access == Access::Write || !chat.is_public())?,
    }
    Ok(id)
}

fn outside(status: &Status, place: &str, must_be_member: bool) -> Result<(), ApiError> {
    match status {
        Status::Banned { .. } => Err(ApiError::forbidden(format!("bot was kicked from the {place}"))),
        other if !other.is_present() && must_be_member => {
            Err(ApiError::forbidden(format!("bot is not a member of the {place}")))
        }
        _ => Ok(()),
    }
}

/// The user of `user_id`; whether the bot has met them is the method's question.
pub(crate) fn user_id(args: &Args) -> Result<UserId, ApiError> {
    match args.number("user_id") {
        id if id > 0 => Ok(UserId(id)),
        _ => Err(ApiError::bad_request("invalid user_id specified")),
    }
}

/// Refuses with this text unless the bot has the right there.
pub(crate) fn need_right(state: &State, chat: ChatId, right: AdminRights, otherwise: &str) -> Result<(), ApiError> {
    if state.bot_rights(chat).has(right) { Ok(()) } else { Err(ApiError::bad_request(otherwise)) }
}

/// The chat itself, once its id has been checked.
pub(crate) fn entry(state: &State, id: ChatId) -> Result<&Chat, ApiError> {
    state.chats.get(&id).ok_or_else(|| ApiError::bad_request("chat not found"))
}
