//! The simulator held to Telegram's behaviour, over HTTP, as a bot meets it.

#[path = "it/asking.rs"]
mod asking;
#[path = "it/bot.rs"]
mod bot;
#[path = "it/chronicle.rs"]
mod chronicle;
#[path = "it/control.rs"]
mod control;
#[path = "it/hook.rs"]
mod hook;
#[path = "it/passing.rs"]
mod passing;
#[path = "it/place.rs"]
mod place;
#[path = "it/playground.rs"]
mod playground;
#[path = "it/rule_01_requests.rs"]
mod rule_01_requests;
#[path = "it/rule_02_state/rule.rs"]
mod rule_02_state;
#[path = "it/rule_03_updates.rs"]
mod rule_03_updates;
#[path = "it/rule_04_get_updates.rs"]
mod rule_04_get_updates;
#[path = "it/rule_04_under_load.rs"]
mod rule_04_under_load;
#[path = "it/rule_04_webhooks.rs"]
mod rule_04_webhooks;
#[path = "it/rule_05_members/rule.rs"]
mod rule_05_members;
#[path = "it/rule_06_floods/rule.rs"]
mod rule_06_floods;
#[path = "it/rule_07_callbacks/rule.rs"]
mod rule_07_callbacks;
#[path = "it/rule_08_delivery_faults.rs"]
mod rule_08_delivery_faults;
#[path = "it/rule_08_faults/rule.rs"]
mod rule_08_faults;
#[path = "it/rule_09_member_cache/rule.rs"]
mod rule_09_member_cache;
#[path = "it/rule_10_strict_webhooks.rs"]
mod rule_10_strict_webhooks;
#[path = "it/story.rs"]
mod story;
#[path = "it/wire.rs"]
mod wire;
