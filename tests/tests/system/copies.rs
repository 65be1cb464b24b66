//! How many copies NATS keeps is the operator's choice: no program changes it by having another setting.

use async_nats::jetstream::context::Context as JetStream;
use system_tests::{
    services::nats::Cluster,
    split::{Servers, Split},
    wait::PATIENCE,
};

const STREAMS: [&str; 3] = ["UPD", "DLQ", "KV_leases"];

#[tokio::test]
async fn copies_at_nats_are_changed_by_the_operator_alone() -> anyhow::Result<()> {
    let cluster = Cluster::own().await?;
    let split = Split::on(Servers { nats: cluster.account()?, ..Servers::shared().await? }).await?;
    let worker = |replicas: &str| split.worker().env("RUST_LOG", "warn").env("NATS_REPLICAS", replicas);
    let list = |replicas: &str| worker(replicas).args(["dead-letters", "list"]);
    let none = list("1").run(PATIENCE).await?;
    assert_eq!(none.code, 2, "{:?}", none.lines);
    let [sentence] = &none.lines[..] else { panic!("not one line: {:?}", none.lines) };
    assert!(sentence.starts_with("NATS_URL names a server that has no queue yet"), "{sentence}");

    let mut running = worker("3").start().await?;
    let jetstream = split.jetstream().await?;
    assert_eq!(copies(&jetstream).await?, [3, 3, 3]);
    // From a shell in which the setting is forgotten.
    let listed = list("1").run(PATIENCE).await?;
    assert_eq!(listed.code, 0, "{:?}", listed.lines);
    let refused = worker("1").run(PATIENCE).await?;
    assert_eq!(refused.code, 2, "{:?}", refused.lines);
    assert!(
        refused
            .lines
            .join("\n")
            .starts_with("NATS_REPLICAS is 1, but at NATS it is 3 for UPD, 3 for DLQ, 3 for KV_leases"),
        "{:?}",
        refused.lines
    );
    assert_eq!(copies(&jetstream).await?, [3, 3, 3]);
    assert_eq!(running.stop().await?, 0);

    // On purpose, as the sentence says.
    for name in STREAMS {
        let mut config = jetstream.get_stream(name).await?.cached_info().config.clone();
        config.num_replicas = 1;
        jetstream.update_stream(config).await?;
    }
    worker("1").start().await?;
    let refused = worker("3").run(PATIENCE).await?;
    assert_eq!(refused.code, 2, "{:?}", refused.lines);
    assert_eq!(copies(&jetstream).await?, [1, 1, 1]);
    Ok(())
}

async fn copies(jetstream: &JetStream) -> anyhow::Result<Vec<usize>> {
    let mut copies = Vec::new();
    for name in STREAMS {
        copies.push(jetstream.get_stream(name).await?.cached_info().config.num_replicas);
    }
    Ok(copies)
}
