//! Rule 8: what goes wrong on purpose with calls and their replies, and with the world while they are made.

mod aim;
mod outages;
mod replies;
mod world_changes;
