//! What people see of gmbot, on both of its forms: the stand-alone program, and gateway and worker over NATS, Postgres and Redis.

mod allow;
mod join_requests;
mod joins;
mod leaving;
mod main_job;
mod other_admins;
mod private;
mod protect_choices;
mod settings;
mod setup;
mod unprotect;
