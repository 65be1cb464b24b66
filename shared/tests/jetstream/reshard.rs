//! Another number of shards.

use super::*;

#[tokio::test]
async fn another_number_of_shards_is_refused_in_one_sentence() {
    let server = Server::start();
    let queue = server.queue().await;
    let refused = JetStream::connect(&server.config(8), &CancellationToken::new()).await;
    let Err(ConnectError::Setting(BadSetting(sentence))) = refused else { panic!("it connected") };
    assert!(sentence.starts_with("SHARDS is 8, but the queue was made with 4"), "{sentence}");

    // The stream gets another number while we run.
    let jetstream = server.by_hand().await;
    let mut other = jetstream.get_stream("UPD").await.expect("a stream").cached_info().config.clone();
    other.subjects = vec!["upd.8.*.*.*".to_owned()];
    jetstream.update_stream(other).await.expect("changed");
    let error = queue.publish(&update(-100, 1)).await.expect_err("another stream");
    assert!(matches!(error, PublishError::WrongShards { .. }), "{error:?}");
}

#[tokio::test]
async fn another_number_of_shards_moves_what_is_stored_in_its_order() {
    const CHATS: i64 = 7;
    const STORED: i64 = 600;
    let server = Server::start();
    // Full to the last byte, as a queue may be that is to get more workers.
    let (old, config) = (connect(&JetStreamConfig { max_bytes: 1 << 20, ..server.config(4) }).await, server.config(9));
    for id in 1..=STORED {
        let mut envelope = update(-id % CHATS, id);
        envelope.body = Bytes::from(vec![b' '; 1000]);
        old.publish(&envelope).await.expect("stored");
    }
    let (mut size, mut id) = (1000, STORED);
    while size > 0 {
        id += 1;
        let mut envelope = update(-1000, id);
        envelope.source = Source::Bot;
        envelope.body = Bytes::from(vec![b' '; size]);
        if old.publish(&envelope).await.is_err() {
            size /= 2;
        }
    }
    let stored = old.backlog().await.expect("a number");
    let lease = take(&old, Shard(1), "me").await;
    let deliveries = old.open(&lease).await.expect("deliveries");

    // Whoever works is not disturbed.
    let resharding = Resharding::connect(&config).await.expect("connected");
    let renewing = async {
        loop {
            queue_renewed(&old, &lease).await;
        }
    };
    let refused = tokio::select! { refused = resharding.close() => refused.map(drop), () = renewing => unreachable!() };
    assert!(matches!(refused, Err(ReshardError::Working { workers: 0, held: 1, .. })), "{refused:?}");
    assert!(matches!(old.publish(&update(-5, 5)).await, Ok(Stored::Duplicate)), "the queue is as it was");
    drop(deliveries);
    old.release(&lease).await.expect("given back");

    // The first run breaks off: until another one has ended nobody gets in, and nothing else is begun.
    assert!(resharding.close().await.expect("nobody works").is_some(), "another number");
    let error = old.publish(&update(-100, 9999)).await.expect_err("the number of before");
    assert!(matches!(error, PublishError::WrongShards { .. }), "{error:?}");
    old.take(Shard(0), "late").await.expect_err("the number of before");
    // An operator may go on much later: what was copied must still be known.
    assert!(server.duplicate_window().await > Duration::from_secs(24 * 3600));
    let waits = tokio::time::timeout(Duration::from_secs(1), connect(&config));
    assert!(waits.await.is_err(), "it got in");
    let other = Resharding::connect(&server.config(5)).await.expect("connected");
    let Err(ReshardError::Setting(BadSetting(sentence))) = other.close().await.map(drop) else { panic!("not refused") };
    assert_eq!(
        sentence,
        "SHARDS is 5, but a change from 4 to 9 shards was begun: finish that one first, with SHARDS=9."
    );

    let resharding = Resharding::connect(&config).await.expect("connected");
    let closed = resharding.close().await.expect("nobody works").expect("not done yet");
    assert_eq!(closed.from(), server.config(4).shards);
    assert_eq!(closed.move_stored().await.expect("moved"), stored);
    assert_eq!(closed.move_stored().await.expect("nothing is left"), 0);
    closed.open().await.expect("opened");
    assert!(resharding.close().await.expect("an answer").is_none(), "it is done");
    assert_eq!(server.duplicate_window().await, Duration::from_secs(600));
    drop(old);

    let new = within(connect(&config)).await;
    assert_eq!(new.backlog().await.expect("a number"), stored);
    let error = new.publish(&update(-100, 9999)).await.expect_err("it is as full as before");
    assert!(matches!(error, PublishError::QueueFull), "{error:?}");
    for chat in 0..CHATS {
        let lease = take(&new, shard_of(&config, -chat), &format!("of {chat}")).await;
        let deliveries = new.open(&lease).await.expect("deliveries");
        let ids = deliveries.filter_map(async |delivery| {
            let envelope = delivery.expect("a delivery").content.expect("an envelope");
            match envelope.kind {
                shared::envelope::Kind::Update(UpdateId(id)) if envelope.routing == RoutingKey(-chat) => Some(id),
                _ => None,
            }
        });
        let wanted: Vec<i64> = (1..=STORED).filter(|id| id % CHATS == chat).collect();
        assert_eq!(within(ids.take(wanted.len()).collect::<Vec<_>>()).await, wanted, "chat {chat}");
        new.release(&lease).await.expect("given back");
    }
}

/// Renews in time, as a worker does.
async fn queue_renewed(queue: &JetStream, lease: &Lease) {
    queue.renew(lease).await.expect("still ours");
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// The others would leave it a share of the new shards, which it could not take.
#[tokio::test]
async fn a_worker_that_holds_nothing_is_waited_for_and_finds_out_by_itself() {
    let server = Server::start();
    let (queue, config) = (server.queue().await, server.config(9));
    let idle = queue.peers().expect("others may come");
    idle.announce("idle").await.expect("announced");
    let resharding = Resharding::connect(&config).await.expect("connected");
    let announcing = async {
        loop {
            idle.announce("idle").await.expect("announced");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let refused =
        tokio::select! { refused = resharding.close() => refused.map(drop), () = announcing => unreachable!() };
    assert!(matches!(refused, Err(ReshardError::Working { workers: 1, held: 0, .. })), "{refused:?}");

    // Frozen for longer than its announcement lasts, it is taken for gone.
    let closed = resharding.close().await.expect("nobody works").expect("not done yet");
    let error = idle.announce("idle").await.expect_err("it is another queue");
    assert!(matches!(error, DeliverError::Setting(_)), "{error:?}");
    closed.open().await.expect("opened");
    let error = queue.take(Shard(1), "idle").await.expect_err("it is another queue");
    let DeliverError::Setting(BadSetting(sentence)) = error else { panic!("{error:?}") };
    assert!(sentence.starts_with("SHARDS is 4, but the queue was made with 9"), "{sentence}");
}
