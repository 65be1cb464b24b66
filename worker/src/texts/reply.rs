//! Replies to commands.

use shared::ids::ChannelId;

use super::{
    Links, TITLES_LENGTH, Words,
    shown::{fitting, is_blank, shown},
    title,
};
use crate::{
    groups::{Channel, Mode, Rules},
    policy::Require,
    pressed::{How, Pressed},
    telegram::{message::Keyboard, replies::AdminRights},
};

pub(crate) const PROTECT_USAGE: &str = "Tell me which channel: /protect @channel. For a private channel, forward one of its posts here and reply to it with /protect, or use its numeric id.";
pub(crate) const BASIC_GROUP: &str = "This is a basic group, where Telegram lets no bot mute anybody. Please turn it into a supergroup first: open the group's settings and, for example, make the chat history visible to new members. Then send /protect again.";
pub(crate) const IN_GROUPS: &str =
    "That is for a group: please send it there. /start tells you how to get going, and puts me into your group.";
pub(crate) const CHECK_LATER: &str =
    "Telegram did not answer my questions just now, so nothing was changed. Please try again in a moment.";
pub(crate) const NOT_PROTECTED: &str = "This group is not protected. To start, send /protect @channel here.";
pub(crate) const MAY_NOT_LET_IN: &str =
    "Subscribers ask to join this group and I may not let them in. Please give me the right to invite users by link.";
pub(crate) const NO_SUCH_LINK: &str = "This group does not require that channel. /status shows what it requires.";
pub(crate) const CALLER_NOT_ADMIN_THERE: &str =
    "That channel is private, and only its own admins can require it. Please ask one of them to send this command.";
pub(crate) const ANONYMOUS_PRIVATE: &str = "For a private channel I have to see that you are an admin there, and you are anonymous here. Please send the command under your own name.";
pub(crate) const STARTED: &str = "I am here. Admins: send /setup, and I will show you what is left to do.";
pub(crate) const HELP: &str = "I keep a group for the subscribers of a channel: whoever is not subscribed cannot write here until they are.\n\nFor admins:\n/setup - what is done and what is missing\n/protect @channel - start\n/unprotect - stop, and free everybody I muted\n/settings - change how I work here\n/allow - let somebody write without subscribing\n/disallow - no longer\n/status - how things stand";

pub(crate) fn no_such_channel(named: &str) -> String {
    let channel =
        if is_blank(named) { "that channel".to_owned() } else { format!("a channel called {}", shown(named, "that")) };
    format!("I cannot find {channel}. Please check the spelling, and that I am an admin there.")
}

pub(crate) fn not_a_channel(named: &str) -> String {
    format!("{} is not a channel. Please give me the @name of a channel.", shown(named, "That"))
}

pub(crate) fn not_admin_there(title: &str, channel: ChannelId, links: Links<'_>) -> Words {
    let text = format!(
        "I am not an admin in {}. Please add me there as an admin (any right will do): only then can I see who is subscribed. Then press Try again.",
        shown(title, "the channel")
    );
    Words { text, keyboard: Some(try_again("Add me to the channel", channel, links)) }
}

pub(crate) fn no_link(title: &str, channel: ChannelId, links: Links<'_>) -> Words {
    let text = format!(
        "{} is private and I may not make an invite link there. Please give me the right to invite users in the channel, then press Try again.",
        shown(title, "The channel")
    );
    Words { text, keyboard: Some(try_again("Give me this right", channel, links)) }
}

fn try_again(first: &str, channel: ChannelId, links: Links<'_>) -> Keyboard {
    let again = Pressed::Require { how: How::Ask, channel };
    Keyboard { rows: vec![vec![links.to_channel(first)], vec![Words::button("Try again", &again)]] }
}

/// What the bot may not do in the group though it has to, in the words of Telegram's menus.
pub(crate) fn lacking(own: AdminRights) -> Vec<&'static str> {
    let needed = [(own.can_delete_messages, "delete messages"), (own.can_restrict_members, "ban users")];
    needed.into_iter().filter(|(has, _)| !has).map(|(_, right)| right).collect()
}

pub(crate) fn rights_missing(lacking: &[&str], links: Links<'_>) -> Words {
    let text = format!(
        "I need more rights in this group: please make me an admin who may {}. Then send /protect again.",
        lacking.join(" and ")
    );
    Words { text, keyboard: Some(Keyboard { rows: vec![vec![links.to_group("Give me these rights")]] }) }
}

/// What holds from now on.
pub(crate) fn protected(rules: &Rules) -> String {
    let titles = titles(&rules.channels);
    let whom = match (rules.channels.as_slice(), rules.settings.require) {
        ([_], _) | (_, Require::All) => format!("subscribers of {titles}"),
        (_, Require::Any) => format!("subscribers of at least one of {titles}"),
    };
    match rules.settings.mode {
        Mode::Enforce => format!("Done! From now on only {whom} can write here. Admins always can."),
        Mode::Observe => format!(
            "Done! The rule is: only {whom} can write here. I only watch and stop nobody, until you change the mode in /settings."
        ),
    }
}

fn titles(channels: &[Channel]) -> String {
    fitting(&channels.iter().map(title).collect::<Vec<_>>(), TITLES_LENGTH)
}

pub(crate) fn protected_already(channel: &str) -> String {
    format!("This group requires {} already. All is set.", shown(channel, "that channel"))
}

/// The group requires other channels already: how is this one meant?
pub(crate) fn which_way(channels: &[Channel], named: &str, channel: ChannelId) -> Words {
    let text = format!(
        "This group requires {} already. What about {}?\n\nReplace: it takes their place.\nRequire both: people have to subscribe to all of them.\nEither: any one of them is enough.",
        titles(channels),
        shown(named, "the new channel")
    );
    let button = |label, how| Words::button(label, &Pressed::Require { how, channel });
    let rows = vec![
        vec![button("Replace", How::Replace)],
        vec![button("Require both", How::Both)],
        vec![button("Either", How::Either)],
    ];
    Words { text, keyboard: Some(Keyboard { rows }) }
}

pub(crate) fn unprotected(muted: i64) -> String {
    match muted {
        0 => "Protection is off. Your settings are kept: /protect @channel turns it on again.".to_owned(),
        _ => format!("Protection is off. I am freeing {} now.", people(muted)),
    }
}

pub(crate) fn unlinked(channel: &str) -> String {
    format!(
        "{} is no longer required. The other channels still are; whoever I muted and who meets the rest is free now.",
        shown(channel, "The channel")
    )
}

pub(crate) fn freeing(left: i64, total: i64) -> String {
    match left {
        0 => format!(
            "Protection is off, and I have freed {}. Your settings are kept: /protect @channel turns it on again.",
            people(total)
        ),
        _ => format!("Protection is off. I am freeing people: {} of {total} so far.", total - left),
    }
}

fn people(count: i64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

/// What `/status` tells.
pub(crate) struct Status<'a> {
    /// Nothing is enforced until the bot has its rights.
    pub paused: bool,
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
    let state =
        if status.paused { "Protection is paused until I have the rights I need." } else { "Protection is on." };
    let mut lines = vec![state.to_owned()];
    for (channel, reach) in &status.channels {
        let state = match reach {
            Reach::Fine => "all is well",
            Reach::NotAdmin => "I am not an admin there, so it is not asked for",
            Reach::Unknown => "I could not check it right now",
        };
        lines.push(format!("Channel {}: {state}", title(channel)));
    }
    lines.push(match &status.lacking {
        Some(lacking) if lacking.is_empty() => "My rights here: all I need".to_owned(),
        Some(lacking) => format!("My rights here: please let me {}", lacking.join(" and ")),
        None => "My rights here: I could not check them right now".to_owned(),
    });
    lines.push(format!("Muted now: {}", people(status.muted)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Settings;

    fn channel(title: &str) -> Channel {
        Channel { id: ChannelId(1), title: title.to_owned(), username: None, invite_link: None }
    }

    #[test]
    fn a_status_tells_each_channel_and_what_is_missing() {
        let (news, art) = (channel("News"), channel("\u{202e}Art\n"));
        let all_is_well =
            Status { paused: false, channels: vec![(&news, Reach::Fine)], lacking: Some(Vec::new()), muted: 1 };
        let text = "Protection is on.\nChannel News: all is well\nMy rights here: all I need\nMuted now: 1 person";
        assert_eq!(status(&all_is_well), text);
        let broken = Status {
            paused: true,
            channels: vec![(&news, Reach::NotAdmin), (&art, Reach::Unknown)],
            lacking: Some(lacking(AdminRights::default())),
            muted: 20,
        };
        let text = "Protection is paused until I have the rights I need.\nChannel News: I am not an admin there, so it is not asked for\nChannel Art: I could not check it right now\nMy rights here: please let me delete messages and ban users\nMuted now: 20 people";
        assert_eq!(status(&broken), text);
        let unknown = Status { paused: false, channels: Vec::new(), lacking: None, muted: 0 };
        assert_eq!(
            status(&unknown),
            "Protection is on.\nMy rights here: I could not check them right now\nMuted now: 0 people"
        );
    }

    #[test]
    fn only_rights_that_are_needed_and_not_there_are_asked_for() {
        let own = |can_delete_messages, can_restrict_members| {
            lacking(AdminRights { can_delete_messages, can_restrict_members, ..AdminRights::default() })
        };
        assert_eq!(own(true, true), [""; 0]);
        assert_eq!(own(false, true), ["delete messages"]);
        assert_eq!(own(true, false), ["ban users"]);
    }

    #[test]
    fn a_release_of_many_is_counted() {
        assert_eq!(unprotected(0), "Protection is off. Your settings are kept: /protect @channel turns it on again.");
        assert_eq!(unprotected(1), "Protection is off. I am freeing 1 person now.");
        assert_eq!(freeing(3, 12), "Protection is off. I am freeing people: 9 of 12 so far.");
        let done = "Protection is off, and I have freed 12 people. Your settings are kept: /protect @channel turns it on again.";
        assert_eq!(freeing(0, 12), done);
    }

    /// Titles and what admins type are hostile; a reply is one message whatever they hold.
    #[test]
    fn replies_stay_short_and_whole() {
        let hostile = ["", " \0\n ", "\u{202e}\u{200b}", &"x".repeat(5000), &"😀".repeat(300), "<b>&\"{name}"];
        for text in hostile {
            let channels = vec![channel(text); 100];
            let rules = |text: &str, require| Rules {
                title: text.to_owned(),
                channels: vec![channel(text); 100],
                settings: Settings { require, ..Settings::default() },
                allowed: std::collections::HashSet::new(),
                paused: false,
            };
            let replies = [
                no_such_channel(text),
                not_a_channel(text),
                not_admin_there(text, ChannelId(-1), Links("gate_bot")).text,
                no_link(text, ChannelId(-1), Links("gate_bot")).text,
                protected(&rules(text, Require::All)),
                protected(&rules(text, Require::Any)),
                protected_already(text),
                unlinked(text),
            ];
            let choices = which_way(&channels, text, ChannelId(-1)).text;
            assert!(choices.encode_utf16().count() <= 700, "{choices}");
            assert!(choices.contains(" already. What about ") && !choices.contains(['\0', '\u{202e}']), "{choices:?}");
            for reply in replies {
                assert!(reply.encode_utf16().count() <= 700, "{reply}");
                assert!(!reply.contains(['\0', '\n', '\u{202e}']), "{reply:?}");
                assert!(reply.starts_with(|c: char| !c.is_whitespace()) && !reply.contains("  "), "{reply:?}");
            }
        }
        assert_eq!(
            no_such_channel(" "),
            "I cannot find that channel. Please check the spelling, and that I am an admin there."
        );
        assert!(no_such_channel("@x").starts_with("I cannot find a channel called @x. "));
    }
}
