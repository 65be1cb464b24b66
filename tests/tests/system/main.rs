//! The system tests: real servers, real programs, everything over the wire. One binary, so that the servers are started once.

mod parts;

mod story;

mod settings;
mod start;

mod crash;
mod crowd;
mod drain;

mod metrics;
mod seeing;
mod steady;
