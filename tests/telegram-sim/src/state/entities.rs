//! What Telegram finds in plain text by itself: commands, mentions and links.

use serde_json::{Value, json};

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

#[cfg(test)]
mod tests {
    use super::*;

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
