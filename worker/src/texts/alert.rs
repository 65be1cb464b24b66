//! The answers to a press of "I have joined" that name something.

use super::{
    sentences,
    shown::{fitting, shown, truncated, units},
    title, to_join,
};
use crate::{groups::Rules, policy::Missing};

/// Telegram's limit for the answer to a press (telegram.md 3.9).
const LENGTH: usize = 200;

/// As much of a reply as an alert has room for.
pub(crate) fn short(text: &str) -> String {
    truncated(text, LENGTH)
}

/// For a press in private: the release is the group's affair, and takes a moment.
pub(crate) fn free_soon(group: &str) -> String {
    short(&sentences::free_soon(shown(group, sentences::THE_GROUP)))
}

/// What is still missing, with as many titles as there is room for.
pub(crate) fn missing(rules: &Rules, missing: &[Missing]) -> String {
    let titles = |banned: bool, room: usize| -> String {
        let some = missing.iter().filter(|missing| missing.banned == banned);
        let channels = some.map(|missing| rules.channels.iter().find(|channel| channel.id == missing.channel));
        let titles = channels.map(|channel| channel.map_or_else(|| sentences::THE_CHANNEL.to_owned(), title));
        let titles = titles.collect::<Vec<_>>();
        if banned { fitting(&titles, room) } else { to_join(rules, &titles, room) }
    };
    let room = |without: String| LENGTH - units(&without);
    match (missing.iter().any(|missing| !missing.banned), missing.iter().any(|missing| missing.banned)) {
        (_, false) => sentences::not_subscribed(titles(false, room(sentences::not_subscribed("")))),
        (false, true) => sentences::banned_from(titles(true, room(sentences::banned_from("")))),
        (true, true) => {
            let each = room(sentences::join_and_banned("", "")) / 2;
            sentences::join_and_banned(titles(false, each), titles(true, each))
        }
    }
}
