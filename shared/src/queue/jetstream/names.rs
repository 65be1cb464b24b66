//! What the parts of the queue are called on the server.

use std::sync::Arc;

use crate::shard::{Shard, Shards};

/// Names, all with the same prefix in front or all with none.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: Option<String>,
    pub(super) stream: String,
    pub(super) dead_letters: String,
    pub(super) leases: String,
    /// All subjects of the stream.
    pub(super) subjects: String,
}

/// A key in the bucket of leases.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Lease(Shard),
    Worker(Arc<str>),
}

impl Names {
    pub(super) fn new(prefix: Option<&str>, shards: Shards) -> Self {
        let name = |plain: &str| prefix.map_or_else(|| plain.to_owned(), |prefix| format!("{prefix}-{plain}"));
        let (stream, dead_letters, leases) = (name("UPD"), name("DLQ"), name("leases"));
        let mut names =
            Self { prefix: prefix.map(str::to_owned), stream, dead_letters, leases, subjects: String::new() };
        names.subjects = names.subject(crate::subject::all(shards));
        names
    }

    pub(super) fn subject(&self, plain: String) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}.{plain}"),
            None => plain,
        }
    }

    pub(super) fn shard(&self, shards: Shards, shard: Shard) -> String {
        self.subject(crate::subject::of_shard(shards, shard))
    }

    pub(super) fn all_dead_letters(&self) -> String {
        self.subject("dlq.>".to_owned())
    }

    /// Dead letters of one chat have one subject, so that an operator can look at them alone.
    pub(super) fn dead_letter(&self, chat: &str) -> String {
        self.subject(format!("dlq.{chat}"))
    }

    /// The stream behind the bucket of leases.
    pub(super) fn lease_stream(&self) -> String {
        format!("KV_{}", self.leases)
    }

    pub(super) fn lease(shard: Shard) -> String {
        format!("s{:02}", shard.0)
    }

    /// Beside the leases: a worker that is there.
    pub(super) fn worker(worker: &str) -> String {
        format!("w-{worker}")
    }

    /// What a key in the bucket of leases is about, if it is one of ours.
    pub(super) fn parse(key: &str) -> Option<Key> {
        if let Some(worker) = key.strip_prefix("w-") {
            return Some(Key::Worker(worker.into()));
        }
        key.strip_prefix('s')?.parse().ok().map(|shard| Key::Lease(Shard(shard)))
    }

    /// Where workers tell each other what they have learnt.
    pub(super) fn news(&self) -> String {
        self.subject("news".to_owned())
    }

    /// Where a worker answers who asks whether it lives.
    pub(super) fn alive(&self, worker: &str) -> String {
        self.subject(format!("alive.{worker}"))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    #[test]
    fn a_prefix_is_before_every_name() {
        let shards = Shards::new(NonZeroU16::new(32).expect("not zero"));
        let plain = Names::new(None, shards);
        assert_eq!(
            [&plain.stream, &plain.dead_letters, &plain.leases, &plain.subjects],
            ["UPD", "DLQ", "leases", "upd.32.*.*.*"]
        );
        let prefixed = Names::new(Some("t1"), shards);
        assert_eq!(
            [&prefixed.stream, &prefixed.dead_letters, &prefixed.leases, &prefixed.subjects],
            ["t1-UPD", "t1-DLQ", "t1-leases", "t1.upd.32.*.*.*"]
        );
        assert_eq!(prefixed.shard(shards, Shard(7)), "t1.upd.32.7.*.*");
        assert_eq!(prefixed.dead_letter("-100"), "t1.dlq.-100");
        assert_eq!(prefixed.alive("ab12"), "t1.alive.ab12");
        assert_eq!(prefixed.news(), "t1.news");
    }

    #[test]
    fn a_key_of_the_bucket_is_a_lease_or_a_worker() {
        assert_eq!([Names::lease(Shard(7)), Names::worker("ab12")], ["s07", "w-ab12"]);
        for shard in [0, 7, 31, 1023] {
            assert_eq!(Names::parse(&Names::lease(Shard(shard))), Some(Key::Lease(Shard(shard))));
        }
        assert_eq!(Names::parse(&Names::worker("s07")), Some(Key::Worker("s07".into())));
        for other in ["", "s", "sx", "x07"] {
            assert_eq!(Names::parse(other), None, "{other}");
        }
    }
}
