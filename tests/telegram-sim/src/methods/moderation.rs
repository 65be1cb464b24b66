//! restrictChatMember, promoteChatMember, banChatMember and unbanChatMember.

use crate::args::Args;
use crate::ids::{ChatId, UserId};
use crate::methods::access::{self, Access};
use crate::methods::{members, permissions};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::ChatKind;
use crate::state::member::{Status, until_date};
use crate::state::membership::Entrance;

const NO_RIGHT_TO_RESTRICT: &str = "not enough rights to restrict/unrestrict chat member";

/// Gives a status by way of the same branches as Telegram: to a plain member, an administrator is *demoted*
/// and a banned user is let off, since the new status simply replaces the old.
pub(super) fn restrict(state: &mut State, args: &Args) -> MethodResult {
    let user = access::user_id(args)?;
    let permissions = permissions::read(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    let old = target(state, chat_id, user, &[ChatKind::Supergroup], "method is available only for supergroups")?;
    let now = state.now();
    let until = until_date(args.number("until_date"), now);
    let new = Status::restricted(permissions, until, old.is_present());
    if old == new {
        return Ok(Answer::yes());
    }
    if matches!(old, Status::Creator { .. }) {
        return Err(ApiError::bad_request("can't remove chat owner"));
    }
    if user == state.bot {
        return Err(ApiError::bad_request("can't restrict self"));
    }
    match (&old, &new) {
        (Status::Administrator { .. }, Status::Member) => demote(state, chat_id, user, &old)?,
        (Status::Administrator { .. }, _) => {
            access::need_right(state, chat_id, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
            return Err(ApiError::bad_request("user is an administrator of the chat"));
        }
        _ => {
            access::need_right(state, chat_id, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
            state.change_status(chat_id, user, new, state.bot, &Entrance::default());
        }
    }
    Ok(Answer::yes())
}

fn demote(state: &mut State, chat_id: ChatId, user: UserId, old: &Status) -> Result<(), ApiError> {
    access::need_right(state, chat_id, AdminRights::PROMOTE_MEMBERS, "not enough rights")?;
    let editable = matches!(old, Status::Administrator { promoted_by, .. } if *promoted_by == state.bot);
    if !editable {
        return Err(ApiError::bad_request("CHAT_ADMIN_REQUIRED"));
    }
    state.change_status(chat_id, user, Status::Member, state.bot, &Entrance::default());
    Ok(())
}

/// The user's status, read as getChatMember would, with its errors.
fn target(
    state: &State,
    chat_id: ChatId,
    user: UserId,
    kinds: &[ChatKind],
    otherwise: &str,
) -> Result<Status, ApiError> {
    let chat = match state.chats.get(&chat_id) {
        Some(chat) if kinds.contains(&chat.kind) => chat,
        _ => return Err(ApiError::bad_request(otherwise)),
    };
    members::readable_members(state, chat, user)?;
    if !state.has_met(user) {
        return Err(ApiError::bad_request("member not found"));
    }
    Ok(chat.status(user, state.now()))
}

pub(super) fn promote(state: &mut State, args: &Args) -> MethodResult {
    let user = access::user_id(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat_id, user, &kinds, "method is available for supergroup and channel chats only")?;
    let is_channel = access::entry(state, chat_id)?.is_channel();
    let asked = AdminRights::FIELDS
        .iter()
        .filter(|(name, _)| args.flag(name))
        .fold(AdminRights::none(), |sum, (_, flag)| sum | *flag)
        .fitting(is_channel);
    if user == state.bot {
        return Err(ApiError::bad_request("can't promote self"));
    }
    if matches!(old, Status::Creator { .. }) {
        return Err(ApiError::bad_request("can't remove chat owner"));
    }
    if asked == AdminRights::none() {
        if old.is_admin() {
            demote(state, chat_id, user, &old)?;
        }
        return Ok(Answer::yes());
    }
    let own = state.bot_rights(chat_id);
    if !own.has(AdminRights::PROMOTE_MEMBERS) || !own.has(asked.without(AdminRights::ANONYMOUS)) {
        return Err(ApiError::bad_request("not enough rights"));
    }
    if !is_channel && !old.is_present() {
        return Err(ApiError::bad_request("USER_NOT_PARTICIPANT"));
    }
    let new = Status::Administrator { rights: asked, promoted_by: state.bot };
    state.change_status(chat_id, user, new, state.bot, &Entrance::default());
    Ok(Answer::yes())
}

pub(super) fn ban(state: &mut State, args: &Args) -> MethodResult {
    let user = access::user_id(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Basic, ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat_id, user, &kinds, "can't ban members in private chats")?;
    let until = until_date(args.number("until_date"), state.now());
    let new = Status::Banned { until };
    if old == new {
        return Ok(Answer::yes());
    }
    check_removal(state, chat_id, user, &old)?;
    let bot = state.bot;
    state.depart(chat_id, user, bot, new);
    Ok(Answer::yes())
}

pub(super) fn unban(state: &mut State, args: &Args) -> MethodResult {
    let user = access::user_id(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat_id, user, &kinds, "method is available for supergroup and channel chats only")?;
    let banned = matches!(old, Status::Banned { .. });
    if (args.flag("only_if_banned") && !banned) || old == Status::Left {
        return Ok(Answer::yes());
    }
    check_removal(state, chat_id, user, &old)?;
    let bot = state.bot;
    state.depart(chat_id, user, bot, Status::Left);
    Ok(Answer::yes())
}

fn check_removal(state: &State, chat_id: ChatId, user: UserId, old: &Status) -> Result<(), ApiError> {
    if matches!(old, Status::Creator { .. }) {
        return Err(ApiError::bad_request("can't remove chat owner"));
    }
    if user == state.bot {
        return Err(ApiError::bad_request("can't restrict self"));
    }
    access::need_right(state, chat_id, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
    if old.is_admin() {
        return Err(ApiError::bad_request("user is an administrator of the chat"));
    }
    Ok(())
}
