//! From a secret and bytes to a verified update, which cannot be had another way; and what routing needs to know of it.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};
use shared::ids::{ChatId, UpdateId, UserId};
use subtle::{Choice, ConstantTimeEq as _};

/// The header that Telegram repeats the webhook's secret in.
pub const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// What the sender of a webhook may know; at least one.
#[derive(Clone)]
pub struct Secrets {
    registered: SecretString,
    /// Accepted too, while they are being replaced.
    others: Vec<SecretString>,
}

impl Secrets {
    /// The one that Telegram is given.
    pub fn registered(&self) -> &str {
        self.registered.expose_secret()
    }

    /// Whether the sender knows one of them. Takes the same time whichever it is and wherever it differs.
    pub fn verify(&self, given: Option<&[u8]>) -> Option<Trusted> {
        let given = given?;
        let all = std::iter::once(&self.registered).chain(&self.others);
        let known = all.fold(Choice::from(0), |known, secret| known | secret.expose_secret().as_bytes().ct_eq(given));
        bool::from(known).then_some(Trusted(()))
    }
}

impl FromStr for Secrets {
    type Err = NotSecrets;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let usable = |secret: &str| {
            (1..=256).contains(&secret.len())
                && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        let mut secrets = Vec::new();
        for secret in text.split(',').map(str::trim) {
            if !usable(secret) {
                return Err(NotSecrets);
            }
            secrets.push(SecretString::from(secret.to_owned()));
        }
        let registered = secrets.remove(0);
        Ok(Self { registered, others: secrets })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", 1 + self.others.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("each secret is 1 to 256 letters, digits, _ or -, and several are separated by commas")]
pub struct NotSecrets;

/// That what follows comes from Telegram.
#[derive(Debug)]
pub struct Trusted(());

impl Trusted {
    /// What Telegram's own server answers to our token.
    pub(crate) fn answered_by_telegram() -> Self {
        Self(())
    }

    /// Reads what came. Never refuses: bytes that are no update are kept as what they are.
    pub fn read(self, body: Bytes) -> VerifiedUpdate {
        let about = serde_json::from_slice::<About>(&body).ok();
        VerifiedUpdate { about, body }
    }
}

/// Bytes from Telegram, with what routing needs to know of them.
#[derive(Clone, Debug)]
pub struct VerifiedUpdate {
    about: Option<About>,
    body: Bytes,
}

impl VerifiedUpdate {
    /// None when the bytes are no update.
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What routing needs to know of an update; nothing else of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub id: UpdateId,
    pub kind: Kind,
    /// The chat it is about; of a press, the chat of the message with the button.
    pub chat: Option<ChatId>,
    /// Who did it, or whom it happened to.
    pub user: Option<UserId>,
}

/// Kinds of update that go different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Message,
    EditedMessage,
    ChannelPost,
    EditedChannelPost,
    CallbackQuery,
    MyChatMember,
    ChatMember,
    ChatJoinRequest,
    /// One that we do not ask for, or do not know.
    Other,
}

impl Kind {
    /// Telegram's own name; the label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::EditedMessage => "edited_message",
            Self::ChannelPost => "channel_post",
            Self::EditedChannelPost => "edited_channel_post",
            Self::CallbackQuery => "callback_query",
            Self::MyChatMember => "my_chat_member",
            Self::ChatMember => "chat_member",
            Self::ChatJoinRequest => "chat_join_request",
            Self::Other => "other",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "message" => Self::Message,
            "edited_message" => Self::EditedMessage,
            "channel_post" => Self::ChannelPost,
            "edited_channel_post" => Self::EditedChannelPost,
            "callback_query" => Self::CallbackQuery,
            "my_chat_member" => Self::MyChatMember,
            "chat_member" => Self::ChatMember,
            "chat_join_request" => Self::ChatJoinRequest,
            _ => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for About {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AboutVisitor)
    }
}

/// Goes through an update's fields once: one is its id, one other names its kind and holds its content.
struct AboutVisitor;

impl<'de> Visitor<'de> for AboutVisitor {
    type Value = About;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an update")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<About, A::Error> {
        let (mut id, mut content) = (None, None);
        while let Some(field) = fields.next_key::<FieldName>()? {
            match field {
                FieldName::UpdateId => id = Some(UpdateId(fields.next_value()?)),
                FieldName::Kind(kind) if content.is_none() => content = Some((kind, fields.next_value::<Content>()?)),
                FieldName::Kind(_) => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        let id = id.ok_or_else(|| serde::de::Error::missing_field("update_id"))?;
        let (kind, content) = content.unwrap_or((Kind::Other, Content::default()));
        let chat = content.chat.or(content.message.and_then(|message| message.chat));
        // Telegram's queue of memberships is by the member, not by whoever changed it (telegram.md 2.5).
        let member = content.new_chat_member.and_then(|member| member.user);
        let user = member.filter(|_| kind == Kind::ChatMember).or(content.from).or(content.user);
        Ok(About { id, kind, chat: chat.map(|id| ChatId(id.id)), user: user.map(|id| UserId(id.id)) })
    }
}

enum FieldName {
    UpdateId,
    Kind(Kind),
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = FieldName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<FieldName, E> {
                Ok(if name == "update_id" { FieldName::UpdateId } else { FieldName::Kind(Kind::named(name)) })
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

/// The content of any kind of update: whichever of these fields it has.
#[derive(Default, Deserialize)]
struct Content {
    chat: Option<Id>,
    from: Option<Id>,
    /// Who reacted or voted.
    user: Option<Id>,
    /// What a button hangs on.
    message: Option<InChat>,
    new_chat_member: Option<Member>,
}

#[derive(Deserialize)]
struct InChat {
    chat: Option<Id>,
}

#[derive(Deserialize)]
struct Member {
    user: Option<Id>,
}

#[derive(Clone, Copy, Deserialize)]
struct Id {
    id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Secrets {
        text.parse().expect("secrets")
    }

    #[test]
    fn only_who_knows_a_secret_is_trusted() {
        let rotating = secrets("new_one, old-one");
        assert_eq!(rotating.registered(), "new_one");
        let cases: [(Option<&str>, bool); 7] = [
            (Some("new_one"), true),
            (Some("old-one"), true),
            (Some("new_on"), false),
            (Some("new_one,old-one"), false),
            (Some("NEW_ONE"), false),
            (Some(""), false),
            (None, false),
        ];
        for (given, trusted) in cases {
            assert_eq!(rotating.verify(given.map(str::as_bytes)).is_some(), trusted, "{given:?}");
        }
    }

    #[test]
    fn a_secret_that_telegram_would_refuse_is_refused_here() {
        for text in ["", ",", "one,", "with space", "umläut", &"x".repeat(257)] {
            assert!(text.parse::<Secrets>().is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", secrets("hunter2,hunter3")), "[2 redacted]");
    }

    #[test]
    fn what_routing_needs_is_found_in_every_kind() {
        let cases: [(&str, Kind, Option<i64>, Option<i64>); 14] = [
            (
                r#"{"update_id":5,"message":{"message_id":1,"from":{"id":7,"is_bot":false},"chat":{"id":-100,"type":"supergroup"},"text":"hi \u0000 \ud83d\ude00"}}"#,
                Kind::Message,
                Some(-100),
                Some(7),
            ),
            (r#"{"message":{"chat":{"id":-100}},"update_id":5}"#, Kind::Message, Some(-100), None),
            (
                r#"{"update_id":5,"edited_message":{"chat":{"id":-100},"from":{"id":7}}}"#,
                Kind::EditedMessage,
                Some(-100),
                Some(7),
            ),
            (
                r#"{"update_id":5,"channel_post":{"chat":{"id":-200},"sender_chat":{"id":-200}}}"#,
                Kind::ChannelPost,
                Some(-200),
                None,
            ),
            (
                r#"{"update_id":5,"edited_channel_post":{"chat":{"id":-200}}}"#,
                Kind::EditedChannelPost,
                Some(-200),
                None,
            ),
            (
                r#"{"update_id":5,"callback_query":{"id":"1","from":{"id":7},"message":{"message_id":1,"from":{"id":9},"chat":{"id":-100}},"data":"x"}}"#,
                Kind::CallbackQuery,
                Some(-100),
                Some(7),
            ),
            (
                r#"{"update_id":5,"callback_query":{"id":"1","from":{"id":7},"inline_message_id":"q"}}"#,
                Kind::CallbackQuery,
                None,
                Some(7),
            ),
            (
                r#"{"update_id":5,"my_chat_member":{"chat":{"id":-100},"from":{"id":7},"new_chat_member":{"user":{"id":9},"status":"administrator"}}}"#,
                Kind::MyChatMember,
                Some(-100),
                Some(7),
            ),
            (
                r#"{"update_id":5,"chat_member":{"chat":{"id":-200},"from":{"id":1},"old_chat_member":{"user":{"id":7}},"new_chat_member":{"user":{"id":7},"status":"left"}}}"#,
                Kind::ChatMember,
                Some(-200),
                Some(7),
            ),
            (
                r#"{"update_id":5,"chat_join_request":{"chat":{"id":-100},"from":{"id":7},"user_chat_id":7}}"#,
                Kind::ChatJoinRequest,
                Some(-100),
                Some(7),
            ),
            (r#"{"update_id":5,"inline_query":{"id":"1","from":{"id":7},"query":"x"}}"#, Kind::Other, None, Some(7)),
            (
                r#"{"update_id":5,"message_reaction":{"chat":{"id":-100},"user":{"id":7}}}"#,
                Kind::Other,
                Some(-100),
                Some(7),
            ),
            (r#"{"update_id":5,"hologram":{"colour":[1,2,{"a":null}]}}"#, Kind::Other, None, None),
            (r#"{"update_id":5}"#, Kind::Other, None, None),
        ];
        for (json, kind, chat, user) in cases {
            let update = Trusted::answered_by_telegram().read(Bytes::from(json));
            let wanted = About { id: UpdateId(5), kind, chat: chat.map(ChatId), user: user.map(UserId) };
            assert_eq!(update.about(), Some(&wanted), "{json}");
            assert_eq!(update.body(), json);
        }
    }

    #[test]
    fn what_is_no_update_is_kept_as_bytes() {
        let deep = "[".repeat(100_000);
        let cases: [&[u8]; 10] = [
            b"",
            b"not json",
            b"[]",
            b"null",
            b"{\"message\":{\"chat\":{\"id\":1}}}",
            b"{\"update_id\":\"5\"}",
            b"{\"update_id\":5",
            b"{\"update_id\":5}trailing",
            b"{\"update_id\":5,\"message\":\"\xff\xfe\"}",
            deep.as_bytes(),
        ];
        for bytes in cases {
            let update = Trusted::answered_by_telegram().read(Bytes::copy_from_slice(bytes));
            assert_eq!(update.about(), None, "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
            assert_eq!(update.body(), bytes);
        }
    }
}
