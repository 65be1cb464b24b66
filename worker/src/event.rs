//! What happened, in our words. Telegram's JSON ends here: `read` turns bytes into an [`Event`], and nothing behind it sees an update.

mod read;

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::{Deserialize, Serialize};
use shared::ids::{ChannelId, ChatId, MessageId, UserId};

pub(crate) use read::{Reader, Unreadable};

/// One update or task, sorted by who handles it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Message(Box<MessagePosted>),
    Press(Box<ButtonPressed>),
    Joined(Box<Joined>),
    Member(Box<MemberChanged>),
    OwnStanding(Box<OwnChanged>),
    Moved(Moved),
    JoinRequest(Box<JoinRequested>),
    Task(Task),
    /// Nothing for us to do, and why.
    Ignored(&'static str),
}

/// A message or post, new or edited. Its text is not kept: nothing may log it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MessagePosted {
    pub chat: Chat,
    pub message: MessageId,
    /// When it was written or last edited, Unix seconds.
    pub date_s: i64,
    pub edited: bool,
    pub author: Author,
    /// The forum topic to answer in; absent outside topics and in General (telegram.md 4.2).
    pub topic: Option<i64>,
    pub command: Option<Command>,
    /// What it is a reply to.
    pub replied: Option<Replied>,
    /// What was typed in reply to a message of ours with buttons.
    pub typed: Option<Typed>,
}

/// The message that another one is a reply to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replied {
    pub message: MessageId,
    pub author: Author,
    /// This bot wrote it.
    pub ours: bool,
    /// The channel whose post it was forwarded from.
    pub from_channel: Option<ChannelId>,
    /// The people it mentions by their ids.
    pub mentioned: Vec<Person>,
}

/// The answer to a prompt: the one text of a person that is kept, because an admin gave it to us.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    pub text: String,
    /// The prompt.
    pub to: MessageId,
    /// The data of the buttons under it. We wrote them, so they can be trusted, unlike those of a press.
    pub buttons: Vec<String>,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("to", &self.to).field("buttons", &self.buttons).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chat {
    pub id: ChatId,
    pub kind: ChatKind,
    pub title: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
    Unknown,
}

impl ChatKind {
    pub(crate) fn is_group(self) -> bool {
        matches!(self, Self::Group | Self::Supergroup)
    }
}

/// Who wrote a message, by what the rule may do to them (telegram.md 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Person(Person),
    /// A person who writes as a channel: there is no user to mute.
    Channel(ChannelId),
    /// An admin of this group who hides their name.
    AnonymousAdmin,
    /// Never enforced, and why.
    Exempt(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub id: UserId,
    /// First and last name, as they chose them: hostile text.
    pub name: String,
    pub username: Option<String>,
}

/// `/name args`, addressed to this bot or to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub name: String,
    pub args: String,
}

/// Somebody pressed a button under a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ButtonPressed {
    pub query: String,
    pub by: Person,
    pub chat: ChatId,
    pub kind: ChatKind,
    /// Of the group.
    pub title: String,
    pub message: MessageId,
    /// As the client sent it: it can be forged (telegram.md 4.2).
    pub data: String,
    /// The message has a button with this data, so it is not forged.
    pub offered: bool,
    /// The people the message mentions: for buttons of the old bot, which carry no name, and for messages that no row tells of.
    pub mentioned: Vec<UserId>,
}

/// People came into a group. Telegram tells it twice, as a change of their standing and by a service message, and sometimes only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub chat: Chat,
    /// Who came, not who brought them.
    pub people: Vec<Person>,
    pub date_s: i64,
}

/// Somebody asks to be let into a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRequested {
    pub chat: Chat,
    pub user: Person,
    /// Where they may be written to, for five minutes (telegram.md 4.3).
    pub user_chat: ChatId,
    pub date_s: i64,
}

/// Somebody's standing in a chat changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberChanged {
    pub chat: Chat,
    pub user: Person,
    pub by: UserId,
    pub date_s: i64,
    /// None: not told.
    pub before: Option<Before>,
    pub status: Status,
    /// End of a paid subscription, Unix seconds.
    pub until_s: Option<i64>,
}

/// The bot's own standing in a chat changed. What it may do there now is asked, not read from here: this may be old by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnChanged {
    pub chat: Chat,
    pub was_in: bool,
    pub is_in: bool,
    pub date_s: i64,
}

/// A basic group became a supergroup, which has another id. Told in both, in no order (telegram.md 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub old: ChatId,
    pub new: ChatId,
}

/// What somebody was before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    pub status: Status,
    /// End of a restriction or ban, Unix seconds; none: it has no end.
    pub until_s: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Owner,
    Admin,
    Member,
    Restricted { is_member: bool },
    Left,
    Banned,
}

impl Status {
    /// Whether they are in the chat.
    pub(crate) fn is_in(self) -> bool {
        match self {
            Self::Owner | Self::Admin | Self::Member | Self::Restricted { is_member: true } => true,
            Self::Restricted { is_member: false } | Self::Left | Self::Banned => false,
        }
    }
}

/// A question one lane asks another, or a timer asks a lane. Late or twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(crate) enum Task {
    /// Does what we did to this person still fit what they are? Releases, closes, or leaves things as they are.
    Judge {
        user: UserId,
        /// One of many: behind everything that somebody waits for.
        #[serde(default)]
        bulk: bool,
        /// Nothing has happened: it is only looked whether it still does.
        #[serde(default)]
        recheck: bool,
    },
    /// Asked in the person's own lane: in which of the groups that require this channel is somebody who has left it?
    Seek {
        channel: ChannelId,
        name: String,
        /// When they left, Unix seconds.
        date_s: i64,
        /// Groups up to this one have been asked about.
        #[serde(default)]
        after: Option<ChatId>,
    },
    /// This member has left a channel: do they still meet the group's rule?
    Left { user: UserId, name: String, date_s: i64 },
    /// Can this person, who asks to join, be let in by now?
    Admit { user: UserId },
    /// Sends the warnings that wait for the group's send budget.
    Warn,
    /// Takes away a warning whose time is over.
    Unwarn { warning: i64 },
    /// Removes messages that have served: a command and its reply.
    Tidy { messages: Vec<MessageId> },
    /// Says what could not be said when it was due because the send budget was spent.
    Say {
        text: String,
        topic: Option<i64>,
        tidy: Vec<MessageId>,
        /// The buttons under it, as Telegram takes them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buttons: Option<String>,
        #[serde(default)]
        stay: Stay,
    },
    /// Puts another text and other buttons into a message of ours: what could not be shown at once because the send budget was spent.
    Show { message: MessageId, text: String, buttons: Option<String> },
    /// Removes a message with buttons, some time after the last press, which was then.
    Fold { message: MessageId, used_ms: i64 },
    /// Tells how a release of many goes on, by editing the reply that announced it.
    Progress {
        message: MessageId,
        total: i64,
        /// How many mutes had been released in the group before it began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<i64>,
    },
    /// What may the bot do in this group, and is that known there?
    Standing,
    /// This supergroup was a basic group: are its rows here?
    Adopt { from: ChatId },
    /// Names whom a warning for several people still is for, by editing it.
    Rename { message: MessageId },
    /// Can this channel be asked about its members? For its own lane.
    Probe {
        /// Somebody about whom it could not be asked.
        about: Option<UserId>,
    },
    /// A channel's breaker has opened or closed: is anybody muted only because of it?
    Breaker { channel: ChannelId },
    /// Does the group know how things stand with the channel?
    Notice { channel: ChannelId },
    /// Tells the owner of a group in private that a channel cannot be asked about, or can be again, if it still is so.
    Tell { channel: ChannelId, broken: bool },
}

/// How long a reply of ours stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stay {
    /// It has been read, and goes with its command.
    #[default]
    Briefly,
    /// Somebody works with its buttons.
    WhileUsed,
    /// In private nothing is in anybody's way.
    ForEver,
}

impl Task {
    /// Two tasks of one chat with the same key are one: asking twice is no use. Short, because the database has an index on it.
    pub(crate) fn key(&self) -> String {
        match self {
            // By itself, so that it takes nothing away from what has happened meanwhile.
            Self::Judge { user, recheck: true, .. } => format!("judge:again:{user}"),
            Self::Judge { user, .. } => format!("judge:{user}"),
            // Each page has its own, so that somebody who leaves again is sought from the beginning.
            Self::Seek { channel, after, .. } => format!("seek:{channel}:{}", after.map_or(0, |group| group.0)),
            Self::Left { user, .. } => format!("left:{user}"),
            Self::Admit { user } => format!("admit:{user}"),
            Self::Warn => "warn".to_owned(),
            Self::Unwarn { warning } => format!("unwarn:{warning}"),
            Self::Tidy { messages } => format!("tidy:{}", list(messages)),
            Self::Say { text, tidy, .. } => format!("say:{}:{:016x}", list(tidy), hash(text)),
            Self::Show { message, .. } => format!("show:{message}"),
            Self::Fold { message, .. } => format!("fold:{message}"),
            Self::Progress { message, .. } => format!("progress:{message}"),
            Self::Standing => "standing".to_owned(),
            Self::Adopt { from } => format!("adopt:{from}"),
            Self::Rename { message } => format!("rename:{message}"),
            Self::Probe { .. } => "probe".to_owned(),
            Self::Breaker { channel } => format!("breaker:{channel}"),
            Self::Notice { channel } => format!("notice:{channel}"),
            Self::Tell { channel, .. } => format!("tell:{channel}"),
        }
    }

    /// The same question in the supergroup that the group has become. None: it was about messages, which are out of reach there, and the
    /// same numbers mean others.
    pub(crate) fn in_supergroup(self) -> Option<Self> {
        match self {
            Self::Judge { .. }
            | Self::Seek { .. }
            | Self::Left { .. }
            | Self::Admit { .. }
            | Self::Warn
            | Self::Standing
            | Self::Adopt { .. }
            | Self::Probe { .. }
            | Self::Breaker { .. }
            | Self::Notice { .. }
            | Self::Tell { .. } => Some(self),
            Self::Say { text, buttons, stay, .. } => {
                Some(Self::Say { text, topic: None, tidy: Vec::new(), buttons, stay })
            }
            Self::Unwarn { .. }
            | Self::Tidy { .. }
            | Self::Progress { .. }
            | Self::Rename { .. }
            | Self::Show { .. }
            | Self::Fold { .. } => None,
        }
    }

    /// One of many: it waits for whatever else there is in its lane.
    pub(crate) fn is_bulk(&self) -> bool {
        match self {
            Self::Judge { bulk, recheck, .. } => *bulk || *recheck,
            Self::Breaker { .. } | Self::Notice { .. } | Self::Tell { .. } => true,
            Self::Warn
            | Self::Show { .. }
            | Self::Fold { .. }
            | Self::Unwarn { .. }
            | Self::Tidy { .. }
            | Self::Say { .. }
            | Self::Progress { .. }
            | Self::Seek { .. }
            | Self::Left { .. }
            | Self::Admit { .. }
            | Self::Standing
            | Self::Adopt { .. }
            | Self::Rename { .. }
            | Self::Probe { .. } => false,
        }
    }
}

fn list(messages: &[MessageId]) -> String {
    messages.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: rows outlive the program that wrote them.
    #[test]
    fn tasks_are_written_and_read_for_ever() {
        let tidy = vec![MessageId(3), MessageId(4)];
        let cases = [
            (
                Task::Judge { user: UserId(7), bulk: true, recheck: false },
                r#"{"task":"judge","user":7,"bulk":true,"recheck":false}"#,
                "judge:7",
            ),
            (
                Task::Judge { user: UserId(7), bulk: false, recheck: true },
                r#"{"task":"judge","user":7,"bulk":false,"recheck":true}"#,
                "judge:again:7",
            ),
            (
                Task::Seek { channel: ChannelId(-5), name: "Ann".to_owned(), date_s: 9, after: Some(ChatId(-9)) },
                r#"{"task":"seek","channel":-5,"name":"Ann","date_s":9,"after":-9}"#,
                "seek:-5:-9",
            ),
            (
                Task::Left { user: UserId(7), name: "Ann".to_owned(), date_s: 9 },
                r#"{"task":"left","user":7,"name":"Ann","date_s":9}"#,
                "left:7",
            ),
            (Task::Admit { user: UserId(7) }, r#"{"task":"admit","user":7}"#, "admit:7"),
            (Task::Warn, r#"{"task":"warn"}"#, "warn"),
            (Task::Unwarn { warning: 9 }, r#"{"task":"unwarn","warning":9}"#, "unwarn:9"),
            (Task::Tidy { messages: tidy.clone() }, r#"{"task":"tidy","messages":[3,4]}"#, "tidy:3,4"),
            (Task::Standing, r#"{"task":"standing"}"#, "standing"),
            (Task::Adopt { from: ChatId(-5) }, r#"{"task":"adopt","from":-5}"#, "adopt:-5"),
            (
                Task::Progress { message: MessageId(3), total: 12, before: Some(4) },
                r#"{"task":"progress","message":3,"total":12,"before":4}"#,
                "progress:3",
            ),
            (Task::Rename { message: MessageId(3) }, r#"{"task":"rename","message":3}"#, "rename:3"),
            (Task::Probe { about: Some(UserId(7)) }, r#"{"task":"probe","about":7}"#, "probe"),
            (Task::Breaker { channel: ChannelId(-5) }, r#"{"task":"breaker","channel":-5}"#, "breaker:-5"),
            (Task::Notice { channel: ChannelId(-5) }, r#"{"task":"notice","channel":-5}"#, "notice:-5"),
            (
                Task::Tell { channel: ChannelId(-5), broken: true },
                r#"{"task":"tell","channel":-5,"broken":true}"#,
                "tell:-5",
            ),
            (
                Task::Say { text: "Hi 😀".to_owned(), topic: Some(2), tidy, buttons: None, stay: Stay::Briefly },
                r#"{"task":"say","text":"Hi 😀","topic":2,"tidy":[3,4],"stay":"briefly"}"#,
                "say:3,4:",
            ),
            (Task::Fold { message: MessageId(3), used_ms: 5 }, r#"{"task":"fold","message":3,"used_ms":5}"#, "fold:3"),
        ];
        for (task, json, key) in cases {
            assert_eq!(serde_json::to_string(&task).expect("plain data"), json);
            assert_eq!(serde_json::from_str::<Task>(json).expect("a task"), task);
            let later = json.replacen('{', r#"{"unheard_of":1,"#, 1);
            assert_eq!(serde_json::from_str::<Task>(&later).expect("a task"), task, "written by a later program");
            assert!(task.key().starts_with(key), "{}", task.key());
        }
        let judge = serde_json::from_str::<Task>(r#"{"task":"judge","user":7}"#).expect("a task");
        assert_eq!(judge, Task::Judge { user: UserId(7), bulk: false, recheck: false });
        let progress = serde_json::from_str::<Task>(r#"{"task":"progress","message":3,"total":12}"#).expect("a task");
        assert_eq!(progress, Task::Progress { message: MessageId(3), total: 12, before: None });
        let say = serde_json::from_str::<Task>(r#"{"task":"say","text":"Hi","topic":null,"tidy":[]}"#).expect("a task");
        let text = "Hi".to_owned();
        assert_eq!(say, Task::Say { text, topic: None, tidy: Vec::new(), buttons: None, stay: Stay::Briefly });
    }

    #[test]
    fn questions_about_messages_stay_behind_in_the_old_group() {
        let say = |tidy: &[i64]| Task::Say {
            text: "Hi".to_owned(),
            topic: None,
            tidy: tidy.iter().copied().map(MessageId).collect(),
            buttons: None,
            stay: Stay::Briefly,
        };
        let judge = Task::Judge { user: UserId(7), bulk: false, recheck: false };
        let cases = [
            (judge.clone(), Some(judge)),
            (Task::Warn, Some(Task::Warn)),
            (say(&[3]), Some(say(&[]))),
            (Task::Standing, Some(Task::Standing)),
            (Task::Tidy { messages: vec![MessageId(3)] }, None),
            (Task::Unwarn { warning: 1 }, None),
            (Task::Progress { message: MessageId(3), total: 1, before: None }, None),
        ];
        for (task, expected) in cases {
            assert_eq!(task.clone().in_supergroup(), expected, "{task:?}");
        }
    }

    #[test]
    fn what_is_said_has_a_key_of_its_own_and_a_short_one() {
        let say = |text: &str, tidy: &[i64]| {
            let tidy = tidy.iter().copied().map(MessageId).collect();
            Task::Say { text: text.to_owned(), topic: None, tidy, buttons: None, stay: Stay::Briefly }.key()
        };
        assert_eq!(say("a", &[1]), say("a", &[1]));
        assert_ne!(say("a", &[]), say("b", &[]));
        assert_ne!(say("a", &[1]), say("a", &[2]));
        assert!(say(&"x".repeat(4096), &[i64::MAX, i64::MAX]).len() < 100);
    }
}
