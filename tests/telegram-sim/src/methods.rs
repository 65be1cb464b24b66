//! The methods there are, and the one table from their names to what they do.

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
    pub(crate) fn called(given: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(given)).map(|(method, _)| *method)
    }

    pub(crate) fn all() -> Vec<&'static str> {
        Self::ALL.iter().map(|(_, name)| *name).collect()
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }
}

/// Telegram's answer to a method that it does not have. It has many that are not here, and whoever writes the bot should
/// know which it was.
pub(crate) fn unknown(method: &str) -> ApiError {
    tracing::warn!(method, "this simulator does not have that method; those it has are at /control/methods");
    ApiError::new(404, "Not Found: method not found")
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
    if hub.read(|state| state.logged_out) {
        return Err(ApiError::new(400, "Logged out"));
    }
    let _under_way = core.enter().await?;
    let mut taken_ms = None;
    for cost in hub.read(|state| steps::of(state, name, args)) {
        taken_ms = Some(core.request(cost).await?);
    }
    let outcome = match name {
        Name::GetUpdates => updates::get_updates(hub, args).await,
        Name::SetWebhook => {
            if !args.text("url").trim().is_empty() {
                hub.floods(|floods| floods.admit_webhook(hub.clock.now_ms())).map_err(ApiError::flood)?;
            }
            webhook::set(hub, args).await
        }
        Name::DeleteWebhook => webhook::delete(hub, args),
        Name::LogOut => hub.change(webhook::log_out),
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
