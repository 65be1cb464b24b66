//! A group and a channel in the simulated Telegram.

use telegram_sim::ids::{ChatId, UserId};

/// A group that is protected, or about to be, and the channel that it requires.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub group: ChatId,
    pub channel: ChatId,
    /// Of both.
    pub owner: UserId,
}
