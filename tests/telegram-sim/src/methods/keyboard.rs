//! Reading a `reply_markup` argument and checking its inline buttons.

use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::reply::ApiError;

const MAX_DATA_BYTES: usize = 64;

/// The inline keyboard to show with a message; other markups are checked and shown to nobody.
pub(super) fn read(args: &Args) -> Result<Option<Box<Value>>, ApiError> {
    let text = args.text("reply_markup");
    if text.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|_| ApiError::bad_request("can't parse reply keyboard markup JSON object"))?;
    let Value::Object(object) = value else {
        return Err(ApiError::bad_request("object expected as reply markup"));
    };
    let Some(rows) = object.get("inline_keyboard") else {
        return Ok(None);
    };
    let Value::Array(rows) = rows else {
        return Err(ApiError::bad_request(
            "can't parse reply keyboard markup: Field \"inline_keyboard\" must be of type Array",
        ));
    };
    let mut kept = Vec::new();
    for row in rows {
        let Value::Array(buttons) = row else {
            return Err(ApiError::bad_request("can't parse inline keyboard: Inline keyboard row must be an Array"));
        };
        let row: Vec<Value> = buttons.iter().map(button).collect::<Result<_, _>>()?;
        if !row.is_empty() {
            kept.push(Value::Array(row));
        }
    }
    Ok((!kept.is_empty()).then(|| Box::new(json!({ "inline_keyboard": kept }))))
}

fn button(value: &Value) -> Result<Value, ApiError> {
    let parse_error = |what: &str| ApiError::bad_request(format!("can't parse inline keyboard button: {what}"));
    let Value::Object(fields) = value else {
        return Err(parse_error("InlineKeyboardButton must be an Object"));
    };
    let label = fields.get("text").and_then(Value::as_str).ok_or_else(|| parse_error("Can't find field \"text\""))?;
    let mut shown = Map::new();
    if let Some(url) = text_field(fields, "url") {
        shown.insert("url".into(), checked_url(url)?.into());
    } else if let Some(data) = text_field(fields, "callback_data") {
        if data.len() > MAX_DATA_BYTES {
            return Err(ApiError::bad_request("BUTTON_DATA_INVALID"));
        }
        shown.insert("callback_data".into(), data.into());
    } else {
        let (name, value) =
            other_action(fields).ok_or_else(|| parse_error("Text buttons are unallowed in the inline keyboard"))?;
        shown.insert(name.into(), value);
    }
    if label.trim().is_empty() {
        return Err(ApiError::bad_request("inline keyboard button text must be non-empty"));
    }
    shown.insert("text".into(), label.into());
    Ok(Value::Object(shown))
}

/// What a button does that is neither a link nor a press, as it is shown.
fn other_action(fields: &Map<String, Value>) -> Option<(&'static str, Value)> {
    let inline = ["switch_inline_query", "switch_inline_query_current_chat"];
    // An inline query may be empty: the person is to complete it.
    let query = inline.into_iter().find_map(|name| Some((name, fields.get(name)?.as_str()?.into())));
    query.or_else(|| {
        let opening = [("web_app", "url"), ("login_url", "url"), ("copy_text", "text")];
        opening.into_iter().find_map(|(name, inner)| {
            let value = text_field(fields.get(name)?.as_object()?, inner)?;
            Some((name, json!({ inner: value })))
        })
    })
}

/// A text field that says something.
fn text_field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The URL as Telegram keeps it. A host needs a dot, so that `localhost` is refused.
fn checked_url(given: &str) -> Result<String, ApiError> {
    let wrong = || ApiError::bad_request(format!("inline keyboard button URL '{given}' is invalid: Wrong HTTP URL"));
    if given.starts_with("tg://") {
        return Ok(given.to_owned());
    }
    let url = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
    let parsed = url::Url::parse(&url).map_err(|_| wrong())?;
    let is_web = matches!(parsed.scheme(), "http" | "https");
    let has_dot = parsed.host_str().is_some_and(|host| host.trim_matches('.').contains('.'));
    if is_web && has_dot { Ok(parsed.to_string()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_are_checked_in_telegrams_words() {
        let long = "x".repeat(65);
        for (button, error) in [
            (json!({ "text": "a", "callback_data": "x" }), None),
            (json!({ "text": "a", "url": "https://t.me/newspaper" }), None),
            (json!({ "text": "a", "url": "tg://user?id=1" }), None),
            (json!({ "text": "a", "switch_inline_query": "" }), None),
            (json!({ "text": "a", "copy_text": { "text": "x", "more": null } }), None),
            (
                json!({ "text": "a", "copy_text": "x" }),
                Some("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
            ),
            (json!({ "text": "a", "callback_data": long }), Some("BUTTON_DATA_INVALID")),
            (
                json!({ "text": "a", "url": "http://localhost/x" }),
                Some("inline keyboard button URL 'http://localhost/x' is invalid: Wrong HTTP URL"),
            ),
            (
                json!({ "text": "a" }),
                Some("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
            ),
            (json!({ "text": " ", "callback_data": "x" }), Some("inline keyboard button text must be non-empty")),
        ] {
            let markup = json!({ "reply_markup": { "inline_keyboard": [[button], []] } }).to_string();
            let read = read(&Args::from_json(markup.as_bytes()));
            match error {
                None => {
                    let rows =
                        read.ok().flatten().map_or(0, |kept| kept["inline_keyboard"].as_array().map_or(0, Vec::len));
                    assert_eq!(rows, 1, "empty rows are dropped: {button}");
                }
                Some(text) => {
                    assert_eq!(read.map_err(|e| e.description), Err(format!("Bad Request: {text}")), "{button}");
                }
            }
        }
    }
}
