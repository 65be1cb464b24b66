//! Makes the streams and the lease bucket what the design says (queue.md 4), and refuses those that are not what the settings say.

use std::time::Duration;

use async_nats::jetstream::{
    Context, ErrorCode,
    context::GetStreamErrorKind,
    kv,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};

use super::{JetStreamConfig, Names, reshard::MARK};
use crate::{args::BadSetting, ids::BotId, shard::Shards};

/// The gateway takes bodies of up to 512 KiB, which is the largest update (telegram.md 2.1); the rest is for headers.
const MAX_MESSAGE_BYTES: i32 = 640 << 10;
/// Longer than any retry of the same update by Telegram or by us that could meet the first one still unhandled.
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_secs(10 * 60);
/// On the stream: whose updates it holds.
const BOT: &str = "gmbot-bot";
/// How long an operator has to look at a dead letter.
const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why the queue is not there yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the stream is another one than the settings say")]
    Setting(#[source] BadSetting),
    #[error("connecting")]
    Connect(#[from] async_nats::ConnectError),
    #[error("its number of shards is being changed by `worker reshard`")]
    Resharding,
    #[error("JetStream does not answer")]
    JetStream(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn jetstream(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::JetStream(Box::new(error))
}

/// How long a lease lasts without renewal in a bucket that is made now; later it is the bucket that says so. An election in a cluster stops
/// renewals for up to 8 s.
pub(super) fn lease_term(replicas: u8) -> Duration {
    Duration::from_secs(if replicas > 1 { 10 } else { 3 })
}

/// What of all that is made at the start does not exist.
pub(super) async fn missing(context: &Context, names: &Names) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    for name in [names.stream.clone(), names.dead_letters.clone(), names.lease_stream()] {
        if found(context, &name).await?.is_none() {
            missing.push(name);
        }
    }
    Ok(missing)
}

/// Whether all of it exists and is what the settings say.
pub(super) async fn look(context: &Context, names: &Names, config: &JetStreamConfig) -> Result<(), Error> {
    match found(context, &names.stream).await? {
        Some(updates) if missing(context, names).await?.is_empty() => fits(&updates, config),
        _ => Err(Error::Setting(no_queue())),
    }
}

async fn found(context: &Context, name: &str) -> Result<Option<Config>, Error> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) if not_found(&error.kind()) => Ok(None),
        Err(error) => Err(jetstream(error)),
    }
}

/// Makes what is not there. What is there belongs to the operator, who knows the disks and servers better than we do: its room and its
/// copies stay, and so does the term of the leases, which running workers reckon with.
pub(super) async fn make(
    context: &Context,
    names: &Names,
    config: &JetStreamConfig,
    lease_term: Duration,
) -> Result<(), Error> {
    let updates_found = found(context, &names.stream).await?;
    let letters_found = found(context, &names.dead_letters).await?;
    let leases_found = found(context, &names.lease_stream()).await?;
    if let Some(found) = &updates_found {
        fits(found, config)?;
    }
    same_replicas([&updates_found, &letters_found, &leases_found].into_iter().flatten(), config.replicas)?;
    match updates_found {
        Some(found) => {
            let mut wanted = updates(names, config, found.clone());
            wanted.max_bytes = found.max_bytes;
            wanted.max_messages_per_subject = found.max_messages_per_subject;
            change(context, &found, wanted).await?;
        }
        // Refused if another program has just made it with another number.
        None => drop(context.create_stream(updates(names, config, Config::default())).await.map_err(jetstream)?),
    }
    match letters_found {
        Some(found) => {
            let mut wanted = dead_letters(names, config, found.clone());
            wanted.max_bytes = found.max_bytes;
            change(context, &found, wanted).await?;
        }
        None => drop(context.create_stream(dead_letters(names, config, Config::default())).await.map_err(jetstream)?),
    }
    if leases_found.is_none() {
        context.create_key_value(leases(names, config.replicas, lease_term)).await.map_err(jetstream)?;
    }
    Ok(())
}

/// Whether the stream is the one that the settings mean, and open.
pub(super) fn fits(found: &Config, config: &JetStreamConfig) -> Result<(), Error> {
    is_ours(found, config.shards, config.bot).map_err(Error::Setting)?;
    if found.metadata.contains_key(MARK) {
        return Err(Error::Resharding);
    }
    Ok(())
}

/// Written only if it has to be: what is written over is whatever somebody has changed since we looked.
async fn change(context: &Context, found: &Config, wanted: Config) -> Result<(), Error> {
    if wanted != *found {
        context.update_stream(wanted).await.map_err(jetstream)?;
    }
    Ok(())
}

/// The stream of updates and tasks; what we have no opinion on is as it is in `rest`.
fn updates(names: &Names, config: &JetStreamConfig, rest: Config) -> Config {
    let mut metadata = rest.metadata;
    // Also where the queue was made by a program that did not write it.
    metadata.extend(config.bot.map(|bot| (BOT.to_owned(), bot.to_string())));
    Config {
        metadata,
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
        ..rest
    }
}

/// The stream of dead letters; what we have no opinion on is as it is in `rest`.
fn dead_letters(names: &Names, config: &JetStreamConfig, rest: Config) -> Config {
    Config {
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
        ..rest
    }
}

/// The bucket of leases: the key of a shard vanishes by itself when its holder no longer renews it. The age limit is the bucket's,
/// because one given with a key is lost at the first renewal (queue.md, pitfall 2). Kept on disk: revisions must never go down.
fn leases(names: &Names, replicas: u8, term: Duration) -> kv::Config {
    kv::Config {
        bucket: names.leases.clone(),
        description: "Which worker owns which shard".to_owned(),
        history: 1,
        max_age: term,
        // So that a watcher hears of a lease that ran out.
        limit_markers: Some(Duration::from_secs(1)),
        num_replicas: replicas.into(),
        storage: StorageType::File,
        ..kv::Config::default()
    }
}

/// The bucket of leases, and how long one lasts in it: its own age limit, so that no two workers reckon with different terms.
pub(super) async fn bucket(context: &Context, names: &Names) -> Result<(kv::Store, Duration), Error> {
    let leases = context.get_key_value(&names.leases).await.map_err(jetstream)?;
    let term = leases.stream.cached_info().config.max_age;
    if term.is_zero() {
        let name = names.lease_stream();
        return Err(Error::Setting(BadSetting(format!(
            "NATS_URL names a queue whose leases never run out: give them a term with `nats stream edit {name} --max-age 3s`."
        ))));
    }
    Ok((leases, term))
}

pub(super) fn not_found(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// The number of shards that a stream was made with.
pub(super) fn shards_of(config: &Config) -> Option<Shards> {
    let [subjects] = &config.subjects[..] else { return None };
    subjects.strip_suffix(".*.*.*")?.rsplit('.').next()?.parse().ok()
}

/// Whether the stream is the one that the settings mean.
pub(super) fn is_ours(found: &Config, shards: Shards, bot: Option<BotId>) -> Result<(), BadSetting> {
    // The number is no matter where the queue is not ours.
    same_bot(found, bot)?;
    same_shards(found, shards)
}

/// Workers of two bots on one queue would share the updates of both, and each would be done with those that it knows nothing about.
pub(super) fn same_bot(found: &Config, ours: Option<BotId>) -> Result<(), BadSetting> {
    match (found.metadata.get(BOT), ours) {
        (Some(theirs), Some(ours)) if *theirs != ours.to_string() => Err(BadSetting(format!(
            "BOT_TOKEN is one of bot {ours}, but NATS_URL names the queue of bot {theirs}: use another server or another \
             account, or, if the one follows on the other, run `nats stream edit {} --metadata {BOT}={ours}`.",
            found.name
        ))),
        _ => Ok(()),
    }
}

fn same_shards(found: &Config, ours: Shards) -> Result<(), BadSetting> {
    match shards_of(found) {
        Some(theirs) if theirs == ours => Ok(()),
        Some(theirs) => Err(BadSetting(format!(
            "SHARDS is {ours}, but the queue was made with {theirs}: set SHARDS={theirs} in every gateway and worker, or give the queue \
             {ours} with `worker reshard`."
        ))),
        None => Err(not_ours(&found.name)),
    }
}

/// The number of copies of what is there. It is the operator's to change: a program with another setting must not take copies away.
fn same_replicas<'a>(found: impl Iterator<Item = &'a Config> + Clone, ours: u8) -> Result<(), Error> {
    let others: Vec<&Config> = found.clone().filter(|stream| stream.num_replicas != usize::from(ours)).collect();
    let [first, ..] = others[..] else { return Ok(()) };
    let theirs = first.num_replicas;
    let there = others.iter().map(|stream| format!("{} for {}", stream.num_replicas, stream.name));
    let there = there.collect::<Vec<_>>().join(", ");
    let set = match found.clone().all(|stream| stream.num_replicas == theirs) {
        true => format!("set NATS_REPLICAS={theirs} in every gateway and worker, or stop them all"),
        false => "stop every gateway and worker".to_owned(),
    };
    // With more copies an election has to be outlived.
    let term = match others.iter().any(|stream| stream.name.starts_with("KV_")) {
        true => format!(", with `--max-age {}s` for the leases", lease_term(ours).as_secs()),
        false => String::new(),
    };
    Err(Error::Setting(BadSetting(format!(
        "NATS_REPLICAS is {ours}, but at NATS it is {there}: {set} and run `nats stream edit NAME --replicas {ours}` for each of these{term}."
    ))))
}

/// What whoever makes no queue says when there is none.
pub(super) fn no_queue() -> BadSetting {
    BadSetting(
        "NATS_URL names a server that has no queue yet: the first gateway or worker makes it, with the SHARDS that it is given."
            .to_owned(),
    )
}

pub(super) fn not_ours(stream: &str) -> BadSetting {
    BadSetting(format!(
        "NATS_URL names a server whose stream {stream} is not ours: use another server or another account."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_by_name_and_a_mixture_can_only_be_mended_at_nats() {
        let stream = |name: &str, num_replicas| Config { name: name.to_owned(), num_replicas, ..Config::default() };
        let said = |found: [usize; 2], ours| {
            let found = [stream("UPD", found[0]), stream("DLQ", found[1])];
            same_replicas(found.iter(), ours).map_err(|error| match error {
                Error::Setting(BadSetting(sentence)) => sentence,
                other => panic!("{other}"),
            })
        };
        assert_eq!(said([3, 3], 3), Ok(()));
        let all = "NATS_REPLICAS is 1, but at NATS it is 3 for UPD, 3 for DLQ: set NATS_REPLICAS=3 in every gateway and worker, or stop them \
                   all and run `nats stream edit NAME --replicas 1` for each of these.";
        assert_eq!(said([3, 3], 1).as_ref().map_err(String::as_str), Err(all));
        let some = "NATS_REPLICAS is 3, but at NATS it is 1 for DLQ: stop every gateway and worker and run `nats stream edit NAME --replicas \
                    3` for each of these.";
        assert_eq!(said([3, 1], 3).as_ref().map_err(String::as_str), Err(some));
    }

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
