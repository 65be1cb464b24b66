//! A small world to begin with, for somebody who opens the playground on an empty one.

use serde::Serialize;

use crate::ids::{ChatId, UserId};
use crate::rights::AdminRights;
use crate::world::World;

/// Who and what was made.
#[derive(Serialize)]
pub(super) struct Example {
    olga: UserId,
    ann: UserId,
    ben: UserId,
    group: ChatId,
    channel: ChatId,
}

/// Olga's group and channel with the bot as administrator in both. Ben reads the channel, Ann does not yet.
pub(super) fn make(world: &World) -> Example {
    let (olga, ann, ben) = (world.person("Olga"), world.person("Ann"), world.person("Ben"));
    let name = free_name(world);
    let channel = world.channel("Daily News", Some(&name), olga);
    let group = world.group("Readers' Corner", olga);
    world.add_bot(channel, AdminRights::INVITE_USERS);
    world.add_bot(group, AdminRights::MODERATOR);
    world.seed_members(channel, &[ben]);
    world.seed_members(group, &[ann, ben]);
    Example { olga, ann, ben, group, channel }
}

/// `daily_news`, or with the first number that makes it free.
fn free_name(world: &World) -> String {
    let taken = |name: &String| world.hub.read(|state| state.chat_named(name).is_some());
    let plain = "daily_news".to_owned();
    let numbered = (2..).map(|number: u32| format!("{plain}_{number}"));
    std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(plain)
}
