//! `/help` and `/start`: what the bot is for, in a few lines.

use super::HandlerError;
use crate::{
    enforce::Enforcer,
    event::{ChatKind, MessagePosted},
    fence::Fence,
    texts::reply,
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_help(enforcer: &Enforcer, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    let (text, tidy) = match message.chat.kind {
        ChatKind::Private => (reply::IN_PRIVATE, Vec::new()),
        ChatKind::Group | ChatKind::Supergroup => (reply::HELP, vec![message.message]),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    enforcer.say(fence, message.chat.id, text.to_owned(), message.topic, &tidy).await.map(drop)
}
