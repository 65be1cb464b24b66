//! What travels through the queue: an update as it came, or a task, with what routing and tracing need beside it.
//!
//! The body is never opened or copied here. Everything else travels in headers, so that a reader can route, deduplicate and trace without
//! parsing. A reader ignores headers it does not know and refuses a version above its own.

use bytes::Bytes;

use crate::ids::{BotId, UpdateId, UserId};

/// Raised only when an older reader would misunderstand a newer message. Readers of version n + 1 are rolled out before writers of it.
pub const VERSION: u32 = 1;

/// The chat an update is about (for a press the chat of its message, for a join request the group), or the user when there is no chat.
/// Everything with one routing key is handled one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingKey(pub i64);

impl std::fmt::Display for RoutingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of Telegram's own delivery queues an update came by (telegram.md 2.5), or that it is a task of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Messages and posts of the chat, new and edited.
    Messages,
    /// What happened to the bot itself in the chat.
    Bot,
    /// Presses, memberships and join requests of one user.
    User(UserId),
    /// A question from another chat's source, or a timer.
    Task,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One update of Telegram, as JSON.
    Update(UpdateId),
    /// Bytes that came with the right secret but are no update. They are kept, never refused: a refusal would stop Telegram's queue for a day.
    Unreadable { digest: u64 },
    /// A due row, as JSON. `attempt` counts its publications: a lost one is published again under a new id.
    Task { id: i64, attempt: i64 },
}

/// One message of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub bot: BotId,
    pub routing: RoutingKey,
    pub source: Source,
    pub kind: Kind,
    /// One of many tasks: it waits for whatever else there is of its chat.
    pub bulk: bool,
    /// When it first reached us, in milliseconds since the Unix epoch: what verification latency is measured from.
    pub received_ms: i64,
    /// W3C trace context of whoever published it; empty when there is none.
    pub trace: Vec<(String, String)>,
    pub body: Bytes,
}

impl Envelope {
    pub fn update(
        bot: BotId,
        routing: RoutingKey,
        source: Source,
        id: UpdateId,
        received_ms: i64,
        body: Bytes,
    ) -> Self {
        Self { bot, routing, source, kind: Kind::Update(id), bulk: false, received_ms, trace: Vec::new(), body }
    }

    pub fn task(bot: BotId, routing: RoutingKey, id: i64, attempt: i64, received_ms: i64, body: Bytes) -> Self {
        Self {
            bot,
            routing,
            source: Source::Task,
            kind: Kind::Task { id, attempt },
            bulk: false,
            received_ms,
            trace: Vec::new(),
            body,
        }
    }

    /// Bytes that are no update, kept for the dead letters.
    pub fn unreadable(bot: BotId, digest: u64, received_ms: i64, body: Bytes) -> Self {
        Self {
            bot,
            routing: RoutingKey(0),
            source: Source::Messages,
            kind: Kind::Unreadable { digest },
            bulk: false,
            received_ms,
            trace: Vec::new(),
            body,
        }
    }

    /// The headers that carry everything but the body.
    pub fn headers(&self) -> Vec<(String, String)> {
        let source = match self.source {
            Source::Messages => "m".to_owned(),
            Source::Bot => "b".to_owned(),
            Source::User(user) => format!("u{user}"),
            Source::Task => "task".to_owned(),
        };
        let kind = match self.kind {
            Kind::Update(id) => format!("update {id}"),
            Kind::Unreadable { digest } => format!("unreadable {digest}"),
            Kind::Task { id, attempt } => format!("task {id} {attempt}"),
        };
        let own = [
            (header::VERSION, VERSION.to_string()),
            (header::BOT, self.bot.to_string()),
            (header::ROUTING, self.routing.to_string()),
            (header::SOURCE, source),
            (header::KIND, kind),
            (header::RECEIVED, self.received_ms.to_string()),
        ];
        let bulk = self.bulk.then(|| (header::BULK, "1".to_owned()));
        let own = own.into_iter().chain(bulk).map(|(name, value)| (name.to_owned(), value));
        own.chain(self.trace.iter().cloned()).collect()
    }

    /// Reads an envelope back.
    ///
    /// # Errors
    /// A header is missing or unreadable, or the version is newer than this program: the message is for the dead letters.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, body: Bytes) -> Result<Self, Malformed> {
        let mut found: [Option<&str>; OWN.len()] = [None; OWN.len()];
        let mut trace = Vec::new();
        for (name, value) in headers {
            match OWN.iter().position(|own| own.eq_ignore_ascii_case(name)) {
                Some(at) => found[at] = Some(value),
                None if TRACE.iter().any(|t| t.eq_ignore_ascii_case(name)) => {
                    trace.push((name.to_ascii_lowercase(), value.to_owned()));
                }
                None => {}
            }
        }
        let [version, bot, routing, source, kind, received, bulk] = found;
        let version: u32 = number(header::VERSION, version)?;
        if version > VERSION {
            return Err(Malformed::Newer { version });
        }
        Ok(Self {
            bot: BotId(number(header::BOT, bot)?),
            routing: RoutingKey(number(header::ROUTING, routing)?),
            source: source.and_then(parse_source).ok_or(Malformed::Header(header::SOURCE))?,
            kind: kind.and_then(parse_kind).ok_or(Malformed::Header(header::KIND))?,
            bulk: bulk == Some("1"),
            received_ms: number(header::RECEIVED, received)?,
            trace,
            body,
        })
    }
}

/// Why a message of the queue is not an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the header {0} is missing or unreadable")]
    Header(&'static str),
    #[error("version {version} is newer than this program, which reads up to {VERSION}: update the workers first")]
    Newer { version: u32 },
}

/// Names of our headers.
pub mod header {
    pub const VERSION: &str = "Gmbot-Version";
    pub const BOT: &str = "Gmbot-Bot";
    pub const ROUTING: &str = "Gmbot-Chat";
    pub const SOURCE: &str = "Gmbot-Source";
    pub const KIND: &str = "Gmbot-Kind";
    pub const RECEIVED: &str = "Gmbot-Received";
    /// Only there if it is so. Readers that do not know it take the task for one that somebody waits for, which it was before.
    pub const BULK: &str = "Gmbot-Bulk";
}

const OWN: [&str; 7] =
    [header::VERSION, header::BOT, header::ROUTING, header::SOURCE, header::KIND, header::RECEIVED, header::BULK];

/// The W3C trace context headers.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

fn number<T: std::str::FromStr>(name: &'static str, value: Option<&str>) -> Result<T, Malformed> {
    value.and_then(|v| v.parse().ok()).ok_or(Malformed::Header(name))
}

fn parse_source(text: &str) -> Option<Source> {
    match text {
        "m" => Some(Source::Messages),
        "b" => Some(Source::Bot),
        "task" => Some(Source::Task),
        _ => text.strip_prefix('u')?.parse().ok().map(|user| Source::User(UserId(user))),
    }
}

fn parse_kind(text: &str) -> Option<Kind> {
    let mut words = text.split(' ');
    match (words.next()?, words.next()?, words.next()) {
        ("update", id, None) => id.parse().ok().map(|id| Kind::Update(UpdateId(id))),
        ("unreadable", digest, None) => digest.parse().ok().map(|digest| Kind::Unreadable { digest }),
        ("task", id, Some(attempt)) => Some(Kind::Task { id: id.parse().ok()?, attempt: attempt.parse().ok()? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Envelope, Malformed> {
        let (headers, body) = text.split_once("\n\n").expect("headers, an empty line, a body");
        let headers = headers.lines().map(|line| line.split_once(": ").expect("name: value"));
        Envelope::from_headers(headers, Bytes::copy_from_slice(body.trim_end().as_bytes()))
    }

    fn written(envelope: &Envelope) -> String {
        let headers: String = envelope.headers().iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{headers}\n{}\n", String::from_utf8_lossy(&envelope.body))
    }

    fn with_trace(mut envelope: Envelope) -> Envelope {
        envelope.trace =
            vec![("traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned())];
        envelope
    }

    /// Golden: stored messages outlive the program that wrote them.
    #[test]
    fn version_1_is_written_and_read_for_ever() {
        let body = Bytes::from_static(br#"{"update_id":5}"#);
        let cases = [
            (
                include_str!("../golden/envelope-v1-update.txt"),
                with_trace(Envelope::update(
                    BotId(9),
                    RoutingKey(-100),
                    Source::User(UserId(7)),
                    UpdateId(5),
                    1_790_000_000_123,
                    body.clone(),
                )),
            ),
            (
                include_str!("../golden/envelope-v1-task.txt"),
                Envelope::task(BotId(9), RoutingKey(-100), 3, 2, 1_790_000_000_123, body),
            ),
            (
                include_str!("../golden/envelope-v1-unreadable.txt"),
                Envelope::unreadable(BotId(9), 255, 1_790_000_000_123, Bytes::from_static(b"not json")),
            ),
        ];
        let bulk = Envelope { bulk: true, ..cases[1].1.clone() };
        assert_eq!(read(&written(&bulk)), Ok(bulk));
        for (golden, envelope) in cases {
            assert_eq!(written(&envelope), golden);
            assert_eq!(read(golden), Ok(envelope));
        }
    }

    #[test]
    fn a_later_writers_unknown_header_is_ignored() {
        let text = include_str!("../golden/envelope-v1-task.txt").replacen("\n\n", "\nGmbot-Colour: red\n\n", 1);
        assert!(read(&text).is_ok());
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let text = include_str!("../golden/envelope-v1-task.txt");
        let cases = [
            (text.replace("Version: 1", "Version: 2"), Malformed::Newer { version: 2 }),
            (text.replace("Version: 1", "Version: one"), Malformed::Header(header::VERSION)),
            (text.replace("Source: task", "Source: tusk"), Malformed::Header(header::SOURCE)),
            (text.replace("task 3 2", "task 3"), Malformed::Header(header::KIND)),
            (text.replace("Gmbot-Bot: 9\n", ""), Malformed::Header(header::BOT)),
        ];
        for (text, why) in cases {
            assert_eq!(read(&text), Err(why), "{text}");
        }
    }
}
