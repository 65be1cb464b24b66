//! What is there already: whose settings count, and who may not change it.

use async_nats::jetstream::Context;

use super::*;

async fn stored_settings(jetstream: &Context) -> Vec<Config> {
    let mut all = Vec::new();
    for name in ["UPD", "DLQ", "KV_leases"] {
        all.push(jetstream.get_stream(name).await.expect("the stream").cached_info().config.clone());
    }
    all
}

fn refusal(connected: Result<JetStream, ConnectError>) -> String {
    match connected {
        Err(ConnectError::Setting(BadSetting(sentence))) => sentence,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it connected"),
    }
}

async fn refused(config: &JetStreamConfig) -> String {
    refusal(within(JetStream::connect(config, &CancellationToken::new())).await)
}

#[tokio::test]
async fn what_is_there_stays_as_it_is_whoever_comes() {
    let server = Server::start();
    let first = server.queue().await;
    assert_eq!(first.peers().expect("others may come").term(), Duration::from_secs(3));
    let jetstream = server.by_hand().await;
    // As an operator changes it.
    for mut changed in stored_settings(&jetstream).await {
        match changed.name.as_str() {
            "KV_leases" => changed.max_age = Duration::from_secs(10),
            _ => changed.max_bytes *= 2,
        }
        jetstream.update_stream(changed).await.expect("changed");
    }
    let before = stored_settings(&jetstream).await;
    let second = connect(&JetStreamConfig { max_bytes: 8 << 20, max_per_subject: 7, ..server.config(4) }).await;
    assert_eq!(stored_settings(&jetstream).await, before);
    assert_eq!(second.peers().expect("others may come").term(), Duration::from_secs(10));
    let lease = take(&second, Shard(0), "me").await;
    assert!(lease.deadline > tokio::time::Instant::now() + Duration::from_secs(5), "{lease:?}");
}

#[tokio::test]
async fn another_number_of_copies_is_refused_in_one_sentence() {
    let server = Server::start();
    let _queue = server.queue().await;
    let said = refused(&JetStreamConfig { replicas: 3, ..server.config(4) }).await;
    assert_eq!(
        said,
        "NATS_REPLICAS is 3, but at NATS it is 1 for UPD, 1 for DLQ, 1 for KV_leases: set NATS_REPLICAS=1 in every gateway and worker, or \
         stop them all and run `nats stream edit NAME --replicas 3` for each of these, with `--max-age 10s` for the \
         leases."
    );
}

#[tokio::test]
async fn who_only_looks_makes_nothing_and_changes_nothing() {
    let server = Server::start();
    let other = JetStreamConfig { replicas: 3, max_bytes: 4 << 20, ..server.config(4) };
    let said = refusal(within(JetStream::find(&other)).await);
    assert!(said.starts_with("NATS_URL names a server that has no queue yet"), "{said}");
    let jetstream = server.by_hand().await;
    assert!(jetstream.get_stream("UPD").await.is_err(), "nothing was made");

    server.queue().await;
    let before = stored_settings(&jetstream).await;
    let looking = within(JetStream::find(&other)).await.expect("a queue");
    assert!(looking.letter_from(0).await.expect("an answer").is_none());
    assert_eq!(stored_settings(&jetstream).await, before);
    let said = refusal(within(JetStream::find(&server.config(8))).await);
    assert!(said.starts_with("SHARDS is 8, but the queue was made with 4"), "{said}");
}

#[tokio::test]
async fn another_bots_queue_is_refused_in_one_sentence() {
    let server = Server::start();
    let of = |bot: Option<i64>| JetStreamConfig { bot: bot.map(BotId), ..server.config(4) };
    // Made before the bot was written down: the first that comes is the one.
    connect(&of(None)).await;
    let first = connect(&of(Some(111))).await;
    // Whatever else differs: that it is another bot's queue comes first.
    let other = JetStreamConfig { replicas: 3, shards: server.config(8).shards, ..of(Some(222)) };
    let sentence = "BOT_TOKEN is one of bot 222, but NATS_URL names the queue of bot 111: use another server or another \
                    account, or, if the one follows on the other, run `nats stream edit UPD --metadata gmbot-bot=222`.";
    assert_eq!(refused(&other).await, sentence);
    assert_eq!(refusal(within(JetStream::find(&other)).await), sentence);
    match Resharding::connect(&other).await.map(drop) {
        Err(ReshardError::Setting(BadSetting(said))) => assert_eq!(said, sentence),
        other => panic!("{other:?}"),
    }
    // Commands that are not told whose it is, and the bot's own programs.
    within(JetStream::find(&of(None))).await.expect("a queue");
    connect(&of(Some(111))).await;

    // Made anew by another bot while we run.
    let jetstream = server.by_hand().await;
    let mut updates = stored_settings(&jetstream).await.remove(0);
    updates.metadata.insert("gmbot-bot".to_owned(), "222".to_owned());
    jetstream.update_stream(updates).await.expect("changed");
    let said = first.peers().expect("others may come").announce("me").await;
    assert!(matches!(said, Err(DeliverError::Setting(_))), "{said:?}");
}
