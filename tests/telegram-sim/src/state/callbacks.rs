//! Presses of inline buttons that wait for the bot's answer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::ids::UserId;

/// What the presser's client is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackAnswer {
    /// Empty when the bot only stopped the spinner.
    pub text: String,
    pub show_alert: bool,
    pub url: String,
    pub cache_time: i64,
}

struct Press {
    by: UserId,
    pressed_ms: i64,
    /// Gone once answered.
    answer: Option<oneshot::Sender<CallbackAnswer>>,
}

#[derive(Default)]
pub(crate) struct Callbacks {
    open: HashMap<i64, Press>,
}

/// After this a press is forgotten: no setting lets it be answered so late.
const FORGET_MS: i64 = 600_000;
const SWEEP_ABOVE: usize = 10_000;

impl Callbacks {
    /// Remembers a press; the answer comes through the receiver.
    pub(crate) fn press(&mut self, id: i64, by: UserId, now_ms: i64) -> oneshot::Receiver<CallbackAnswer> {
        if self.open.len() > SWEEP_ABOVE {
            self.open.retain(|_, press| press.pressed_ms + FORGET_MS > now_ms);
        }
        let (answer, answered) = oneshot::channel();
        self.open.insert(id, Press { by, pressed_ms: now_ms, answer: Some(answer) });
        answered
    }

    /// Who made the press.
    pub(crate) fn presser(&self, id: i64) -> Option<UserId> {
        self.open.get(&id).map(|press| press.by)
    }

    /// Answers a press; false when it is unknown, too old, or answered already and that is refused.
    pub(crate) fn answer(
        &mut self,
        id: i64,
        answer: CallbackAnswer,
        now_ms: i64,
        window_ms: i64,
        refuse_second: bool,
    ) -> bool {
        let Some(press) = self.open.get_mut(&id) else {
            return false;
        };
        if now_ms > press.pressed_ms.saturating_add(window_ms) {
            return false;
        }
        match press.answer.take() {
            // The presser may have stopped waiting; the answer counts all the same.
            Some(waiting) => {
                let _gone = waiting.send(answer);
                true
            }
            None => !refuse_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_is_answered_once_and_in_time() {
        let mut callbacks = Callbacks::default();
        let mut first = callbacks.press(1, UserId(7), 0);
        let _second = callbacks.press(2, UserId(7), 0);
        let answer = |text: &str| CallbackAnswer { text: text.into(), ..CallbackAnswer::default() };
        assert!(callbacks.answer(1, answer("yes"), 15_000, 15_000, true));
        assert_eq!(first.try_recv().map(|answer| answer.text), Ok("yes".into()));
        assert!(!callbacks.answer(1, answer("again"), 15_000, 15_000, true), "answered already");
        assert!(callbacks.answer(1, answer("again"), 15_000, 15_000, false), "unless that is allowed");
        assert!(!callbacks.answer(2, answer("late"), 15_001, 15_000, true), "too late");
        assert!(!callbacks.answer(3, answer("?"), 0, 15_000, true), "never pressed");
    }
}
