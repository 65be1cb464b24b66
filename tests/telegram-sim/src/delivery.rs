//! Webhook delivery: one update at a time per queue, queues in parallel, failures tried again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use tokio::sync::mpsc;

use crate::delivery::plan::{Outcome, Plan, Verdict};
use crate::hub::Hub;
use crate::state::updates::Delivery;
use crate::state::webhook::Target;

mod plan;
mod post;

/// When only 410 has come back for this long the webhook is removed.
const GONE_MS: i64 = 23 * 3_600_000;

struct Finished {
    generation: u64,
    update_id: i64,
    outcome: Outcome,
}

/// Runs until the simulator stops. Without a webhook it waits for one.
pub(crate) async fn run(hub: Arc<Hub>, client: reqwest::Client) {
    let (finish, mut finished) = mpsc::unbounded_channel::<Finished>();
    let mut changed = hub.changed.subscribe();
    let mut plan = Plan::default();
    let mut generation = 0;
    loop {
        changed.mark_unchanged();
        while let Ok(done) = finished.try_recv() {
            settle(&hub, &mut plan, generation, &done);
        }
        let now_ms = hub.clock.now_ms();
        let (current, target) = hub.read(|state| (state.webhook.generation, state.webhook.target.clone()));
        if current != generation {
            generation = current;
            plan = Plan::default();
        }
        let mut wake_at = None;
        if !target.url.is_empty() {
            hub.read(|state| plan.load(&state.updates, target.max_connections));
            for update_id in plan.start(now_ms, target.max_connections) {
                deliver(&hub, &client, &target, generation, update_id, &finish);
            }
            wake_at = plan.next_try_ms(target.max_connections);
        }
        tokio::select! {
            () = hub.stop.cancelled() => return,
            _ = changed.changed() => {}
            Some(done) = finished.recv() => settle(&hub, &mut plan, generation, &done),
            () = hub.clock.sleep_until(wake_at.unwrap_or(i64::MAX)), if wake_at.is_some() => {}
        }
    }
}

fn deliver(
    hub: &Arc<Hub>,
    client: &reqwest::Client,
    target: &Target,
    generation: u64,
    update_id: i64,
    finish: &mpsc::UnboundedSender<Finished>,
) {
    let now_ms = hub.clock.now_ms();
    let body: Option<Bytes> = hub.read(|state| {
        let update = state.updates.get(update_id)?;
        (update.expires_ms > now_ms).then(|| update.body.clone())
    });
    let (client, target, finish, stop) = (client.clone(), target.clone(), finish.clone(), hub.stop.clone());
    hub.tasks.spawn(async move {
        let outcome = match body {
            None => Outcome::Expired,
            Some(body) => tokio::select! {
                outcome = post::post(&client, &target, body) => outcome,
                () = stop.cancelled() => return,
            },
        };
        // Nobody listens any more when the simulator has stopped.
        let _stopped = finish.send(Finished { generation, update_id, outcome });
    });
}

/// What follows from an answer: the update is done with, or is tried again later, or is too old by then.
fn settle(hub: &Hub, plan: &mut Plan, generation: u64, done: &Finished) {
    let now_ms = hub.clock.now_ms();
    let verdict = hub.change(|state| {
        let long_wait_s = state.rng.random_range(60..=120);
        let expires_ms = state.updates.get(done.update_id).map(|update| update.expires_ms);
        let stale = done.generation != generation;
        let verdict = if stale {
            Verdict::Stale
        } else {
            plan.settle(done.update_id, &done.outcome, now_ms, long_wait_s, expires_ms)
        };
        if matches!(verdict, Verdict::Done | Verdict::Dropped)
            || (stale && matches!(done.outcome, Outcome::Delivered { .. }))
        {
            state.updates.remove(done.update_id);
        }
        if !stale {
            remember(&mut state.webhook, &done.outcome, now_ms);
        }
        state.updates.record(Delivery {
            update_id: done.update_id,
            at_ms: now_ms,
            via: "webhook",
            answer: done.outcome.to_string(),
            delivered: verdict == Verdict::Done,
        });
        verdict
    });
    if verdict == Verdict::Dropped {
        tracing::info!(update_id = done.update_id, "an update expired before it could be delivered");
    }
}

fn remember(webhook: &mut crate::state::webhook::Webhook, outcome: &Outcome, now_ms: i64) {
    let Outcome::Failed { error, is_gone, .. } = outcome else {
        webhook.gone_since_ms = None;
        return;
    };
    webhook.last_error = Some((now_ms / 1000, error.clone()));
    if !is_gone {
        webhook.gone_since_ms = None;
        return;
    }
    let since = *webhook.gone_since_ms.get_or_insert(now_ms);
    if now_ms - since > GONE_MS {
        webhook.replace(Target::default());
    }
}

/// The client for webhooks: no redirects, 60 s without an answer is a failure, connections are kept.
///
/// # Errors
///
/// The TLS set-up is unusable.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may install one at the same time; either serves.
        let _other = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
        .build()
}
