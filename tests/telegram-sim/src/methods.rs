//! Which method a request names, and the one table from names to what they do.

use crate::args::Args;
use crate::floods::waiting::Core;
use crate::floods::{Cost, chains};
use crate::hub::Hub;
use crate::ids::{ChatId, UserId};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;

mod access;
mod callbacks;
mod chats;
mod commands;
mod html;
mod invites;
mod keyboard;
mod members;
mod messages;
mod moderation;
mod permissions;
mod sending;
mod steps;
pub(crate) mod updates;
mod webhook;

macro_rules! methods {
    ($($variant:ident => $name:literal,)*) => {
        /// A method of the Bot API that exists here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name { $($variant,)* }

        impl Name {
            const ALL: &[(Self, &str)] = &[$((Self::$variant, $name),)*];
        }
    };
}

methods! {
    GetMe => "getMe",
    GetUpdates => "getUpdates",
    SetWebhook => "setWebhook",
    DeleteWebhook => "deleteWebhook",
    GetWebhookInfo => "getWebhookInfo",
    GetChat => "getChat",
    GetChatMember => "getChatMember",
    GetChatAdministrators => "getChatAdministrators",
    GetChatMemberCount => "getChatMemberCount",
    RestrictChatMember => "restrictChatMember",
    PromoteChatMember => "promoteChatMember",
    BanChatMember => "banChatMember",
    UnbanChatMember => "unbanChatMember",
    SendMessage => "sendMessage",
    SendChatAction => "sendChatAction",
    EditMessageText => "editMessageText",
    EditMessageReplyMarkup => "editMessageReplyMarkup",
    DeleteMessage => "deleteMessage",
    DeleteMessages => "deleteMessages",
    AnswerCallbackQuery => "answerCallbackQuery",
    CreateChatInviteLink => "createChatInviteLink",
    ExportChatInviteLink => "exportChatInviteLink",
    ApproveChatJoinRequest => "approveChatJoinRequest",
    DeclineChatJoinRequest => "declineChatJoinRequest",
    LeaveChat => "leaveChat",
    SetMyCommands => "setMyCommands",
    GetMyCommands => "getMyCommands",
    DeleteMyCommands => "deleteMyCommands",
}

impl Name {
    pub(crate) fn from_lower(lower: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(lower)).map(|(method, _)| *method)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }
}

/// The lower-cased method of a path, once its token is the bot's.
pub(crate) fn route(path: &str, token: &str) -> Result<String, ApiError> {
    let not_found = || ApiError::new(404, "Not Found");
    let rest = path.strip_prefix("/bot").ok_or_else(not_found)?;
    let (given, method) = rest.split_once('/').ok_or_else(not_found)?;
    // Tokens come percent-encoded from some clients.
    let given = given.replace("%3A", ":").replace("%3a", ":");
    check_token(&given, token)?;
    let method = method.strip_prefix("test/").unwrap_or(method);
    Ok(method.trim_end_matches('/').to_lowercase())
}

fn check_token(given: &str, token: &str) -> Result<(), ApiError> {
    if given.starts_with('0') || given.len() > 80 || !given.contains(':') {
        return Err(ApiError::new(401, "Unauthorized: invalid token specified"));
    }
    let is_number = given.split(':').next().is_some_and(|id| id.parse::<i64>().is_ok());
    if !is_number {
        return Err(ApiError::new(421, "Misdirected Request: unallowed token specified"));
    }
    if given != token {
        return Err(ApiError::new(401, "Unauthorized"));
    }
    Ok(())
}

/// The chat that a call names, and whom it is about: the member, the presser, or the one written to in private.
pub(crate) fn subject(state: &State, args: &Args) -> (Option<ChatId>, Option<UserId>) {
    let some = |number: i64| Some(number).filter(|number| *number != 0);
    let name = args.text("chat_id");
    let chat = if name.starts_with('@') { state.chat_named(name) } else { some(args.number("chat_id")).map(ChatId) };
    let presser = || state.callbacks.presser(args.number("callback_query_id"));
    let in_private = || chat.filter(|chat| chat.0 > 0).map(|chat| UserId(chat.0));
    (chat, some(args.number("user_id")).map(UserId).or_else(presser).or_else(in_private))
}

/// Runs a method by this way to Telegram's core: its requests first, with their waits, and then its effect.
pub(crate) async fn call(core: &Core<'_>, name: Name, args: &Args) -> MethodResult {
    let hub = core.hub;
    let _under_way = core.enter().await?;
    let mut taken_ms = None;
    for cost in hub.read(|state| steps::of(state, name, args)) {
        taken_ms = Some(core.request(cost).await?);
    }
    let outcome = match name {
        Name::GetUpdates => updates::get_updates(hub, args).await,
        Name::SetWebhook => {
            if args.has("url") {
                hub.floods(|floods| floods.admit_webhook(hub.clock.now_ms())).map_err(ApiError::flood)?;
            }
            webhook::set(hub, args).await
        }
        Name::DeleteWebhook => webhook::delete(hub, args),
        Name::GetWebhookInfo => hub.change(webhook::info),
        Name::GetMe => hub.read(chats::get_me),
        Name::GetChat => hub.change(|state| chats::get_chat(state, args)),
        Name::GetChatMember => hub.change(|state| members::get_member(state, args)),
        Name::GetChatAdministrators => hub.read(|state| members::get_administrators(state, args)),
        Name::GetChatMemberCount => hub.read(|state| members::get_count(state, args)),
        Name::RestrictChatMember => judged(hub, |state| moderation::restriction(state, args)),
        Name::PromoteChatMember => judged(hub, |state| moderation::promotion(state, args)),
        Name::BanChatMember => judged(hub, |state| moderation::banning(state, args)),
        Name::UnbanChatMember => judged(hub, |state| moderation::unbanning(state, args)),
        Name::SendMessage => send(core, args, &mut taken_ms).await,
        Name::SendChatAction => hub.read(|state| sending::send_action(state, args)),
        Name::EditMessageText => hub.change(|state| messages::edit_text(state, args)),
        Name::EditMessageReplyMarkup => hub.change(|state| messages::edit_reply_markup(state, args)),
        Name::DeleteMessage => hub.change(|state| messages::delete_one(state, args)),
        Name::DeleteMessages => hub.change(|state| messages::delete_many(state, args)),
        Name::AnswerCallbackQuery => hub.change(|state| callbacks::answer(state, args)),
        Name::CreateChatInviteLink => hub.change(|state| invites::create(state, args)),
        Name::ExportChatInviteLink => hub.change(|state| invites::export(state, args)),
        Name::ApproveChatJoinRequest => hub.change(|state| invites::approve(state, args)),
        Name::DeclineChatJoinRequest => hub.change(|state| invites::decline(state, args)),
        Name::LeaveChat => hub.change(|state| chats::leave(state, args)),
        Name::SetMyCommands => hub.change(|state| commands::set(state, args)),
        Name::GetMyCommands => hub.read(|state| commands::get(state, args)),
        Name::DeleteMyCommands => hub.change(|state| commands::delete(state, args)),
    };
    outcome.map(|answer| Answer { taken_ms, ..answer })
}

/// Judges and does in one go, so that nothing comes between.
fn judged(hub: &Hub, judge: impl FnOnce(&State) -> Result<moderation::Verdict, ApiError>) -> MethodResult {
    hub.change(|state| {
        let judged = judge(state);
        moderation::carry_out(state, judged)
    })
}

/// A message waits for the earlier ones of its chat, and holds the later ones until it is there.
async fn send(core: &Core<'_>, args: &Args, taken_ms: &mut Option<i64>) -> MethodResult {
    let hub = core.hub;
    let chat = hub.read(|state| sending::message(state, args))?.0;
    let turn = chains::turn(hub, chat).await?;
    *taken_ms = Some(core.request(Cost::Send(chat)).await.inspect_err(|refused| turn.fail(refused.0))?);
    hub.change(|state| sending::send_message(state, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_tokens_are_checked_as_telegram_does() {
        const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";
        let cases = [
            (format!("/bot{TOKEN}/GetMe"), Ok("getme".to_owned())),
            (format!("/bot{TOKEN}/test/getMe"), Ok("getme".to_owned())),
            (format!("/bot{TOKEN}/"), Ok(String::new())),
            (format!("/bot{TOKEN}"), Err((404, "Not Found"))),
            ("/elsewhere".to_owned(), Err((404, "Not Found"))),
            ("/bot123456:TEST-token-of-somebody-else/getMe".to_owned(), Err((401, "Unauthorized"))),
            ("/bot0123:abc/getMe".to_owned(), Err((401, "Unauthorized: invalid token specified"))),
            ("/botabc/getMe".to_owned(), Err((401, "Unauthorized: invalid token specified"))),
            ("/botabc:def/getMe".to_owned(), Err((421, "Misdirected Request: unallowed token specified"))),
        ];
        for (path, expected) in cases {
            let routed = route(&path, TOKEN).map_err(|error| (error.code, error.description));
            assert_eq!(routed, expected.map_err(|(code, text)| (code, text.to_owned())), "{path}");
        }
    }
}
