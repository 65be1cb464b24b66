//! The stream of dead letters: read one by one, given another try, dropped.

use async_nats::{
    HeaderMap,
    header::NATS_MESSAGE_ID,
    jetstream::{message::StreamMessage, stream::RawMessageErrorKind},
};

use super::{
    JetStream,
    deliveries::{ATTEMPTS_MADE, REASON, TRACE_ID},
    unavailable,
};
use crate::queue::{
    DeadLetter, DeliverError, PublishError, Stored,
    letters::{Kept, Letters, Replay},
};

impl Letters for JetStream {
    async fn letter_from(&self, id: u64) -> Result<Option<Kept>, DeliverError> {
        self.connected().map_err(unavailable)?;
        let names = &self.0.names;
        let stream = self.0.context.get_stream_no_info(&names.dead_letters).await.map_err(unavailable)?;
        // The numbers begin at 1, and 0 would ask for the latest.
        match stream.get_first_raw_message_by_subject(names.all_dead_letters(), id.max(1)).await {
            Ok(message) => Ok(Some(read(&message))),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn drop_letter(&self, id: u64) -> Result<bool, DeliverError> {
        self.connected().map_err(unavailable)?;
        let stream = self.0.context.get_stream_no_info(&self.0.names.dead_letters).await.map_err(unavailable)?;
        match stream.delete_message(id).await {
            Ok(removed) => Ok(removed),
            // The server says so in several ways.
            Err(error) => match self.letter_from(id).await? {
                Some(kept) if kept.id == id => Err(unavailable(error)),
                _ => Ok(false),
            },
        }
    }

    async fn replay(&self, replay: &Replay) -> Result<Stored, PublishError> {
        self.publish_as(&replay.envelope, replay.message_id.clone()).await
    }
}

/// What `bury` wrote: the original's headers, and beside them why it is dead.
fn read(message: &StreamMessage) -> Kept {
    let own = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
    let letter = DeadLetter {
        headers: original(&message.headers),
        body: message.payload.clone(),
        reason: own(REASON),
        attempts: own(ATTEMPTS_MADE).parse().unwrap_or_default(),
        trace_id: own(TRACE_ID),
    };
    let buried_ms = i64::try_from(message.time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    Kept { id: message.sequence, buried_ms, letter }
}

fn original(headers: &HeaderMap) -> Vec<(String, String)> {
    let ours: [&str; 4] = [REASON, ATTEMPTS_MADE, TRACE_ID, NATS_MESSAGE_ID.as_ref()];
    let pairs = headers.iter().filter_map(|(name, values)| {
        let name: &str = name.as_ref();
        let is_ours = ours.iter().any(|own| own.eq_ignore_ascii_case(name));
        values.first().filter(|_| !is_ours).map(|value| (name.to_owned(), value.as_str().to_owned()))
    });
    let mut pairs: Vec<(String, String)> = pairs.collect();
    // The map has no order of its own, and people read it.
    pairs.sort();
    pairs
}
