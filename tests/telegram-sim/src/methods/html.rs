//! `parse_mode=HTML`: tags to entities, errors in Telegram's words.

use serde_json::{Value, json};

use crate::args::leading_number;
use crate::state::entities::utf16_len;

/// A tag that waits for its end.
struct Open {
    tag: String,
    /// The entity it makes, without its span; `None` makes nothing (a span or link that says nothing).
    entity: Option<Value>,
    starts_at: usize,
}

/// The plain text and its entities; an error is what follows `can't parse entities: `.
pub(super) fn parse(html: &str) -> Result<(String, Vec<Value>), String> {
    let mut text = String::new();
    let mut entities = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(next) = html[at..].chars().next() {
        match next {
            '&' => at += push_reference(&html[at..], &mut text),
            '<' => {
                let end = html[at..].find('>');
                let inside = end.map(|end| &html[at + 1..at + end]);
                if html[at..].starts_with("</") {
                    let name = inside.ok_or_else(|| format!("Unclosed end tag at byte offset {at}"))?;
                    close(name[1..].trim(), at, &mut open, &text, &mut entities)?;
                } else {
                    let tag = inside.ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
                    open.push(start(tag, at, &open, &text)?);
                }
                at += end.map_or(0, |end| end + 1);
            }
            other => {
                text.push(other);
                at += other.len_utf8();
            }
        }
    }
    match open.last() {
        Some(left) => Err(format!("Can't find end tag corresponding to start tag \"{}\"", left.tag)),
        None => {
            entities.sort_by_key(|entity: &Value| {
                (entity["offset"].as_u64(), std::cmp::Reverse(entity["length"].as_u64()))
            });
            Ok((text, entities))
        }
    }
}

/// Writes what a character reference stands for, and says how long it was; an unknown one is plain text.
fn push_reference(html: &str, text: &mut String) -> usize {
    let known = html.find(';').and_then(|end| {
        let stands_for = match &html[1..end] {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            number => {
                let digits = number.strip_prefix('#')?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code).filter(|_| code != 0)
            }
        };
        Some((stands_for?, end + 1))
    });
    let (shown, length) = known.unwrap_or(('&', 1));
    text.push(shown);
    length
}

fn start(tag: &str, at: usize, open: &[Open], text: &str) -> Result<Open, String> {
    let name_end = tag.find(char::is_whitespace).unwrap_or(tag.len());
    let name = tag[..name_end].to_ascii_lowercase();
    let attributes = attributes(&tag[name_end..]);
    let attribute = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let plain = |kind: &str| Some(json!({ "type": kind }));
    let entity = match name.as_str() {
        "b" | "strong" => plain("bold"),
        "i" | "em" => plain("italic"),
        "u" | "ins" => plain("underline"),
        "s" | "strike" | "del" => plain("strikethrough"),
        "tg-spoiler" => plain("spoiler"),
        "span" if attribute("class") == Some("tg-spoiler") => plain("spoiler"),
        "span" => {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {at}"));
        }
        "blockquote" if attribute("expandable").is_some() => plain("expandable_blockquote"),
        "blockquote" => plain("blockquote"),
        "pre" => plain("pre"),
        "code" => {
            let language = attribute("class").and_then(|class| class.strip_prefix("language-"));
            let in_pre = open.last().is_some_and(|outer| outer.tag == "pre");
            match language {
                Some(language) if in_pre => Some(json!({ "type": "pre", "language": language })),
                _ => plain("code"),
            }
        }
        "a" => attribute("href").map(link),
        "tg-emoji" => attribute("emoji-id").map(|id| json!({ "type": "custom_emoji", "custom_emoji_id": id })),
        "tg-time" => attribute("unix").map(|time| json!({ "type": "date_time", "unix_time": leading_number(time) })),
        _ => {
            return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
        }
    };
    Ok(Open { tag: name, entity, starts_at: text.len() })
}

fn link(url: &str) -> Value {
    match url.strip_prefix("tg://user?id=").map(leading_number) {
        Some(user) if user > 0 => json!({ "type": "text_mention", "user": { "id": user } }),
        _ => json!({ "type": "text_link", "url": url }),
    }
}

/// `name`, `name=value`, `name='value'` and `name="value"`, as they come; references in values are read.
fn attributes(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return found;
        }
        let name_end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        rest = rest[name_end..].trim_start();
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let body = if quote.is_some() { &after[1..] } else { after };
            let end = match quote {
                Some(quote) => body.find(quote),
                None => body.find(char::is_whitespace),
            };
            let raw = &body[..end.unwrap_or(body.len())];
            let mut at = 0;
            while let Some(next) = raw[at..].chars().next() {
                if next == '&' {
                    at += push_reference(&raw[at..], &mut value);
                } else {
                    value.push(next);
                    at += next.len_utf8();
                }
            }
            rest = end.map_or("", |end| body[end..].strip_prefix(['"', '\'']).unwrap_or(&body[end..]));
        }
        found.push((name, value));
    }
}

fn close(name: &str, at: usize, open: &mut Vec<Open>, text: &str, entities: &mut Vec<Value>) -> Result<(), String> {
    let Some(started) = open.pop() else {
        return Err(format!("Unexpected end tag at byte offset {at}"));
    };
    let name = name.to_ascii_lowercase();
    if !name.is_empty() && name != started.tag {
        let expected = started.tag;
        return Err(format!("Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""));
    }
    let Some(mut entity) = started.entity else {
        return Ok(());
    };
    let length = utf16_len(&text[started.starts_at..]);
    if length == 0 {
        return Ok(());
    }
    entity["offset"] = utf16_len(&text[..started.starts_at]).into();
    entity["length"] = length.into();
    // `<pre><code class="language-…">` is one entity, not two.
    let inner = entities.last().filter(|inner| inner["type"] == "pre" && inner["language"].is_string());
    let doubled = entity["type"] == "pre"
        && inner.is_some_and(|inner| inner["offset"] == entity["offset"] && inner["length"] == entity["length"]);
    if !doubled {
        entities.push(entity);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_entities() {
        let shown = |html: &str| {
            let (text, entities) = parse(html)?;
            let list: Vec<String> = entities
                .iter()
                .map(|e| format!("{} {}+{}", e["type"].as_str().unwrap_or_default(), e["offset"], e["length"]))
                .collect();
            Ok::<_, String>(format!("{text} | {}", list.join(", ")))
        };
        for (html, expected) in [
            ("plain", "plain | "),
            ("<b>a</b> <i>b</i>", "a b | bold 0+1, italic 2+1"),
            ("<b>a<i>b</i></b>", "ab | bold 0+2, italic 1+1"),
            ("😀<u>x</u>", "😀x | underline 2+1"),
            ("1 &lt; 2 &amp; &#65;&x; &", "1 < 2 & A&x; & | "),
            ("<a href=\"tg://user?id=7\">Ann</a>", "Ann | text_mention 0+3"),
            ("<a href='https://t.me/x?a=1&amp;b=2'>x</a>", "x | text_link 0+1"),
            ("<pre><code class=\"language-rust\">fn</code></pre>", "fn | pre 0+2"),
            ("<blockquote expandable>q</blockquote>", "q | expandable_blockquote 0+1"),
            ("<span class=\"tg-spoiler\">s</span><b></b>", "s | spoiler 0+1"),
        ] {
            assert_eq!(shown(html).as_deref(), Ok(expected), "{html}");
        }
    }

    #[test]
    fn errors_are_in_telegrams_words() {
        for (html, error) in [
            ("a<x>b</x>", "Unsupported start tag \"x\" at byte offset 1"),
            ("a</b>", "Unexpected end tag at byte offset 1"),
            ("<b>x</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
            ("<b>x", "Can't find end tag corresponding to start tag \"b\""),
            ("a <b", "Unclosed start tag at byte offset 2"),
        ] {
            assert_eq!(parse(html), Err(error.to_owned()), "{html}");
        }
    }
}
