//! What the bot says of itself: its greeting, what it lacks, its goodbye, and the numbers for operators.

use std::time::Duration;

use super::reply;
use crate::{
    policy::standing::{Lack, Said},
    store::counts::Counts,
    telegram::{
        message::{Button, Keyboard, Outgoing, Press},
        replies::AdminRights,
    },
};

const HELLO: &str = "Hello! I keep a group for the subscribers of a channel.";
const UPGRADE: &str = "This is a basic group, where Telegram lets no bot mute anybody. Next step: turn it into a supergroup. Open the group's settings and, for example, make the chat history visible to new members.";
const RIGHTS: &str = "Next step: make me an admin here who may delete messages and ban users.";
const PROTECT: &str =
    "Next step: send /protect @channel here, with the name of your channel. /setup shows what else is to do.";

pub(crate) const RESUMED: &str = "Thank you, I have the rights I need again: protection is on.";
const GOODBYE: &str = "Hello! I am a private bot and work only in the groups of the person who runs me, so I am leaving again. All the best!";

/// What is said, or None for what goes without saying.
pub(crate) fn words(said: Said, bot: &str) -> Option<Outgoing> {
    let (text, button) = match said {
        Said::Upgrade => (format!("{HELLO}\n\n{UPGRADE}"), Some(how_it_works(bot))),
        Said::Rights => (format!("{HELLO}\n\n{RIGHTS}"), Some(make_me_admin(bot))),
        Said::Protect => (format!("{HELLO}\n\n{PROTECT}"), Some(how_it_works(bot))),
        Said::Lacks(lack) => (lacks(lack), Some(make_me_admin(bot))),
        Said::Goodbye => (GOODBYE.to_owned(), None),
        Said::Well => return None,
    };
    let row: Vec<Button> = button.flatten().into_iter().collect();
    let keyboard = (!row.is_empty()).then(|| Keyboard { rows: vec![row] });
    Some(Outgoing { text, keyboard, ..Outgoing::default() })
}

fn lacks(lack: Lack) -> String {
    let own = AdminRights {
        can_delete_messages: !lack.delete,
        can_restrict_members: !lack.restrict,
        ..AdminRights::default()
    };
    format!(
        "Protection is paused: I am missing the right to {} here. Please make me an admin who may do that, and I go on by myself.",
        reply::lacking(own).join(" and ")
    )
}

fn how_it_works(bot: &str) -> Option<Button> {
    open("How it works", &format!("https://t.me/{bot}?start=help"))
}

/// Opens Telegram's own dialogue with the two rights ticked (telegram.md 7.6).
fn make_me_admin(bot: &str) -> Option<Button> {
    open("Make me an admin", &format!("https://t.me/{bot}?startgroup=setup&admin=delete_messages+restrict_members"))
}

fn open(text: &str, url: &str) -> Option<Button> {
    Some(Button { text: text.to_owned(), press: Press::Open(url.parse().ok()?) })
}

/// What `/stats` tells.
pub(crate) struct Stats {
    pub counts: Counts,
    /// Given up, and not yet looked after by an operator.
    pub dead_letters: u64,
    /// Waiting in the queue.
    pub lag: u64,
    pub up: Duration,
}

pub(crate) fn stats(stats: &Stats) -> String {
    let Counts { groups, channels, open_mutes, open_breakers } = stats.counts;
    [
        format!("Protected groups: {groups}"),
        format!("Required channels: {channels}"),
        format!("Open mutes: {open_mutes}"),
        format!("Channels that cannot be checked: {open_breakers}"),
        format!("Waiting in the queue: {}", stats.lag),
        format!("Dead letters: {}", stats.dead_letters),
        format!("Version {}, up for {}", env!("CARGO_PKG_VERSION"), lasted(stats.up)),
    ]
    .join("\n")
}

fn lasted(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_names_the_next_step_and_has_a_way_on() {
        let cases = [
            (Said::Upgrade, "turn it into a supergroup", "How it works", "https://t.me/gate_bot?start=help"),
            (
                Said::Rights,
                "may delete messages and ban users",
                "Make me an admin",
                "https://t.me/gate_bot?startgroup=setup&admin=delete_messages+restrict_members",
            ),
            (Said::Protect, "/protect @channel", "How it works", "https://t.me/gate_bot?start=help"),
        ];
        for (said, step, label, url) in cases {
            let Some(Outgoing { text, keyboard: Some(keyboard), .. }) = words(said, "gate_bot") else {
                panic!("{said:?} has words and a button")
            };
            assert!(text.starts_with("Hello!") && text.contains(step) && text.len() < 400, "{text}");
            let button = Button { text: label.to_owned(), press: Press::Open(url.parse().expect("a URL")) };
            assert_eq!(keyboard.rows, [[button]]);
        }
        assert_eq!(words(Said::Well, "gate_bot"), None);
    }

    #[test]
    fn a_notice_names_what_is_missing() {
        let cases = [
            (true, false, "to delete messages here"),
            (false, true, "to ban users here"),
            (true, true, "to delete messages and ban users here"),
        ];
        for (delete, restrict, expected) in cases {
            let text = lacks(Lack { delete, restrict });
            assert!(text.starts_with("Protection is paused") && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn uptime_is_told_in_two_words() {
        for (minutes, expected) in [(0, "0 min"), (61, "1 h 1 min"), (1440 * 3 + 125, "3 d 2 h")] {
            assert_eq!(lasted(Duration::from_secs(minutes * 60)), expected);
        }
    }
}
