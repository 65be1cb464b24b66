//! A Bot API server that answers loosely: gmbot says so in its log, punishes nobody for it, and goes on when the server does.

mod acts;
mod checks;
mod forms;
mod presses;
mod start;
