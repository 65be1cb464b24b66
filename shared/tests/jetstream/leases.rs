//! Who holds a shard.

use super::*;

#[tokio::test]
async fn a_lease_has_one_holder_and_passes_on() {
    let server = Server::start();
    let queue = server.queue().await;
    let lease = take(&queue, Shard(0), "one").await;
    assert!(queue.take(Shard(0), "two").await.expect("an answer").is_none());
    let renewed = queue.renew(&lease).await.expect("still ours");
    assert!(renewed.revision > lease.revision && renewed.epoch == lease.epoch && renewed.deadline > lease.deadline);
    // The answer to that renewal was lost: the old revision still renews.
    queue.renew(&lease).await.expect("adopted");
    // Our own name is adopted, as a new period.
    let again = take(&queue, Shard(0), "one").await;
    assert!(again.epoch > renewed.revision);

    queue.release(&again).await.expect("given back");
    let other = take(&queue, Shard(0), "two").await;
    assert!(other.epoch > again.epoch);
    assert!(matches!(queue.renew(&again).await, Err(DeliverError::Lost)));
    // Giving back what is no longer ours takes it from nobody.
    queue.release(&again).await.expect("nothing to do");
    queue.renew(&other).await.expect("still theirs");
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out() {
    let server = Server::start();
    let queue = server.queue().await;
    let lease = take(&queue, Shard(0), "one").await;
    let next = until(async || {
        queue.take(Shard(0), "two").await.transpose().ok_or("held").and_then(|taken| taken.map_err(|_| "error"))
    })
    .await;
    assert!(next.epoch > lease.epoch);
    assert!(tokio::time::Instant::now() > lease.deadline, "it was taken while its holder might still act");
    // And the new holder's first renewals do not make it immortal (queue.md, pitfall 2).
    let renewed = queue.renew(&next).await.expect("still ours");
    until(async || {
        queue.take(Shard(0), "three").await.transpose().ok_or("held").and_then(|taken| taken.map_err(|_| "error"))
    })
    .await;
    assert!(matches!(queue.renew(&renewed).await, Err(DeliverError::Lost)));
}
