//! What workers see of each other.

use futures::{Stream, StreamExt as _};
use shared::queue::jetstream::{Answer, Change};

use super::*;

type Changes = futures::stream::BoxStream<'static, Result<Change, DeliverError>>;

async fn changed(changes: &mut (impl Stream<Item = Result<Change, DeliverError>> + Unpin)) -> Change {
    within(changes.next()).await.expect("the watch goes on").expect("a change")
}

/// What was stored when the watch began.
async fn told(changes: &mut Changes) -> Vec<Change> {
    let mut told = Vec::new();
    loop {
        match changed(changes).await {
            Change::Current => return told,
            change => told.push(change),
        }
    }
}

fn peers(queue: &JetStream) -> shared::queue::jetstream::Peers {
    queue.peers().expect("a queue that several share")
}

fn holds(shard: u16, lease: &Lease) -> Change {
    Change::Lease { shard: Shard(shard), holder: Some((Arc::clone(&lease.owner), lease.revision)) }
}

#[tokio::test]
async fn one_watch_shows_who_is_there_and_who_holds_what() {
    let server = Server::start();
    let queue = server.queue().await;
    let peers = peers(&queue);
    peers.announce("me").await.expect("announced");
    let first = take(&queue, Shard(0), "me").await;
    let mut changes = peers.watch().await.expect("a watch");
    let told = told(&mut changes).await;
    assert!(
        matches!(&told[..], [Change::Worker { revision: Some(_), .. }, lease] if *lease == holds(0, &first)),
        "{told:?}"
    );

    let second = take(&queue, Shard(3), "you").await;
    assert_eq!(changed(&mut changes).await, holds(3, &second));
    let renewed = queue.renew(&first).await.expect("still ours");
    assert_eq!(changed(&mut changes).await, holds(0, &renewed));
    queue.release(&renewed).await.expect("given back");
    assert_eq!(changed(&mut changes).await, Change::Lease { shard: Shard(0), holder: None });
    peers.withdraw("me").await.expect("withdrawn");
    assert_eq!(changed(&mut changes).await, Change::Worker { worker: "me".into(), revision: None });
    // Nobody renews the other one.
    assert_eq!(changed(&mut changes).await, Change::Lease { shard: Shard(3), holder: None });
}

#[tokio::test]
async fn who_lives_answers_and_who_is_gone_has_no_listener() {
    let server = Server::start();
    let (queue, other) = (server.queue().await, server.queue().await);
    let (asking, answering) = (peers(&queue), peers(&other));
    assert_eq!(asking.ask("other").await, Answer::Nobody);

    let running = TaskTracker::new().spawn(async move { answering.answer("other").await });
    until(async || match asking.ask("other").await {
        Answer::Lives => Ok(()),
        answer => Err(answer),
    })
    .await;
    running.abort();
    until(async || match asking.ask("other").await {
        Answer::Nobody => Ok(()),
        answer => Err(answer),
    })
    .await;

    // One that listens and says nothing is not dead.
    let frozen = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let _questions = frozen.subscribe("alive.frozen").await.expect("a subscription");
    frozen.flush().await.expect("sent");
    until(async || match asking.ask("frozen").await {
        Answer::Silent => Ok(()),
        answer => Err(answer),
    })
    .await;
}

#[tokio::test]
async fn only_what_nobody_has_written_since_is_taken_away() {
    let server = Server::start();
    let queue = server.queue().await;
    let peers = peers(&queue);
    peers.announce("dead").await.expect("announced");
    let (stale, last) = (take(&queue, Shard(0), "dead").await, take(&queue, Shard(1), "dead").await);
    let renewed = queue.renew(&stale).await.expect("not dead yet");
    let announced = |told: &[Change]| {
        told.iter().find_map(|change| match change {
            Change::Worker { revision, .. } => *revision,
            _ => None,
        })
    };
    let first = announced(&told(&mut peers.watch().await.expect("a watch")).await).expect("it is there");
    peers.announce("dead").await.expect("announced");
    peers.strike_off("dead", first).await.expect_err("it has announced itself again");
    let again = announced(&told(&mut peers.watch().await.expect("a watch")).await).expect("it is still there");
    peers.strike_off("dead", again).await.expect("struck off");

    assert_eq!(peers.take_away(&[(Shard(0), stale.revision), (Shard(1), last.revision)]).await, 1);
    queue.renew(&renewed).await.expect("kept");
    assert!(matches!(queue.renew(&last).await, Err(DeliverError::Lost)));
    take(&queue, Shard(1), "other").await;
}

#[tokio::test]
async fn a_closed_period_has_its_acks_and_leaves_no_consumer() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(4));
    for id in 1..=500 {
        queue.publish(&update(-100, id)).await.expect("stored");
    }
    let shard = shard_of(&config, -100);
    let lease = take(&queue, shard, "me").await;
    let mut deliveries = queue.open(&lease).await.expect("deliveries");
    for _ in 0..400 {
        let delivery = next(&mut deliveries).await;
        queue.ack(&delivery.receipt).await.expect("sent");
    }
    drop(deliveries);
    queue.close(&lease, 400).await.expect("closed");
    assert_eq!(queue.backlog().await.expect("a number"), 100, "every ack had arrived before the consumer went");
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.expect("a connection");
    let stream = async_nats::jetstream::new(client).get_stream("UPD").await.expect("the stream");
    assert_eq!(stream.cached_info().state.consumer_count, 0);
}
