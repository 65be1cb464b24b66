//! Taking messages away and taking or giving back the right to write.

use serde::Serialize;
use shared::ids::{ChatId, MessageId, UserId};
use teloxide_core::payloads;
use teloxide_core::requests::Payload;
use teloxide_core::types::True;

use super::Telegram;
use super::budget::{Ask, Class, Priority};
use super::calls::Terms;
use super::chats::recipient;
use super::error::Error;
use super::permissions::Permissions;
use super::replies::read_true;

/// Bot API restrictChatMember. Not teloxide's, whose permissions lack the newer ones and cannot take ours.
#[derive(Debug, Serialize)]
struct RestrictChatMember {
    chat_id: ChatId,
    user_id: UserId,
    permissions: Permissions,
    /// Without this, some permissions would imply others.
    use_independent_chat_permissions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_date: Option<i64>,
}

impl Payload for RestrictChatMember {
    type Output = True;
    const NAME: &'static str = "RestrictChatMember";
}

/// Bot API banChatMember. Not teloxide's, which takes no plain seconds.
#[derive(Debug, Serialize)]
struct BanChatMember {
    chat_id: ChatId,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_date: Option<i64>,
}

impl Payload for BanChatMember {
    type Output = True;
    const NAME: &'static str = "BanChatMember";
}

/// What one deleteMessages takes (Bot API).
const DELETED_AT_ONCE: usize = 100;

impl Telegram {
    /// Deletes messages of one chat. Those that are gone already count as deleted. Returns those that cannot be deleted: too old (48
    /// hours), of a kind that stays, or the bot lacks `can_delete_messages`.
    ///
    /// # Errors
    /// The call as a whole failed; then some of them may be deleted. Repeating it is harmless.
    pub async fn delete(
        &self,
        chat: ChatId,
        messages: &[MessageId],
        priority: Priority,
    ) -> Result<Vec<MessageId>, Error> {
        let mut undeletable = Vec::new();
        for some in messages.chunks(DELETED_AT_ONCE) {
            // One undeletable message fails them all, so what fails together is tried one by one.
            if some.len() > 1 && self.delete_together(chat, some, priority).await? {
                continue;
            }
            for message in some {
                if !self.delete_one(chat, *message, priority).await? {
                    undeletable.push(*message);
                }
            }
        }
        Ok(undeletable)
    }

    /// Sets what a member of a supergroup may do, until a moment in unix seconds (none: for ever; less than 30 s or more than 366 days
    /// ahead means for ever to Telegram too). [`Permissions::ALL`] lifts all restrictions.
    ///
    /// Look at the member first: on somebody who is banned any call lifts the ban, and on an administrator a release may demote them. For
    /// that reason it is not repeated here: what was seen before the first try may not be so before the second.
    ///
    /// # Errors
    /// [`Error::UserIsAdmin`], [`Error::OnlySupergroups`], [`Error::MissingRight`] without `can_restrict_members`.
    pub async fn restrict(
        &self,
        chat: ChatId,
        user: UserId,
        permissions: Permissions,
        until: Option<i64>,
        priority: Priority,
    ) -> Result<(), Error> {
        let payload = RestrictChatMember {
            chat_id: chat,
            user_id: user,
            permissions,
            use_independent_chat_permissions: true,
            until_date: until,
        };
        let ask = Ask { class: Class::Moderate, chat: Some(chat), priority };
        self.call(&payload, Terms::Once(ask), read_true).await
    }

    /// Bans somebody until a moment in unix seconds (none: for ever). Twice is harmless.
    ///
    /// # Errors
    /// [`Error::UserIsAdmin`], [`Error::MissingRight`] without `can_restrict_members`.
    pub async fn ban(&self, chat: ChatId, user: UserId, until: Option<i64>, priority: Priority) -> Result<(), Error> {
        let payload = BanChatMember { chat_id: chat, user_id: user, until_date: until };
        self.call(&payload, Terms::queued(Class::Moderate, chat, priority), read_true).await
    }

    /// False: at least one of them cannot be deleted, and nothing is known about the others.
    async fn delete_together(&self, chat: ChatId, messages: &[MessageId], priority: Priority) -> Result<bool, Error> {
        let Some(ids) = messages.iter().map(|message| telegram_id(*message)).collect::<Option<Vec<_>>>() else {
            return Ok(false);
        };
        let payload = payloads::DeleteMessages::new(recipient(chat), ids);
        match self.call(&payload, Terms::queued(Class::Moderate, chat, priority), read_true).await {
            Ok(()) => Ok(true),
            Err(
                Error::MessageGone | Error::MessageStays | Error::MissingRight { .. } | Error::Other { code: 400, .. },
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// False: it is there and cannot be deleted.
    async fn delete_one(&self, chat: ChatId, message: MessageId, priority: Priority) -> Result<bool, Error> {
        let Some(id) = telegram_id(message) else {
            return Ok(true);
        };
        let payload = payloads::DeleteMessage::new(recipient(chat), id);
        match self.call(&payload, Terms::queued(Class::Moderate, chat, priority), read_true).await {
            Ok(()) | Err(Error::MessageGone) => Ok(true),
            Err(Error::MessageStays | Error::MissingRight { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// None: no message has such a number.
fn telegram_id(message: MessageId) -> Option<teloxide_core::types::MessageId> {
    i32::try_from(message.0).ok().map(teloxide_core::types::MessageId)
}
