//! Webhook delivery: one update at a time per queue, queues in parallel, failures tried again.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use rand::Rng;
use tokio::sync::mpsc;

use crate::delivery::connections::Connections;
use crate::delivery::plan::{Now, Outcome, Plan, Verdict};
use crate::delivery::post::Reply;
use crate::hub::Hub;
use crate::state::updates::Delivery;
use crate::state::webhook::{Target, Webhook};

mod connections;
mod in_reply;
mod plan;
mod post;

/// When only 410 has come back for longer than this the webhook is removed.
const GONE_MS: i64 = 23 * 3_600_000;

struct Finished {
    generation: u64,
    update_id: i64,
    outcome: Outcome,
    is_open: bool,
}

/// The deliveries to one webhook, from when it is set until it is another.
struct Line {
    generation: u64,
    target: Target,
    client: reqwest::Client,
    plan: Plan,
    connections: Connections,
}

impl Line {
    fn new(generation: u64, target: Target, spare: &reqwest::Client, starts_slowly: bool) -> Self {
        let client = post::client(&target).unwrap_or_else(|error| {
            tracing::error!(%error, "the webhook gets a client without its address and certificate");
            spare.clone()
        });
        let connections = Connections::new(target.max_connections, starts_slowly);
        Self { generation, target, client, plan: Plan::default(), connections }
    }
}

/// Runs until the simulator stops. Without a webhook it waits for one.
pub(crate) async fn run(hub: Arc<Hub>, spare: reqwest::Client) {
    let (finish, mut finished) = mpsc::unbounded_channel::<Finished>();
    let mut changed = hub.changed.subscribe();
    let mut line: Option<Line> = None;
    loop {
        changed.mark_unchanged();
        while let Ok(done) = finished.try_recv() {
            settle(&hub, line.as_mut(), &done);
        }
        let generation = hub.read(|state| state.webhook.generation);
        if line.as_ref().map_or(0, |line| line.generation) != generation {
            let target = hub.read(|state| state.webhook.target.clone());
            line = Some(Line::new(generation, target, &spare, hub.config.webhook_starts_slowly));
        }
        let mut wake_at = None;
        if let Some(line) = line.as_mut().filter(|line| !line.target.url.is_empty()) {
            let now_ms = hub.clock.now_ms();
            let dice = hub.read(|state| {
                line.plan.load(&state.updates, line.target.max_connections);
                state.updates.dice
            });
            for update_id in line.plan.start(now_ms, &mut line.connections, &dice) {
                deliver(&hub, line, update_id, &finish);
            }
            wake_at = line.plan.next_start_ms(now_ms, &line.connections);
        }
        tokio::select! {
            () = hub.stop.cancelled() => return,
            _ = changed.changed() => {}
            Some(done) = finished.recv() => settle(&hub, line.as_mut(), &done),
            () = hub.clock.sleep_until(wake_at.unwrap_or(i64::MAX)), if wake_at.is_some() => {}
        }
    }
}

fn deliver(hub: &Arc<Hub>, line: &Line, update_id: i64, finish: &mpsc::UnboundedSender<Finished>) {
    let now_ms = hub.clock.now_ms();
    let body: Option<Bytes> = hub.read(|state| {
        let update = state.updates.get(update_id)?;
        (update.expires_ms > now_ms).then(|| update.body.clone())
    });
    let (hub, finish, generation) = (hub.clone(), finish.clone(), line.generation);
    let (client, target) = (line.client.clone(), line.target.clone());
    hub.clone().tasks.spawn(async move {
        let (outcome, is_open) = match body {
            None => (Outcome::Expired, true),
            Some(body) => tokio::select! {
                Reply { outcome, is_open, args } = post::post(&client, &hub.clock, &target, body) => {
                    in_reply::call(&hub, args);
                    (outcome, is_open)
                }
                () = hub.stop.cancelled() => return,
            },
        };
        // Nobody listens any more when the simulator has stopped.
        let _stopped = finish.send(Finished { generation, update_id, outcome, is_open });
    });
}

/// What follows from an answer: the update is done with, or is tried again later, or is too old by then.
fn settle(hub: &Hub, line: Option<&mut Line>, done: &Finished) {
    let now_ms = hub.clock.now_ms();
    let line = line.filter(|line| line.generation == done.generation);
    let verdict = hub.change(|state| {
        let verdict = match line {
            None => Verdict::Stale,
            Some(line) => {
                let now = Now {
                    ms: now_ms,
                    long_wait_s: state.rng.random_range(60..=120),
                    expires_ms: state.updates.get(done.update_id).map(|update| update.expires_ms),
                    dice: state.updates.dice,
                };
                line.connections.release(now_ms, done.is_open);
                if matches!(done.outcome, Outcome::Delivered { .. }) {
                    line.connections.succeeded(now_ms);
                }
                remember(&mut state.webhook, &done.outcome, now_ms);
                line.plan.settle(done.update_id, &done.outcome, now)
            }
        };
        let arrived_late = verdict == Verdict::Stale && matches!(done.outcome, Outcome::Delivered { .. });
        let (update, answer) = (state.updates.get(done.update_id), done.outcome.to_string());
        let delivery = Delivery::of(update, done.update_id, now_ms, "webhook", answer, verdict == Verdict::Done);
        state.updates.record(delivery);
        if arrived_late || matches!(verdict, Verdict::Done | Verdict::Dropped) {
            state.updates.remove(done.update_id);
        }
        verdict
    });
    if verdict == Verdict::Dropped {
        tracing::info!(update_id = done.update_id, "an update expired before it could be delivered");
    }
}

fn remember(webhook: &mut Webhook, outcome: &Outcome, now_ms: i64) {
    match outcome {
        Outcome::Delivered { .. } => webhook.gone_since_ms = None,
        Outcome::Expired => {}
        Outcome::Failed { error, status, .. } => {
            webhook.last_error = Some((now_ms / 1000, error.clone()));
            match *status {
                // No answer at all says nothing about whether it is gone.
                None => {}
                Some(StatusCode::GONE) => {
                    let since = *webhook.gone_since_ms.get_or_insert(now_ms);
                    if now_ms - since > GONE_MS {
                        webhook.replace(Target::default());
                    }
                }
                Some(_) => webhook.gone_since_ms = None,
            }
        }
    }
}

/// A client for no webhook in particular.
///
/// # Errors
///
/// The TLS set-up is unusable.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    post::client(&Target::default())
}
