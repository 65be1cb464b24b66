//! Rule 5: what members are, and what becomes of it.

mod channels;
mod folding;
mod reading;
mod removals;
mod restrictions;
mod same_status;
mod traps;
