//! What stands out in a text: what Telegram finds by itself, and what the sender marked.

use serde_json::{Value, json};

use crate::ids::UserId;
use crate::state::State;

/// The length of a text as entities count it.
pub(crate) fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The entities of a plain text, in order.
pub(crate) fn find(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut word_start = 0;
    for (end, separator) in text.char_indices().filter(|(_, c)| c.is_whitespace()).chain([(text.len(), ' ')]) {
        let word = &text[word_start..end];
        if let Some((kind, length)) = classify(word) {
            found.push(json!({
                "type": kind,
                "offset": utf16_len(&text[..word_start]),
                "length": utf16_len(&word[..length]),
            }));
        }
        word_start = end + if end == text.len() { 0 } else { separator.len_utf8() };
    }
    found
}

/// What a word is, and how many of its bytes belong to that.
fn classify(word: &str) -> Option<(&'static str, usize)> {
    let name_len = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if let Some(command) = word.strip_prefix('/') {
        let name = name_len(command);
        if !(1..=32).contains(&name) {
            return None;
        }
        let addressed = command[name..].strip_prefix('@').map_or(0, |bot| match name_len(bot) {
            0 => 0,
            length => length + 1,
        });
        return Some(("bot_command", 1 + name + addressed));
    }
    if let Some(mention) = word.strip_prefix('@') {
        let name = name_len(mention);
        return (name >= 4).then_some(("mention", 1 + name));
    }
    let is_link =
        ["http://", "https://", "t.me/"].iter().any(|start| word.starts_with(start) && word.len() > start.len());
    is_link.then(|| ("url", word.trim_end_matches(['.', ',', '!', '?', ')']).len()))
}

impl State {
    /// An entity that came with a text of this length, as it is shown: with the fields of its type and no others, and
    /// no further than the text goes. `None` for what is not kept: a type that there is not, nothing marked, a mention
    /// of somebody the bot never met.
    pub(crate) fn shown_entity(&self, given: &Value, text_length: usize) -> Option<Value> {
        let kind = given["type"].as_str()?;
        let offset = usize::try_from(given["offset"].as_u64()?).ok()?;
        let length = usize::try_from(given["length"].as_u64()?).unwrap_or(usize::MAX);
        let length = length.min(text_length.checked_sub(offset)?);
        if length == 0 {
            return None;
        }
        let mut shown = json!({ "type": kind, "offset": offset, "length": length });
        let text = |name: &str| given[name].as_str().map(Value::from);
        match kind {
            "mention"
            | "hashtag"
            | "cashtag"
            | "bot_command"
            | "url"
            | "email"
            | "phone_number"
            | "bold"
            | "italic"
            | "underline"
            | "strikethrough"
            | "spoiler"
            | "blockquote"
            | "expandable_blockquote"
            | "code" => {}
            "pre" => {
                if let Some(language) = text("language") {
                    shown["language"] = language;
                }
            }
            "text_link" => shown["url"] = text("url")?,
            "custom_emoji" => shown["custom_emoji_id"] = text("custom_emoji_id")?,
            "date_time" => {
                shown["unix_time"] = given["unix_time"].as_i64()?.into();
                if let Some(format) = text("date_time_format") {
                    shown["date_time_format"] = format;
                }
            }
            "text_mention" => {
                let user = given["user"]["id"].as_i64().map(UserId).filter(|user| self.has_met(*user))?;
                shown["user"] = self.user_json(user);
            }
            _ => return None,
        }
        Some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::SimConfig;

    #[test]
    fn a_given_entity_has_the_fields_of_its_type_only() {
        let bot = UserId(1);
        let state = State::new(Clock::new(), SimConfig::default(), bot);
        let at = |rest: Value| {
            let mut entity = json!({ "offset": 0, "length": 3 });
            for (name, value) in rest.as_object().expect("entities are objects") {
                entity[name] = value.clone();
            }
            entity
        };
        let of_bot = json!({ "id": 1, "is_bot": true, "first_name": "Gatekeeper", "username": "gatekeeper_test_bot" });
        for (given, shown) in [
            (json!({ "type": "bold", "url": "https://example.org", "x": null }), Some(json!({ "type": "bold" }))),
            (json!({ "type": "pre", "language": "rust" }), Some(json!({ "type": "pre", "language": "rust" }))),
            (json!({ "type": "pre", "language": 5 }), Some(json!({ "type": "pre" }))),
            (json!({ "type": "text_link" }), None),
            (
                json!({ "type": "text_mention", "user": { "id": bot } }),
                Some(json!({ "type": "text_mention", "user": of_bot })),
            ),
            (json!({ "type": "text_mention", "user": { "id": 7 } }), None),
            (json!({ "type": "date_time", "unix_time": 9 }), Some(json!({ "type": "date_time", "unix_time": 9 }))),
            (json!({ "type": "date_time", "unix_time": "9" }), None),
            (json!({ "type": "sparkles" }), None),
            (json!({ "type": "bold", "length": 0 }), None),
            (json!({ "type": "bold", "offset": 0.5 }), None),
            (json!({ "type": "bold", "offset": 3 }), None),
            (json!({ "type": "bold", "offset": u64::MAX, "length": u64::MAX }), None),
        ] {
            assert_eq!(state.shown_entity(&at(given.clone()), 3), shown.map(at), "{given}");
        }
        let too_long = json!({ "type": "bold", "offset": 1, "length": u64::MAX });
        let cut = json!({ "type": "bold", "offset": 1, "length": 2 });
        assert_eq!(state.shown_entity(&too_long, 3), Some(cut), "it ends with the text");
        assert_eq!(state.shown_entity(&json!("bold"), 3), None);
    }

    #[test]
    fn commands_mentions_and_links_are_found() {
        let found = |text: &str| {
            find(text)
                .iter()
                .map(|e| format!("{} {} {}", e["type"].as_str().unwrap_or_default(), e["offset"], e["length"]))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (text, expected) in [
            ("hello", ""),
            ("/protect @newspaper", "bot_command 0 8, mention 9 10"),
            ("/status@gate_bot now", "bot_command 0 16"),
            ("😀 /help", "bot_command 3 5"),
            ("see https://example.org/a, ok", "url 4 21"),
            ("a /", ""),
            ("", ""),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }
}
