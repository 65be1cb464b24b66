//! What the bot writes: text with entities, and buttons under it.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use shared::ids::{MessageId, UserId};
use url::Url;

/// A message before it is sent. Where it goes is in the [`SendSlot`](super::SendSlot) that was taken for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// 1 to 4096 characters. Sent without a parse mode, so no character in it needs escaping.
    pub text: String,
    pub entities: Vec<MessageEntity>,
    pub keyboard: Option<Keyboard>,
    /// The topic to answer in: `message_thread_id` of a message whose `is_topic_message` is true, and of no other (Telegram refuses 1,
    /// the General topic).
    pub thread: Option<i64>,
    /// Sent as a plain message if that one is gone by then.
    pub reply_to: Option<MessageId>,
}

/// A stretch of text with a meaning (Bot API `MessageEntity`), in UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEntity {
    pub kind: EntityKind,
    pub offset: usize,
    pub length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityKind {
    Bold,
    Code,
    TextLink(Url),
    /// Names a user with or without a username, and notifies them.
    TextMention(UserId),
}

/// Buttons under a message, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Keyboard {
    #[serde(rename = "inline_keyboard")]
    pub rows: Vec<Vec<Button>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Button {
    /// Not empty.
    pub text: String,
    #[serde(flatten)]
    pub press: Press,
}

/// What pressing a button does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum Press {
    /// Opens a page or a chat. Its host needs a dot (Telegram refuses `localhost`).
    #[serde(rename = "url")]
    Open(Url),
    /// Comes back to the bot: 1 to 64 bytes. Clients can forge it.
    #[serde(rename = "callback_data")]
    Callback(String),
}

impl Serialize for MessageEntity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let kind = match self.kind {
            EntityKind::Bold => "bold",
            EntityKind::Code => "code",
            EntityKind::TextLink(_) => "text_link",
            EntityKind::TextMention(_) => "text_mention",
        };
        map.serialize_entry("type", kind)?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("length", &self.length)?;
        match &self.kind {
            EntityKind::Bold | EntityKind::Code => {}
            EntityKind::TextLink(url) => map.serialize_entry("url", url)?,
            EntityKind::TextMention(id) => map.serialize_entry("user", &MentionedUser::of(*id))?,
        }
        map.end()
    }
}

/// Of the user in a text_mention Telegram reads only the id, but the object is a `User`, whose other fields are required.
#[derive(Serialize)]
struct MentionedUser {
    id: UserId,
    is_bot: bool,
    first_name: &'static str,
}

impl MentionedUser {
    fn of(id: UserId) -> Self {
        Self { id, is_bot: false, first_name: "" }
    }
}

impl Serialize for Keyboard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("inline_keyboard", &self.rows)?;
        map.end()
    }
}

impl Serialize for Button {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("text", &self.text)?;
        match &self.press {
            Press::Open(url) => map.serialize_entry("url", url)?,
            Press::Callback(data) => map.serialize_entry("callback_data", data)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn entities_are_written_as_the_bot_api_names_them() {
        let link: Url = "https://t.me/news".parse().expect("a URL");
        let table = [
            (EntityKind::Bold, json!({"type": "bold", "offset": 1, "length": 2})),
            (EntityKind::Code, json!({"type": "code", "offset": 1, "length": 2})),
            (
                EntityKind::TextLink(link),
                json!({"type": "text_link", "offset": 1, "length": 2, "url": "https://t.me/news"}),
            ),
            (
                EntityKind::TextMention(UserId(7)),
                json!({"type": "text_mention", "offset": 1, "length": 2, "user": {"id": 7, "is_bot": false, "first_name": ""}}),
            ),
        ];
        for (kind, expected) in table {
            assert_eq!(to_value(MessageEntity { kind, offset: 1, length: 2 }).expect("serializable"), expected);
        }
    }

    #[test]
    fn a_keyboard_is_rows_of_buttons() {
        let url: Url = "https://t.me/news".parse().expect("a URL");
        let keyboard = Keyboard {
            rows: vec![
                vec![Button { text: "Join".into(), press: Press::Open(url) }],
                vec![Button { text: "Verify".into(), press: Press::Callback("v1:7".into()) }],
            ],
        };
        let expected = json!({"inline_keyboard": [
            [{"text": "Join", "url": "https://t.me/news"}],
            [{"text": "Verify", "callback_data": "v1:7"}],
        ]});
        assert_eq!(to_value(&keyboard).expect("serializable"), expected);
        assert_eq!(serde_json::from_value::<Keyboard>(expected).expect("readable"), keyboard);
    }
}
