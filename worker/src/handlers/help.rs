//! `/help` and `/start` in a group, in a few words.

use super::HandlerError;
use crate::{
    enforce::Enforcer,
    event::{ChatKind, MessagePosted},
    fence::Fence,
    texts::sentences,
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_help(enforcer: &Enforcer, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    say(enforcer, fence, message, sentences::HELP_IN_GROUP).await
}

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_start(enforcer: &Enforcer, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    say(enforcer, fence, message, sentences::STARTED_IN_GROUP).await
}

async fn say(enforcer: &Enforcer, fence: &Fence, message: &MessagePosted, text: &str) -> Result<(), HandlerError> {
    match message.chat.kind {
        ChatKind::Group | ChatKind::Supergroup => {}
        ChatKind::Private | ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    }
    enforcer.say(fence, message.chat.id, text.to_owned(), message.topic, &[message.message]).await.map(drop)
}
