//! `/status`: on or off, the channels and whether each can be reached, the bot's own rights, and how many are muted.

use std::time::Duration;

use super::HandlerError;
use crate::{
    desk::Desk,
    event::{MessagePosted, Task},
    fence::Fence,
    groups::{Channel, Rules},
    texts::{
        reply::{self, Reach, Status},
        sentences,
    },
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_status(desk: &Desk<'_>, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    let group = message.chat.id;
    let text = match desk.groups.rules(group).await? {
        None => sentences::NOT_PROTECTED.to_owned(),
        Some(rules) => {
            desk.enforcer.look_if_paused(group, &rules).await?;
            reply::status(&Status {
                paused: rules.paused,
                mode: rules.settings.mode,
                channels: reaches(desk, &rules).await?,
                lacking: desk.lacking(group).await.ok(),
                muted: desk.store.count_open_mutes(group).await?,
            })
        }
    };
    desk.enforcer.say(fence, group, text, message.topic, &[message.message]).await.map(drop)
}

/// As Telegram tells now. A channel that is found in order though its breaker is open is looked at by its own lane at once.
async fn reaches<'a>(desk: &Desk<'_>, rules: &'a Rules) -> Result<Vec<(&'a Channel, Reach)>, HandlerError> {
    let looks = rules.channels.iter().map(async |channel| {
        let reach = desk.reach(channel.id).await;
        let open = desk.store.breaker(channel.id).await?.is_some();
        if open && reach == Reach::Fine {
            desk.enforcer.later(channel.id.into(), &Task::Probe { about: None }, Duration::ZERO).await?;
        }
        let asked_for = !open || reach == Reach::Fine;
        Ok((channel, if asked_for { reach } else { Reach::NotAdmin }))
    });
    futures::future::try_join_all(looks).await
}
