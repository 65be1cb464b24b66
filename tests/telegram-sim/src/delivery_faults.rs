//! What goes wrong on purpose with updates on their way to the bot: lost, handed over twice, overtaken.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// How often it goes wrong. The shares are from 0 to 1; each case is drawn from the simulator's seed and the update's
/// number alone, so that a run repeats whatever the timing was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryFaults {
    /// The share of `chat_member` updates that are never made.
    pub lose_chat_member: f64,
    /// The share of updates that the webhook is sent a second time though it had answered 2xx.
    pub repeat: f64,
    /// The share of updates that the webhook is sent later than it could be, so that those of other queues overtake
    /// them. Within a queue the order stays.
    pub hold_back: f64,
    /// For how long those are held back, in milliseconds of the world's clock.
    pub hold_back_ms: u32,
}

impl DeliveryFaults {
    /// Everything arrives, once, and at once.
    #[must_use]
    pub const fn none() -> Self {
        Self { lose_chat_member: 0.0, repeat: 0.0, hold_back: 0.0, hold_back_ms: 1000 }
    }
}

impl Default for DeliveryFaults {
    fn default() -> Self {
        Self::none()
    }
}

/// The faults in force, and the seed they are drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    pub(crate) faults: DeliveryFaults,
    seed: u64,
}

/// Sets the draws of one question apart from those of another.
#[derive(Clone, Copy)]
enum Question {
    Lose = 1,
    Repeat = 2,
    HoldBack = 3,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { faults: DeliveryFaults::none(), seed }
    }

    /// Whether the n-th `chat_member` update is lost.
    pub(crate) fn loses(&self, n: u64) -> bool {
        self.strikes(Question::Lose, n, self.faults.lose_chat_member)
    }

    /// Whether the update is handed over again.
    pub(crate) fn repeats(&self, update_id: i64) -> bool {
        self.strikes(Question::Repeat, update_id.unsigned_abs(), self.faults.repeat)
    }

    /// For how long the update is held back, if it is.
    pub(crate) fn holds_back_ms(&self, update_id: i64) -> Option<i64> {
        let held = self.strikes(Question::HoldBack, update_id.unsigned_abs(), self.faults.hold_back);
        held.then(|| self.faults.hold_back_ms.into())
    }

    fn strikes(&self, question: Question, number: u64, share: f64) -> bool {
        if share <= 0.0 {
            return false;
        }
        // Neighbouring numbers must not give neighbouring draws, which the generator sees to.
        let seed = self.seed.rotate_left(32) ^ number.rotate_left(4) ^ question as u64;
        StdRng::seed_from_u64(seed).random::<f64>() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_that_share_and_a_seed_repeats_it() {
        let faults = DeliveryFaults { lose_chat_member: 0.2, repeat: 0.5, hold_back: 1.0, hold_back_ms: 7 };
        let draws = |seed| {
            let dice = Dice { faults, ..Dice::new(seed) };
            (0..2000).map(|n| dice.loses(n)).collect::<Vec<_>>()
        };
        let lost = draws(1).iter().filter(|lost| **lost).count();
        assert!((320..480).contains(&lost), "{lost} of 2000");
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        let dice = Dice { faults, ..Dice::new(1) };
        assert!((0..100).any(|id| dice.repeats(id)) && !(0..100).all(|id| dice.repeats(id)));
        assert_eq!(dice.holds_back_ms(5), Some(7));
        assert_eq!(Dice::new(1).holds_back_ms(5), None);
    }
}
