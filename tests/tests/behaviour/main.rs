//! What is the stand-alone program's own: its demo, its log, its death in the middle of work, and a Bot API server that answers loosely. Needs no
//! servers. What people see of either form is in `scenarios`.

mod demo;
mod killed;
mod log;
mod loose_server;
