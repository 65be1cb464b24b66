//! What the bot says of itself: its greeting, what it lacks, its goodbye, and the numbers for operators.

use std::time::Duration;

use super::{Links, Words, reply, sentences};
use crate::{
    policy::standing::{Lack, Said},
    pressed::{Pressed, SetupStep},
    store::counts::Counts,
    telegram::{
        message::{Button, Keyboard, Outgoing, Press},
        replies::AdminRights,
    },
};

/// What is said, or None for what goes without saying.
pub(crate) fn words(said: Said, bot: &str) -> Option<Outgoing> {
    let (text, buttons) = match said {
        Said::Upgrade => (hello(sentences::NEXT_UPGRADE), vec![how_it_works(bot)]),
        Said::Rights => (hello(sentences::NEXT_RIGHTS), vec![Some(Links(bot).to_group(sentences::MAKE_ADMIN))]),
        Said::Protect => (hello(sentences::NEXT_PROTECT), vec![Some(set_up()), how_it_works(bot)]),
        Said::Lacks(lack) => (lacks(lack), vec![Some(Links(bot).to_group(sentences::MAKE_ADMIN))]),
        Said::Goodbye => (sentences::GOODBYE.to_owned(), Vec::new()),
        Said::Well => return None,
    };
    let rows: Vec<Vec<Button>> = buttons.into_iter().flatten().map(|button| vec![button]).collect();
    let keyboard = (!rows.is_empty()).then_some(Keyboard { rows });
    Some(Outgoing { text, keyboard, ..Outgoing::default() })
}

fn hello(next_step: &str) -> String {
    format!("{}\n\n{next_step}", sentences::HELLO)
}

fn lacks(lack: Lack) -> String {
    let own = AdminRights {
        can_delete_messages: !lack.delete,
        can_restrict_members: !lack.restrict,
        ..AdminRights::default()
    };
    sentences::paused(reply::lacking(own).join(sentences::AND))
}

fn set_up() -> Button {
    Words::button(sentences::SET_UP, &Pressed::Setup(SetupStep::Open))
}

fn how_it_works(bot: &str) -> Option<Button> {
    open(sentences::HOW_IT_WORKS, &format!("https://t.me/{bot}?start=help"))
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
        sentences::stats_groups(groups),
        sentences::stats_channels(channels),
        sentences::stats_mutes(open_mutes),
        sentences::stats_breakers(open_breakers),
        sentences::stats_waiting(stats.lag),
        sentences::stats_dead(stats.dead_letters),
        sentences::stats_version(env!("CARGO_PKG_VERSION"), lasted(stats.up)),
    ]
    .join("\n")
}

fn lasted(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => sentences::up_minutes(minutes),
        (0, hours, minutes) => sentences::up_hours(hours, minutes),
        (days, hours, _) => sentences::up_days(days, hours),
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
                "https://t.me/gate_bot?startgroup&admin=delete_messages+restrict_members",
            ),
            (Said::Protect, "/protect @channel", "How it works", "https://t.me/gate_bot?start=help"),
        ];
        for (said, step, label, url) in cases {
            let Some(Outgoing { text, keyboard: Some(keyboard), .. }) = words(said, "gate_bot") else {
                panic!("{said:?} has words and a button")
            };
            assert!(text.starts_with("Hello!") && text.contains(step) && text.len() < 400, "{text}");
            let button = Button { text: label.to_owned(), press: Press::Open(url.parse().expect("a URL")) };
            assert_eq!(keyboard.rows.last(), Some(&vec![button]));
            assert_eq!(keyboard.rows.contains(&vec![set_up()]), said == Said::Protect);
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
