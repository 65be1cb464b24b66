//! Queue in, Telegram calls out.

pub mod store;
pub mod telegram;
