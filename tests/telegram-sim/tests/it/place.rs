//! A world that most tests start from: a group and a channel with the bot, and a few people.

use std::sync::Arc;

use telegram_sim::config::SimConfig;
use telegram_sim::ids::{ChatId, UserId};
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;
use telegram_sim::world::World;

use crate::bot::{Bot, roomy, start_with};

pub(crate) struct Place {
    pub(crate) sim: Arc<Simulator>,
    pub(crate) bot: Bot,
    pub(crate) world: World,
    pub(crate) owner: UserId,
    pub(crate) ann: UserId,
    pub(crate) group: ChatId,
    pub(crate) channel: ChatId,
}

pub(crate) async fn place() -> anyhow::Result<Place> {
    place_with(roomy(), AdminRights::MODERATOR).await
}

/// The updates of setting it up are read and confirmed.
pub(crate) async fn place_with(config: SimConfig, rights: AdminRights) -> anyhow::Result<Place> {
    let (sim, bot) = start_with(config).await?;
    let world = sim.world();
    let owner = world.person("Olga");
    let group = world.group("Readers", owner);
    let channel = world.channel("Newspaper", Some("newspaper"), owner);
    world.add_bot(group, rights);
    world.add_bot(channel, AdminRights::INVITE_USERS);
    let ann = world.person_in(group, "Ann");
    bot.updates().await?;
    bot.updates().await?;
    Ok(Place { sim, bot, world, owner, ann, group, channel })
}
