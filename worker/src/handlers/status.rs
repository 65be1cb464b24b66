//! `/status`: on or off, the channels and whether each can be reached, the bot's own rights, and how many are muted.

use std::time::Duration;

use shared::ids::{BotId, UserId};

use super::HandlerError;
use crate::{
    enforce::Enforcer,
    event::{MessagePosted, Task},
    fence::Fence,
    groups::{Channel, Groups, Rules},
    store::Store,
    telegram::{
        Telegram,
        budget::Priority,
        error::Error,
        replies::{Member, MemberStatus},
    },
    texts::reply::{self, Reach, Status},
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_status(
    bot: BotId,
    groups: &Groups,
    enforcer: &Enforcer,
    store: &Store,
    telegram: &Telegram,
    fence: &Fence,
    message: &MessagePosted,
) -> Result<(), HandlerError> {
    let group = message.chat.id;
    let text = match groups.rules(group).await? {
        None => reply::NOT_PROTECTED.to_owned(),
        Some(rules) => {
            enforcer.look_if_paused(group, &rules).await?;
            reply::status(&Status {
                paused: rules.paused,
                channels: reaches(telegram, store, enforcer, bot, &rules).await?,
                lacking: telegram
                    .member(group, UserId(bot.0), Priority::P0)
                    .await
                    .ok()
                    .map(|own| reply::lacking(own.rights)),
                muted: store.count_open_mutes(group).await?,
            })
        }
    };
    enforcer.say(fence, group, text, message.topic, &[message.message]).await.map(drop)
}

/// As Telegram tells now. A channel that is found in order though its breaker is open is looked at by its own lane at once.
async fn reaches<'a>(
    telegram: &Telegram,
    store: &Store,
    enforcer: &Enforcer,
    bot: BotId,
    rules: &'a Rules,
) -> Result<Vec<(&'a Channel, Reach)>, HandlerError> {
    let looks = rules.channels.iter().map(async |channel| {
        let reach = match telegram.member(channel.id.into(), UserId(bot.0), Priority::P0).await {
            Ok(Member { status: MemberStatus::Administrator | MemberStatus::Creator, .. }) => Reach::Fine,
            Ok(_) | Err(Error::ChatInaccessible { .. } | Error::MissingRight { .. }) => Reach::NotAdmin,
            Err(_) => Reach::Unknown,
        };
        let open = store.breaker(channel.id).await?.is_some();
        if open && reach == Reach::Fine {
            enforcer.later(channel.id.into(), &Task::Probe { about: None }, Duration::ZERO).await?;
        }
        let asked_for = !open || reach == Reach::Fine;
        Ok((channel, if asked_for { reach } else { Reach::NotAdmin }))
    });
    futures::future::try_join_all(looks).await
}
