//! Which requests to Telegram's core a call makes, one after another, before it has its effect.

use crate::args::Args;
use crate::floods::Cost;
use crate::ids::{ChatId, UserId};
use crate::methods::access::{self, Access};
use crate::methods::moderation::Verdict;
use crate::methods::{Name, members, moderation};
use crate::reply::ApiError;
use crate::state::State;

/// The requests of a call that is sound so far. One that fails by itself makes none: the error comes at once.
/// Sending is not here: its request waits for its turn in the chat (see [`crate::floods::chains`]).
pub(super) fn of(state: &State, name: Name, args: &Args) -> Vec<Cost> {
    match name {
        // Answered by the server itself; or waits on its own.
        Name::GetMe
        | Name::GetUpdates
        | Name::SetWebhook
        | Name::DeleteWebhook
        | Name::GetWebhookInfo
        | Name::LogOut
        | Name::SendMessage => Vec::new(),
        Name::EditMessageText | Name::EditMessageReplyMarkup => writable(state, args, Cost::Edit),
        Name::GetChatMember => {
            members::asked(state, args).map(|(chat, user)| look_up(state, chat, user)).unwrap_or_default()
        }
        Name::RestrictChatMember => judged(state, args, moderation::restriction(state, args)),
        Name::PromoteChatMember => judged(state, args, moderation::promotion(state, args)),
        Name::BanChatMember => judged(state, args, moderation::banning(state, args)),
        Name::UnbanChatMember => judged(state, args, moderation::unbanning(state, args)),
        // The message is loaded first.
        Name::DeleteMessage => with_chat(state, args, |chat| vec![Cost::Other, Cost::Delete(chat)]),
        Name::DeleteMessages => with_chat(state, args, |chat| vec![Cost::Delete(chat)]),
        Name::SendChatAction => writable(state, args, |_| Cost::Action),
        Name::GetChat | Name::GetChatAdministrators | Name::GetChatMemberCount => {
            with_chat(state, args, |_| vec![Cost::Other])
        }
        Name::AnswerCallbackQuery
        | Name::CreateChatInviteLink
        | Name::ExportChatInviteLink
        | Name::ApproveChatJoinRequest
        | Name::DeclineChatJoinRequest
        | Name::LeaveChat
        | Name::SetMyCommands
        | Name::GetMyCommands
        | Name::DeleteMyCommands => vec![Cost::Other],
    }
}

/// A change of a member: the look-up, and the change itself unless it would change nothing.
fn judged(state: &State, args: &Args, verdict: Result<Verdict, ApiError>) -> Vec<Cost> {
    let (Ok(verdict), Ok((chat, user))) = (verdict, members::asked(state, args)) else {
        return Vec::new();
    };
    let mut steps = look_up(state, chat, user);
    if verdict != Verdict::Same {
        steps.push(Cost::Restrict(chat));
    }
    steps
}

/// A member's look-up, which costs nothing when the server has it in its cache.
fn look_up(state: &State, chat: ChatId, user: UserId) -> Vec<Cost> {
    if state.is_cached(chat, user) || chat.0 > 0 { Vec::new() } else { vec![Cost::Read(chat)] }
}

fn writable(state: &State, args: &Args, cost: impl FnOnce(ChatId) -> Cost) -> Vec<Cost> {
    access::chat(state, args, Access::Write).map(|chat| vec![cost(chat)]).unwrap_or_default()
}

fn with_chat(state: &State, args: &Args, steps: impl FnOnce(ChatId) -> Vec<Cost>) -> Vec<Cost> {
    access::chat(state, args, Access::Read).map(steps).unwrap_or_default()
}
