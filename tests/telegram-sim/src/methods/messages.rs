//! editMessageText, editMessageReplyMarkup, deleteMessage and deleteMessages.

use serde_json::Value;

use crate::args::{Args, leading_number};
use crate::ids::{ChatId, MessageId};
use crate::methods::access::{self, Access};
use crate::methods::{keyboard, sending};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::message::{Content, Message, Sender};

/// From this age on nobody's message can be deleted by a bot.
const TOO_OLD_S: i64 = 48 * 3600;
const MOST_DELETED_AT_ONCE: usize = 100;

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the \
                            same as a current content and reply markup of the message";

pub(super) fn edit_text(state: &mut State, args: &Args) -> MethodResult {
    let content = sending::text_content(state, args)?;
    let keyboard = keyboard::read(args)?;
    let (chat_id, id, message) = editable(state, args)?;
    if !matches!(message.content, Content::Text { .. }) {
        return Err(ApiError::bad_request("there is no text in the message to edit"));
    }
    edit(state, chat_id, id, content, keyboard)
}

pub(super) fn edit_reply_markup(state: &mut State, args: &Args) -> MethodResult {
    let keyboard = keyboard::read(args)?;
    let (chat_id, id, message) = editable(state, args)?;
    edit(state, chat_id, id, message.content, keyboard)
}

fn edit(
    state: &mut State,
    chat_id: ChatId,
    id: MessageId,
    content: Content,
    keyboard: Option<Box<Value>>,
) -> MethodResult {
    if !state.edit(chat_id, id, content, keyboard) {
        return Err(ApiError::bad_request(NOT_MODIFIED));
    }
    sending::answer_with(state, chat_id, id)
}

/// The message to edit: there, and the bot's to edit.
fn editable(state: &State, args: &Args) -> Result<(ChatId, MessageId, Message), ApiError> {
    let chat_id = access::chat(state, args, Access::Write)?;
    let id = MessageId(args.number("message_id"));
    if id.0 == 0 {
        return Err(ApiError::bad_request("message identifier is not specified"));
    }
    let chat = access::entry(state, chat_id)?;
    let message = chat.messages.get(&id).ok_or_else(|| ApiError::bad_request("message to edit not found"))?;
    let own = is_own(state, message);
    let any_post = chat.is_channel() && chat.rights(state.bot, state.now()).has(AdminRights::EDIT_MESSAGES);
    if !(own || any_post) || message.content.is_service() {
        return Err(ApiError::bad_request("message can't be edited"));
    }
    Ok((chat_id, id, message.clone()))
}

fn is_own(state: &State, message: &Message) -> bool {
    message.sender == Sender::User(state.bot) || message.sender == Sender::Post { author: state.bot }
}

pub(super) fn delete_one(state: &mut State, args: &Args) -> MethodResult {
    if args.text("chat_id").is_empty() {
        return Err(ApiError::bad_request("chat identifier is not specified"));
    }
    let id = MessageId(args.number("message_id"));
    if id.0 == 0 {
        return Err(ApiError::bad_request("message identifier is not specified"));
    }
    let chat_id = access::chat(state, args, Access::Write)?;
    let chat = access::entry(state, chat_id)?;
    let message = chat.messages.get(&id).filter(|_| id >= chat.bot_since || chat.kind != ChatKind::Basic);
    let Some(message) = message else {
        return Err(ApiError::bad_request("message to delete not found"));
    };
    check_deletable(state, chat, id, message)?;
    state.delete(chat_id, &[id], state.bot);
    Ok(Answer::yes())
}

/// One undeletable message fails the whole call; missing ones are skipped.
pub(super) fn delete_many(state: &mut State, args: &Args) -> MethodResult {
    if args.text("chat_id").is_empty() {
        return Err(ApiError::bad_request("chat identifier is not specified"));
    }
    let ids: Vec<MessageId> = match args.json("message_ids") {
        Some(Value::Array(list)) => list
            .iter()
            .map(|id| MessageId(id.as_i64().unwrap_or_else(|| id.as_str().map_or(0, leading_number))))
            .collect(),
        _ => Vec::new(),
    };
    if ids.is_empty() || ids.iter().any(|id| id.0 <= 0) {
        return Err(ApiError::bad_request("message identifiers are not specified"));
    }
    if ids.len() > MOST_DELETED_AT_ONCE {
        return Err(ApiError::bad_request("too many message identifiers specified"));
    }
    let chat_id = access::chat(state, args, Access::Write)?;
    let chat = access::entry(state, chat_id)?;
    for id in &ids {
        if let Some(message) = chat.messages.get(id) {
            check_deletable(state, chat, *id, message)?;
        }
    }
    state.delete(chat_id, &ids, state.bot);
    Ok(Answer::yes())
}

fn check_deletable(state: &State, chat: &Chat, id: MessageId, message: &Message) -> Result<(), ApiError> {
    let now = state.now();
    let rights = chat.rights(state.bot, now);
    let in_broad_chat = matches!(chat.kind, ChatKind::Supergroup | ChatKind::Channel);
    let fixed = in_broad_chat && (id.0 == 1 || message.content.is_undeletable());
    let permitted = match chat.kind {
        ChatKind::Private => true,
        ChatKind::Channel => {
            rights.has(AdminRights::DELETE_MESSAGES)
                || (is_own(state, message) && rights.has(AdminRights::POST_MESSAGES))
        }
        ChatKind::Basic | ChatKind::Supergroup => is_own(state, message) || rights.has(AdminRights::DELETE_MESSAGES),
    };
    if fixed || !permitted || now - message.date >= TOO_OLD_S {
        return Err(ApiError::bad_request("message can't be deleted"));
    }
    Ok(())
}
