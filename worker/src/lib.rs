//! Queue in, Telegram calls out. Modules in reading order: an update comes in at `intake`, waits in its chat's lane, is sorted by
//! `dispatch`, decided on by a handler with `policy`, and acted on by `enforce`.

// Handlers call handlers' parts, which call clients: so deep that the compiler has to be told.
#![recursion_limit = "256"]

pub mod config;
mod fence;
mod intake;
mod lanes;

mod dispatch;
mod event;
mod handlers;

mod breakers;
mod groups;
mod ledger;
mod membership;
mod news;
mod policy;
mod trial;

mod desk;
mod enforce;
mod pressed;
mod texts;

mod cache;
mod purge;
pub mod store;
pub mod telegram;
mod timers;

pub mod broadcast;
pub mod dead_letters;
mod limits;
mod menus;
mod metrics;
mod migrate;
mod reshard;
mod run;

pub use limits::limits;
pub use metrics::WorkerMetrics;
pub use migrate::migrate;
pub use reshard::reshard;
pub use run::{Work, condition, run, start, store, telegram};
