//! Invite links, and letting in those who asked to join.

use crate::args::Args;
use crate::ids::{ChatId, UserId};
use crate::methods::access::{self, Access};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::InviteLink;
use crate::state::membership::Entrance;

const NO_RIGHT_TO_LINKS: &str = "not enough rights to manage chat invite link";
const NO_RIGHT_TO_REQUESTS: &str = "not enough rights to manage chat join requests";
const LONGEST_NAME: usize = 32;
const MOST_MEMBERS: i64 = 99_999;

pub(super) fn create(state: &mut State, args: &Args) -> MethodResult {
    let chat_id = linkable(state, args)?;
    let creates_join_request = args.flag("creates_join_request");
    let limit = args.number_within("member_limit", 0, 0, MOST_MEMBERS);
    if creates_join_request && limit > 0 {
        return Err(ApiError::bad_request(
            "member limit can't be specified for links requiring administrator approval",
        ));
    }
    let name: String = args.text("name").trim().chars().take(LONGEST_NAME).collect();
    let link = InviteLink {
        url: state.next_invite_link(),
        creator: state.bot,
        name: Some(name).filter(|name| !name.is_empty()),
        expires: Some(args.number("expire_date")).filter(|date| *date > 0),
        member_limit: Some(limit).filter(|limit| *limit > 0),
        joined: 0,
        creates_join_request,
        is_primary: false,
        is_revoked: false,
    };
    keep(state, chat_id, link)
}

fn keep(state: &mut State, chat_id: ChatId, link: InviteLink) -> MethodResult {
    if let Some(chat) = state.chats.get_mut(&chat_id) {
        chat.links.push(link.clone());
    }
    Ok(Answer::value(&state.link_json(access::entry(state, chat_id)?, &link)))
}

/// Makes a new primary link and revokes the old one, which `create` never does. The result is the link alone.
pub(super) fn export(state: &mut State, args: &Args) -> MethodResult {
    let chat_id = linkable(state, args)?;
    let bot = state.bot;
    let link = InviteLink {
        url: state.next_invite_link(),
        creator: bot,
        name: None,
        expires: None,
        member_limit: None,
        joined: 0,
        creates_join_request: false,
        is_primary: true,
        is_revoked: false,
    };
    let url = link.url.clone();
    if let Some(chat) = state.chats.get_mut(&chat_id) {
        for old in chat.links.iter_mut().filter(|old| old.is_primary && old.creator == bot) {
            old.is_revoked = true;
        }
        chat.links.push(link);
    }
    Ok(Answer::value(&url))
}

fn linkable(state: &State, args: &Args) -> Result<ChatId, ApiError> {
    let chat_id = access::chat(state, args, Access::Write)?;
    access::need_right(state, chat_id, AdminRights::INVITE_USERS, NO_RIGHT_TO_LINKS)?;
    Ok(chat_id)
}

pub(super) fn approve(state: &mut State, args: &Args) -> MethodResult {
    let (chat_id, user, link) = request(state, args)?;
    let actor = state.bot;
    state.enter(chat_id, user, actor, &Entrance { link, via_join_request: true });
    Ok(Answer::yes())
}

pub(super) fn decline(state: &mut State, args: &Args) -> MethodResult {
    let (chat_id, user, _) = request(state, args)?;
    state.close_request(chat_id, user);
    Ok(Answer::yes())
}

/// The pending request that a call is about.
fn request(state: &State, args: &Args) -> Result<(ChatId, UserId, Option<String>), ApiError> {
    let user = access::user_id(args)?;
    let chat_id = access::chat(state, args, Access::Write)?;
    access::need_right(state, chat_id, AdminRights::INVITE_USERS, NO_RIGHT_TO_REQUESTS)?;
    let chat = access::entry(state, chat_id)?;
    if chat.status(user, state.now()).is_present() {
        return Err(ApiError::bad_request("USER_ALREADY_PARTICIPANT"));
    }
    if state.users.get(&user).is_some_and(|user| user.is_deleted) {
        return Err(ApiError::forbidden("user is deactivated"));
    }
    match chat.join_requests.get(&user) {
        Some(request) => Ok((chat_id, user, request.link.clone())),
        None => Err(ApiError::bad_request("HIDE_REQUESTER_MISSING")),
    }
}
