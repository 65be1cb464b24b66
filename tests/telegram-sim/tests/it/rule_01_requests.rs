//! Rule 1: routing, merging of arguments, case-insensitive methods, null as a word, lenient numbers and booleans, exact
//! texts, the HTTP status as error code, `Retry-After` with 429.

#[path = "rule_01_requests/arguments.rs"]
mod arguments;
#[path = "rule_01_requests/reading.rs"]
mod reading;
#[path = "rule_01_requests/replies.rs"]
mod replies;
#[path = "rule_01_requests/routing.rs"]
mod routing;
#[path = "rule_01_requests/tokens.rs"]
mod tokens;
