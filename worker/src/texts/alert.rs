//! The answers to a press of "I have joined".

use super::{
    shown::{fitting, truncated, units},
    title,
};
use crate::{groups::Rules, policy::Missing};

pub(crate) const VERIFIED: &str = "Thank you! You can write in the group now.";
pub(crate) const NOTHING_OPEN: &str = "You are all set: I am not keeping you from writing.";
pub(crate) const NOT_FOR_YOU: &str = "This button is for somebody else.";
pub(crate) const UNKNOWN: &str = "I could not check right now. Please try again in a moment.";
pub(crate) const DECIDED_BY_ADMIN: &str =
    "I am not holding you back: an admin has restricted you here, and only an admin can lift that.";
pub(crate) const LETTING_IN: &str = "Thank you! I am letting you in.";
pub(crate) const NO_REQUEST: &str = "I have no open request of yours any more. Please ask to join the group again.";
pub(crate) const ADMINS_DECIDE: &str = "The group's admins decide about this themselves.";
pub(crate) const OLD_BUTTON: &str = "This button is out of date.";

/// Telegram's limit for the answer to a press (telegram.md 3.9).
const LENGTH: usize = 200;

pub(crate) const ADMINS_ONLY: &str = "Only admins of this group can use this button.";
pub(crate) const SAVED: &str = "Saved.";
pub(crate) const NOT_A_VALUE: &str = "That value is not possible. Please choose another one.";
pub(crate) const NEEDS_INVITING: &str = "Saved. To let people in I also need the right to invite users here: please give it to me, or their requests wait for you.";
pub(crate) const STOPPED: &str = "This group is not protected any more. /protect @channel turns it on again.";

/// As much of a reply as an alert has room for.
pub(crate) fn short(text: &str) -> String {
    truncated(text, LENGTH)
}

/// For a press in private: the release is the group's affair, and takes a moment.
pub(crate) fn free_soon(group: &str) -> String {
    short(&format!("Thank you! You can write in {} in a moment.", super::shown::shown(group, "the group")))
}

/// What is still missing.
pub(crate) fn missing(rules: &Rules, missing: &[Missing]) -> String {
    let titles = |banned: bool| -> Vec<String> {
        let some = missing.iter().filter(|missing| missing.banned == banned);
        let channels = some.map(|missing| rules.channels.iter().find(|channel| channel.id == missing.channel));
        channels.map(|channel| channel.map_or_else(|| "the channel".to_owned(), title)).collect()
    };
    let (open, closed) = (titles(false), titles(true));
    match (open.is_empty(), closed.is_empty()) {
        (_, true) => naming("You are not subscribed to ", &open, " yet. Please join, then press again.", LENGTH),
        (true, false) => naming("You are banned from ", &closed, ". Please ask an admin there to let you in.", LENGTH),
        (false, false) => {
            let join = naming("Please join ", &open, ". ", LENGTH / 2 - 20);
            join + &naming(
                "You are banned from ",
                &closed,
                ": please ask an admin there to let you in.",
                LENGTH / 2 + 20,
            )
        }
    }
}

/// A sentence with as many titles as it has room for.
fn naming(before: &str, titles: &[String], after: &str, most: usize) -> String {
    format!("{before}{}{after}", fitting(titles, most - units(before) - units(after)))
}
