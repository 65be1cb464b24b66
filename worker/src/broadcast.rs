//! `worker broadcast`, `gmbot broadcast`: one text to all groups or owners, paced, and resumable from its row.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use shared::{args::BadSetting, ids::ChatId, shard::Shards, shutdown, telemetry};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Broadcast as Command, BroadcastOn},
    metrics::WorkerMetrics,
    store::{
        Store, StoreConfig,
        broadcasts::{Audience, Broadcast},
        metrics::StoreMetrics,
        migrate,
    },
    telegram::{Telegram, budget::Priority, error::Error, message::Outgoing, sending::Occasion},
};

/// What Telegram takes in one message.
const LONGEST: usize = 4096;
/// Between tries while Telegram does not answer.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// Where there is no terminal, a line after so many chats.
const LINE_EVERY: i64 = 100;

/// On the worker's database.
///
/// # Errors
/// See [`run`].
pub async fn on_servers(command: Command<BroadcastOn>) -> anyhow::Result<()> {
    let database = command.on.database.store_config(Shards::default());
    run("worker-broadcast", &command, &database).await
}

/// Does what the command line asks for.
///
/// # Errors
/// The database does not answer, Telegram does not accept the token, or there is nothing to say or to go on with.
pub async fn run<On: Args>(name: &'static str, command: &Command<On>, database: &StoreConfig) -> anyhow::Result<()> {
    let _telemetry = telemetry::init(name, &command.process)?;
    let store = Store::connect(database, StoreMetrics::default()).await.context("opening DATABASE_URL")?;
    migrate::check(&store).await?;
    let done = carry_out(command, &store).await;
    store.close().await;
    done
}

async fn carry_out<On: Args>(command: &Command<On>, store: &Store) -> anyhow::Result<()> {
    let last = store.last_broadcast().await?;
    if command.status {
        return say(&last.as_ref().map_or_else(|| "There was no broadcast yet.".to_owned(), told));
    }
    let open = last.filter(Broadcast::is_open);
    if command.cancel {
        let open = open.context("there is no broadcast under way")?;
        store.set_broadcast_state(open.id, "cancelled").await?;
        return say(&format!("Cancelled. {} of {} had been done.", open.sent + open.failed, open.total));
    }
    if command.resume {
        let open = open.context("there is no broadcast to go on with")?;
        store.set_broadcast_state(open.id, "running").await?;
    } else {
        let text = text(command)?;
        let total = store.audience_size(command.to).await?;
        say(&format!("To {}:\n\n{text}\n", people(total, command.to)))?;
        if command.dry_run {
            return say("Nothing was sent.");
        }
        if let Some(open) = open {
            bail!("broadcast {} is not finished: --resume goes on with it, --cancel ends it", open.id);
        }
        if !command.yes && !confirmed()? {
            return say("Nothing was sent.");
        }
        ensure!(store.begin_broadcast(command.to, &text, total).await?, "another broadcast has just begun");
    }
    let broadcast = store.last_broadcast().await?.context("it has just been begun")?;
    let telegram = crate::run::telegram(&command.bot, &command.limits, &WorkerMetrics::default())?;
    deliver(store, &telegram, broadcast, &shutdown::on_signal()?).await
}

async fn deliver(
    store: &Store,
    telegram: &Telegram,
    mut broadcast: Broadcast,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let message =
        Outgoing { text: broadcast.body.clone(), entities: Vec::new(), keyboard: None, thread: None, reply_to: None };
    let bar = bar(&broadcast)?;
    while let Some(next) = store.audience_after(broadcast.audience, broadcast.position).await? {
        let sent = match send(telegram, ChatId(next), &message, stop).await {
            Ok(Some(sent)) => sent,
            Ok(None) => {
                store.set_broadcast_state(broadcast.id, "paused").await?;
                bar.abandon();
                "paused".clone_into(&mut broadcast.state);
                return say(&format!("{} --resume goes on.", told(&broadcast)));
            }
            Err(err) => {
                store.set_broadcast_state(broadcast.id, "paused").await?;
                return Err(err.into());
            }
        };
        let before = std::mem::replace(&mut broadcast.position, next);
        *(if sent { &mut broadcast.sent } else { &mut broadcast.failed }) += 1;
        if !store.advance_broadcast(before, &broadcast).await? {
            bar.abandon();
            bail!("somebody else has cancelled, paused or resumed this broadcast");
        }
        bar.inc(1);
        if bar.is_hidden() && (broadcast.sent + broadcast.failed) % LINE_EVERY == 0 {
            say(&told(&broadcast))?;
        }
    }
    store.set_broadcast_state(broadcast.id, "done").await?;
    bar.finish();
    "done".clone_into(&mut broadcast.state);
    say(&told(&broadcast))
}

/// Whether it arrived; None: told to stop before it was sent. A request under way is heard out, or it would be repeated. Waits as long as Telegram asks or is away; a chat that cannot be written to is none of the others' business.
///
/// # Errors
/// [`BadSetting`]: the token does not work.
async fn send(
    telegram: &Telegram,
    mut chat: ChatId,
    message: &Outgoing,
    stop: &CancellationToken,
) -> Result<Option<bool>, BadSetting> {
    while !stop.is_cancelled() {
        let slot = telegram.send_slot(chat, Occasion::Broadcast, Priority::P2);
        let outcome = match slot {
            Ok(slot) => telegram.send(slot, message).await,
            Err(retry_after) => Err(Error::FloodWait { retry_after }),
        };
        let wait = match outcome {
            Ok(_) => return Ok(Some(true)),
            Err(Error::FloodWait { retry_after }) => retry_after,
            Err(Error::Unavailable(_)) => TRY_EVERY,
            Err(Error::Migrated { to }) if to != chat => {
                chat = to;
                continue;
            }
            Err(err @ Error::TokenDead { .. }) => {
                return Err(BadSetting(format!("BOT_TOKEN does not work: {err}. Get a valid one from @BotFather.")));
            }
            // Once more might be twice.
            Err(err) => {
                tracing::debug!(chat.id = chat.0, code = err.code(), "a chat did not get the broadcast");
                return Ok(Some(false));
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(None)
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
    let length = text.encode_utf16().count();
    if !(1..=LONGEST).contains(&length) {
        return Err(BadSetting(format!("The text has {length} characters: Telegram takes 1 to {LONGEST}.")).into());
    }
    Ok(text.to_owned())
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

/// Hidden where there is no terminal.
fn bar(broadcast: &Broadcast) -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(u64::try_from(broadcast.total)?);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left")?);
    bar.set_position(u64::try_from(broadcast.sent + broadcast.failed)?);
    Ok(bar)
}

fn told(broadcast: &Broadcast) -> String {
    let Broadcast { id, state, total, sent, failed, audience, .. } = broadcast;
    format!("Broadcast {id} is {state}: {sent} sent, {failed} failed, of {}.", people(*total, *audience))
}

fn people(count: i64, audience: Audience) -> String {
    let one = audience.as_str().trim_end_matches('s');
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("writing to standard output")
}
