//! Every sentence and keyboard that a person sees.
//!
//! Names and titles are other people's text: blank, huge, right to left, full of markup. No parse mode is used, so nothing in them can
//! break a message; what remains is to keep them short and unable to rearrange what stands around them.

use shared::ids::{ChannelId, UserId};

use crate::{
    groups::{Channel, Rules},
    policy::Missing,
    telegram::{
        message::{Button, EntityKind, Keyboard, MessageEntity, Outgoing, Press},
        replies::AdminRights,
    },
};

/// Longest name or title that is shown; Telegram allows 128 and 255 characters.
const NAME_LENGTH: usize = 48;

/// Telegram's limit for the answer to a press, in characters.
const ALERT_LENGTH: usize = 200;

/// More names than this would make a warning unreadable.
const NAMED_AT_MOST: usize = 5;

/// What comes back when "I have joined" is pressed: the person it is for, or anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PressedFor {
    Person(UserId),
    /// A warning for several people.
    Anybody,
    /// A button of the Python bot: it is for whomever its message mentions.
    Mentioned,
}

impl PressedFor {
    /// None: a button that is not ours, or forged.
    pub(crate) fn read(data: &str) -> Option<Self> {
        match data {
            "verify_membership" => Some(Self::Mentioned),
            "v1:*" => Some(Self::Anybody),
            _ => data.strip_prefix("v1:")?.parse().ok().map(|user| Self::Person(UserId(user))),
        }
    }

    fn data(self) -> String {
        match self {
            Self::Person(user) => format!("v1:{user}"),
            Self::Anybody => "v1:*".to_owned(),
            Self::Mentioned => "verify_membership".to_owned(),
        }
    }
}

/// Somebody named in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub user: UserId,
    pub name: String,
}

/// The warning to one or several people, with a button to join for every channel that any of them misses.
pub(crate) fn warning(rules: &Rules, people: &[Named], missing: &[Missing], topic: Option<i64>) -> Outgoing {
    let lacking: Vec<(&Channel, bool)> = missing
        .iter()
        .filter_map(|m| rules.channels.iter().find(|c| c.id == m.channel).map(|c| (c, m.banned)))
        .collect();
    let banned_somewhere = lacking.iter().any(|(_, banned)| *banned);
    let text = rules.settings.warning_text.clone().unwrap_or_else(|| {
        "{name}, to write in {group} please subscribe to {channels} first. Then press the button below, and you can write at once."
            .to_owned()
    });
    let mut message = Written::default();
    for part in Part::split(&text) {
        match part {
            Part::Text(text) => message.push(text),
            Part::Name => people_of(&mut message, people),
            Part::Group => message.push(&shown(&rules.title, "this group")),
            Part::Channels => message.push(&listed(lacking.iter().map(|(channel, _)| title(channel)))),
        }
    }
    if banned_somewhere && people.len() == 1 {
        let closed = listed(lacking.iter().filter(|(_, banned)| *banned).map(|(channel, _)| title(channel)));
        message.push(&format!(
            "\n\nYou are banned from {closed}, so its link will not work for you: please ask its admins."
        ));
    }
    let whom = match people {
        [one] => PressedFor::Person(one.user),
        _ => PressedFor::Anybody,
    };
    let offered: Vec<&Channel> = lacking.iter().filter(|(_, banned)| !banned).map(|(channel, _)| *channel).collect();
    message.outgoing(Some(buttons(rules, &offered, whom)), topic)
}

fn people_of(message: &mut Written, people: &[Named]) {
    let (named, others) = people.split_at(people.len().min(NAMED_AT_MOST));
    for (n, person) in named.iter().enumerate() {
        let last = n + 1 == named.len() && others.is_empty();
        message.push(match n {
            0 => "",
            _ if last => " and ",
            _ => ", ",
        });
        message.mention(&shown(&person.name, "friend"), person.user);
    }
    if !others.is_empty() {
        let word = if others.len() == 1 { "other" } else { "others" };
        message.push(&format!(" and {} {word}", others.len()));
    }
}

fn buttons(rules: &Rules, offered: &[&Channel], whom: PressedFor) -> Keyboard {
    let join = offered.iter().filter_map(|channel| {
        let url = channel.link()?.parse().ok()?;
        let text = match (&rules.settings.join_button, offered.len()) {
            (Some(text), _) => text.clone(),
            (None, 1) => "Join Channel".to_owned(),
            (None, _) => format!("Join {}", title(channel)),
        };
        Some(vec![Button { text, press: Press::Open(url) }])
    });
    let verify = rules.settings.verify_button.clone().unwrap_or_else(|| "I have joined".to_owned());
    let verify = vec![Button { text: verify, press: Press::Callback(whom.data()) }];
    Keyboard { rows: join.chain([verify]).collect() }
}

/// The answers to a press.
pub(crate) mod alert {
    use super::{ALERT_LENGTH, ChannelId, Missing, Rules, listed, title, truncated};

    pub(crate) const VERIFIED: &str = "Thank you! You can write in the group now.";
    pub(crate) const NOTHING_OPEN: &str = "You are all set: I am not keeping you from writing.";
    pub(crate) const NOT_FOR_YOU: &str = "This button is for somebody else.";
    pub(crate) const UNKNOWN: &str = "I could not check right now. Please try again in a moment.";
    pub(crate) const DECIDED_BY_ADMIN: &str =
        "You are subscribed, thank you! An admin has restricted you here, and only an admin can lift that.";
    pub(crate) const OLD_BUTTON: &str = "This button is out of date.";

    /// What is still missing.
    pub(crate) fn missing(rules: &Rules, missing: &[Missing]) -> String {
        let names = |banned: bool| {
            let titles = missing.iter().filter(|m| m.banned == banned).map(|m| name(rules, m.channel));
            listed(titles)
        };
        let text = match (names(false), names(true)) {
            (join, banned) if banned.is_empty() => {
                format!("You are not subscribed to {join} yet. Please join, then press again.")
            }
            (join, banned) if join.is_empty() => {
                format!("You are banned from {banned}. Please ask its admins to let you in.")
            }
            (join, banned) => format!("Still missing: {join}. You are banned from {banned}: please ask its admins."),
        };
        truncated(&text, ALERT_LENGTH)
    }

    fn name(rules: &Rules, channel: ChannelId) -> String {
        rules.channels.iter().find(|c| c.id == channel).map_or_else(|| "the channel".to_owned(), title)
    }
}

/// Replies to admins' commands.
pub(crate) mod reply {
    use super::{AdminRights, Channel, shown, title};

    pub(crate) const PROTECT_USAGE: &str = "Tell me which channel: /protect @channel. For a private channel, forward one of its posts here and reply to it with /protect, or use its numeric id.";
    pub(crate) const BASIC_GROUP: &str = "This is a basic group, and Telegram lets nobody be muted here. Turn it into a supergroup first: open the group's settings and, for example, make the chat history visible to new members. Then send /protect again.";
    pub(crate) const IN_PRIVATE: &str =
        "Add me to your group as an admin who may delete messages and ban users, then send /protect @channel there.";
    pub(crate) const CHECK_LATER: &str =
        "Telegram did not answer my questions just now, so nothing was changed. Please try again in a moment.";
    pub(crate) const NOT_PROTECTED: &str = "This group is not protected. To start: /protect @channel";
    pub(crate) const NO_SUCH_LINK: &str = "This group does not require that channel. /status shows what it requires.";
    pub(crate) const ANONYMOUS_PRIVATE: &str = "For a private channel I have to see that you are an admin there, and you are anonymous here. Please send the command under your own name.";
    pub(crate) const HELP: &str = "I keep this group for subscribers of a channel.\n\n/protect @channel - start\n/unprotect - stop, and free everybody I muted\n/status - how things stand";

    pub(crate) fn no_such_channel(named: &str) -> String {
        format!(
            "I cannot find a channel called {}. Please check the spelling, and that I am an admin there.",
            shown(named, "that")
        )
    }

    pub(crate) fn not_a_channel(named: &str) -> String {
        format!("{} is not a channel. I need the @name of a channel.", shown(named, "That"))
    }

    pub(crate) fn not_admin_there(channel: &str) -> String {
        format!(
            "I am not an admin in {}. Please add me there as an admin (any right will do): only then can I see who is subscribed.",
            shown(channel, "the channel")
        )
    }

    pub(crate) fn caller_not_admin_there(channel: &str) -> String {
        format!(
            "{} is private, and only its own admins can require it. Please ask one of them to send this command.",
            shown(channel, "The channel")
        )
    }

    pub(crate) fn no_link(channel: &str) -> String {
        format!(
            "{} is private and I may not make an invite link there. Please give me the right to invite users in the channel, then send /protect again.",
            shown(channel, "The channel")
        )
    }

    /// What the bot may not do in the group though it has to, in the words of Telegram's menus.
    pub(crate) fn lacking(own: AdminRights) -> Vec<&'static str> {
        let needed = [(own.can_delete_messages, "delete messages"), (own.can_restrict_members, "ban users")];
        needed.into_iter().filter(|(has, _)| !has).map(|(_, right)| right).collect()
    }

    pub(crate) fn rights_missing(lacking: &[&str]) -> String {
        format!(
            "I need more rights in this group: please make me an admin who may {}. Then send /protect again.",
            lacking.join(" and ")
        )
    }

    pub(crate) fn protected(channel: &str) -> String {
        format!(
            "Done! From now on only subscribers of {} can write here. Admins always can.",
            shown(channel, "the channel")
        )
    }

    pub(crate) fn protected_already(channel: &str) -> String {
        format!("This group already requires {}. All is set.", shown(channel, "that channel"))
    }

    pub(crate) fn protected_by_other(channels: &[Channel]) -> String {
        let required = super::listed(channels.iter().map(title));
        format!(
            "This group already requires {required}. To change it, send /unprotect first, then /protect with the new channel."
        )
    }

    pub(crate) fn unprotected(muted: i64) -> String {
        match muted {
            0 => "Protection is off. Your settings are kept: /protect turns it on again.".to_owned(),
            _ => format!("Protection is off. I am freeing {} now.", people(muted)),
        }
    }

    pub(crate) fn unlinked(channel: &str) -> String {
        format!("{} is no longer required. The other channels still are.", shown(channel, "The channel"))
    }

    pub(crate) fn freeing(left: i64, total: i64) -> String {
        match left {
            0 => format!(
                "Protection is off, and I have freed {}. Your settings are kept: /protect turns it on again.",
                people(total)
            ),
            _ => format!("Protection is off. I am freeing people: {} of {total} done.", total - left),
        }
    }

    fn people(count: i64) -> String {
        if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
    }

    /// What `/status` tells.
    pub(crate) struct Status<'a> {
        pub channels: Vec<(&'a Channel, Reach)>,
        pub lacking: Option<Vec<&'static str>>,
        pub muted: i64,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Reach {
        Fine,
        NotAdmin,
        Unknown,
    }

    pub(crate) fn status(status: &Status<'_>) -> String {
        let mut lines = vec!["Protection is on.".to_owned()];
        for (channel, reach) in &status.channels {
            let state = match reach {
                Reach::Fine => "all is well",
                Reach::NotAdmin => "I am not an admin there, so I let everybody write",
                Reach::Unknown => "could not be checked right now",
            };
            lines.push(format!("Channel {}: {state}", title(channel)));
        }
        lines.push(match &status.lacking {
            Some(lacking) if lacking.is_empty() => "My rights here: all I need".to_owned(),
            Some(lacking) => format!("My rights here: please let me {}", lacking.join(" and ")),
            None => "My rights here: could not be checked right now".to_owned(),
        });
        lines.push(format!("Muted now: {}", people(status.muted)));
        lines.join("\n")
    }
}

/// A stretch of an admin's own text.
enum Part<'a> {
    Text(&'a str),
    Name,
    Group,
    Channels,
}

impl Part<'_> {
    fn split(mut text: &str) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        'text: while !text.is_empty() {
            for (at, _) in text.match_indices('{') {
                let found = [("{name}", Part::Name), ("{group}", Part::Group), ("{channels}", Part::Channels)]
                    .into_iter()
                    .find(|(word, _)| text[at..].starts_with(word));
                if let Some((word, part)) = found {
                    parts.push(Part::Text(&text[..at]));
                    parts.push(part);
                    text = &text[at + word.len()..];
                    continue 'text;
                }
            }
            parts.push(Part::Text(text));
            break;
        }
        parts
    }
}

/// Text in the making, with entities counted in UTF-16 units as Telegram does.
#[derive(Default)]
struct Written {
    text: String,
    length: usize,
    entities: Vec<MessageEntity>,
}

impl Written {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.length += text.encode_utf16().count();
    }

    fn mention(&mut self, name: &str, user: UserId) {
        let offset = self.length;
        self.push(name);
        self.entities.push(MessageEntity { kind: EntityKind::TextMention(user), offset, length: self.length - offset });
    }

    fn outgoing(self, keyboard: Option<Keyboard>, topic: Option<i64>) -> Outgoing {
        Outgoing { text: self.text, entities: self.entities, keyboard, thread: topic, reply_to: None }
    }
}

fn title(channel: &Channel) -> String {
    shown(&channel.title, "the channel")
}

/// Other people's text, fit to stand inside a sentence: one line, not too long, without characters that turn the writing direction of what
/// follows. Blank text is replaced.
fn shown(text: &str, instead: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    let line = line.trim();
    if line.chars().all(is_blank) { instead.to_owned() } else { truncated(line, NAME_LENGTH) }
}

/// The bidirectional controls of Unicode (UAX 9).
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing, used to make blank names.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{00ad}' | '\u{115f}' | '\u{1160}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

fn truncated(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most - 1).collect();
    format!("{}…", cut.trim_end())
}

/// "a", "a and b", "a, b and c".
fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
