//! Queue in, Telegram calls out.

pub mod telegram;
