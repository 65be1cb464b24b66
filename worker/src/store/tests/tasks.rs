//! Due rows: at most one for a chat and key, and no answer to an old question ends a new one.

use shared::{envelope::RoutingKey, ids::ChatId, shard::Shard};

use super::{EPOCH, HOSTILE, count, database::Database, on_both, own, stored, task};
use crate::store::tasks::NewTask;

on_both!(
    a_task_is_found_when_due,
    new_content_replaces_the_old,
    an_older_answer_ends_nothing,
    a_task_is_postponed_past_its_republication,
    twice_in_one_call_is_once,
    the_same_task_from_many_at_once,
    ids_are_never_given_twice,
);

async fn a_task_is_found_when_due(db: &Database) {
    let store = &db.store;
    let shards: Vec<_> = store.shards.all().collect();
    assert_eq!(store.next_due(&shards).await.expect("an answer"), None);
    let mut new = vec![task(1, "b", 30), task(2, "a", 10), task(1, "a", 20)];
    new[1].trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let written = store.add_tasks(&new).await.expect("written");
    assert_eq!(written.len(), 3);

    assert_eq!(store.next_due(&shards).await.expect("an answer"), Some(10));
    let due = store.due_tasks(&shards, 20, 9).await.expect("an answer");
    assert_eq!(due.iter().map(|t| t.due_ms).collect::<Vec<_>>(), [10, 20], "in order, and not before their time");
    let first = &due[0];
    assert_eq!((first.chat, first.key.as_str(), first.body.as_str()), (ChatId(2), "a", r#"{"n":1}"#));
    assert_eq!((first.attempt, first.version, &first.trace), (0, 1, &new[1].trace));
    assert_eq!(first.shard, store.shards.of(RoutingKey(2)));
    assert_eq!(store.due_tasks(&shards, 99, 1).await.expect("an answer").len(), 1);

    let own: Vec<Shard> = vec![first.shard];
    let others: Vec<Shard> = shards.iter().copied().filter(|shard| *shard != first.shard).collect();
    assert_eq!(store.due_tasks(&own, 10, 9).await.expect("an answer"), std::slice::from_ref(first));
    assert_eq!(store.due_tasks(&others, 10, 9).await.expect("an answer"), []);
    assert_eq!(store.due_tasks(&[], 99, 9).await.expect("an answer"), []);
    assert_eq!(store.next_due(&[]).await.expect("an answer"), None);
    assert_eq!(store.task(first.id).await.expect("an answer").as_ref(), Some(first));
    assert!(store.add_tasks(&[]).await.expect("nothing to do").is_empty());
}

async fn new_content_replaces_the_old(db: &Database) {
    let store = &db.store;
    let first = store.add_tasks(&[task(1, "a", 20)]).await.expect("written").remove(0);
    // (asked for, due afterwards)
    for (n, (asked, due)) in (2..).zip([(30, 20), (10, 10), (15, 10)]) {
        let new = NewTask { body: format!("[{n}]"), trace: format!("trace {n}"), ..task(1, "a", asked) };
        let row = store.add_tasks(&[new]).await.expect("written").remove(0);
        assert_eq!((row.id, row.due_ms, row.version), (first.id, due, n));
        assert_eq!((row.body, row.trace), (format!("[{n}]"), format!("trace {n}")));
        assert_eq!(row.attempt, n - 1, "its message has a new name");
    }
    for text in HOSTILE {
        let row = store.add_tasks(&[NewTask { body: text.to_owned(), ..task(1, text, 1) }]).await.expect("written");
        assert_eq!((row[0].key.clone(), row[0].body.clone()), (stored(text), stored(text)));
    }
}

async fn an_older_answer_ends_nothing(db: &Database) {
    let store = &db.store;
    own(store).await;
    let first = store.add_tasks(&[task(1, "a", 20)]).await.expect("written").remove(0);
    store.task_published(first.id, first.version, 500).await.expect("noted");
    let row = store.task(first.id).await.expect("an answer").expect("the row");
    assert_eq!((row.attempt, row.due_ms, row.version), (1, 500, 1), "due again, should the message get lost");

    // New content comes while the old one is under way.
    let second = store.add_tasks(&[task(1, "a", 30)]).await.expect("written").remove(0);
    assert_eq!((second.version, second.due_ms), (2, 30));
    store.task_published(first.id, first.version, 900).await.expect("noted");
    let row = store.task(first.id).await.expect("an answer").expect("the row");
    assert_eq!(row.due_ms, 30, "the new content keeps its time");
    assert!(row.attempt > second.attempt, "and its message a name of its own");
    assert!(!store.finish_task(EPOCH, first.id, first.version).await.expect("done"));
    assert!(store.finish_task(EPOCH, first.id, second.version).await.expect("done"));
    assert!(!store.finish_task(EPOCH, first.id, second.version).await.expect("done"), "twice is harmless");
    assert_eq!(store.task(first.id).await.expect("an answer"), None);
    store.task_published(first.id, 1, 900).await.expect("a task that is gone is no failure");
}

async fn a_task_is_postponed_past_its_republication(db: &Database) {
    let store = &db.store;
    own(store).await;
    let first = store.add_tasks(&[task(1, "a", 20)]).await.expect("written").remove(0);
    store.task_published(first.id, first.version, 500).await.expect("noted");
    assert!(store.postpone_task(EPOCH, first.id, first.version, 9_000).await.expect("postponed"));
    let row = store.task(first.id).await.expect("an answer").expect("the row");
    assert_eq!((row.due_ms, row.version, row.attempt), (9_000, 2, 2));
    store.task_published(first.id, first.version, 500).await.expect("noted");
    assert_eq!(store.task(first.id).await.expect("an answer").expect("the row").due_ms, 9_000, "noted late");

    let second = store.add_tasks(&[task(1, "a", 700)]).await.expect("written").remove(0);
    assert_eq!(second.due_ms, 700, "somebody wants to know earlier");
    assert!(!store.postpone_task(EPOCH, first.id, first.version, 9_000).await.expect("postponed"));
    assert_eq!(store.task(first.id).await.expect("an answer").expect("the row").due_ms, 700);
}

async fn twice_in_one_call_is_once(db: &Database) {
    let store = &db.store;
    let older = NewTask { body: "[1]".to_owned(), ..task(1, "a", 10) };
    let newer = NewTask { body: "[2]".to_owned(), ..task(1, "a", 20) };
    let written = store.add_tasks(&[older, newer]).await.expect("written");
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].due_ms, written[0].body.as_str()), (10, "[2]"));
    let many: Vec<_> = (0..1203).map(|n| task(n, "many", n)).collect();
    assert_eq!(store.add_tasks(&many).await.expect("written").len(), 1203);
}

async fn the_same_task_from_many_at_once(db: &Database) {
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..10 {
        let store = db.store.clone();
        writers.spawn(async move {
            let mut tasks = vec![task(1, "a", 100 - n), task(2, "b", 5), task(3, "c", 5)];
            tasks.rotate_left(usize::try_from(n % 3).expect("small"));
            store.add_tasks(&tasks).await
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("no panic").expect("written");
    }
    assert_eq!(count(&db.store, "SELECT COUNT(*) AS n FROM tasks").await, 3);
    assert_eq!(count(&db.store, "SELECT version AS n FROM tasks WHERE key = 'a'").await, 10);
    assert_eq!(count(&db.store, "SELECT due_ms AS n FROM tasks WHERE key = 'a'").await, 91);
}

/// The queue drops a message whose name it knows, and the name is made of the task's id.
async fn ids_are_never_given_twice(db: &Database) {
    let store = &db.store;
    own(store).await;
    let first = store.add_tasks(&[task(1, "a", 1)]).await.expect("written").remove(0);
    assert!(store.finish_task(EPOCH, first.id, first.version).await.expect("done"));
    let second = store.add_tasks(&[task(1, "a", 1)]).await.expect("written").remove(0);
    assert!(second.id > first.id);
}
