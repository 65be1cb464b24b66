//! What people see of gmbot, on both of its forms: the stand-alone program, and gateway and worker over NATS, Postgres and Redis.

mod allow;
mod answers;
mod bot_itself;
mod breaker;
mod broadcast;
mod bursts;
mod dead_letters;
mod hostile_names;
mod join_requests;
mod joins;
mod leaving;
mod main_job;
mod migration;
mod operators;
mod other_admins;
mod presses;
mod private;
mod protect;
mod protect_choices;
mod senders;
mod settings;
mod setup;
mod unprotect;
mod warnings;
