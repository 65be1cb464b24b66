//! restrictChatMember, promoteChatMember, banChatMember and unbanChatMember: first judged, then done.

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
const IS_ADMINISTRATOR: &str = "user is an administrator of the chat";

/// What a call comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// They are that already: `true`, without a word to Telegram's core and without an update.
    Same,
    /// They become this where they are.
    Become(ChatId, UserId, Status),
    /// They are taken out of the chat, if they are in.
    Go(ChatId, UserId, Status),
}

type Judged = Result<Verdict, ApiError>;

/// Does what was judged right.
pub(super) fn carry_out(state: &mut State, judged: Judged) -> MethodResult {
    let bot = state.bot;
    match judged? {
        Verdict::Same => {}
        Verdict::Become(chat, user, status) => {
            state.change_status(chat, user, status, bot, &Entrance::default());
        }
        Verdict::Go(chat, user, status) => state.depart(chat, user, bot, status),
    }
    Ok(Answer::yes())
}

/// A status comes about by way of the same branches as at Telegram: to a plain member, an administrator is *demoted*,
/// and a banned user is let off, since the new status simply replaces the old.
pub(super) fn restriction(state: &State, args: &Args) -> Judged {
    let user = access::user_id(args)?;
    let permissions = permissions::read(args)?;
    let chat = access::chat(state, args, Access::Write)?;
    let old = target(state, chat, user, &[ChatKind::Supergroup], "method is available only for supergroups")?;
    let until = until_date(args.number("until_date"), state.now());
    let new = Status::restricted(permissions, until, old.is_present());
    if old == new {
        return Ok(Verdict::Same);
    }
    if matches!(old, Status::Creator { .. }) {
        return Err(ApiError::bad_request("can't remove chat owner"));
    }
    if user == state.bot {
        return Err(ApiError::bad_request("can't restrict self"));
    }
    match (&old, &new) {
        (Status::Administrator { .. }, Status::Member) if state.config.demote_trap => demotion(state, chat, user, &old),
        (Status::Administrator { .. }, _) => {
            access::need_right(state, chat, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
            Err(ApiError::bad_request(IS_ADMINISTRATOR))
        }
        _ => {
            access::need_right(state, chat, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
            // What was read may be stale; what is done is done to what they are.
            let truly = state.status(chat, user);
            if truly.is_admin() {
                return Err(ApiError::bad_request(IS_ADMINISTRATOR));
            }
            Ok(Verdict::Become(chat, user, Status::restricted(permissions, until, truly.is_present())))
        }
    }
}

fn demotion(state: &State, chat: ChatId, user: UserId, old: &Status) -> Judged {
    access::need_right(state, chat, AdminRights::PROMOTE_MEMBERS, "not enough rights")?;
    let editable = matches!(old, Status::Administrator { promoted_by, .. } if *promoted_by == state.bot);
    if !editable {
        return Err(ApiError::bad_request("CHAT_ADMIN_REQUIRED"));
    }
    Ok(Verdict::Become(chat, user, Status::Member))
}

/// The user's status, read as getChatMember would, with its errors and from its cache.
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
    members::known(state, user)?;
    Ok(state.status_as_served(chat_id, user))
}

pub(super) fn promotion(state: &State, args: &Args) -> Judged {
    let user = access::user_id(args)?;
    let chat = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat, user, &kinds, "method is available for supergroup and channel chats only")?;
    let is_channel = access::entry(state, chat)?.is_channel();
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
        return if old.is_admin() { demotion(state, chat, user, &old) } else { Ok(Verdict::Same) };
    }
    let own = state.bot_rights(chat);
    if !own.has(AdminRights::PROMOTE_MEMBERS) || !own.has(asked.without(AdminRights::ANONYMOUS)) {
        return Err(ApiError::bad_request("not enough rights"));
    }
    if !is_channel && !old.is_present() {
        return Err(ApiError::bad_request("USER_NOT_PARTICIPANT"));
    }
    Ok(Verdict::Become(chat, user, Status::Administrator { rights: asked, promoted_by: state.bot }))
}

pub(super) fn banning(state: &State, args: &Args) -> Judged {
    let user = access::user_id(args)?;
    let chat = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Basic, ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat, user, &kinds, "can't ban members in private chats")?;
    let until = until_date(args.number("until_date"), state.now());
    let new = Status::Banned { until };
    if old == new {
        return Ok(Verdict::Same);
    }
    check_removal(state, chat, user, &old)?;
    Ok(Verdict::Go(chat, user, new))
}

pub(super) fn unbanning(state: &State, args: &Args) -> Judged {
    let user = access::user_id(args)?;
    let chat = access::chat(state, args, Access::Write)?;
    let kinds = [ChatKind::Supergroup, ChatKind::Channel];
    let old = target(state, chat, user, &kinds, "method is available for supergroup and channel chats only")?;
    let banned = matches!(old, Status::Banned { .. });
    if (args.flag("only_if_banned") && !banned) || old == Status::Left {
        return Ok(Verdict::Same);
    }
    check_removal(state, chat, user, &old)?;
    Ok(Verdict::Go(chat, user, Status::Left))
}

fn check_removal(state: &State, chat: ChatId, user: UserId, old: &Status) -> Result<(), ApiError> {
    if matches!(old, Status::Creator { .. }) {
        return Err(ApiError::bad_request("can't remove chat owner"));
    }
    if user == state.bot {
        return Err(ApiError::bad_request("can't restrict self"));
    }
    access::need_right(state, chat, AdminRights::RESTRICT_MEMBERS, NO_RIGHT_TO_RESTRICT)?;
    if old.is_admin() {
        return Err(ApiError::bad_request(IS_ADMINISTRATOR));
    }
    Ok(())
}
