//! getUpdates: the long poll, its offsets, and its conflicts.

use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::args::Args;
use crate::hub::{Hub, lock};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;
use crate::state::updates::Delivery;

/// Who polls now, and what the last poll was like.
#[derive(Default)]
pub(crate) struct Poll {
    waiting: Option<oneshot::Sender<ApiError>>,
    last_offset: Option<i64>,
    last_at_ms: i64,
    last_conflict_ms: Option<i64>,
}

/// A reply is cut at about this size.
const MOST_BYTES: usize = 4 << 20;
/// A second conflict within this time is answered this much later.
const CONFLICT_MS: i64 = 3000;

/// What comes this soon after the first update goes with it.
const BATCHING: Duration = Duration::from_millis(2);

const OTHER_POLL: &str = "terminated by other getUpdates request; make sure that only one bot instance is running";

impl Poll {
    /// Ends the waiting poll, if there is one, with a conflict.
    pub(super) fn terminate(&mut self, text: &str) {
        if let Some(waiting) = self.waiting.take() {
            // It may have been answered this very moment; then there is no conflict to tell.
            let _gone = waiting.send(ApiError::conflict(text));
        }
    }
}

pub(super) async fn get_updates(hub: &Hub, args: &Args) -> MethodResult {
    let webhook_is_set = hub.change(|state| {
        state.updates.set_allowed(args.json("allowed_updates").as_ref());
        state.webhook.is_set()
    });
    if webhook_is_set {
        let text = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
        return conflict(hub, ApiError::conflict(text)).await;
    }
    let offset = args.number("offset");
    let (limit, timeout_s) = pace(hub, offset, args);
    let deadline = hub.clock.now_ms() + timeout_s * 1000;
    let mut changed = hub.changed.subscribe();
    changed.mark_unchanged();
    if let Some(answer) = hub.change(|state| take(state, offset, limit)) {
        return Ok(answer);
    }
    if timeout_s == 0 {
        return Ok(Answer::value(&[(); 0]));
    }
    let (terminate, mut terminated) = oneshot::channel();
    {
        let mut poll = lock(&hub.poll);
        poll.terminate(OTHER_POLL);
        poll.waiting = Some(terminate);
    }
    loop {
        tokio::select! {
            biased;
            ended = &mut terminated => {
                let stopped = || ApiError::conflict(OTHER_POLL);
                return conflict(hub, ended.unwrap_or_else(|_| stopped())).await;
            }
            _ = changed.changed() => {}
            () = hub.clock.sleep_until(deadline) => return Ok(Answer::value(&[(); 0])),
            () = hub.stop.cancelled() => return Err(ApiError::flood(5)),
        }
        if hub.read(|state| state.updates.len() == 0) {
            continue;
        }
        tokio::time::sleep(BATCHING).await;
        if let Some(answer) = hub.change(|state| take(state, offset, limit)) {
            return Ok(answer);
        }
    }
}

/// Limit and time-out, against polls that spin: the same offset again and again gets slower.
fn pace(hub: &Hub, offset: i64, args: &Args) -> (usize, i64) {
    let mut limit = args.number_within("limit", 100, 1, 100);
    let mut timeout_s = args.number_within("timeout", 0, 0, 50);
    let now_ms = hub.clock.now_ms();
    let mut poll = lock(&hub.poll);
    if poll.last_offset == Some(offset) {
        let since = now_ms - poll.last_at_ms;
        if timeout_s < 3 && since < 3000 {
            timeout_s = 3;
        }
        if since < 500 {
            limit = 1;
        }
    }
    poll.last_offset = Some(offset);
    poll.last_at_ms = now_ms;
    (usize::try_from(limit).unwrap_or(1), timeout_s)
}

async fn conflict(hub: &Hub, error: ApiError) -> MethodResult {
    let now_ms = hub.clock.now_ms();
    let soon_after = lock(&hub.poll).last_conflict_ms.replace(now_ms).is_some_and(|last| now_ms - last < CONFLICT_MS);
    if soon_after {
        hub.clock.sleep(Duration::from_millis(CONFLICT_MS.unsigned_abs())).await;
    }
    Err(error)
}

/// Confirms what the offset confirms, and answers with what there is; `None` when there is nothing.
fn take(state: &mut State, offset: i64, limit: usize) -> Option<Answer> {
    let now_ms = state.clock.now_ms();
    let from = state.updates.confirm(offset, now_ms);
    state.updates.drop_expired(now_ms);
    let mut bodies: Vec<&str> = Vec::new();
    let mut ids = Vec::new();
    let mut bytes = 0;
    for (id, update) in state.updates.from(from).take(limit) {
        bytes += update.body.len();
        if bytes > MOST_BYTES && !ids.is_empty() {
            break;
        }
        bodies.push(std::str::from_utf8(&update.body).unwrap_or("{}"));
        ids.push(id);
    }
    if ids.is_empty() {
        return None;
    }
    let result = RawValue::from_string(format!("[{}]", bodies.join(","))).ok()?;
    for update_id in ids {
        let update = state.updates.get(update_id);
        let delivery = Delivery::of(update, update_id, now_ms, "getUpdates", "sent".to_owned(), false);
        state.updates.record(delivery);
    }
    Some(Answer { result, description: None, taken_ms: None })
}
