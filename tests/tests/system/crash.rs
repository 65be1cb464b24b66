//! The worker is killed in the middle of a thousand updates: nothing is lost, and nothing is done twice that was done.

use system_tests::split::Split;

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
