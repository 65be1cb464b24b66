//! Another number of shards.

use std::num::NonZeroU16;

use shared::{envelope::RoutingKey, shard::Shards};

use super::{EPOCH, GROUP, database::Database, on_both, own, task};
use crate::store::{Store, error::StoreError, suspects::Suspect};

on_both!(every_task_finds_the_owner_of_its_new_shard, periods_of_the_old_number_are_over);

async fn every_task_finds_the_owner_of_its_new_shard(db: &Database) {
    const TASKS: i64 = 2500;
    let before = db.store.clone();
    let tasks: Vec<_> = (1..=TASKS).map(|chat| task(-chat, "t", chat)).collect();
    before.add_tasks(&tasks).await.expect("written");
    let deadly = Suspect { message: "1:5".to_owned(), chat: RoutingKey(GROUP.0), begun: 2, slow: 1 };
    before.suspect(before.shards.of(deadly.chat), &deadly).await.expect("written");
    for count in [3, 7, before.shards.count()] {
        let after = Store { shards: Shards::new(NonZeroU16::new(count).expect("not zero")), ..before.clone() };
        let moved = after.resort().await.expect("sorted");
        assert!(moved > 1000, "{moved} of {TASKS} are in another of {count}");
        assert_eq!(after.resort().await.expect("sorted"), 0, "the second time there is nothing to do");
        let mut found = 0;
        for shard in after.shards.all() {
            let due = after.due_tasks(&[shard], i64::MAX, TASKS).await.expect("an answer");
            assert!(due.iter().all(|row| after.shards.of(RoutingKey(row.chat.0)) == shard));
            found += due.len();
        }
        assert_eq!(
            after.suspects(after.shards.of(deadly.chat)).await.expect("an answer"),
            std::slice::from_ref(&deadly)
        );
        assert_eq!(i64::try_from(found).expect("a small number"), TASKS);
    }
}

async fn periods_of_the_old_number_are_over(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.end_all_periods().await.expect("ended");
    assert!(matches!(store.set_enabled(EPOCH, GROUP, true).await, Err(StoreError::Fenced)));
    store.raise_epoch(EPOCH.shard, EPOCH.number + 1).await.expect("the next owner's is higher");
}
