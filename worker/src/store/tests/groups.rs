//! Groups: protect, unprotect, settings, links, breakers, the allow-list.

use shared::ids::{ChannelId, ChatId, UserId};

use super::{EPOCH, GROUP, HOSTILE, channel, database::Database, on_both, own, protect, stored, task};
use crate::store::{allowed::Allowed, error::StoreError, groups::Protect};

on_both!(
    protect_and_unprotect,
    settings_outlive_the_protection,
    hostile_titles_come_back,
    links_are_kept_until_replaced,
    bad_settings_are_refused,
    breakers_and_the_allow_list_are_read_with_the_group,
    a_channel_takes_the_place_of_others_with_settings_and_tasks,
    the_allow_list_keeps_names,
);

async fn protect_and_unprotect(db: &Database) {
    let store = &db.store;
    own(store).await;
    assert_eq!(store.group(GROUP).await.expect("an answer"), None);
    for id in [-202, -201, -202] {
        store.protect(EPOCH, &protect(channel(id)), &[]).await.expect("protected");
    }
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert!(group.enabled);
    assert_eq!((group.owner, group.title.as_str(), group.params.as_str()), (UserId(7), "the group", "{}"));
    assert_eq!(group.channels, [channel(-202), channel(-201)], "in the order in which they were required");

    let other = Protect { group: ChatId(-5), ..protect(channel(-201)) };
    store.protect(EPOCH, &other, &[]).await.expect("protected");
    assert_eq!(store.groups_requiring(ChannelId(-201)).await.expect("an answer"), [GROUP, ChatId(-5)]);
    assert_eq!(store.groups_requiring(ChannelId(-202)).await.expect("an answer"), [GROUP]);
    assert_eq!(store.groups_requiring(ChannelId(-9)).await.expect("an answer"), []);

    for (after, limit, page) in [
        (None, 9, vec![GROUP, ChatId(-5)]),
        (None, 1, vec![GROUP]),
        (Some(GROUP), 9, vec![ChatId(-5)]),
        (Some(ChatId(-5)), 9, vec![]),
    ] {
        let found = store.groups_requiring_after(ChannelId(-201), after, limit).await.expect("an answer");
        assert_eq!(found, page, "{after:?} {limit}");
    }

    let left = store.unprotect(EPOCH, GROUP, Some(ChannelId(-202)), &[]).await.expect("done");
    assert!(left.enabled, "one channel is left");
    let release = task(GROUP.0, "release all", 1);
    let left = store.unprotect(EPOCH, GROUP, Some(ChannelId(-201)), &[release]).await.expect("done");
    assert!(!left.enabled, "none is left");
    assert_eq!(store.groups_requiring(ChannelId(-201)).await.expect("an answer"), [ChatId(-5)]);
    let shards: Vec<_> = store.shards.all().collect();
    assert_eq!(store.due_tasks(&shards, 1, 9).await.expect("an answer").len(), 1);

    assert!(!store.unprotect(EPOCH, ChatId(-6), None, &[]).await.expect("done").enabled, "no such group");
    assert!(store.set_enabled(EPOCH, GROUP, true).await.expect("done"));
    assert!(store.group(GROUP).await.expect("an answer").expect("a group").enabled);
    assert!(!store.set_enabled(EPOCH, ChatId(-6), true).await.expect("done"), "no such group");
}

async fn settings_outlive_the_protection(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    assert!(store.set_params(EPOCH, GROUP, r#"{"mode":"observe","warning_ttl":60}"#, &[]).await.expect("set"));
    assert!(!store.unprotect(EPOCH, GROUP, None, &[]).await.expect("done").enabled);
    store.protect(EPOCH, &protect(channel(-202)), &[]).await.expect("protected");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    let params: serde_json::Value = serde_json::from_str(&group.params).expect("JSON");
    assert_eq!(params, serde_json::json!({"mode": "observe", "warning_ttl": 60}));
    assert!(group.enabled);
    assert_eq!(group.channels, [channel(-202)]);
}

async fn hostile_titles_come_back(db: &Database) {
    let store = &db.store;
    own(store).await;
    for text in HOSTILE {
        let mut asked = protect(channel(-201));
        asked.group_title = text.to_owned();
        asked.owner_username = Some(text.to_owned());
        asked.channel.title = text.to_owned();
        asked.channel.invite_link = Some(text.to_owned());
        store.protect(EPOCH, &asked, &[]).await.expect("protected");
        let settings = serde_json::json!({"warning_text": text, text: [text, {"in": text}]}).to_string();
        assert!(store.set_params(EPOCH, GROUP, &settings, &[]).await.expect("set"), "{settings}");

        let group = store.group(GROUP).await.expect("an answer").expect("a group");
        assert_eq!(group.title, stored(text));
        assert_eq!(group.channels[0].title, stored(text));
        assert_eq!(group.channels[0].invite_link, Some(stored(text)));
        let params: serde_json::Value = serde_json::from_str(&group.params).expect("JSON");
        let text = stored(text);
        assert_eq!(params, serde_json::json!({"warning_text": text, text.clone(): [text, {"in": text}]}));
    }
}

async fn links_are_kept_until_replaced(db: &Database) {
    let store = &db.store;
    own(store).await;
    let asked = |link: Option<&str>| {
        let mut asked = protect(channel(-201));
        asked.channel.invite_link = link.map(str::to_owned);
        asked.channel.username = None;
        asked
    };
    let link = async || store.channel_link(ChannelId(-201)).await.expect("an answer");
    assert_eq!(link().await, None, "no such channel");
    store.protect(EPOCH, &asked(None), &[]).await.expect("protected");
    assert_eq!(link().await, None);
    store.set_channel_link(ChannelId(-201), Some("t.me/+1")).await.expect("set");
    assert_eq!(link().await.as_deref(), Some("t.me/+1"));
    store.protect(EPOCH, &asked(None), &[]).await.expect("protected");
    assert_eq!(link().await.as_deref(), Some("t.me/+1"), "not known is not gone");
    store.protect(EPOCH, &asked(Some("t.me/+2")), &[]).await.expect("protected");
    assert_eq!(link().await.as_deref(), Some("t.me/+2"));
    store.set_channel_link(ChannelId(-201), None).await.expect("set");
    assert_eq!(link().await, None);
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert_eq!(group.channels[0].username, None, "a channel that turned private");
}

async fn bad_settings_are_refused(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    for bad in ["", "{", "[]", "7", r#"{"a":1} x"#, "null"] {
        let answer = store.set_params(EPOCH, GROUP, bad, &[]).await;
        assert!(matches!(answer, Err(StoreError::BadRow { .. })), "{bad}: {answer:?}");
    }
    assert_eq!(store.group(GROUP).await.expect("an answer").expect("a group").params, "{}");
    assert!(!store.set_params(EPOCH, ChatId(-6), "{}", &[]).await.expect("done"), "no such group");
}

async fn breakers_and_the_allow_list_are_read_with_the_group(db: &Database) {
    let store = &db.store;
    own(store).await;
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    let rows = [
        "INSERT INTO channel_breakers (channel_id, reason, since_ms, probed_ms) VALUES (-201, 'not admin there', 1, 1)",
        "INSERT INTO allowed_users (group_id, subject_id, added_by, created_ms) VALUES (-1001234567890, 42, 7, 1)",
        "INSERT INTO allowed_users (group_id, subject_id, added_by, created_ms) VALUES (-1001234567890, -300, 7, 1)",
    ];
    for row in rows {
        store.run(store.sql("test", row)).await.expect("a row");
    }
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert_eq!(group.channels[0].broken.as_deref(), Some("not admin there"));
    assert_eq!(group.allowed, [-300, 42]);
}

async fn a_channel_takes_the_place_of_others_with_settings_and_tasks(db: &Database) {
    let store = &db.store;
    own(store).await;
    for id in [-201, -202] {
        store.protect(EPOCH, &protect(channel(id)), &[]).await.expect("protected");
    }
    let other = Protect { replaces: true, params: Some(r#"{"require":"any"}"#.to_owned()), ..protect(channel(-203)) };
    store.protect(EPOCH, &other, &[task(GROUP.0, "judge", 1)]).await.expect("protected");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert_eq!(group.channels, [channel(-203)]);
    assert_eq!(group.params.replace(' ', ""), r#"{"require":"any"}"#);
    let shards: Vec<_> = store.shards.all().collect();
    assert_eq!(store.due_tasks(&shards, 1, 9).await.expect("an answer").len(), 1);

    // All or nothing: settings that cannot be written leave the links as they are.
    let bad = Protect { replaces: true, params: Some("[]".to_owned()), ..protect(channel(-201)) };
    let answer = store.protect(EPOCH, &bad, &[]).await;
    assert!(matches!(answer, Err(StoreError::BadRow { .. })), "{answer:?}");
    let group = store.group(GROUP).await.expect("an answer").expect("a group");
    assert_eq!(group.channels, [channel(-203)]);
}

async fn the_allow_list_keeps_names(db: &Database) {
    let store = &db.store;
    own(store).await;
    let entry = |subject: i64, name: &str| Allowed { subject, name: name.to_owned() };
    let allow = async |entry: Allowed, tasks: &[_]| store.allow(EPOCH, GROUP, &entry, UserId(7), tasks).await;
    assert!(allow(entry(42, "Ann"), &[]).await.is_err(), "no such group");
    store.protect(EPOCH, &protect(channel(-201)), &[]).await.expect("protected");
    allow(entry(42, "Ann"), &[task(GROUP.0, "judge", 1)]).await.expect("allowed");
    allow(entry(42, ""), &[]).await.expect("allowed again");
    allow(entry(-300, "Art\0"), &[]).await.expect("allowed");
    let mut listed = store.allowed(GROUP).await.expect("an answer");
    listed.sort_by_key(|allowed| allowed.subject);
    assert_eq!(listed, [entry(-300, "Art"), entry(42, "Ann")]);
    assert_eq!(store.group(GROUP).await.expect("an answer").expect("a group").allowed, [-300, 42]);
    assert!(store.disallow(EPOCH, GROUP, 42).await.expect("done"));
    assert!(!store.disallow(EPOCH, GROUP, 42).await.expect("done"), "not on it any more");
    assert_eq!(store.allowed(GROUP).await.expect("an answer"), [entry(-300, "Art")]);
}
