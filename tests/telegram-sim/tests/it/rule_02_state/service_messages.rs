//! From which size on a group shows no service messages of joins and leaves. Not known, so a setting.

use telegram_sim::config::SimConfig;
use telegram_sim::rights::AdminRights;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place_with};

#[tokio::test]
async fn joins_and_leaves_are_quiet_in_groups_from_a_size_on() -> TestResult {
    let config = SimConfig { quiet_joins_from: 5, quiet_leaves_from: 4, ..SimConfig::default() };
    // The owner, the bot and Ann are in.
    let Place { bot, group, world, .. } = place_with(config, AdminRights::MODERATOR).await?;
    let come_and_go = async |name: &str| {
        let person = world.person(name);
        world.join(group, person)?;
        let come = kinds(&bot.updates().await?).len();
        world.leave(group, person)?;
        anyhow::Ok((come, kinds(&bot.updates().await?).len()))
    };
    assert_eq!(come_and_go("Ben").await?, (2, 2), "an update and a service message each");
    let _fourth = world.person_in(group, "Cat");
    assert_eq!(come_and_go("Dan").await?, (1, 1), "the fifth is one too many for both");
    Ok(())
}

#[tokio::test]
async fn by_default_leaves_are_quiet_above_fifty_members_and_joins_above_ten_thousand() -> TestResult {
    let Place { bot, world, .. } = place_with(SimConfig::default(), AdminRights::MODERATOR).await?;
    for (members, joins_shown, leaves_shown) in [(40, true, true), (60, true, false), (10_000, false, false)] {
        let group = world.seed(1, members, AdminRights::MODERATOR)[0].group;
        let person = world.person("Ben");
        world.join(group, person)?;
        assert_eq!(kinds(&bot.updates().await?).contains(&"message"), joins_shown, "{members}");
        world.leave(group, person)?;
        assert_eq!(kinds(&bot.updates().await?).contains(&"message"), leaves_shown, "{members}");
    }
    Ok(())
}
