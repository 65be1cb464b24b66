//! `/status`: on or off, the channels and whether each can be reached, the bot's own rights, and how many are muted.

use super::HandlerError;
use crate::{
    desk::Desk,
    event::MessagePosted,
    fence::Fence,
    groups::{Channel, Rules},
    texts::reply::{self, Reach, Status},
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_status(desk: &Desk<'_>, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    let group = message.chat.id;
    let text = match desk.groups.rules(group).await? {
        None => reply::NOT_PROTECTED.to_owned(),
        Some(rules) => reply::status(&Status {
            channels: reaches(desk, &rules).await,
            lacking: desk.lacking(group).await.ok(),
            muted: desk.store.count_open_mutes(group).await?,
        }),
    };
    desk.enforcer.say(fence, group, text, message.topic, &[message.message]).await.map(drop)
}

async fn reaches<'a>(desk: &Desk<'_>, rules: &'a Rules) -> Vec<(&'a Channel, Reach)> {
    let looks = rules.channels.iter().map(async |channel| (channel, desk.reach(channel.id).await));
    futures::future::join_all(looks).await
}
