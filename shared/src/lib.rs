//! What the gateway and the workers must agree on, or do alike, and nothing else.

pub mod clock;
pub mod envelope;
pub mod ids;
pub mod queue;
pub mod shard;
pub mod subject;
pub mod trace_context;

pub mod args;
pub mod health;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
