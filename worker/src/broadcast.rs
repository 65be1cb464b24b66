//! `worker broadcast`, `gmbot broadcast`: one text to all groups or owners, paced, and resumable from its row.

mod delivery;
mod shown;

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use clap::Args;
use shared::{args::BadSetting, clock, shard::Shards, shutdown, telemetry};

use self::delivery::Delivery;
use crate::{
    cache::Redis,
    config::{Broadcast as Command, BroadcastOn},
    metrics::WorkerMetrics,
    store::{
        Store, StoreConfig,
        broadcasts::{Broadcast, Hold},
        metrics::StoreMetrics,
        migrate,
    },
};

/// What Telegram takes in one message.
const LONGEST: usize = 4096;

/// A process that has been silent for so long counts as dead. Long enough for a database that restarts, short enough to wait for at night.
const HOLD: Duration = Duration::from_secs(15);

/// On the worker's database.
///
/// # Errors
/// See [`run`].
pub async fn on_servers(command: Command<BroadcastOn>) -> anyhow::Result<()> {
    let database = command.on.database.store_config(Shards::default());
    let redis = crate::run::redis(&command.on.cache)?;
    run("worker-broadcast", &command, &database, redis).await
}

/// Does what the command line asks for. With `redis` it keeps to the limits together with the workers.
///
/// # Errors
/// The database does not answer, Telegram does not accept the token, there is nothing to say or to go on with, or another process is at it.
pub async fn run<On: Args>(
    name: &'static str,
    command: &Command<On>,
    database: &StoreConfig,
    redis: Option<Redis>,
) -> anyhow::Result<()> {
    let _telemetry = telemetry::init(name, &command.process)?;
    let store = Store::connect(database, StoreMetrics::default()).await.context("opening DATABASE_URL")?;
    migrate::check(&store).await?;
    let done = carry_out(command, &store, redis).await;
    store.close().await;
    done
}

async fn carry_out<On: Args>(command: &Command<On>, store: &Store, redis: Option<Redis>) -> anyhow::Result<()> {
    if command.status {
        let last = store.last_broadcast().await?;
        return say(&last.as_ref().map_or_else(|| "There was no broadcast yet.".to_owned(), shown::told));
    }
    if command.cancel {
        let cancelled = store.cancel_broadcast().await?.context("There is no broadcast under way.")?;
        return say(&shown::cancelled(&cancelled));
    }
    let open = store.last_broadcast().await?.filter(Broadcast::is_open);
    let wanted = if command.resume {
        Wanted::GoOn(open.context("There is no broadcast to go on with.")?)
    } else {
        if let Some(open) = open.filter(|_| !command.dry_run) {
            bail!(shown::in_the_way(&open));
        }
        let text = text(command)?;
        let total = store.audience_size(command.to).await?;
        say(&format!("To {}:\n\n{text}\n", shown::people(total, command.to)))?;
        if command.dry_run || !(command.yes || confirmed()?) {
            return say("Nothing was sent.");
        }
        Wanted::Begin { text, total }
    };
    let telegram = crate::run::telegram(&command.bot, &command.limits, redis, &WorkerMetrics::default())?;
    let stop = shutdown::on_signal()?;
    let hold = Hold { holder: this_process(), lasts: HOLD };
    let broadcast = match wanted {
        Wanted::GoOn(open) => match store.take_broadcast(open.id, &hold).await? {
            Some(taken) => taken,
            None => bail!(shown::in_the_way(&store.last_broadcast().await?.unwrap_or(open))),
        },
        Wanted::Begin { text, total } => {
            let begun = store.begin_broadcast(command.to, &text, total, &hold).await?;
            begun.context("Another broadcast has just begun: --status shows it.")?
        }
    };
    let ended = Delivery::new(store, &telegram, hold, broadcast)?.run(&stop).await?;
    say(&shown::told(&ended))
}

/// What there is to send.
enum Wanted {
    GoOn(Broadcast),
    Begin { text: String, total: i64 },
}

/// As people find it again: there may be several machines. Nobody else's, not even this one's after a restart.
fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let on = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    let since = Duration::from_millis(u64::try_from(clock::now_ms()).unwrap_or_default());
    let since = humantime::format_rfc3339_seconds(UNIX_EPOCH + since);
    format!("process {}{on}, at work since {since}", std::process::id())
}

fn text<On: Args>(command: &Command<On>) -> anyhow::Result<String> {
    let text = match (&command.text, &command.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) if file == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
            text
        }
        (None, Some(file)) => std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
        (None, None) => return Err(BadSetting("There is nothing to say: give a text, or --file.".to_owned()).into()),
    };
    let text = text.trim();
    match text.encode_utf16().count() {
        0 => Err(BadSetting("There is nothing to say: the text is empty.".to_owned()).into()),
        1..=LONGEST => Ok(text.to_owned()),
        length => {
            Err(BadSetting(format!("The text has {length} characters, and Telegram takes {LONGEST} at most.")).into())
        }
    }
}

fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(BadSetting("Nobody is there to be asked: add --yes.".to_owned()).into());
    }
    write!(std::io::stdout().lock(), "Send it? [y/N] ").and_then(|()| std::io::stdout().flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("writing to standard output")
}
