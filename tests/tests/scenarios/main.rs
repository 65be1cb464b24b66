//! What people see of gmbot, on both of its forms: the stand-alone program, and gateway and worker over NATS, Postgres and Redis.

mod bot_itself;
mod main_job;
mod migration;
mod operators;
