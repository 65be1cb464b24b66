//! Replies to commands.

use super::{
    TITLES_LENGTH,
    shown::{fitting, is_blank, shown},
    title,
};
use crate::{groups::Channel, telegram::replies::AdminRights};

pub(crate) const PROTECT_USAGE: &str = "Tell me which channel: /protect @channel. For a private channel, forward one of its posts here and reply to it with /protect, or use its numeric id.";
pub(crate) const BASIC_GROUP: &str = "This is a basic group, where Telegram lets no bot mute anybody. Please turn it into a supergroup first: open the group's settings and, for example, make the chat history visible to new members. Then send /protect again.";
pub(crate) const IN_PRIVATE: &str = "Add me to your group as an admin who may delete messages and ban users, and to your channel as an admin. Then send /protect @channel in the group.";
pub(crate) const CHECK_LATER: &str =
    "Telegram did not answer my questions just now, so nothing was changed. Please try again in a moment.";
pub(crate) const NOT_PROTECTED: &str = "This group is not protected. To start, send /protect @channel here.";
pub(crate) const MAY_NOT_LET_IN: &str =
    "Subscribers ask to join this group and I may not let them in. Please give me the right to invite users by link.";
pub(crate) const NO_SUCH_LINK: &str = "This group does not require that channel. /status shows what it requires.";
pub(crate) const CALLER_NOT_ADMIN_THERE: &str =
    "That channel is private, and only its own admins can require it. Please ask one of them to send this command.";
pub(crate) const ANONYMOUS_PRIVATE: &str = "For a private channel I have to see that you are an admin there, and you are anonymous here. Please send the command under your own name.";
pub(crate) const HELP: &str = "I keep a group for the subscribers of a channel: whoever is not subscribed cannot write here until they are.\n\nFor admins:\n/protect @channel - start\n/unprotect - stop, and free everybody I muted\n/status - how things stand";

pub(crate) fn no_such_channel(named: &str) -> String {
    let channel =
        if is_blank(named) { "that channel".to_owned() } else { format!("a channel called {}", shown(named, "that")) };
    format!("I cannot find {channel}. Please check the spelling, and that I am an admin there.")
}

pub(crate) fn not_a_channel(named: &str) -> String {
    format!("{} is not a channel. Please give me the @name of a channel.", shown(named, "That"))
}

pub(crate) fn not_admin_there(channel: &str) -> String {
    format!(
        "I am not an admin in {}. Please add me there as an admin (any right will do): only then can I see who is subscribed.",
        shown(channel, "the channel")
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
    format!("This group requires {} already. All is set.", shown(channel, "that channel"))
}

pub(crate) fn protected_by_other(channels: &[Channel]) -> String {
    let required = fitting(&channels.iter().map(title).collect::<Vec<_>>(), TITLES_LENGTH);
    format!(
        "This group requires {required} already. To change it, send /unprotect first, then /protect with the new channel."
    )
}

pub(crate) fn unprotected(muted: i64) -> String {
    match muted {
        0 => "Protection is off. Your settings are kept: /protect @channel turns it on again.".to_owned(),
        _ => format!("Protection is off. I am freeing {} now.", people(muted)),
    }
}

pub(crate) fn unlinked(channel: &str) -> String {
    format!("{} is no longer required. The other channels still are.", shown(channel, "The channel"))
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
    use shared::ids::ChannelId;

    use super::*;

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
            let replies = [
                no_such_channel(text),
                not_a_channel(text),
                not_admin_there(text),
                no_link(text),
                protected(text),
                protected_already(text),
                protected_by_other(&channels),
                unlinked(text),
            ];
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
