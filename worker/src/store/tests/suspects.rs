//! What is written down of updates that may have ended a process.

use shared::{envelope::RoutingKey, shard::Shard};

use super::{database::Database, on_both};
use crate::store::{purge::Outlived, suspects::Suspect};

on_both!(a_suspect_is_kept_until_it_is_acquitted);

async fn a_suspect_is_kept_until_it_is_acquitted(db: &Database) {
    let (store, shard) = (&db.store, Shard(3));
    let suspect =
        |id: &str, begun| Suspect { message: format!("1:{id}"), chat: RoutingKey(-100), begun, slow: begun / 2 };
    for (id, begun) in [("a", 1), ("b", 1), ("a", 2)] {
        store.suspect(shard, &suspect(id, begun)).await.expect("written");
    }
    store.suspect(Shard(4), &suspect("c", 1)).await.expect("written");
    let mut found = store.suspects(shard).await.expect("an answer");
    found.sort_by(|a, b| a.message.cmp(&b.message));
    assert_eq!(found, [suspect("a", 2), suspect("b", 1)]);

    for _ in 0..2 {
        store.acquit("1:a").await.expect("done, however often");
    }
    assert_eq!(store.suspects(shard).await.expect("an answer"), [suspect("b", 1)]);
    assert_eq!(store.purge(Outlived::Suspects, 50).await.expect("done"), 0, "they are of today");
    assert_eq!(store.purge(Outlived::Suspects, i64::MAX).await.expect("done"), 2);
}
