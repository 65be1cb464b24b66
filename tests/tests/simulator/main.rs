//! The simulator as others use it: people in a browser, and bots on other libraries.

mod other_library;
mod playground;
