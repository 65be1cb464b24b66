//! What people see of gmbot, on both of its forms: the stand-alone program, and gateway and worker over NATS, Postgres and Redis.

mod allow;
mod bot_itself;
mod breaker;
mod broadcast;
mod bursts;
mod dead_letters;
mod join_requests;
mod joins;
mod leaving;
mod main_job;
mod migration;
mod operators;
mod other_admins;
mod private;
mod protect_choices;
mod settings;
mod setup;
mod unprotect;
mod warnings;
