//! From a verified update to a stored envelope: the one way in, for webhooks and polling alike.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use shared::{
    clock,
    envelope::{self, Envelope, RoutingKey, Source},
    ids::{BotId, ChatId, UserId},
    queue::{Publish, PublishError, Stored},
    trace_context,
};
use tracing::{Instrument as _, Span, field};

use crate::{
    metrics::Metrics,
    verify::{About, Kind, VerifiedUpdate},
};

/// Stores updates; clones share it.
#[derive(Clone)]
pub struct Accept<Q> {
    queue: Q,
    bot: BotId,
    metrics: Metrics,
    outage: Arc<Outage>,
}

/// Whether the queue refuses updates: one log line when that begins, and one when it is over.
#[derive(Debug, Default)]
struct Outage {
    /// Read with every update, written once an outage.
    is_told: AtomicBool,
    told: Mutex<Option<Instant>>,
}

/// A queue that is full takes one now and then: that is one outage, told no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(30);

impl Outage {
    /// One was refused at this time: whether that is to be told.
    fn is_new(&self, now: Instant) -> bool {
        if self.is_told.load(Ordering::Relaxed) {
            return false;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return false;
        }
        *told = Some(now);
        !self.is_told.swap(true, Ordering::Relaxed)
    }

    /// One was taken: whether the end is to be told.
    fn is_over(&self) -> bool {
        self.is_told.load(Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed)
    }
}

impl<Q: Publish> Accept<Q> {
    pub fn new(queue: Q, bot: BotId, metrics: Metrics) -> Self {
        Self { queue, bot, metrics, outage: Arc::default() }
    }

    /// Returns once the update is stored.
    ///
    /// # Errors
    /// It is not stored, or perhaps not: it has to come again.
    pub async fn accept(&self, update: VerifiedUpdate) -> Result<Stored, PublishError> {
        let mut envelope = envelope(self.bot, &update, clock::now_ms());
        let kind = update.about().map_or("unreadable", |about| about.kind.name());
        let span = tracing::info_span!(
            "send",
            otel.kind = "producer",
            otel.status_code = field::Empty,
            messaging.operation.type = "send",
            // The queue fills these in.
            messaging.system = field::Empty,
            messaging.destination.name = field::Empty,
            messaging.message.id = field::Empty,
            update.id = update.about().map(|about| about.id.0),
            update.kind = kind,
            chat.id = envelope.routing.0,
            user.id = update.about().and_then(|about| about.user).map(|user| user.0),
        );
        async {
            trace_context::inject(&mut envelope);
            if update.about().is_none() {
                tracing::warn!(
                    bytes = envelope.body.len(),
                    "what Telegram sent is no update; it is kept with the dead letters"
                );
            }
            let began = Instant::now();
            let stored = self.queue.publish(&envelope).await;
            self.metrics.published(kind, began.elapsed(), &stored);
            if stored.is_err() {
                Span::current().record("otel.status_code", "error");
            }
            self.tell(&stored);
            stored
        }
        .instrument(span)
        .await
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn tell(&self, stored: &Result<Stored, PublishError>) {
        match stored {
            Ok(_) => {
                if self.outage.is_over() {
                    tracing::info!("the queue takes updates again");
                }
            }
            // One busy chat, not an outage; the metric counts it.
            Err(PublishError::ChatFull) => {}
            // The connection tells of itself.
            Err(PublishError::NotConnected) => {}
            Err(error) => {
                if self.outage.is_new(Instant::now()) {
                    let error = shared::telemetry::chain(error);
                    tracing::error!(error, "the queue takes no updates; Telegram keeps them until it does");
                }
            }
        }
    }
}

fn envelope(bot: BotId, update: &VerifiedUpdate, received_ms: i64) -> Envelope {
    let body = update.body().clone();
    match update.about() {
        Some(about) => {
            let (routing, source) = route(about);
            Envelope::update(bot, routing, source, about.id, received_ms, body)
        }
        None => {
            let mut hasher = DefaultHasher::new();
            body.hash(&mut hasher);
            Envelope::unreadable(bot, hasher.finish(), received_ms, body)
        }
    }
}

/// Whose turn it waits for, and which of Telegram's own queues it came by (telegram.md 2.5): a refusal then holds back exactly that one.
fn route(about: &About) -> (RoutingKey, envelope::Source) {
    let by_user = |user: Option<UserId>| user.map_or(Source::Messages, Source::User);
    let source = match about.kind {
        Kind::Message | Kind::EditedMessage | Kind::ChannelPost | Kind::EditedChannelPost => Source::Messages,
        Kind::MyChatMember => Source::Bot,
        Kind::CallbackQuery | Kind::ChatMember | Kind::ChatJoinRequest | Kind::Other => by_user(about.user),
    };
    let key = about.chat.or(about.user.map(ChatId::from)).unwrap_or(ChatId(0));
    (RoutingKey(key.0), source)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::{ids::UpdateId, shard::Shards, subject};

    use super::*;
    use crate::verify::Trusted;

    #[test]
    fn every_kind_has_its_chat_and_its_queue() {
        let cases = [
            (r#"{"update_id":5,"message":{"chat":{"id":-100},"from":{"id":7}}}"#, "-100.m"),
            (r#"{"update_id":5,"edited_message":{"chat":{"id":-100},"from":{"id":7}}}"#, "-100.m"),
            (r#"{"update_id":5,"message":{"chat":{"id":7},"from":{"id":7}}}"#, "7.m"),
            (r#"{"update_id":5,"callback_query":{"from":{"id":7},"message":{"chat":{"id":-100}}}}"#, "-100.u7"),
            (r#"{"update_id":5,"callback_query":{"from":{"id":7}}}"#, "7.u7"),
            (r#"{"update_id":5,"my_chat_member":{"chat":{"id":-100},"from":{"id":7}}}"#, "-100.b"),
            (
                r#"{"update_id":5,"chat_member":{"chat":{"id":-200},"from":{"id":1},"new_chat_member":{"user":{"id":7}}}}"#,
                "-200.u7",
            ),
            (r#"{"update_id":5,"chat_join_request":{"chat":{"id":-100},"from":{"id":7}}}"#, "-100.u7"),
            (r#"{"update_id":5,"inline_query":{"from":{"id":7}}}"#, "7.u7"),
            (r#"{"update_id":5,"novelty":{}}"#, "0.m"),
        ];
        let shards: Shards = "1".parse().expect("a number");
        for (json, wanted) in cases {
            let update = Trusted::answered_by_telegram().read(Bytes::from(json));
            let envelope = envelope(BotId(1), &update, 42);
            assert_eq!(subject::of(shards, &envelope), format!("upd.1.0.{wanted}"), "{json}");
            assert_eq!(envelope.kind, envelope::Kind::Update(UpdateId(5)));
            assert_eq!((&envelope.body[..], envelope.received_ms), (json.as_bytes(), 42));
        }
    }

    #[test]
    fn a_full_queue_that_takes_one_now_and_then_is_not_told_each_time() {
        let (outage, start) = (Outage::default(), Instant::now());
        let refused = |seconds| outage.is_new(start + Duration::from_secs(seconds));
        assert!(!outage.is_over(), "there was none");
        assert!(refused(0) && !refused(1), "told once");
        assert!(outage.is_over() && !outage.is_over(), "and its end at once");
        assert!(!refused(2) && !outage.is_over() && !refused(29));
        assert!(refused(30) && outage.is_over());
    }

    #[test]
    fn the_same_unreadable_bytes_are_one_message() {
        let id = |bytes: &'static [u8]| {
            let update = Trusted::answered_by_telegram().read(Bytes::from_static(bytes));
            let envelope = envelope(BotId(1), &update, 42);
            subject::message_id(envelope.bot, &envelope.kind)
        };
        assert_eq!(id(b"not json"), id(b"not json"));
        assert_ne!(id(b"not json"), id(b"nor this"));
    }
}
