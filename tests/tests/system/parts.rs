//! Do the parts work that the scenarios stand on?

mod child;
mod process;
mod services;
