//! Which updates may have ended the process that had them, and how those are tried without ending every process after it.
//!
//! After a takeover from a process that ended without a word, the first update of each chat that it had is written down before it runs again.
//! Where one is found that had been written down before, the chat's updates run one at a time, and of all chats together only one at a time:
//! so what is written down when a process ends is what ended it. That costs nothing as long as no process ends, and an update that is merely
//! there when machines are killed is acquitted as soon as it has run.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use shared::{
    envelope::{Envelope, RoutingKey},
    subject,
};

use crate::{lanes::Rank, store::suspects::Suspect};

/// An update that was begun this often under suspicion, and with which the process ended soon each time, is put away.
const QUICK: u32 = 3;

/// And so is one that was begun this often in all. In an outage an innocent one waits for as long as that lasts and is met by every kill
/// meanwhile; so many of them in a row, and nothing done in between, are no chance.
const BEGUN: u32 = 10;

/// What ends a process mostly does so at once. From then on others under suspicion have their turn beside it.
pub(super) const AT_ONCE: Duration = Duration::from_secs(1);

/// How the reason of such a dead letter ends.
pub(crate) const DEADLY: &str = "and each time the process ended";

impl Suspect {
    /// Whether it has ended so many processes that it may not be begun again.
    pub(super) fn is_deadly(&self) -> bool {
        self.begun >= BEGUN || self.begun.saturating_sub(self.slow) >= QUICK
    }
}

/// How an update is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Care {
    #[default]
    None,
    /// It is written down, and runs with others.
    Noted(Suspect),
    /// It is written down, and nothing else that is under suspicion runs.
    Alone(Suspect),
}

/// What is known of one shard during one period.
#[derive(Debug)]
pub(super) struct Suspects {
    /// How often, and how often of that it was slow.
    begun: HashMap<String, (u32, u32)>,
    chats: HashSet<RoutingKey>,
    /// Whose first one has come.
    seen: HashSet<(RoutingKey, Rank)>,
}

impl Suspects {
    pub(super) fn new(written: Vec<Suspect>) -> Self {
        Self {
            chats: written.iter().map(|suspect| suspect.chat).collect(),
            begun: written.into_iter().map(|suspect| (suspect.message, (suspect.begun, suspect.slow))).collect(),
            seen: HashSet::new(),
        }
    }

    /// What has to be seen to with an update that a process had when it ended without a word.
    pub(super) fn judge(&mut self, envelope: &Envelope, rank: Rank) -> Care {
        let chat = envelope.routing;
        let is_first = self.seen.insert((chat, rank));
        let has_suspects = self.chats.contains(&chat);
        if !is_first && !has_suspects {
            return Care::None;
        }
        let message = subject::message_id(envelope.bot, &envelope.kind);
        let (begun, slow) = self.begun.get(&message).copied().unwrap_or_default();
        let suspect = Suspect { message, chat, begun, slow };
        if has_suspects { Care::Alone(suspect) } else { Care::Noted(suspect) }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::{
        envelope::Source,
        ids::{BotId, UpdateId},
    };

    use super::*;

    fn suspect(id: i64, chat: i64, begun: u32) -> Suspect {
        Suspect { message: format!("1:{id}"), chat: RoutingKey(chat), begun, slow: 0 }
    }

    fn judge(suspects: &mut Suspects, id: i64, chat: i64, rank: Rank) -> Care {
        let envelope =
            Envelope::update(BotId(1), RoutingKey(chat), Source::Messages, UpdateId(id), 0, Bytes::from_static(b"{}"));
        suspects.judge(&envelope, rank)
    }

    #[test]
    fn at_first_only_the_first_of_each_chat_is_noted() {
        let mut suspects = Suspects::new(Vec::new());
        let cases = [
            (1, -100, Rank::Rest, Care::Noted(suspect(1, -100, 0))),
            (2, -100, Rank::Rest, Care::None),
            (3, -100, Rank::Urgent, Care::Noted(suspect(3, -100, 0))),
            (4, -200, Rank::Rest, Care::Noted(suspect(4, -200, 0))),
            (5, -200, Rank::Rest, Care::None),
        ];
        for (id, chat, rank, care) in cases {
            assert_eq!(judge(&mut suspects, id, chat, rank), care, "{id}");
        }
    }

    #[test]
    fn where_one_was_written_down_all_run_alone() {
        let mut suspects = Suspects::new(vec![suspect(1, -100, 1)]);
        let cases = [
            (1, -100, Care::Alone(suspect(1, -100, 1))),
            (2, -100, Care::Alone(suspect(2, -100, 0))),
            (3, -200, Care::Noted(suspect(3, -200, 0))),
        ];
        for (id, chat, care) in cases {
            assert_eq!(judge(&mut suspects, id, chat, Rank::Rest), care, "{id}");
        }
    }

    #[test]
    fn three_quick_ends_are_enough_and_slow_ones_take_ten() {
        let cases =
            [(2, 0, false), (3, 0, true), (3, 1, false), (4, 1, true), (9, 7, false), (9, 9, false), (10, 10, true)];
        for (begun, slow, expected) in cases {
            let suspect = Suspect { slow, ..suspect(1, -100, begun) };
            assert_eq!(suspect.is_deadly(), expected, "{suspect:?}");
        }
    }
}
