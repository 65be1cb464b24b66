//! The system tests: real servers, real programs, everything over the wire. One binary, so that the servers are started once.

mod parts;

mod story;

mod settings;
mod start;

mod copies;
mod crash;
mod crowd;
mod deadly;
mod drain;
mod gateways;
mod leaving;
mod raid;
mod reshard;
mod workers;

mod metrics;
mod seeing;
mod steady;
mod traces;
