//! What people see of gmbot, on both of its forms: the stand-alone program, and gateway and worker over NATS, Postgres and Redis.

mod breaker;
mod bursts;
mod main_job;
mod warnings;
