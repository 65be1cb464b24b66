//! A simulated Telegram: the Bot API over HTTP, and the people, groups and channels behind it.

pub mod clock;
pub mod config;
pub mod delivery_faults;
pub mod faults;
pub mod floods;
pub mod ids;
pub mod ledger;
pub mod rights;
pub mod schema;
pub mod simulator;
pub mod story;
pub mod waiting;
pub mod world;

mod args;
mod connection;
mod control;
mod delivery;
mod handling;
mod handshake;
mod hub;
mod methods;
mod playground;
mod reply;
mod request;
mod route;
mod server;
mod state;
