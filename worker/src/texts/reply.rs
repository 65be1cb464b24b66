//! Replies to commands.

use shared::ids::ChannelId;

use super::{
    Links, TITLES_LENGTH, Words, sentences,
    shown::{fitting, shown},
    title,
};
use crate::{
    groups::{Channel, Mode, Rules},
    policy::Require,
    pressed::{How, Pressed},
    telegram::{
        message::{Button, Keyboard},
        replies::AdminRights,
    },
};

pub(crate) fn no_such_channel(named: &str) -> String {
    sentences::no_such_channel(shown(named, sentences::THAT))
}

pub(crate) fn unseen(channel: ChannelId, links: Links<'_>) -> Words {
    let text = sentences::UNSEEN_CHANNEL.to_owned();
    Words { text, keyboard: Some(try_again(sentences::ADD_TO_THE_CHANNEL, channel, links)) }
}

pub(crate) fn not_a_channel(named: &str) -> String {
    sentences::not_a_channel(shown(named, sentences::THAT))
}

pub(crate) fn not_admin_there(title: &str, channel: ChannelId, links: Links<'_>) -> Words {
    let text = sentences::not_admin_there(shown(title, sentences::THE_CHANNEL));
    Words { text, keyboard: Some(try_again(sentences::ADD_TO_THE_CHANNEL, channel, links)) }
}

pub(crate) fn no_link(title: &str, channel: ChannelId, links: Links<'_>) -> Words {
    let text = sentences::no_link(shown(title, sentences::THE_CHANNEL_FIRST));
    Words { text, keyboard: Some(try_again(sentences::GIVE_RIGHT, channel, links)) }
}

fn try_again(first: &str, channel: ChannelId, links: Links<'_>) -> Keyboard {
    Keyboard { rows: vec![vec![links.to_channel(first)], vec![again_for(channel)]] }
}

fn again_for(channel: ChannelId) -> Button {
    Words::button(sentences::TRY_AGAIN, &Pressed::Require { how: How::Ask, channel })
}

/// What the bot may not do in the group though it has to, in the words of Telegram's menus.
pub(crate) fn lacking(own: AdminRights) -> Vec<&'static str> {
    let needed =
        [(own.can_delete_messages, sentences::DELETE_MESSAGES), (own.can_restrict_members, sentences::BAN_USERS)];
    needed.into_iter().filter(|(has, _)| !has).map(|(_, right)| right).collect()
}

/// `again`: the channel that was wanted, where it is known.
pub(crate) fn rights_missing(lacking: &[&str], again: Option<ChannelId>, links: Links<'_>) -> Words {
    let text = sentences::rights_missing(lacking.join(sentences::AND));
    let rows =
        [vec![links.to_group(sentences::GIVE_RIGHTS)]].into_iter().chain(again.map(|channel| vec![again_for(channel)]));
    Words { text, keyboard: Some(Keyboard { rows: rows.collect() }) }
}

/// What holds from now on.
pub(crate) fn protected(rules: &Rules) -> String {
    let titles = titles(&rules.channels);
    let whom = match (rules.channels.as_slice(), rules.settings.require) {
        ([_], _) | (_, Require::All) => sentences::subscribers_of(titles),
        (_, Require::Any) => sentences::subscribers_of_any(titles),
    };
    match rules.settings.mode {
        Mode::Enforce => sentences::protected(whom),
        Mode::Observe => sentences::protected_observing(whom),
    }
}

fn titles(channels: &[Channel]) -> String {
    fitting(&channels.iter().map(title).collect::<Vec<_>>(), TITLES_LENGTH)
}

pub(crate) fn protected_already(channel: &str) -> String {
    sentences::protected_already(shown(channel, sentences::THAT_CHANNEL))
}

/// The group requires other channels already: how is this one meant?
pub(crate) fn which_way(channels: &[Channel], named: &str, channel: ChannelId) -> Words {
    let text = sentences::which_way(titles(channels), shown(named, sentences::THE_NEW_CHANNEL));
    let button = |label, how| Words::button(label, &Pressed::Require { how, channel });
    let rows = vec![
        vec![button(sentences::REPLACE, How::Replace)],
        vec![button(sentences::REQUIRE_BOTH, How::Both)],
        vec![button(sentences::EITHER, How::Either)],
    ];
    Words { text, keyboard: Some(Keyboard { rows }) }
}

pub(crate) fn unprotected(muted: i64) -> String {
    match muted {
        0 => sentences::UNPROTECTED.to_owned(),
        _ => sentences::unprotected_freeing(people(muted)),
    }
}

pub(crate) fn unlinked(channel: &str) -> String {
    sentences::unlinked(shown(channel, sentences::THE_CHANNEL_FIRST))
}

pub(crate) fn freeing(left: i64, total: i64) -> String {
    match left {
        0 => sentences::freed(people(total)),
        _ => sentences::freeing(total - left, total),
    }
}

fn people(count: i64) -> String {
    if count == 1 { sentences::ONE_PERSON.to_owned() } else { sentences::several_people(count) }
}

/// What `/status` tells.
pub(crate) struct Status<'a> {
    /// Nothing is enforced until the bot has its rights.
    pub paused: bool,
    pub mode: Mode,
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
    let state = match (status.paused, status.mode) {
        (true, _) => sentences::STATUS_PAUSED,
        (false, Mode::Enforce) => sentences::STATUS_ON,
        (false, Mode::Observe) => sentences::STATUS_OBSERVING,
    };
    let mut lines = vec![state.to_owned()];
    for (channel, reach) in &status.channels {
        let state = match reach {
            Reach::Fine => sentences::CHANNEL_FINE,
            Reach::NotAdmin => sentences::CHANNEL_NOT_ADMIN,
            Reach::Unknown => sentences::CHANNEL_UNKNOWN,
        };
        lines.push(sentences::status_channel(title(channel), state));
    }
    lines.push(match &status.lacking {
        Some(lacking) if lacking.is_empty() => sentences::STATUS_RIGHTS.to_owned(),
        Some(lacking) => sentences::status_rights_missing(lacking.join(sentences::AND)),
        None => sentences::STATUS_RIGHTS_UNKNOWN.to_owned(),
    });
    lines.push(sentences::status_muted(people(status.muted)));
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
        let all_is_well = Status {
            paused: false,
            mode: Mode::Enforce,
            channels: vec![(&news, Reach::Fine)],
            lacking: Some(Vec::new()),
            muted: 1,
        };
        let text = "Protection is on.\nChannel News: all is well\nMy rights here: all I need\nMuted now: 1 person";
        assert_eq!(status(&all_is_well), text);
        let broken = Status {
            paused: true,
            mode: Mode::Observe,
            channels: vec![(&news, Reach::NotAdmin), (&art, Reach::Unknown)],
            lacking: Some(lacking(AdminRights::default())),
            muted: 20,
        };
        let text = "Protection is paused until I have the rights I need.\nChannel News: I am not an admin there, so it is not asked for\nChannel Art: I could not check it right now\nMy rights here: please let me delete messages and ban users\nMuted now: 20 people";
        assert_eq!(status(&broken), text);
        let unknown = Status { paused: false, mode: Mode::Enforce, channels: Vec::new(), lacking: None, muted: 0 };
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
        assert!(no_such_channel("@x").starts_with("I cannot find a channel called @x. "));
    }
}
