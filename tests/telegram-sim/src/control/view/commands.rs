//! Which of the bot's commands somebody is offered in a chat.

use serde_json::{Value, json};

use crate::ids::{ChatId, UserId};
use crate::state::State;

/// The list of the narrowest scope that has one, in Telegram's order.
pub(super) fn offered(state: &State, chat: ChatId, me: UserId) -> Vec<Value> {
    let is_admin = state.status(chat, me).is_admin();
    let scopes = if chat.0 > 0 {
        vec![json!({ "type": "chat", "chat_id": chat }), json!({ "type": "all_private_chats" })]
    } else {
        let mut scopes = vec![json!({ "type": "chat_member", "chat_id": chat, "user_id": me })];
        if is_admin {
            scopes.push(json!({ "type": "chat_administrators", "chat_id": chat }));
        }
        scopes.push(json!({ "type": "chat", "chat_id": chat }));
        if is_admin {
            scopes.push(json!({ "type": "all_chat_administrators" }));
        }
        scopes.push(json!({ "type": "all_group_chats" }));
        scopes
    };
    let default = json!({ "type": "default" });
    let lists =
        scopes.iter().chain([&default]).filter_map(|scope| state.commands.get(&(scope.to_string(), String::new())));
    lists.filter_map(Value::as_array).find(|list| !list.is_empty()).cloned().unwrap_or_default()
}
