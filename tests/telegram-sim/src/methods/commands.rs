//! setMyCommands, getMyCommands and deleteMyCommands.

use serde_json::{Value, json};

use crate::args::Args;
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;

const MOST_COMMANDS: usize = 100;
const SCOPES: [&str; 7] = [
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
];

pub(super) fn set(state: &mut State, args: &Args) -> MethodResult {
    let key = key(args)?;
    let Some(Value::Array(list)) = args.json("commands") else {
        return Err(ApiError::bad_request("can't parse commands JSON object"));
    };
    if list.len() > MOST_COMMANDS {
        return Err(ApiError::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    let mut commands = Vec::new();
    for entry in &list {
        let field = |name: &str| {
            entry[name]
                .as_str()
                .ok_or_else(|| ApiError::bad_request(format!("can't parse BotCommand: Can't find field \"{name}\"")))
        };
        let command = field("command")?.trim_start_matches('/');
        let description = field("description")?;
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(1..=32).contains(&command.len()) || !command.chars().all(sound) {
            return Err(ApiError::bad_request("BOT_COMMAND_INVALID"));
        }
        if !(1..=256).contains(&description.chars().count()) {
            return Err(ApiError::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        commands.push(json!({ "command": command, "description": description }));
    }
    state.commands.insert(key, Value::Array(commands));
    Ok(Answer::yes())
}

pub(super) fn get(state: &State, args: &Args) -> MethodResult {
    let none = json!([]);
    Ok(Answer::value(state.commands.get(&key(args)?).unwrap_or(&none)))
}

pub(super) fn delete(state: &mut State, args: &Args) -> MethodResult {
    state.commands.remove(&key(args)?);
    Ok(Answer::yes())
}

/// The scope, in one spelling, and the language.
fn key(args: &Args) -> Result<(String, String), ApiError> {
    let scope = match args.text("scope") {
        "" => json!({ "type": "default" }),
        text => {
            serde_json::from_str(text).map_err(|_| ApiError::bad_request("can't parse BotCommandScope JSON object"))?
        }
    };
    if !scope["type"].as_str().is_some_and(|kind| SCOPES.contains(&kind)) {
        return Err(ApiError::bad_request("can't parse BotCommandScope: Unsupported type specified"));
    }
    Ok((scope.to_string(), args.text("language_code").to_owned()))
}
