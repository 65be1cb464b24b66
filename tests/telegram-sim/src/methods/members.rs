//! getChatMember, getChatAdministrators and getChatMemberCount.

use serde_json::Value;

use crate::args::Args;
use crate::ids::{ChatId, UserId};
use crate::methods::access::{self, Access};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;

/// Telegram shows at most this many administrators.
const MOST_ADMINISTRATORS: usize = 100;

/// Whom a getChatMember is about, if the bot may ask.
pub(super) fn asked(state: &State, args: &Args) -> Result<(ChatId, UserId), ApiError> {
    let chat_id = access::chat(state, args, Access::Read)?;
    let user = access::user_id(args)?;
    if chat_id.0 > 0 {
        let is_party = user == state.bot || user.0 == chat_id.0;
        return if is_party { Ok((chat_id, user)) } else { Err(ApiError::bad_request("member not found")) };
    }
    readable_members(state, access::entry(state, chat_id)?, user)?;
    known(state, user)?;
    Ok((chat_id, user))
}

pub(super) fn get_member(state: &mut State, args: &Args) -> MethodResult {
    let (chat_id, user) = asked(state, args)?;
    if chat_id.0 > 0 {
        let private = Chat::new(ChatKind::Private, "");
        return Ok(Answer::value(&state.member_json(&private, user, &Status::Member)));
    }
    let status = state.status_as_served(chat_id, user);
    state.remember_member(chat_id, user);
    Ok(Answer::value(&state.member_json(access::entry(state, chat_id)?, user, &status)))
}

/// The ids of people whom the bot never met, or who deleted their account, are of no use to it.
pub(super) fn known(state: &State, user: UserId) -> Result<(), ApiError> {
    let deleted = state.users.get(&user).is_some_and(|user| user.is_deleted);
    if deleted || !state.has_met(user) { Err(ApiError::bad_request("member not found")) } else { Ok(()) }
}

/// Whether the bot may look a member up: in a channel only as administrator, and so where members are hidden.
pub(super) fn readable_members(state: &State, chat: &Chat, user: UserId) -> Result<(), ApiError> {
    let is_admin = chat.status(state.bot, state.now()).is_admin();
    if chat.is_channel() && !is_admin {
        return Err(ApiError::bad_request("member list is inaccessible"));
    }
    if chat.has_hidden_members && !is_admin && user != state.bot {
        return Err(ApiError::bad_request("CHAT_ADMIN_REQUIRED"));
    }
    Ok(())
}

pub(super) fn get_administrators(state: &State, args: &Args) -> MethodResult {
    let chat_id = access::chat(state, args, Access::Read)?;
    if chat_id.0 > 0 {
        return Err(ApiError::bad_request("there are no administrators in the private chat"));
    }
    let chat = access::entry(state, chat_id)?;
    if chat.is_channel() && !chat.status(state.bot, state.now()).is_admin() {
        return Err(ApiError::bad_request("member list is inaccessible"));
    }
    let is_other_bot = |user: UserId| user != state.bot && state.users.get(&user).is_some_and(|user| user.is_bot);
    let with_bots = args.flag("return_bots");
    let mut admins: Vec<(UserId, &Status)> = chat
        .members
        .iter()
        .filter(|(user, status)| status.is_admin() && (with_bots || !is_other_bot(**user)))
        .map(|(user, status)| (*user, status))
        .collect();
    admins.sort_by_key(|(user, status)| (!matches!(status, Status::Creator { .. }), *user));
    let list: Vec<Value> = admins
        .into_iter()
        .take(MOST_ADMINISTRATORS)
        .map(|(user, status)| state.member_json(chat, user, status))
        .collect();
    Ok(Answer::value(&list))
}

pub(super) fn get_count(state: &State, args: &Args) -> MethodResult {
    let chat_id = access::chat(state, args, Access::Read)?;
    if chat_id.0 > 0 {
        return Ok(Answer::value(&2));
    }
    Ok(Answer::value(&access::entry(state, chat_id)?.present))
}
