//! The same questions on both databases: a file each, and every test once on SQLite and once on Postgres.

mod breakers;
mod broadcasts;
pub(crate) mod database;
mod durable_queue;
mod failures;
mod fence;
mod groups;
mod join_requests;
mod moves;
mod offences;
mod purge;
mod resort;
mod rows;
mod schema;
mod standings;
mod suspects;
mod tasks;

use shared::{
    ids::{ChannelId, ChatId, UserId},
    shard::Shard,
};

use self::database::on_both;
use super::{
    Store,
    effects::{EffectMark, NewMute, NewWarning, Offence},
    epochs::Epoch,
    groups::{ChannelRow, Protect},
    tasks::NewTask,
    warnings::WarningKind,
};

const GROUP: ChatId = ChatId(-1_001_234_567_890);
const EPOCH: Epoch = Epoch { shard: Shard(0), number: 5 };
/// Names and titles as people have them: quotes, markup, an emoji of several code points, right-to-left text of Telegram's full 64
/// characters, and a NUL, which does not survive.
const HOSTILE: [&str; 4] = [
    "Robert'); DROP TABLE mutes;--",
    "<b>&\"\u{1F469}\u{200D}\u{1F680} $1 ? {now_ms}",
    "\u{202E}\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}\u{5D9}\u{5DA}\u{5DB}\u{5DC}\u{5DD}\u{5DE}\u{5DF}\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}\u{5E7}\u{5E8}\u{5E9}\u{5EA}\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}\u{5D9}\u{5DA}\u{5DB}\u{5DC}\u{5DD}\u{5DE}\u{5DF}\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}\u{5E7}\u{5E8}\u{5E9}\u{5EA}\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}",
    "nul\0in the middle",
];

fn stored(text: &str) -> String {
    text.replace('\0', "")
}

async fn own(store: &Store) {
    store.raise_epoch(EPOCH.shard, EPOCH.number).await.expect("the first period");
}

fn channel(id: i64) -> ChannelRow {
    ChannelRow {
        channel: ChannelId(id),
        title: format!("channel {id}"),
        username: Some(format!("channel_{id}")),
        invite_link: None,
        broken: None,
    }
}

fn protect(channel: ChannelRow) -> Protect {
    Protect {
        replaces: false,
        params: None,
        group: GROUP,
        group_title: "the group".to_owned(),
        owner: UserId(7),
        owner_username: Some("owner".to_owned()),
        channel,
    }
}

fn offence(user: i64, mark: &str) -> Offence {
    Offence {
        user: UserId(user),
        name: format!("user {user}"),
        mute: Some(NewMute { until_s: 2_000_000_000, before: None }),
        warning: Some(NewWarning {
            kind: WarningKind::Offence,
            thread: Some(3),
            missing: vec![ChannelId(-200), ChannelId(-201)],
        }),
        mark: EffectMark(mark.to_owned()),
    }
}

fn task(chat: i64, key: &str, due_ms: i64) -> NewTask {
    NewTask { chat: ChatId(chat), key: key.to_owned(), body: r#"{"n":1}"#.to_owned(), due_ms, trace: String::new() }
}

async fn count(store: &Store, text: &'static str) -> i64 {
    let row = store.row(store.sql("test", text)).await.expect("an answer").expect("a row");
    row.int("n").expect("a number")
}
