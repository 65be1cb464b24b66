//! How one period of ownership follows another.

use super::*;

#[tokio::test]
async fn a_new_period_starts_at_the_first_unacked_and_ends_the_one_before() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    for id in 1..=5 {
        queue.publish(&update(-100, id)).await.expect("stored");
    }
    let shard = shard_of(&config, -100);
    let old_lease = take(&queue, shard, "one").await;
    let mut old = queue.open(&old_lease).await.expect("deliveries");
    let (first, second) = (next(&mut old).await, next(&mut old).await);
    queue.ack(&second.receipt).await.expect("sent");
    until(async || match queue.backlog().await {
        Ok(4) => Ok(()),
        other => Err(other),
    })
    .await;

    let new_lease = take(&queue, shard, "one").await;
    let mut new = queue.open(&new_lease).await.expect("deliveries");
    let again = next(&mut new).await;
    assert_eq!((again.sequence, again.cut_short), (1, false), "the same process begins anew");
    assert_eq!(update_ids(&mut new, 3).await, [3, 4, 5]);
    // The earlier period gets nothing more: what was on its way, and then its end.
    let end = within(async {
        loop {
            match old.next().await.expect("an end that says why") {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    })
    .await;
    assert!(matches!(end, DeliverError::Interrupted(_)), "{end:?}");
    assert!(old.next().await.is_none());
    // Its late ack does nothing, and it cannot begin again.
    queue.ack(&first.receipt).await.expect("sent");
    assert!(matches!(queue.open(&old_lease).await, Err(DeliverError::Lost)));
    assert_eq!(queue.backlog().await.expect("a number"), 4);
}

#[tokio::test]
async fn a_deleted_consumer_ends_the_period() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    let lease = take(&queue, shard, "me").await;
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    queue.publish(&update(-100, 1)).await.expect("stored");
    next(&mut deliveries).await;
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let stream = async_nats::jetstream::new(client).get_stream("UPD").await.expect("the stream");
    let name = subject::consumer(shard, lease.epoch);
    let consumer: PullConsumer = stream.get_consumer(&name).await.expect("named with the epoch");
    assert_eq!(consumer.cached_info().config.filter_subject, subject::of_shard(config.shards, shard));
    stream.delete_consumer(&name).await.expect("deleted");
    let end = within(deliveries.next()).await.expect("an end that says why");
    assert!(matches!(end, Err(DeliverError::Interrupted(_))), "{end:?}");
}

#[tokio::test]
async fn what_a_process_had_that_ended_without_a_word_is_marked() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    for id in 1..=3 {
        queue.publish(&update(-100, id)).await.expect("stored");
    }
    let lease = take(&queue, shard, "killed").await;
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    update_ids(&mut deliveries, 3).await;
    queue.release(&lease).await.expect("given back");
    queue.publish(&update(-200, 4)).await.expect("stored");
    until(async || match queue.backlog().await {
        Ok(4) => Ok(()),
        other => Err(other),
    })
    .await;

    // The next one closes its period, and nothing of what it had is suspicious.
    for (owner, marked) in [("next", [true; 3]), ("last", [false; 3])] {
        let lease = take(&queue, shard, owner).await;
        let mut deliveries = queue.open(&lease).await.expect("deliveries");
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.push(next(&mut deliveries).await.cut_short);
        }
        assert_eq!(seen, marked, "{owner}");
        queue.close(&lease, 0).await.expect("closed");
        queue.release(&lease).await.expect("given back");
    }
}

/// As when somebody deletes it, or restores NATS from nothing but the stream.
#[tokio::test]
async fn periods_go_on_after_the_lease_bucket_was_made_anew() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    let shard = shard_of(&config, -100);
    let mut before = take(&queue, shard, "one").await;
    for _ in 0..5 {
        queue.release(&before).await.expect("given back");
        before = take(&queue, shard, "one").await;
    }
    let mut old = queue.open(&before).await.expect("deliveries");
    queue.publish(&update(-100, 1)).await.expect("stored");
    next(&mut old).await;
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let context = async_nats::jetstream::new(client);
    context.delete_key_value("leases").await.expect("deleted");

    let queue = server.queue().await;
    let lease = take(&queue, shard, "two").await;
    assert!(lease.epoch < before.epoch, "{lease:?} follows {before:?}");
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    assert_eq!(update_ids(&mut deliveries, 1).await, [1]);
}
