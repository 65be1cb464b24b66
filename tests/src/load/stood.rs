//! How long messages stood: from when they were written to when the bot's call to delete them came.

use std::collections::{BTreeMap, BTreeSet};

use telegram_sim::{
    ids::{ChatId, MessageId},
    ledger::{Call, Calls},
};

pub type Message = (ChatId, MessageId);

/// When each message was deleted first, in the simulator's milliseconds.
pub fn deletions(calls: &Calls) -> BTreeMap<Message, i64> {
    let mut deletions = BTreeMap::new();
    for (message, at_ms) in calls.iter().flat_map(|call| deleted(call)) {
        deletions.entry(message).or_insert(at_ms);
    }
    deletions
}

/// The messages that calls of which the bot was told "done" have deleted.
pub(super) fn gone(calls: &Calls) -> BTreeSet<Message> {
    calls.iter().filter(|call| call.is_ok()).flat_map(|call| deleted(call)).map(|(message, _)| message).collect()
}

fn deleted(call: &Call) -> Vec<(Message, i64)> {
    let (Some(chat), true) = (call.chat(), call.method.starts_with("deleteMessage")) else { return Vec::new() };
    let many = call.args.get("message_ids").and_then(|ids| ids.as_array()).into_iter().flatten();
    let ids = many.chain(call.args.get("message_id")).filter_map(serde_json::Value::as_i64);
    ids.map(|id| ((chat, MessageId(id)), call.at_ms)).collect()
}
