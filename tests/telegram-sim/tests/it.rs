//! The simulator held to Telegram's behaviour, over HTTP, as a bot meets it.

#[path = "it/bot.rs"]
mod bot;
#[path = "it/control.rs"]
mod control;
#[path = "it/passing.rs"]
mod passing;
#[path = "it/place.rs"]
mod place;
#[path = "it/playground.rs"]
mod playground;
#[path = "it/polling.rs"]
mod polling;
#[path = "it/rule_02_state/rule.rs"]
mod rule_02_state;
#[path = "it/rule_05_members/rule.rs"]
mod rule_05_members;
#[path = "it/rule_06_floods/rule.rs"]
mod rule_06_floods;
#[path = "it/rule_07_callbacks/rule.rs"]
mod rule_07_callbacks;
#[path = "it/rule_08_faults/rule.rs"]
mod rule_08_faults;
#[path = "it/rule_09_member_cache/rule.rs"]
mod rule_09_member_cache;
#[path = "it/story.rs"]
mod story;
#[path = "it/transport.rs"]
mod transport;
#[path = "it/webhooks.rs"]
mod webhooks;
