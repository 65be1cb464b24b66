//! The simulator held to Telegram's behaviour, over HTTP, as a bot meets it.

#[path = "it/bot.rs"]
mod bot;
#[path = "it/membership.rs"]
mod membership;
#[path = "it/story.rs"]
mod story;
