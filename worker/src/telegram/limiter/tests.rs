//! The budget over time, without any.
