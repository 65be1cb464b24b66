//! What each method gives back.

use crate::methods::Name;
use crate::schema::messages::MESSAGE;
use crate::schema::people::{CHAT_FULL_INFO, CHAT_INVITE_LINK, CHAT_MEMBER, ME};
use crate::schema::shape::Type::{self, Array, Integer, Object, Text, True, Union};
use crate::schema::updates::{BOT_COMMAND, WEBHOOK_INFO};

static A_MEMBER: Type = Union(&CHAT_MEMBER);
static A_COMMAND: Type = Object(&BOT_COMMAND);

/// The type of a method's result. `None`: its parts were checked when they were made, as updates are.
pub(super) fn of(method: Name) -> Option<Type> {
    Some(match method {
        Name::GetUpdates => return None,
        Name::GetMe => Object(&ME),
        Name::GetWebhookInfo => Object(&WEBHOOK_INFO),
        Name::GetChat => Object(&CHAT_FULL_INFO),
        Name::GetChatMember => Union(&CHAT_MEMBER),
        Name::GetChatAdministrators => Array(&A_MEMBER),
        Name::GetChatMemberCount => Integer,
        // Those of inline messages give `true`, but there are none here.
        Name::SendMessage | Name::EditMessageText | Name::EditMessageReplyMarkup => Object(&MESSAGE),
        Name::CreateChatInviteLink => Object(&CHAT_INVITE_LINK),
        Name::ExportChatInviteLink => Text,
        Name::GetMyCommands => Array(&A_COMMAND),
        Name::SetWebhook
        | Name::DeleteWebhook
        | Name::LogOut
        | Name::RestrictChatMember
        | Name::PromoteChatMember
        | Name::BanChatMember
        | Name::UnbanChatMember
        | Name::SendChatAction
        | Name::DeleteMessage
        | Name::DeleteMessages
        | Name::AnswerCallbackQuery
        | Name::ApproveChatJoinRequest
        | Name::DeclineChatJoinRequest
        | Name::LeaveChat
        | Name::SetMyCommands
        | Name::DeleteMyCommands => True,
    })
}
