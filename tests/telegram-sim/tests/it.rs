//! The simulator held to Telegram's behaviour, over HTTP, as a bot meets it.

#[path = "it/bot.rs"]
mod bot;
#[path = "it/control.rs"]
mod control;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/membership.rs"]
mod membership;
#[path = "it/messages.rs"]
mod messages;
#[path = "it/passing.rs"]
mod passing;
#[path = "it/place.rs"]
mod place;
#[path = "it/playground.rs"]
mod playground;
#[path = "it/polling.rs"]
mod polling;
#[path = "it/presses.rs"]
mod presses;
#[path = "it/rule_06_floods/rule.rs"]
mod rule_06_floods;
#[path = "it/senders.rs"]
mod senders;
#[path = "it/story.rs"]
mod story;
#[path = "it/transport.rs"]
mod transport;
#[path = "it/webhooks.rs"]
mod webhooks;
