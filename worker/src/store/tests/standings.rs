//! What the bot has said of its standing, the end of its stay, and what operators count.

use shared::ids::{ChannelId, ChatId, MessageId};

use super::{EPOCH, GROUP, channel, database::Database, on_both, own, protect, task};
use crate::store::{counts::Counts, epochs::Epoch, error::StoreError, standings::Standing};

on_both!(the_latest_word_stands, the_end_of_a_stay_keeps_all_but_the_protection, what_there_is_is_counted);

fn said(word: &str, message: Option<i64>) -> Standing {
    Standing { said: word.to_owned(), message: message.map(MessageId), since_ms: 7 }
}

async fn the_latest_word_stands(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert_eq!(store.standing(GROUP).await.expect("an answer"), None);
    for standing in [said("rights", None), said("protect", Some(5)), said("well", Some(0))] {
        store.set_standing(EPOCH, GROUP, &standing, &[task(GROUP.0, "later", 1)]).await.expect("written");
        assert_eq!(store.standing(GROUP).await.expect("an answer"), Some(standing));
    }
    let shards: Vec<_> = store.shards.all().collect();
    assert_eq!(store.due_tasks(&shards, 1, 9).await.expect("an answer").len(), 1);
    let late = Epoch { number: EPOCH.number - 1, ..EPOCH };
    let fenced = store.set_standing(late, GROUP, &said("rights", None), &[]).await;
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
}

async fn the_end_of_a_stay_keeps_all_but_the_protection(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert!(!store.leave_group(EPOCH, GROUP, i64::MAX).await.expect("done"), "nothing to end");
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    store.set_params(EPOCH, GROUP, r#"{"mute_for":60}"#, &[]).await.expect("set");
    store.set_standing(EPOCH, GROUP, &said("lacks both", Some(5)), &[]).await.expect("written");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert_eq!(group.said.as_deref(), Some("lacks both"));

    let before = shared::clock::now_ms() - 60_000;
    assert!(!store.leave_group(EPOCH, GROUP, before).await.expect("done"), "an older stay, told late");
    let still = store.group(GROUP).await.expect("an answer").expect("a group");
    assert!(still.enabled && still.said.is_some(), "{still:?}");
    assert!(store.leave_group(EPOCH, GROUP, i64::MAX).await.expect("done"));
    assert!(!store.leave_group(EPOCH, GROUP, i64::MAX).await.expect("done"), "twice is once");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert!(!group.enabled && group.said.is_none() && group.params.contains("60"), "{group:?}");
    assert_eq!(group.channels, [channel(-201)]);

    // A new protection is not made of an old one's channels.
    store.protect(EPOCH, &protect(channel(-202)), &[]).await.expect("protected");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert!(group.enabled && group.params.contains("60"), "{group:?}");
    assert_eq!(group.channels, [channel(-202)]);
}

async fn what_there_is_is_counted(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert_eq!(store.counts().await.expect("an answer"), Counts::default());
    for (group, id) in [(GROUP, -201), (ChatId(-6), -201), (ChatId(-7), -202)] {
        let protect = crate::store::groups::Protect { group, ..protect(channel(id)) };
        store.protect(EPOCH, &protect, &[]).await.expect("protected");
    }
    store.unprotect(EPOCH, ChatId(-7), Some(ChannelId(-202)), &[]).await.expect("done");
    let counts = Counts { groups: 2, channels: 1, open_mutes: 0, open_breakers: 0 };
    assert_eq!(store.counts().await.expect("an answer"), counts);
}
