//! A subscriber who leaves the channel is noticed by every worker: at once by what one of them tells the others, and without the update that
//! tells of it once the verdict has had its time.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use system_tests::{
    clock::RunClock,
    process::Process,
    split::{Split, stored},
    wait::wait_for,
};
use telegram_sim::{
    delivery_faults::DeliveryFaults,
    ids::{ChatId, UserId},
    rights::AdminRights,
};

use super::{crowd::PATIENCE, workers::start};

/// Enough for each of two workers to have some.
const GROUPS: usize = 16;
/// How long a subscriber is not asked about again: 10 minutes, and up to 15 % more.
const TTL: Duration = Duration::from_secs(690);

/// Two workers, and a subscriber of whom both know that she is one.
struct Community {
    split: Split,
    channel: ChatId,
    groups: Vec<ChatId>,
    ann: UserId,
    _gateway: Process,
    _workers: Vec<Process>,
}

impl Community {
    async fn gather(split: Split) -> anyhow::Result<Self> {
        let (gateway, mut first) = split.start().await?;
        let world = &split.world;
        let channel = world.channel("Daily News", Some("daily_news"), world.person("Olga"));
        world.add_bot(channel, AdminRights::INVITE_USERS);
        let places = world.seed(GROUPS, 0, AdminRights::MODERATOR);
        split.protect(channel, &places.iter().map(|place| (place.group, place.owner)).collect::<Vec<_>>()).await?;
        // Who leaves the channel is left alone until they write.
        let mut database = split.servers.database.connect().await?;
        let rule = r#"UPDATE protected_groups SET params = '{"on_channel_leave":"next_message"}'"#;
        sqlx::query(rule).execute(&mut database).await?;
        database.close().await?;
        first.stop().await?;
        let workers = start(&split, 2).await?;

        let groups: Vec<ChatId> = places.iter().map(|place| place.group).collect();
        let ann = split.world.person("Ann");
        split.world.seed_members(channel, &[ann]);
        for group in &groups {
            split.world.seed_members(*group, &[ann]);
        }
        let community = Self { split, channel, groups, ann, _gateway: gateway, _workers: workers };
        anyhow::ensure!(community.stands().await? == community.groups, "she is a subscriber");
        let asked = community.asked();
        anyhow::ensure!(community.stands().await? == community.groups, "she is a subscriber");
        anyhow::ensure!(community.asked() == asked, "she was asked about again");
        Ok(community)
    }

    /// She says something in every group where she may: the groups in which it stands once all is handled.
    async fn stands(&self) -> anyhow::Result<Vec<ChatId>> {
        let Self { split, groups, ann, .. } = self;
        let said = groups.iter().filter_map(|group| Some((*group, split.world.say(*group, *ann, "Hello!").ok()?)));
        let said: Vec<_> = said.collect();
        let jetstream = split.jetstream().await?;
        wait_for("all to be handled", PATIENCE, async || {
            let stored = stored(&jetstream, "UPD").await.map_err(|error| error.to_string())?;
            match (split.sim.pending_updates(), stored) {
                (0, 0) => Ok(()),
                left => Err(format!("{left:?} are left")),
            }
        })
        .await?;
        let stands = said.into_iter().filter(|(group, message)| split.world.message(*group, *message).is_some());
        Ok(stands.map(|(group, _)| group).collect())
    }

    /// How often Telegram was asked about her.
    fn asked(&self) -> usize {
        self.split.sim.calls().of("getChatMember").in_chat(self.channel).about(self.ann).len()
    }

    async fn is_noticed_everywhere(&self) -> anyhow::Result<()> {
        let noticed = async || match self.stands().await.map_err(|error| format!("{error:#}"))? {
            stands if stands.is_empty() => Ok(()),
            stands => Err(format!("she still writes in {stands:?}")),
        };
        wait_for("her to be noticed", PATIENCE, noticed).await?;
        for group in &self.groups {
            anyhow::ensure!(!self.split.world.can_speak(*group, self.ann), "she is not muted in {group}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn by_what_one_worker_tells_the_others() -> anyhow::Result<()> {
    let community = Community::gather(Split::prepare().await?).await?;
    community.split.world.leave(community.channel, community.ann)?;
    community.is_noticed_everywhere().await
}

#[tokio::test]
async fn without_an_update_when_the_verdict_has_had_its_time() -> anyhow::Result<()> {
    let mut clock = RunClock::new()?;
    let split = clock.env()?.into_iter().fold(Split::prepare().await?, |split, (name, value)| split.env(name, value));
    let community = Community::gather(split).await?;
    let sim = &community.split.sim;
    sim.set_delivery_faults(DeliveryFaults { lose_chat_member: 1.0, ..DeliveryFaults::none() });
    community.split.world.leave(community.channel, community.ann)?;
    let stands = community.stands().await.context("before the time is over")?;
    anyhow::ensure!(stands == community.groups, "nobody has told of it, but she is noticed in all but {stands:?}");
    clock.advance(&sim.clock(), TTL)?;
    community.is_noticed_everywhere().await
}
