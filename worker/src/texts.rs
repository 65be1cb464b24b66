//! Every message and keyboard that a person sees. The words themselves are all in `sentences`; here they are put together: the warning in
//! this file, answers to presses in `alert`, replies to commands in `reply`, news of channels in `notice`, and what has pages of its own in
//! `setup`, `settings`, `allow` and `private`.
//!
//! Names and titles are other people's text: blank, huge, right to left, full of markup. No parse mode is used, so nothing in them can
//! break a message; what remains is to keep them short and unable to rearrange what stands around them.

pub(crate) mod alert;
pub(crate) mod allow;
pub(crate) mod menu;
pub(crate) mod notice;
pub(crate) mod own;
pub(crate) mod private;
pub(crate) mod reply;
pub(crate) mod sentences;
pub(crate) mod settings;
pub(crate) mod setup;
mod shown;
mod template;
mod words;

use shared::ids::{ChatId, UserId};

pub(crate) use self::words::{Links, Words};
use self::{
    shown::{fitting, fitting_any, is_blank, shown, units},
    template::{Filling, fill},
};
use crate::{
    groups::{Channel, Rules},
    policy::{Missing, Require},
    store::warnings::WarningKind,
    telegram::message::{Button, Keyboard, Outgoing, Press},
};

/// Telegram's limit for a message (telegram.md 3.7).
const MESSAGE_LENGTH: usize = 4096;

/// Longer buttons are cut off by phones.
const BUTTON_LENGTH: usize = 64;

/// Titles of channels in one place of a message, all together.
const TITLES_LENGTH: usize = 400;

/// What comes back when "I have joined" is pressed: the person it is for, or anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PressedFor {
    Person(UserId),
    /// A warning for several people.
    Anybody,
    /// Whoever asks in private to be let into this group.
    Request(ChatId),
    /// A button of the Python bot: it is for whomever its message mentions.
    Mentioned,
}

impl PressedFor {
    /// None: a button that is not ours, or forged.
    pub(crate) fn read(data: &str) -> Option<Self> {
        match data {
            "verify_membership" => Some(Self::Mentioned),
            "v1:*" => Some(Self::Anybody),
            _ => match data.strip_prefix("v1:request:") {
                Some(group) => group.parse().ok().map(|group| Self::Request(ChatId(group))),
                None => data.strip_prefix("v1:")?.parse().ok().map(|user| Self::Person(UserId(user))),
            },
        }
    }

    pub(crate) fn data(self) -> String {
        match self {
            Self::Person(user) => format!("v1:{user}"),
            Self::Anybody => "v1:*".to_owned(),
            Self::Request(group) => format!("v1:request:{group}"),
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

/// A channel that somebody has to join, or is banned from.
#[derive(Clone, Copy)]
struct Lacking<'a> {
    channel: &'a Channel,
    banned: bool,
}

/// The warning to one or several people, with a button to join for every channel that any of them misses.
pub(crate) fn warning(
    rules: &Rules,
    kind: WarningKind,
    people: &[Named],
    missing: &[Missing],
    topic: Option<i64>,
) -> Outgoing {
    let text = match kind {
        WarningKind::Join => sentences::WELCOME,
        // Whoever is banned did not leave.
        WarningKind::Left if missing.iter().all(|missing| !missing.banned) => sentences::REVOKED,
        WarningKind::Offence | WarningKind::Left => sentences::WARNING,
    };
    let text = chosen(rules.settings.warning_text.as_deref()).unwrap_or(text);
    let verify = match people {
        [one] => PressedFor::Person(one.user),
        _ => PressedFor::Anybody,
    };
    asking(rules, text, people, missing, verify, topic)
}

/// What somebody is told in private who asks to be let into the group.
pub(crate) fn join_request(rules: &Rules, group: ChatId, who: &Named, missing: &[Missing]) -> Outgoing {
    asking(rules, sentences::REQUESTED, std::slice::from_ref(who), missing, PressedFor::Request(group), None)
}

fn asking(
    rules: &Rules,
    text: &str,
    people: &[Named],
    missing: &[Missing],
    verify: PressedFor,
    topic: Option<i64>,
) -> Outgoing {
    let lacking = lacking(rules, missing);
    let titles = |some: &dyn Fn(&&Lacking<'_>) -> bool| -> Vec<String> {
        lacking.iter().filter(some).map(|lacking| title(lacking.channel)).collect()
    };
    let end = match people {
        [_] if lacking.iter().any(|lacking| lacking.banned) => {
            format!("\n\n{}", sentences::banned_from(fitting(&titles(&|lacking| lacking.banned), TITLES_LENGTH)))
        }
        _ => String::new(),
    };
    let channels = to_join(rules, &titles(&|_| true), TITLES_LENGTH);
    let filling = Filling { people, group: &rules.title, channels: &channels };
    let keyboard = keyboard(rules, &lacking, filling, verify.data());
    fill(text, filling, MESSAGE_LENGTH - units(&end)).outgoing(&end, keyboard, topic)
}

/// All that the group requires, if nothing of what was missing is required any more.
fn lacking<'a>(rules: &'a Rules, missing: &[Missing]) -> Vec<Lacking<'a>> {
    let found = missing.iter().filter_map(|missing| {
        let channel = rules.channels.iter().find(|channel| channel.id == missing.channel)?;
        Some(Lacking { channel, banned: missing.banned })
    });
    let found: Vec<Lacking<'_>> = found.collect();
    if found.is_empty() {
        return rules.channels.iter().map(|channel| Lacking { channel, banned: false }).collect();
    }
    found
}

/// One row for each way in, and "I have joined", which comes back with `verify`.
fn keyboard(rules: &Rules, lacking: &[Lacking<'_>], filling: Filling<'_>, verify: String) -> Keyboard {
    let open: Vec<&Channel> = lacking.iter().filter(|lacking| !lacking.banned).map(|lacking| lacking.channel).collect();
    let join = open.iter().filter_map(|channel| {
        let press = Press::Open(channel.link()?.parse().ok()?);
        let title = title(channel);
        let text = match (chosen(rules.settings.join_button.as_deref()), open.len()) {
            (None, 1) => sentences::JOIN.to_owned(),
            (None, _) => sentences::JOIN_ONE_OF_SEVERAL.to_owned(),
            // Several buttons have to be told apart.
            (Some(text), 2..) if !text.contains("{channels}") => sentences::several_buttons(text, "{channels}"),
            (Some(text), _) => text.to_owned(),
        };
        Some(Button { text: label(&text, Filling { channels: &title, ..filling }), press })
    });
    let text = chosen(rules.settings.verify_button.as_deref()).unwrap_or(sentences::VERIFY);
    let verify = Button { text: label(text, filling), press: Press::Callback(verify) };
    Keyboard { rows: join.chain([verify]).map(|button| vec![button]).collect() }
}

fn label(template: &str, filling: Filling<'_>) -> String {
    fill(template, filling, BUTTON_LENGTH).text()
}

/// What an admin has set, unless nobody could see it: Telegram refuses a text that is blank.
fn chosen(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !is_blank(text))
}

/// Channels to subscribe to: all of them, or one that is enough.
fn to_join(rules: &Rules, titles: &[String], most: usize) -> String {
    match rules.settings.require {
        Require::All => fitting(titles, most),
        Require::Any => fitting_any(titles, most),
    }
}

fn title(channel: &Channel) -> String {
    shown(&channel.title, sentences::THE_CHANNEL)
}

#[cfg(test)]
mod tests;
