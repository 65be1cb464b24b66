//! The worker is killed in the middle of its work: nothing is lost, nothing is done twice that was done, and nobody is judged by rules that came later.

use system_tests::{
    place::Place,
    split::{Split, stored},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::{faults::Fault, world::seeing::Seen};

use super::crowd::{Crowd, LIMITS};

/// When the worker is killed: after so many of 200 offenders have been muted (or warned).
const MOMENTS: [(&str, usize); 3] = [("restrictChatMember", 10), ("restrictChatMember", 70), ("sendMessage", 130)];

#[tokio::test]
async fn every_update_is_handled_and_every_offender_muted_once_though_the_worker_is_killed() -> anyhow::Result<()> {
    let split = LIMITS.iter().fold(Split::prepare().await?, |split, (name, value)| split.worker_env(name, value));
    let (_gateway, mut worker) = split.start().await?;
    let crowd = Crowd::gather(&split).await?;
    for (method, count) in MOMENTS {
        // The worker begins when everything waits for it.
        assert_eq!(worker.stop().await?, 0);
        let round = crowd.talk()?;
        crowd.all_queued().await?;
        worker = split.worker().start().await?;
        crowd.reached(&round, method, count).await?;
        let killed_ms = split.sim.clock().now_ms();
        worker.kill().await?;
        let kill = crowd.killed_at(killed_ms).await?;

        worker = split.worker().start().await?;
        crowd.all_handled().await?;
        crowd.judge(&round, Some(&kill)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_said_before_protect_stands_though_the_worker_is_killed_after_it() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let (_gateway, mut worker) = split.start().await?;
    let Place { group, channel: _, owner } = split.place();
    let greeted = |seen: &Seen| seen.text.starts_with("Hello! ");
    split.sim.wait_until("the greeting", PATIENCE, |world| world.bot_messages(group).iter().any(greeted)).await?;
    assert_eq!(worker.stop().await?, 0);

    // All three are handed over together.
    let (ann, ben) = (split.world.person_in(group, "Ann"), split.world.person_in(group, "Ben"));
    let before = split.world.say(group, ann, "Anybody here?")?;
    split.world.say(group, owner, "/protect @daily_news_0")?;
    let after = split.world.say(group, ben, "Buy this!")?;
    split.sim.wait_until("all to be queued", PATIENCE, |_| split.sim.pending_updates() == 0).await?;
    let hang = split.sim.fault(Fault::hang(PATIENCE).on("restrictChatMember").about(ben));
    worker = split.worker().start().await?;
    let muting = || !split.sim.calls().of("restrictChatMember").about(ben).is_empty();
    split.sim.wait_until("the mute to have begun", PATIENCE, |_| muting()).await?;
    worker.kill().await?;
    split.sim.end_fault(hang);

    let _worker = split.worker().start().await?;
    split.sim.wait_until("the mute", PATIENCE, |world| !world.can_speak(group, ben)).await?;
    let jetstream = split.jetstream().await?;
    wait_for("every update to be handled", PATIENCE, async || match stored(&jetstream, "UPD").await {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?} in the queue")),
    })
    .await?;
    let stands = |message| split.world.message(group, message).is_some();
    assert_eq!((stands(before), stands(after)), (true, false));
    assert!(split.world.can_speak(group, ann), "muted for what was said in an unprotected group");
    Ok(())
}
