//! The same questions on both databases.
