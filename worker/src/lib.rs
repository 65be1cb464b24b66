//! Queue in, Telegram calls out.

pub mod store;
