//! What people see of gmbot: the stand-alone program as a process against a simulated Telegram. Needs no servers.

mod demo;
mod killed;
mod log;
mod loose_server;
