//! The dead letters as an operator handles them: read, given another try, dropped.

use super::{DeadLetter, DeliverError, PublishError, Stored};
use crate::{
    envelope::{Envelope, Malformed},
    subject, trace_context,
};

/// A dead letter where it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Rises with the time; given to no other letter again.
    pub id: u64,
    /// When it was buried, in milliseconds since the Unix epoch.
    pub buried_ms: i64,
    pub letter: DeadLetter,
}

/// Where dead letters are kept, beside the queue that they came from.
pub trait Letters {
    /// The oldest letter whose id is this or a higher one.
    fn letter_from(&self, id: u64) -> impl Future<Output = Result<Option<Kept>, DeliverError>> + Send;

    /// Removes a letter; whether it was there.
    fn drop_letter(&self, id: u64) -> impl Future<Output = Result<bool, DeliverError>> + Send;

    /// Stores what a letter held in the queue again, under its new id.
    fn replay(&self, replay: &Replay) -> impl Future<Output = Result<Stored, PublishError>> + Send;
}

/// A letter on its way back into the queue.
#[derive(Clone, Debug)]
pub struct Replay {
    pub envelope: Envelope,
    /// The queue knows the old one and would drop it.
    pub message_id: String,
    /// What its effects were marked with the first time: cleared before, or the update would be taken for one that is done.
    pub mark: String,
}

impl Kept {
    /// What to publish for another try. Begun twice on one letter it gives the same id, so that a replay that broke off is not doubled.
    ///
    /// # Errors
    /// This version of the program cannot read the letter.
    pub fn replay(&self) -> Result<Replay, Malformed> {
        let headers = self.letter.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut envelope = Envelope::from_headers(headers, self.letter.body.clone())?;
        let mark = subject::message_id(envelope.bot, &envelope.kind);
        let message_id = format!("{mark}:replay:{}:{}", self.id, self.buried_ms);
        trace_context::inject(&mut envelope);
        // Its first time is long past and would be measured as latency. It also tells a letter that dies again from the one it was.
        envelope.received_ms = crate::clock::now_ms();
        Ok(Replay { envelope, message_id, mark })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        envelope::{RoutingKey, Source, header},
        ids::{BotId, UpdateId},
    };

    fn kept() -> Kept {
        let body = Bytes::from_static(b"{}");
        let mut envelope = Envelope::update(BotId(9), RoutingKey(-100), Source::Messages, UpdateId(5), 1, body.clone());
        envelope.trace = trace_context::headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let headers = envelope.headers();
        let letter = DeadLetter { headers, body, reason: "no".to_owned(), attempts: 5, trace_id: "abc".to_owned() };
        Kept { id: 3, buried_ms: 1234, letter }
    }

    #[test]
    fn a_replay_has_an_id_and_a_trace_of_its_own_and_the_mark_of_the_first_time() {
        let replay = kept().replay().expect("readable");
        assert_eq!((replay.message_id.as_str(), replay.mark.as_str()), ("9:5:replay:3:1234", "9:5"));
        assert_eq!(kept().replay().expect("readable").message_id, replay.message_id);
        assert!(replay.envelope.trace.is_empty() && replay.envelope.received_ms > 1);
        let again = Kept { buried_ms: 1235, ..kept() };
        assert_ne!(again.replay().expect("readable").message_id, replay.message_id);
    }

    #[test]
    fn what_this_program_cannot_read_is_not_replayed() {
        let mut kept = kept();
        for (name, value) in &mut kept.letter.headers {
            if name == header::VERSION {
                "99".clone_into(value);
            }
        }
        assert_eq!(kept.replay().map(drop), Err(Malformed::Newer { version: 99 }));
    }
}
