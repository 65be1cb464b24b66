//! Bytes -> Event. Reads only what is acted on, and leniently: an unknown kind is ignored, and content we cannot read never punishes.

mod members;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;
use shared::{
    envelope::{Envelope, Kind},
    ids::{BotId, ChannelId, ChatId, MessageId, UserId},
};

use super::{
    Author, ButtonPressed, Chat, ChatKind, Command, Event, MessagePosted, Moved, Person, Replied, Task, Typed,
};

/// Posts that Telegram copies from the linked channel come from this account (telegram.md 4.1).
const TELEGRAM: UserId = UserId(777_000);

/// Reads updates for one bot.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub bot: BotId,
    /// Without the `@`: commands addressed to another bot are not for us.
    pub username: String,
}

/// Bytes that are neither an update nor a task. What members wrote is not in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is not an update of Telegram: {0}")]
    Update(Place),
    #[error("it is not a task of ours: {0}")]
    Task(Place),
    #[error("the gateway could not read it")]
    Marked,
}

/// Where reading stopped. serde's own words would quote what stands there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at line {line}, column {column}")]
pub(crate) struct Place {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Place {
    fn from(err: serde_json::Error) -> Self {
        let what = match err.classify() {
            Category::Syntax => "no JSON",
            Category::Eof => "cut off",
            Category::Data => "something missing or of another type",
            Category::Io => "not read",
        };
        Self { what, line: err.line(), column: err.column() }
    }
}

impl Reader {
    /// # Errors
    /// The body is not what its envelope says it is.
    pub(crate) fn read(&self, envelope: &Envelope) -> Result<Event, Unreadable> {
        match envelope.kind {
            Kind::Unreadable { .. } => Err(Unreadable::Marked),
            Kind::Task { .. } => {
                let task = serde_json::from_slice::<Task>(&envelope.body);
                task.map(Event::Task).map_err(|err| Unreadable::Task(err.into()))
            }
            Kind::Update(_) => {
                let raw = serde_json::from_slice(&envelope.body);
                raw.map(|raw| self.sort(raw)).map_err(|err| Unreadable::Update(err.into()))
            }
        }
    }

    fn sort(&self, raw: RawUpdate) -> Event {
        if let Some(message) = raw.message {
            return self.message(message, false);
        }
        if let Some(message) = raw.edited_message {
            return self.message(message, true);
        }
        if let Some(press) = raw.callback_query {
            return pressed(press);
        }
        if let Some(change) = raw.chat_member {
            return members::member_changed(change);
        }
        if let Some(request) = raw.chat_join_request {
            return members::join_requested(request);
        }
        if let Some(change) = raw.my_chat_member {
            return members::own_standing(change);
        }
        Event::Ignored("another kind of update")
    }

    fn message(&self, raw: RawMessage, edited: bool) -> Event {
        if let Some(new) = raw.migrate_to_chat_id {
            return Event::Moved(Moved { old: raw.chat.id, new });
        }
        if let Some(old) = raw.migrate_from_chat_id {
            return Event::Moved(Moved { old, new: raw.chat.id });
        }
        if !raw.has_content() {
            return members::came_or_went(raw);
        }
        // No other location can be edited, and the last edit of a live one does not say that it was one.
        if edited && raw.location.is_some() {
            return Event::Ignored("a live location moving");
        }
        let author = raw.author();
        let command = if edited { None } else { raw.text.as_deref().and_then(|text| self.command(text)) };
        let replied = raw.reply_to_message.as_deref().map(|replied| self.replied(raw.chat.id, replied));
        let typed = if edited || command.is_some() { None } else { self.typed(&raw) };
        Event::Message(Box::new(MessagePosted {
            message: raw.message_id,
            date_s: raw.edit_date.unwrap_or(raw.date),
            edited,
            author,
            topic: raw.message_thread_id.filter(|_| raw.is_topic_message),
            command,
            replied,
            typed,
            chat: raw.chat.into(),
        }))
    }

    fn replied(&self, chat: ChatId, raw: &RawReplied) -> Replied {
        let ours = self.is_ours(raw);
        let mentioned = raw.entities.iter().flatten().filter_map(|entity| entity.user.clone());
        Replied {
            message: raw.message_id,
            author: author(chat, raw.from.as_ref(), raw.sender_chat.as_ref(), raw.is_automatic_forward),
            ours,
            from_channel: raw.forwarded_channel(),
            mentioned: mentioned.map(Person::from).collect(),
        }
    }

    fn typed(&self, raw: &RawMessage) -> Option<Typed> {
        let prompt = raw.reply_to_message.as_deref().filter(|replied| self.is_ours(replied))?;
        let buttons: Vec<String> = button_data(prompt.reply_markup.as_ref()).map(str::to_owned).collect();
        let text = raw.text.clone().filter(|_| !buttons.is_empty())?;
        Some(Typed { text, to: prompt.message_id, buttons })
    }

    /// Written by this bot itself: a forward of its words, or another's post, is not.
    fn is_ours(&self, raw: &RawReplied) -> bool {
        raw.sender_chat.is_none() && raw.from.as_ref().is_some_and(|user| user.id.0 == self.bot.0)
    }

    fn command(&self, text: &str) -> Option<Command> {
        let text = text.strip_prefix('/')?;
        let (word, args) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (name, bot) = word.split_once('@').unwrap_or((word, ""));
        let ours = bot.is_empty() || bot.eq_ignore_ascii_case(&self.username);
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (ours && plain).then(|| Command { name: name.to_ascii_lowercase(), args: args.trim().to_owned() })
    }
}

fn pressed(raw: RawPress) -> Event {
    let (Some(message), Some(data)) = (raw.message, raw.data) else {
        return Event::Ignored("a press of something that is not ours");
    };
    let mentioned = message.entities.iter().flatten().filter_map(|e| e.user.as_ref()).map(|user| user.id).collect();
    let offered = button_data(message.reply_markup.as_ref()).any(|button| button == data);
    let chat = Chat::from(message.chat);
    Event::Press(Box::new(ButtonPressed {
        query: raw.id,
        by: raw.from.into(),
        chat: chat.id,
        kind: chat.kind,
        title: chat.title,
        message: message.message_id,
        data,
        offered,
        mentioned,
    }))
}

#[derive(Deserialize)]
struct RawUpdate {
    message: Option<RawMessage>,
    edited_message: Option<RawMessage>,
    callback_query: Option<RawPress>,
    chat_member: Option<members::RawMemberChange>,
    chat_join_request: Option<members::RawJoinRequest>,
    my_chat_member: Option<members::RawOwnChange>,
}

#[derive(Deserialize)]
struct RawMessage {
    message_id: MessageId,
    date: i64,
    edit_date: Option<i64>,
    chat: RawChat,
    from: Option<RawUser>,
    sender_chat: Option<RawChat>,
    message_thread_id: Option<i64>,
    #[serde(default)]
    is_topic_message: bool,
    #[serde(default)]
    is_automatic_forward: bool,
    reply_to_message: Option<Box<RawReplied>>,
    migrate_to_chat_id: Option<ChatId>,
    migrate_from_chat_id: Option<ChatId>,
    text: Option<String>,
    location: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "members::lenient")]
    new_chat_members: Option<Vec<RawUser>>,
    #[serde(default, deserialize_with = "members::lenient")]
    left_chat_member: Option<RawUser>,
    // What else a person can post, by whether it is there. A message with none of it is a service message, or of a kind newer than this
    // program: left alone.
    caption: Option<IgnoredAny>,
    rich_message: Option<IgnoredAny>,
    animation: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
    document: Option<IgnoredAny>,
    live_photo: Option<IgnoredAny>,
    paid_media: Option<IgnoredAny>,
    photo: Option<IgnoredAny>,
    sticker: Option<IgnoredAny>,
    story: Option<IgnoredAny>,
    video: Option<IgnoredAny>,
    video_note: Option<IgnoredAny>,
    voice: Option<IgnoredAny>,
    checklist: Option<IgnoredAny>,
    contact: Option<IgnoredAny>,
    dice: Option<IgnoredAny>,
    game: Option<IgnoredAny>,
    poll: Option<IgnoredAny>,
    venue: Option<IgnoredAny>,
    // By way of an inline bot, or forwarded from a channel.
    invoice: Option<IgnoredAny>,
    giveaway: Option<IgnoredAny>,
    giveaway_winners: Option<IgnoredAny>,
}

impl RawMessage {
    fn has_content(&self) -> bool {
        let posted = [
            &self.caption,
            &self.rich_message,
            &self.animation,
            &self.audio,
            &self.document,
            &self.live_photo,
            &self.paid_media,
            &self.photo,
            &self.sticker,
            &self.story,
            &self.video,
            &self.video_note,
            &self.voice,
            &self.checklist,
            &self.contact,
            &self.dice,
            &self.game,
            &self.poll,
            &self.venue,
            &self.invoice,
            &self.giveaway,
            &self.giveaway_winners,
            &self.location,
        ];
        self.text.is_some() || posted.iter().any(|field| field.is_some())
    }

    fn author(&self) -> Author {
        author(self.chat.id, self.from.as_ref(), self.sender_chat.as_ref(), self.is_automatic_forward)
    }
}

/// Who wrote a message in a chat (telegram.md 4.1).
fn author(chat: ChatId, from: Option<&RawUser>, sender: Option<&RawChat>, is_automatic_forward: bool) -> Author {
    if is_automatic_forward {
        return Author::Exempt("a post of the linked channel");
    }
    if let Some(sender) = sender {
        return if sender.id == chat { Author::AnonymousAdmin } else { Author::Channel(ChannelId(sender.id.0)) };
    }
    match from {
        Some(user) if user.is_bot => Author::Exempt("a bot"),
        Some(user) if user.id == TELEGRAM => Author::Exempt("Telegram itself"),
        Some(user) => Author::Person(user.clone().into()),
        None => Author::Exempt("nobody we can name"),
    }
}

#[derive(Deserialize)]
struct RawReplied {
    message_id: MessageId,
    from: Option<RawUser>,
    sender_chat: Option<RawChat>,
    #[serde(default)]
    is_automatic_forward: bool,
    forward_origin: Option<RawOrigin>,
    entities: Option<Vec<RawEntity>>,
    reply_markup: Option<Value>,
}

impl RawReplied {
    fn forwarded_channel(&self) -> Option<ChannelId> {
        let origin = self.forward_origin.as_ref().filter(|origin| origin.kind == "channel")?;
        origin.chat.as_ref().map(|chat| ChannelId(chat.id.0))
    }
}

/// What comes back from the buttons under a message.
fn button_data(markup: Option<&Value>) -> impl Iterator<Item = &str> {
    let rows = markup.and_then(|markup| markup["inline_keyboard"].as_array());
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    buttons.filter_map(|button| button["callback_data"].as_str())
}

#[derive(Deserialize)]
struct RawOrigin {
    #[serde(rename = "type")]
    kind: String,
    chat: Option<RawChat>,
}

#[derive(Deserialize)]
struct RawChat {
    id: ChatId,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    title: String,
}

impl From<RawChat> for Chat {
    fn from(raw: RawChat) -> Self {
        let kind = match raw.kind.as_str() {
            "private" => ChatKind::Private,
            "group" => ChatKind::Group,
            "supergroup" => ChatKind::Supergroup,
            "channel" => ChatKind::Channel,
            _ => ChatKind::Unknown,
        };
        Self { id: raw.id, kind, title: raw.title }
    }
}

#[derive(Clone, Deserialize)]
struct RawUser {
    id: UserId,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    first_name: String,
    last_name: Option<String>,
    username: Option<String>,
}

impl From<RawUser> for Person {
    fn from(raw: RawUser) -> Self {
        let name = match raw.last_name {
            Some(last) => format!("{} {last}", raw.first_name),
            None => raw.first_name,
        };
        Self { id: raw.id, name, username: raw.username }
    }
}

#[derive(Deserialize)]
struct RawPress {
    id: String,
    from: RawUser,
    message: Option<RawPressed>,
    data: Option<String>,
}

/// A message, or the shell of one that is no longer accessible.
#[derive(Deserialize)]
struct RawPressed {
    chat: RawChat,
    message_id: MessageId,
    entities: Option<Vec<RawEntity>>,
    reply_markup: Option<Value>,
}

#[derive(Deserialize)]
struct RawEntity {
    user: Option<RawUser>,
}

#[cfg(test)]
mod tests;
