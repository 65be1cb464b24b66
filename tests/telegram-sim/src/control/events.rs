//! What happens, as it happens: the bot's calls one by one, and a nudge when the world has changed.
//!
//! Server-sent events. `call` carries a call of the ledger, and its id (`<run>-<number>`) lets a reader who was cut
//! off go on where it was: browsers send it as `Last-Event-ID`, others as `?after=`. `world` says that something
//! changed and the reader should look again; many changes at once make one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Control;
use crate::hub::Hub;

/// Between two looks, however busy the world is: quicker than a person can tell.
const PACE: Duration = Duration::from_millis(80);
/// How much of the past a reader is given who comes without an id.
const PAST_CALLS: u64 = 300;

#[derive(Deserialize)]
pub(super) struct From {
    after: Option<String>,
}

pub(super) async fn events(
    State(hub): Control,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // The header is the newer of the two: a browser that reconnects repeats the address it began with.
    let known = headers.get("last-event-id").and_then(|id| id.to_str().ok()).or(from.after.as_deref());
    let reader = Reader::new(hub, known);
    Sse::new(futures::stream::unfold(reader, Reader::next)).keep_alive(KeepAlive::default())
}

struct Reader {
    hub: Arc<Hub>,
    changed: watch::Receiver<u64>,
    /// The number of the last call that was read from the ledger.
    sent: u64,
    ready: VecDeque<Event>,
    looked: Option<Instant>,
}

impl Reader {
    fn new(hub: Arc<Hub>, known: Option<&str>) -> Self {
        let last = hub.log(|log| log.last_number());
        // An id of an earlier run says nothing about this one.
        let sent = known
            .and_then(|id| id.split_once('-'))
            .filter(|(run, _)| *run == hub.clock.started_ms().to_string())
            .and_then(|(_, number)| number.parse().ok())
            .filter(|number| *number <= last)
            .unwrap_or(last.saturating_sub(PAST_CALLS));
        Self { changed: hub.changed.subscribe(), hub, sent, ready: VecDeque::new(), looked: None }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while self.ready.is_empty() {
            let stop = self.hub.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.wait() => self.look(),
            }
        }
        let event = self.ready.pop_front()?;
        Some((Ok(event), self))
    }

    /// Until something changed, but never sooner after the last look than the pace allows. The first look is at once.
    async fn wait(&mut self) {
        let Some(looked) = self.looked else {
            return;
        };
        if self.changed.changed().await.is_err() {
            // The hub outlives its readers, so this does not happen; it must not spin if it did.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(looked + PACE).await;
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        self.changed.mark_unchanged();
        let run = self.hub.clock.started_ms();
        let (calls, first) = self.hub.log(|log| (log.after(self.sent), log.first_number()));
        for call in &calls {
            self.sent = call.number;
            let id = format!("{run}-{}", call.number);
            let data = serde_json::to_string(&**call).unwrap_or_default();
            self.ready.push_back(Event::default().event("call").id(id).data(data));
        }
        let now = json!({ "run": run, "first_call": first, "now_ms": self.hub.clock.now_ms() });
        self.ready.push_back(Event::default().event("world").data(now.to_string()));
    }
}
