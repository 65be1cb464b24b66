//! Names on the wire: subjects, message ids, and the consumers of a shard.

use crate::{
    envelope::{Envelope, Kind, RoutingKey, Source},
    ids::{BotId, UpdateId},
    shard::{Shard, Shards},
};

/// `upd.<shards>.<shard>.<chat>.<queue>`. The number of shards is part of the name, so that the stream refuses a gateway that was given
/// another number; the last token is Telegram's own queue, so that a refused subject holds back exactly one of them.
pub fn of(shards: Shards, envelope: &Envelope) -> String {
    let RoutingKey(chat) = envelope.routing;
    let shard = shards.of(envelope.routing);
    match envelope.source {
        Source::Messages => format!("upd.{shards}.{shard}.{chat}.m"),
        Source::Bot => format!("upd.{shards}.{shard}.{chat}.b"),
        Source::User(user) => format!("upd.{shards}.{shard}.{chat}.u{user}"),
        // Of their own, so that whoever waits for their release finds room though thousands of others are released.
        Source::Task if envelope.bulk => format!("upd.{shards}.{shard}.{chat}.bulk"),
        Source::Task => format!("upd.{shards}.{shard}.{chat}.task"),
    }
}

/// What a subject is called where the number of shards is another.
pub fn of_other(shards: Shards, subject: &str) -> Option<String> {
    let ["upd", _, _, chat, queue] = subject.split('.').collect::<Vec<_>>()[..] else { return None };
    let shard = shards.of(RoutingKey(chat.parse().ok()?));
    Some(format!("upd.{shards}.{shard}.{chat}.{queue}"))
}

/// All that is stored, whatever its shard: the stream's subjects.
pub fn all(shards: Shards) -> String {
    format!("upd.{shards}.*.*.*")
}

/// All of one shard: the filter of its consumer.
pub fn of_shard(shards: Shards, shard: Shard) -> String {
    format!("upd.{shards}.{shard}.*.*")
}

/// Tells two deliveries of one thing from two things: the queue drops a second one with the same id.
pub fn message_id(bot: BotId, kind: &Kind) -> String {
    match kind {
        Kind::Update(UpdateId(update)) => format!("{bot}:{update}"),
        Kind::Unreadable { digest } => format!("{bot}:x{digest:016x}"),
        Kind::Task { id, attempt } => format!("{bot}:t{id}.{attempt}"),
    }
}

/// The pull consumer of one period of ownership. The epoch in the name makes acks of an earlier period harmless: their reply
/// subject names a consumer that no longer exists (queue.md, pitfall 9).
pub fn consumer(shard: Shard, epoch: u64) -> String {
    format!("s{:02}-e{epoch}", shard.0)
}

/// The shard and epoch of a consumer's name, if it is one of ours.
pub fn parse_consumer(name: &str) -> Option<(Shard, u64)> {
    let (shard, epoch) = name.strip_prefix('s')?.split_once("-e")?;
    Some((Shard(shard.parse().ok()?), epoch.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::ids::UserId;

    #[test]
    fn subjects_are_pinned() {
        let shards = Shards::new(NonZeroU16::new(32).expect("not zero"));
        let cases = [
            (-1_001_234_567_890, Source::Messages, "upd.32.27.-1001234567890.m"),
            (-1_001_234_567_890, Source::Bot, "upd.32.27.-1001234567890.b"),
            (-1_001_234_567_890, Source::User(UserId(77)), "upd.32.27.-1001234567890.u77"),
            (-1_001_234_567_890, Source::Task, "upd.32.27.-1001234567890.task"),
            (42, Source::Messages, "upd.32.2.42.m"),
        ];
        for (chat, source, subject) in cases {
            let envelope = Envelope::update(BotId(1), RoutingKey(chat), source, UpdateId(5), 0, bytes::Bytes::new());
            assert_eq!(of(shards, &envelope), subject);
            let seven = Shards::new(NonZeroU16::new(7).expect("not zero"));
            assert_eq!(of_other(shards, &of(seven, &envelope)).as_deref(), Some(subject));
        }
        let mut bulk = Envelope::task(BotId(1), RoutingKey(42), 7, 1, 0, bytes::Bytes::new());
        assert_eq!(of(shards, &bulk), "upd.32.2.42.task");
        bulk.bulk = true;
        assert_eq!(of(shards, &bulk), "upd.32.2.42.bulk");
        for stranger in ["upd.7.1.chat.m", "upd.7.1.5", "dlq.5"] {
            assert_eq!(of_other(shards, stranger), None);
        }
        assert_eq!(all(shards), "upd.32.*.*.*");
        assert_eq!(of_shard(shards, Shard(7)), "upd.32.7.*.*");
    }

    #[test]
    fn message_ids_are_pinned() {
        assert_eq!(message_id(BotId(9), &Kind::Update(UpdateId(5))), "9:5");
        assert_eq!(message_id(BotId(9), &Kind::Unreadable { digest: 255 }), "9:x00000000000000ff");
        assert_eq!(message_id(BotId(9), &Kind::Task { id: 3, attempt: 2 }), "9:t3.2");
    }

    #[test]
    fn consumers_name_their_shard_and_epoch() {
        assert_eq!(consumer(Shard(7), 1234), "s07-e1234");
        assert_eq!(parse_consumer("s07-e1234"), Some((Shard(7), 1234)));
        assert_eq!(parse_consumer("other"), None);
    }
}
