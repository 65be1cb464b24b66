//! A raid: thousands come into one group at once, each with a queue of their own, and no other group waits for them.

use std::time::Duration;

use system_tests::{
    split::{Split, stored},
    wait::wait_for,
};
use telegram_sim::faults::Fault;

use super::crowd::PATIENCE;

/// More than a chat may have stored of one queue, by far: those who come have a queue each.
const RAIDERS: usize = 10_000;

/// So that the raid is far from over when the others are looked at.
const LATENCY: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raid_holds_up_no_other_group_of_its_shard() -> anyhow::Result<()> {
    let split = Split::prepare().await?.env("SHARDS", "1").env("NATS_MAX_MIB", "64");
    let (_gateway, mut worker) = split.start().await?;
    let (raided, quiet) = (split.protected_group().await?, split.protected_group().await?);
    let jetstream = split.jetstream().await?;
    split.sim.fault(Fault::latency(LATENCY).in_chat(raided.channel));

    // Nobody works meanwhile, so that all of it waits before the other group's message does.
    worker.stop().await?;
    for n in 0..RAIDERS {
        split.world.join(raided.group, split.world.person(&format!("Raider {n}")))?;
    }
    let at_least = u64::try_from(RAIDERS)?;
    wait_for("the raid to be stored", PATIENCE, async || match stored(&jetstream, "UPD").await {
        Ok(stored) if stored >= at_least => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    let offender = split.world.person_in(quiet.group, "Mallory");
    let message = split.world.say(quiet.group, offender, "Buy this!")?;

    let _worker = split.worker().start().await?;
    wait_for("the other group's message to go", PATIENCE, async || {
        if split.world.message(quiet.group, message).is_none() {
            Ok(())
        } else {
            Err(stored(&jetstream, "UPD")
                .await
                .map_or_else(|error| error.to_string(), |left| format!("{left} are stored")))
        }
    })
    .await?;
    let left = stored(&jetstream, "UPD").await?;
    assert!(left > at_least / 2, "the raid was over by then: {left} left");
    Ok(())
}
