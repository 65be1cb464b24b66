//! getMe, getChat and leaveChat.

use serde_json::{Value, json};

use crate::args::Args;
use crate::ids::UserId;
use crate::methods::access::{self, Access};
use crate::reply::{Answer, MethodResult};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::ChatKind;

pub(super) fn get_me(state: &State) -> MethodResult {
    let mut me = state.user_json(state.bot);
    me["can_join_groups"] = true.into();
    me["can_read_all_group_messages"] = (!state.config.privacy_mode).into();
    for name in [
        "supports_inline_queries",
        "supports_guest_queries",
        "can_connect_to_business",
        "has_main_web_app",
        "has_topics_enabled",
        "allows_users_to_create_topics",
        "can_manage_bots",
        "supports_join_request_queries",
    ] {
        me[name] = false.into();
    }
    Ok(Answer::value(&me))
}

pub(super) fn get_chat(state: &mut State, args: &Args) -> MethodResult {
    let id = access::chat(state, args, Access::Read)?;
    if let Some(chat) = state.chats.get_mut(&id) {
        // Looked up by name, its number may be used from now on.
        chat.known_to_bot = true;
    }
    if id.0 > 0 {
        state.private_chat(UserId(id.0));
    }
    let chat = access::entry(state, id)?;
    let mut full = state.chat_json(id);
    full["accent_color_id"] = (id.0.unsigned_abs() % 7).into();
    full["max_reaction_count"] = 11.into();
    let accepts = chat.kind == ChatKind::Private;
    full["accepted_gift_types"] = json!({
        "unlimited_gifts": accepts,
        "limited_gifts": accepts,
        "unique_gifts": accepts,
        "premium_subscription": accepts,
        "gifts_from_channels": accepts,
    });
    if let Some(username) = full["username"].as_str().map(str::to_owned) {
        full["active_usernames"] = json!([username]);
    }
    if chat.is_group() {
        full["permissions"] = json!(chat.permissions);
    }
    if let Some(linked) = chat.linked_chat {
        full["linked_chat_id"] = linked.0.into();
    }
    for (name, value) in [("join_by_request", chat.join_by_request), ("has_hidden_members", chat.has_hidden_members)] {
        if value {
            full[name] = true.into();
        }
    }
    let own_primary = chat.links.iter().find(|link| link.is_primary && !link.is_revoked && link.creator == state.bot);
    if let Some(link) = own_primary
        && state.bot_rights(id).has(AdminRights::INVITE_USERS)
    {
        full["invite_link"] = Value::from(link.url.as_str());
    }
    Ok(Answer::value(&full))
}

pub(super) fn leave(state: &mut State, args: &Args) -> MethodResult {
    let id = access::chat(state, args, Access::Read)?;
    let bot = state.bot;
    let status = state.bot_status(id);
    state.depart(id, bot, bot, status.left());
    Ok(Answer::yes())
}
