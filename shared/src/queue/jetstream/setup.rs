//! Makes the streams and the lease bucket what the design says (queue.md 4), and refuses a stream of another number of shards.

use std::time::Duration;

use async_nats::jetstream::{
    Context, ErrorCode,
    context::GetStreamErrorKind,
    kv,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};

use super::{JetStreamConfig, Names};
use crate::{args::BadSetting, shard::Shards};

/// The gateway takes bodies of up to 512 KiB, which is the largest update (telegram.md 2.1); the rest is for headers.
const MAX_MESSAGE_BYTES: i32 = 640 << 10;
/// Longer than any retry of the same update by Telegram or by us that could meet the first one still unhandled.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(10 * 60);
/// How long an operator has to look at a dead letter.
const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why the queue is not there yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the stream is another one than the settings say")]
    Setting(#[source] BadSetting),
    #[error("connecting")]
    Connect(#[from] async_nats::ConnectError),
    #[error("JetStream does not answer")]
    JetStream(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn jetstream(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::JetStream(Box::new(error))
}

/// How long a lease lasts without renewal. An election in a cluster stops renewals for up to 8 s.
pub(super) fn lease_term(replicas: u8) -> Duration {
    Duration::from_secs(if replicas > 1 { 10 } else { 3 })
}

/// The stream of updates and tasks, and the one of dead letters.
pub(super) async fn streams(context: &Context, names: &Names, config: &JetStreamConfig) -> Result<(), Error> {
    let mut wanted = Config {
        name: names.stream.clone(),
        description: Some("Updates and tasks that are not yet done with".to_owned()),
        subjects: vec![names.subjects.clone()],
        storage: StorageType::File,
        num_replicas: config.replicas.into(),
        // What is acked is removed, so a new consumer begins at the first message that is not done with.
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: config.max_per_subject,
        max_bytes: config.max_bytes,
        max_message_size: MAX_MESSAGE_BYTES,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    };
    match context.get_stream(&names.stream).await {
        Ok(stream) => {
            let found = &stream.cached_info().config;
            same_shards(found, config.shards)?;
            // An operator knows the disk better than we do.
            wanted.max_bytes = found.max_bytes;
            wanted.max_messages_per_subject = found.max_messages_per_subject;
        }
        Err(error) if not_found(&error.kind()) => {}
        Err(error) => return Err(jetstream(error)),
    }
    context.create_or_update_stream(wanted).await.map_err(jetstream)?;
    let dead_letters = Config {
        name: names.dead_letters.clone(),
        description: Some("What could not be handled, for an operator".to_owned()),
        subjects: vec![names.all_dead_letters()],
        storage: StorageType::File,
        num_replicas: config.replicas.into(),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: DEAD_LETTERS_KEPT,
        max_bytes: config.max_bytes / 4,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    };
    context.create_or_update_stream(dead_letters).await.map_err(jetstream)?;
    Ok(())
}

/// The bucket of leases: the key of a shard vanishes by itself when its holder no longer renews it. The age limit is the bucket's,
/// because one given with a key is lost at the first renewal (queue.md, pitfall 2). Kept on disk: revisions must never go down.
pub(super) async fn leases(
    making: &Context,
    using: &Context,
    names: &Names,
    replicas: u8,
    term: Duration,
) -> Result<kv::Store, Error> {
    let bucket = kv::Config {
        bucket: names.leases.clone(),
        description: "Which worker owns which shard".to_owned(),
        history: 1,
        max_age: term,
        // So that a watcher hears of a lease that ran out.
        limit_markers: Some(Duration::from_secs(1)),
        num_replicas: replicas.into(),
        storage: StorageType::File,
        ..kv::Config::default()
    };
    making.create_or_update_key_value(bucket).await.map_err(jetstream)?;
    using.get_key_value(&names.leases).await.map_err(jetstream)
}

fn not_found(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// The number of shards that a stream was made with.
pub(super) fn shards_of(config: &Config) -> Option<Shards> {
    let [subjects] = &config.subjects[..] else { return None };
    subjects.strip_suffix(".*.*.*")?.rsplit('.').next()?.parse().ok()
}

fn same_shards(found: &Config, ours: Shards) -> Result<(), Error> {
    let sentence = match shards_of(found) {
        Some(theirs) if theirs == ours => return Ok(()),
        Some(theirs) => format!(
            "SHARDS is {ours}, but the queue was made with {theirs}: set SHARDS={theirs} in every gateway and worker."
        ),
        None => format!(
            "NATS_URL names a server whose stream {} is not ours: use another server or another account.",
            found.name
        ),
    };
    Err(Error::Setting(BadSetting(sentence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_shards_is_read_from_the_subjects() {
        let cases: [(&[&str], Option<u16>); 5] = [
            (&["upd.32.*.*.*"], Some(32)),
            (&["t1.upd.7.*.*.*"], Some(7)),
            (&["orders.>"], None),
            (&["upd.32.*.*.*", "more"], None),
            (&[], None),
        ];
        for (subjects, shards) in cases {
            let config = Config { subjects: subjects.iter().map(|s| (*s).to_owned()).collect(), ..Config::default() };
            assert_eq!(shards_of(&config).map(Shards::count), shards, "{subjects:?}");
        }
    }
}
