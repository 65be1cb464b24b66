//! What the system tests stand on: real servers, our own programs as processes, and waits that say what they last saw.
//!
//! A test asks for what it needs and everything ends with it:
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use system_tests::{process::Program, services::{nats::Nats, postgres::Postgres, redis::Redis}, wait::wait_for};
//!
//! let worker = Program::Worker
//!     .launch()
//!     .env("NATS_URL", Nats::shared().await?.account()?)
//!     .env("DATABASE_URL", Postgres::shared().await?.database().await?.url())
//!     .env("REDIS_URL", Redis::shared().await?.database()?)
//!     .start()
//!     .await?;
//! wait_for("the worker to own its shards", Duration::from_secs(5), async || {
//!     worker.lines_with("owns 32 shards").pop().ok_or_else(|| "no such line".to_owned())
//! })
//! .await?;
//! # Ok(()) }
//! ```

pub mod acts;
pub mod place;
pub mod split;
pub mod stage;
pub mod standalone;

pub mod bench;
pub mod chaos;
pub mod figures;
pub mod load;

pub mod process;
pub mod services;
pub mod terminal;
pub mod tools;

pub mod wait;

pub mod child;
pub mod clock;
pub mod collector;
pub mod http;
pub mod ports;
