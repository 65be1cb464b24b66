//! What an operator reads about a broadcast.

use crate::store::broadcasts::{Audience, Broadcast, Held, State};

const WAYS_ON: &str = "--resume goes on with it, --cancel ends it.";

/// How far it is, and what can be done.
pub(super) fn told(broadcast: &Broadcast) -> String {
    let Broadcast { id, state, sent, total, audience, held, .. } = broadcast;
    let (is, more) = match (state, held) {
        (State::Running, Some(Held { holder, .. })) => ("is running", format!(" It is sent by {holder}.")),
        (State::Running, None) => ("broke off", format!(" {WAYS_ON}")),
        (State::Paused, _) => ("is paused", format!(" {WAYS_ON}")),
        (State::Done, _) => ("is done", String::new()),
        (State::Cancelled, _) => ("is cancelled", String::new()),
    };
    format!("Broadcast {id} {is}: {sent} of {} got it.{}{more}", people(*total, *audience), not_reached(broadcast))
}

fn not_reached(broadcast: &Broadcast) -> String {
    let why = match (broadcast.audience, broadcast.skipped) {
        (_, ..=0) => String::new(),
        (Audience::Groups, 1) => " 1 was skipped: the bot is not in it any more, or may not write there.".to_owned(),
        (Audience::Groups, n) => format!(" {n} were skipped: the bot is not in them any more, or may not write there."),
        (Audience::Owners, 1) => " 1 was skipped: they never started the bot, or blocked it.".to_owned(),
        (Audience::Owners, n) => format!(" {n} were skipped: they never started the bot, or blocked it."),
    };
    let failed = match broadcast.failed {
        ..=0 => String::new(),
        n => format!(" {n} failed, the log says which."),
    };
    why + &failed
}

pub(super) fn cancelled(broadcast: &Broadcast) -> String {
    let seen = if broadcast.held.is_some() { " Whoever sends it stops in a second." } else { "" };
    told(broadcast) + seen
}

/// Why another one cannot begin or go on, and what to do.
pub(super) fn in_the_way(broadcast: &Broadcast) -> String {
    let id = broadcast.id;
    match (broadcast.state, &broadcast.held) {
        (State::Running, Some(Held { holder, left })) => format!(
            "Broadcast {id} is being sent by {holder}. Ctrl-C there pauses it, --cancel ends it. If that process is dead, try --resume in {} s.",
            left.as_secs() + 1
        ),
        (State::Running | State::Paused, _) => format!("Broadcast {id} is not finished: {WAYS_ON}"),
        (State::Done | State::Cancelled, _) => told(broadcast),
    }
}

/// As `3 groups`.
pub(super) fn people(count: i64, audience: Audience) -> String {
    let all = audience.as_str();
    if count == 1 { format!("1 {}", all.trim_end_matches('s')) } else { format!("{count} {all}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::broadcasts::BEFORE_ALL;

    fn broadcast(state: State, audience: Audience) -> Broadcast {
        Broadcast {
            id: 4,
            audience,
            body: "news".to_owned(),
            state,
            position: BEFORE_ALL,
            total: 40,
            sent: 12,
            skipped: 0,
            failed: 0,
            held: None,
        }
    }

    #[test]
    fn it_says_how_far_it_is_and_what_can_be_done() {
        let held = Some(Held { holder: "process 7 on web-1".to_owned(), left: Duration::from_millis(8200) });
        let running = Broadcast { held, ..broadcast(State::Running, Audience::Groups) };
        let broken_off = broadcast(State::Running, Audience::Groups);
        let paused = Broadcast { skipped: 1, ..broadcast(State::Paused, Audience::Groups) };
        let done = Broadcast { skipped: 3, failed: 1, ..broadcast(State::Done, Audience::Owners) };
        let cases = [
            (told(&running), "Broadcast 4 is running: 12 of 40 groups got it. It is sent by process 7 on web-1."),
            (
                told(&broken_off),
                "Broadcast 4 broke off: 12 of 40 groups got it. --resume goes on with it, --cancel ends it.",
            ),
            (
                told(&paused),
                "Broadcast 4 is paused: 12 of 40 groups got it. 1 was skipped: the bot is not in it any more, or may not write there. --resume goes on with it, --cancel ends it.",
            ),
            (
                told(&done),
                "Broadcast 4 is done: 12 of 40 owners got it. 3 were skipped: they never started the bot, or blocked it. 1 failed, the log says which.",
            ),
            (
                in_the_way(&running),
                "Broadcast 4 is being sent by process 7 on web-1. Ctrl-C there pauses it, --cancel ends it. If that process is dead, try --resume in 9 s.",
            ),
            (in_the_way(&paused), "Broadcast 4 is not finished: --resume goes on with it, --cancel ends it."),
        ];
        for (told, expected) in cases {
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn one_is_no_plural() {
        let cases =
            [(0, Audience::Groups, "0 groups"), (1, Audience::Groups, "1 group"), (1, Audience::Owners, "1 owner")];
        for (count, audience, expected) in cases {
            assert_eq!(people(count, audience), expected);
        }
    }
}
