//! A call's arguments: merged from the query string and the body into string pairs, and read leniently.

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The string pairs of a call; the first of several with one name wins.
#[derive(Debug, Default, Clone)]
pub(crate) struct Args {
    pairs: Vec<(String, String)>,
    files: Vec<(String, File)>,
}

/// A file that came with a form.
#[derive(Debug, Default, Clone)]
pub(crate) struct File {
    pub(crate) size: usize,
    /// All of it, unless it is far too large for anything.
    pub(crate) start: Vec<u8>,
}

impl Args {
    #[cfg(test)]
    pub(crate) fn from_json(body: &[u8]) -> Self {
        let mut args = Self::default();
        args.add_json(body);
        args
    }

    pub(crate) fn add_form(&mut self, text: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(text) {
            self.pairs.push((name.into_owned(), value.into_owned()));
        }
    }

    pub(crate) fn add_text(&mut self, name: String, value: String) {
        self.pairs.push((name, value));
    }

    pub(crate) fn add_file(&mut self, name: String, file: File) {
        self.files.push((name, file));
    }

    /// Opens the top level only: a string is decoded, anything else stays as its JSON text, `null` included.
    pub(crate) fn add_json(&mut self, body: &[u8]) {
        let mut members = Vec::new();
        let mut json = serde_json::Deserializer::from_slice(body);
        if let Err(error) = Members(&mut members).deserialize(&mut json) {
            tracing::debug!(%error, "a JSON body could not be read to its end");
        }
        for (name, raw) in members {
            let value = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
            self.pairs.push((name, value));
        }
    }

    /// The argument's text; an absent and an empty one are the same.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|(key, _)| key == name).map(|(_, file)| file)
    }

    /// True for `true`, `yes` and `1`, in any case; everything else is false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).trim().to_ascii_lowercase().as_str(), "true" | "yes" | "1")
    }

    /// The number the text begins with, 0 if it begins with none.
    pub(crate) fn number(&self, name: &str) -> i64 {
        leading_number(self.text(name))
    }

    /// Like [`Args::number`], with a value for an absent one, kept within bounds.
    pub(crate) fn number_within(&self, name: &str, absent: i64, least: i64, most: i64) -> i64 {
        if self.text(name).is_empty() { absent } else { self.number(name).clamp(least, most) }
    }

    /// The argument as JSON, if it is there and is JSON.
    pub(crate) fn json(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.text(name)).ok()
    }

    /// As the ledger shows them: JSON where the text is JSON, so that nested objects and numbers read well.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for (name, text) in &self.pairs {
            let value = match serde_json::from_str::<Value>(text) {
                Ok(value) if name != "text" && name != "callback_query_id" && !value.is_null() => value,
                _ => Value::String(text.clone()),
            };
            map.entry(name.clone()).or_insert(value);
        }
        for (name, file) in &self.files {
            map.entry(name.clone()).or_insert_with(|| Value::String(format!("a file of {} bytes", file.size)));
        }
        map
    }
}

/// Collects a JSON object's members in order, as far as it can be read: a broken one gives those before the break.
struct Members<'a>(&'a mut Vec<(String, Box<RawValue>)>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(())
    }
}

/// The integer at the start of a text, as lenient as the real parser: spaces before it, anything after it.
pub(crate) fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return 0;
    }
    match digits[..end].parse::<i64>() {
        Ok(number) if negative => -number,
        Ok(number) => number,
        Err(_) if negative => i64::MIN,
        Err(_) => i64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_with_one_name_wins() {
        let mut args = Args::default();
        args.add_form(b"a=1&b=x%20y");
        args.add_form(b"a=2&c=3");
        assert_eq!((args.text("a"), args.text("b"), args.text("c")), ("1", "x y", "3"));
    }

    #[test]
    fn json_opens_its_top_level_only() {
        let args = Args::from_json(br#"{"text":"a\nb","chat_id":-5,"reply_markup":{"a":[1, 2]},"x":null}"#);
        assert_eq!(args.text("text"), "a\nb");
        assert_eq!(args.number("chat_id"), -5);
        assert_eq!(args.text("reply_markup"), r#"{"a":[1, 2]}"#);
        assert_eq!(args.text("x"), "null", "null is a word, not an absence");
        assert_eq!(args.number("x"), 0);
    }

    #[test]
    fn a_broken_json_body_keeps_what_was_read() {
        let args = Args::from_json(br#"{"chat_id":7,"text":"#);
        assert_eq!(args.number("chat_id"), 7);
        assert_eq!(args.text("text"), "");
    }

    #[test]
    fn numbers_and_flags_are_read_leniently() {
        for (text, number) in
            [("12", 12), (" -7 ", -7), ("3abc", 3), ("abc", 0), ("", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(leading_number(text), number, "{text:?}");
        }
        for (text, flag) in [("true", true), ("YES", true), (" 1 ", true), ("0", false), ("on", false), ("", false)] {
            let mut args = Args::default();
            args.add_text("f".into(), text.into());
            assert_eq!(args.flag("f"), flag, "{text:?}");
        }
    }
}
