//! Which method a request names, and the one table from names to what they do.

use crate::args::Args;
use crate::floods::Cost;
use crate::hub::Hub;
use crate::reply::{ApiError, MethodResult};

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

/// Runs a method. Only the two that wait are async inside.
pub(crate) async fn call(hub: &Hub, name: Name, args: &Args) -> MethodResult {
    let cost = match name {
        Name::SendMessage | Name::EditMessageText | Name::EditMessageReplyMarkup => {
            hub.read(|state| access::chat_id(state, args.text("chat_id"))).ok().map(Cost::Send)
        }
        Name::GetChatMember => Some(Cost::Read),
        Name::SetWebhook if args.has("url") => Some(Cost::Webhook),
        _ => None,
    };
    if let Some(cost) = cost {
        hub.floods(|floods| floods.admit(hub.clock.now_ms(), cost)).map_err(ApiError::flood)?;
    }
    match name {
        Name::GetUpdates => updates::get_updates(hub, args).await,
        Name::SetWebhook => webhook::set(hub, args).await,
        Name::DeleteWebhook => webhook::delete(hub, args),
        Name::GetWebhookInfo => hub.change(webhook::info),
        Name::GetMe => hub.read(chats::get_me),
        Name::GetChat => hub.change(|state| chats::get_chat(state, args)),
        Name::GetChatMember => hub.read(|state| members::get_member(state, args)),
        Name::GetChatAdministrators => hub.read(|state| members::get_administrators(state, args)),
        Name::GetChatMemberCount => hub.read(|state| members::get_count(state, args)),
        Name::RestrictChatMember => hub.change(|state| moderation::restrict(state, args)),
        Name::PromoteChatMember => hub.change(|state| moderation::promote(state, args)),
        Name::BanChatMember => hub.change(|state| moderation::ban(state, args)),
        Name::UnbanChatMember => hub.change(|state| moderation::unban(state, args)),
        Name::SendMessage => hub.change(|state| sending::send_message(state, args)),
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
    }
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
