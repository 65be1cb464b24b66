//! Rule 6: floods. Limits on sending, the waits hidden inside a call, and the 429s that are no floods.

mod ceilings;
mod chains;
mod false_ones;
mod hidden_waits;
mod limits;
mod under_load;

use serde_json::{Value, json};
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use telegram_sim::ids::ChatId;
use telegram_sim::rights::AdminRights;

use crate::bot::Reply;
use crate::place::{Place, place_with};

async fn place_limited(floods: FloodLimits) -> anyhow::Result<Place> {
    place_with(SimConfig { floods, ..SimConfig::default() }, AdminRights::MODERATOR).await
}

fn message(chat: ChatId) -> Value {
    json!({ "chat_id": chat, "text": "x" })
}

/// The wait that a 429 asks for, once its text, parameter and header are known to say the same.
fn wait_asked(reply: &Reply) -> i64 {
    let wait = reply.body["parameters"]["retry_after"].as_i64().unwrap_or_default();
    assert_eq!(reply.status, 429, "{reply:?}");
    assert_eq!(reply.error(), format!("Too Many Requests: retry after {wait}"));
    assert_eq!(reply.retry_after, Some(wait.to_string()), "the header says the same: {reply:?}");
    wait
}
