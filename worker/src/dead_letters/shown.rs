//! How dead letters look to an operator: a table, JSON, or one of them whole. What people wrote and what they are called stays hidden.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::Value;
use shared::{
    envelope::{Envelope, Kind},
    queue::letters::Kept,
};

pub(super) const NONE: &str = "There are no dead letters.\n";

/// One letter's line. Nothing of the body.
#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    buried: String,
    attempts: u32,
    /// None: nobody could read it.
    chat: Option<i64>,
    update_id: Option<i64>,
    task_id: Option<i64>,
    /// Empty without a trace.
    trace_id: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Kept> for Line<'a> {
    fn from(kept: &'a Kept) -> Self {
        let headers = kept.letter.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let envelope = Envelope::from_headers(headers, bytes::Bytes::new()).ok();
        let (update_id, task_id) = match envelope.as_ref().map(|envelope| envelope.kind) {
            Some(Kind::Update(id)) => (Some(id.0), None),
            Some(Kind::Task { id, .. }) => (None, Some(id)),
            Some(Kind::Unreadable { .. }) | None => (None, None),
        };
        Self {
            id: kept.id,
            buried: moment(kept.buried_ms),
            attempts: kept.letter.attempts,
            chat: envelope.map(|envelope| envelope.routing.0),
            update_id,
            task_id,
            trace_id: &kept.letter.trace_id,
            reason: &kept.letter.reason,
        }
    }
}

/// As `2026-11-22T13:00:00Z`.
fn moment(ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

pub(super) fn json(letters: &[Kept]) -> serde_json::Result<String> {
    let lines: Vec<Line<'_>> = letters.iter().map(Line::from).collect();
    serde_json::to_string_pretty(&lines).map(|text| text + "\n")
}

pub(super) fn table(letters: &[Kept]) -> String {
    if letters.is_empty() {
        return NONE.to_owned();
    }
    let row = |cells: [&str; 7]| {
        let [id, when, tries, chat, what, trace, why] = cells;
        format!("{id:>6}  {when:<20}  {tries:>5}  {chat:<15}  {what:<18}  {trace:<32}  {why}\n")
    };
    let mut table = row(["id", "when", "tries", "chat", "what", "trace", "why"]);
    for line in letters.iter().map(Line::from) {
        let what = match (line.update_id, line.task_id) {
            (Some(update), _) => format!("update {update}"),
            (None, Some(task)) => format!("task {task}"),
            (None, None) => "unreadable".to_owned(),
        };
        let chat = line.chat.map_or_else(|| "?".to_owned(), |chat| chat.to_string());
        let (id, tries) = (line.id.to_string(), line.attempts.to_string());
        table += &row([&id, &line.buried, &tries, &chat, &what, or_dash(line.trace_id), line.reason]);
    }
    table
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// Everything about one letter; the body as it is only if it is to be revealed.
pub(super) fn whole(kept: &Kept, reveal_body: bool) -> String {
    let letter = &kept.letter;
    let mut text = String::new();
    let own = [
        ("id", kept.id.to_string()),
        ("when", moment(kept.buried_ms)),
        ("tries", letter.attempts.to_string()),
        ("trace", or_dash(&letter.trace_id).to_owned()),
        ("why", letter.reason.clone()),
    ];
    let headers = letter.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in own.into_iter().chain(headers) {
        // Writing into a string cannot fail.
        _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    text += &if reveal_body { String::from_utf8_lossy(&letter.body).into_owned() } else { hidden(&letter.body) };
    text.push('\n');
    text
}

/// The body with its shape, its numbers and its truths, and nothing that a person has typed.
fn hidden(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut body) => {
            hide(&mut body);
            format!("{body:#}")
        }
        Err(_) => format!("[{} bytes that are no JSON, hidden]", body.len()),
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *value = Value::String(format!("[{} characters, hidden]", text.chars().count())),
        // Where somebody is: the only broken numbers that Telegram sends.
        Value::Number(number) if number.is_f64() => *value = Value::String("[a number, hidden]".to_owned()),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (name, field) in fields {
                // Words of Telegram's own.
                if !(field.is_string() && ["type", "status"].contains(&name.as_str())) {
                    hide(field);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::{
        envelope::{RoutingKey, Source},
        ids::{BotId, UpdateId},
        queue::DeadLetter,
    };

    use super::*;

    const BODY: &str = r#"{"update_id":5,"message":{"text":"a secret","from":{"id":7,"is_bot":false,"first_name":"Ann"},
        "chat":{"id":-100,"type":"supergroup","title":"Corner"},"location":{"latitude":1.5}}}"#;

    fn kept() -> Kept {
        let body = Bytes::from_static(BODY.as_bytes());
        let envelope = Envelope::update(BotId(9), RoutingKey(-100), Source::Messages, UpdateId(5), 1, body.clone());
        let letter = DeadLetter {
            headers: envelope.headers(),
            body,
            reason: "its handler panicked".to_owned(),
            attempts: 5,
            trace_id: String::new(),
        };
        Kept { id: 3, buried_ms: 1_795_352_400_000, letter }
    }

    #[test]
    fn a_list_tells_when_why_and_where_and_nothing_that_was_said() {
        let table = table(&[kept()]);
        for shown in ["2026-11-22T13:00:00Z", "-100", "update 5", "its handler panicked"] {
            assert!(table.contains(shown), "{shown}: {table}");
        }
        let json: Value = serde_json::from_str(&json(&[kept()]).expect("JSON")).expect("JSON");
        assert_eq!(json[0]["update_id"], 5);
        assert_eq!((&json[0]["chat"], &json[0]["attempts"]), (&Value::from(-100), &Value::from(5)));
        for secret in ["secret", "Ann", "Corner"] {
            assert!(!table.contains(secret) && !json.to_string().contains(secret));
        }
    }

    #[test]
    fn a_body_is_shown_with_texts_and_names_hidden_unless_revealed() {
        let shown = whole(&kept(), false);
        for secret in ["secret", "Ann", "Corner", "1.5"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        for plain in ["supergroup", "\"id\": 7", "[8 characters, hidden]", "Gmbot-Chat: -100"] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
        assert!(whole(&kept(), true).contains("a secret"));
        assert_eq!(hidden(b"\xff"), "[1 bytes that are no JSON, hidden]");
    }
}
