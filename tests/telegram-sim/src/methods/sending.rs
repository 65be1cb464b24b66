//! sendMessage and sendChatAction: what is said, and whether the bot may say it there.

use serde_json::Value;

use crate::args::Args;
use crate::ids::{ChatId, MessageId, UserId};
use crate::methods::access::{self, Access};
use crate::methods::{html, keyboard};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::entities;
use crate::state::message::{Content, Message, Sender};
use crate::state::user::PrivateChat;

const MOST_CHARACTERS: usize = 4096;
const MOST_BYTES: usize = 32_768;

pub(super) fn send_message(state: &mut State, args: &Args) -> MethodResult {
    let (chat_id, message) = message(state, args)?;
    if chat_id.0 > 0 {
        state.private_chat(UserId(chat_id.0));
    }
    let id = state.post(chat_id, message);
    answer_with(state, chat_id, id)
}

/// What is to be sent and where, or why not: all that is checked before the message goes to Telegram's core.
pub(super) fn message(state: &State, args: &Args) -> Result<(ChatId, Message), ApiError> {
    let content = text_content(state, args)?;
    let keyboard = keyboard::read(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    may_write(state, chat_id)?;
    // A private chat is there once something has been said in it.
    let chat = state.chats.get(&chat_id);
    let reply_to = reply_target(chat, args)?;
    let thread = thread(state, chat, args, reply_to)?;
    let is_post = chat.is_some_and(Chat::is_channel);
    let sender = if is_post { Sender::Post { author: state.bot } } else { Sender::User(state.bot) };
    let mut message = Message::new(sender, state.now(), content);
    message.keyboard = keyboard;
    message.reply_to = reply_to;
    message.thread = thread;
    message.is_topic_message = thread.is_some();
    Ok((chat_id, message))
}

/// The message as the method's result.
pub(super) fn answer_with(state: &State, chat_id: ChatId, id: MessageId) -> MethodResult {
    let message = access::entry(state, chat_id)?.messages.get(&id);
    let message = message.ok_or_else(|| ApiError::bad_request("message not found"))?;
    Ok(Answer::value(&state.message_json(chat_id, id, message)))
}

/// The text with its entities, given or found.
pub(super) fn text_content(state: &State, args: &Args) -> Result<Content, ApiError> {
    let given = args.text("text");
    if given.is_empty() {
        return Err(ApiError::bad_request("message text is empty"));
    }
    if given.len() > MOST_BYTES {
        return Err(ApiError::bad_request("text is too long"));
    }
    let (text, entities) = formatted(state, given, args)?;
    if text.trim().is_empty() {
        return Err(ApiError::bad_request("text must be non-empty"));
    }
    if text.chars().count() > MOST_CHARACTERS {
        return Err(ApiError::bad_request("message is too long"));
    }
    Ok(Content::Text { text, entities })
}

fn formatted(state: &State, given: &str, args: &Args) -> Result<(String, Vec<Value>), ApiError> {
    let mode = args.text("parse_mode").trim().to_ascii_lowercase();
    let (text, listed) = match mode.as_str() {
        "" | "none" => match args.json("entities") {
            Some(Value::Array(list)) => (given.to_owned(), list),
            _ => (given.to_owned(), Vec::new()),
        },
        "html" => {
            html::parse(given).map_err(|error| ApiError::bad_request(format!("can't parse entities: {error}")))?
        }
        other => {
            if other.starts_with("markdown") {
                tracing::warn!("this simulator does not read Markdown: use HTML or entities");
            }
            return Err(ApiError::bad_request("unsupported parse_mode"));
        }
    };
    let known = listed.iter().filter_map(|entity| state.shown_entity(entity)).collect();
    Ok(with_found(text.trim_end().to_owned(), known))
}

/// Adds what Telegram finds by itself, where nothing was given already.
fn with_found(text: String, mut given: Vec<Value>) -> (String, Vec<Value>) {
    let span = |entity: &Value| {
        let start = entity["offset"].as_u64().unwrap_or(0);
        (start, start + entity["length"].as_u64().unwrap_or(0))
    };
    for found in entities::find(&text) {
        let (start, end) = span(&found);
        if given.iter().map(span).all(|(other_start, other_end)| end <= other_start || other_end <= start) {
            given.push(found);
        }
    }
    given.sort_by_key(span);
    (text, given)
}

/// Whether the bot may write there, once the chat is accessible.
fn may_write(state: &State, chat_id: ChatId) -> Result<(), ApiError> {
    if chat_id.0 > 0 {
        return may_write_to(state, UserId(chat_id.0));
    }
    let chat = access::entry(state, chat_id)?;
    let now = state.now();
    if chat.is_channel() {
        if !chat.rights(state.bot, now).has(AdminRights::POST_MESSAGES) {
            return Err(ApiError::bad_request("need administrator rights in the channel chat"));
        }
    } else if !chat.allowed(state.bot, now).has(Permissions::SEND_MESSAGES) {
        return Err(ApiError::bad_request("not enough rights to send text messages to the chat"));
    }
    Ok(())
}

fn may_write_to(state: &State, id: UserId) -> Result<(), ApiError> {
    let Some(user) = state.users.get(&id) else {
        return Err(ApiError::bad_request("chat not found"));
    };
    if user.is_bot {
        return Err(ApiError::forbidden("bot can't send messages to bots"));
    }
    match user.private_chat {
        PrivateChat::Open => Ok(()),
        PrivateChat::Blocked => Err(ApiError::forbidden("bot was blocked by the user")),
        PrivateChat::NotStarted if state.now() <= user.may_be_written_until => Ok(()),
        PrivateChat::NotStarted => Err(ApiError::forbidden("bot can't initiate conversation with a user")),
    }
}

fn reply_target(chat: Option<&Chat>, args: &Args) -> Result<Option<MessageId>, ApiError> {
    let parameters = args.json("reply_parameters");
    let (id, optional) = match &parameters {
        Some(object) => {
            let optional = object["allow_sending_without_reply"].as_bool().unwrap_or(false);
            (object["message_id"].as_i64().unwrap_or(0), optional)
        }
        None => (args.number("reply_to_message_id"), args.flag("allow_sending_without_reply")),
    };
    if id <= 0 {
        return Ok(None);
    }
    let id = MessageId(id);
    match chat.is_some_and(|chat| chat.messages.contains_key(&id)) {
        true => Ok(Some(id)),
        false if optional => Ok(None),
        false => Err(ApiError::bad_request("message to be replied not found")),
    }
}

/// The topic a message goes to. General has none: naming it (1) is an error.
fn thread(
    state: &State,
    chat: Option<&Chat>,
    args: &Args,
    reply_to: Option<MessageId>,
) -> Result<Option<MessageId>, ApiError> {
    let asked = MessageId(args.number("message_thread_id"));
    if asked.0 > 0 && !chat.is_some_and(|chat| chat.is_forum && chat.topics.contains_key(&asked)) {
        return Err(ApiError::bad_request("message thread not found"));
    }
    let replied = || {
        let original = reply_to.and_then(|id| chat?.messages.get(&id)).filter(|message| message.is_topic_message);
        original.and_then(|message| message.thread)
    };
    let thread = Some(asked).filter(|asked| asked.0 > 0).or_else(replied);
    if let (Some(chat), Some(topic)) = (chat, thread)
        && chat.closed_topics.contains(&topic)
        && !chat.rights(state.bot, state.now()).has(AdminRights::MANAGE_TOPICS)
    {
        return Err(ApiError::bad_request("TOPIC_CLOSED"));
    }
    Ok(thread)
}

pub(super) fn send_action(state: &State, args: &Args) -> MethodResult {
    const ACTIONS: [&str; 12] = [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
        "cancel",
    ];
    let chat_id = access::chat(state, args, Access::Write)?;
    if !ACTIONS.contains(&args.text("action").to_ascii_lowercase().as_str()) {
        return Err(ApiError::bad_request("wrong parameter action in request"));
    }
    if !matches!(access::entry(state, chat_id).map(|chat| chat.kind), Ok(ChatKind::Channel)) {
        may_write(state, chat_id)?;
    }
    Ok(Answer::yes())
}
