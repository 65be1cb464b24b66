//! The methods there are, and the one table from their names to what they do.

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
pub(crate) mod webhook;

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
    LogOut => "logOut",
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

/// Runs a method. Only the two that wait are async inside.
pub(crate) async fn call(hub: &Hub, name: Name, args: &Args) -> MethodResult {
    if hub.read(|state| state.logged_out) {
        return Err(ApiError::new(400, "Logged out"));
    }
    let cost = match name {
        Name::SendMessage | Name::EditMessageText | Name::EditMessageReplyMarkup => {
            hub.read(|state| access::chat_id(state, args.text("chat_id"))).ok().map(Cost::Send)
        }
        Name::GetChatMember => Some(Cost::Read),
        Name::SetWebhook if !args.text("url").trim().is_empty() => Some(Cost::Webhook),
        _ => None,
    };
    if let Some(cost) = cost {
        hub.floods(|floods| floods.admit(hub.clock.now_ms(), cost)).map_err(ApiError::flood)?;
    }
    match name {
        Name::GetUpdates => updates::get_updates(hub, args).await,
        Name::SetWebhook => webhook::set(hub, args).await,
        Name::DeleteWebhook => webhook::delete(hub, args),
        Name::LogOut => hub.change(webhook::log_out),
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
