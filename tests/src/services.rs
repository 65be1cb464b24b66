//! Real servers for tests: NATS, Postgres and Redis as child processes on free ports, in temporary folders.
//!
//! Each has one server for all tests of a process (`shared()`), in which every test gets a part of its own, and `own()` for a test that
//! stops and starts its server.

pub mod nats;
pub mod postgres;
pub mod redis;

pub(crate) mod find;
mod server;
