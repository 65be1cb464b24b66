//! `worker dead-letters`, `gmbot dead-letters`: an operator looks after what could not be handled.

mod shown;

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use shared::{
    queue::{
        jetstream::{JetStream, JetStreamConfig},
        letters::{Kept, Letters},
    },
    telemetry,
};

use crate::{
    config::{DeadLetters, LettersAction, LettersOn, Which},
    intake::suspects::DEADLY,
    store::{Store, StoreConfig, metrics::StoreMetrics, migrate},
};

/// A person waits at a terminal: longer than a server takes to answer, and shorter than they would wonder.
const PATIENCE: Duration = Duration::from_secs(10);

/// On the servers of the split system.
///
/// # Errors
/// A server does not answer, or a letter is not there or cannot be replayed.
pub async fn on_servers(command: DeadLetters<LettersOn>) -> anyhow::Result<()> {
    let LettersOn { queue, bot, database, process } = command.on();
    let _telemetry = telemetry::init("worker-dead-letters", process)?;
    let store = open(&database.store_config(queue.shards)).await?;
    let config = JetStreamConfig::new(queue, bot.id(), "operator");
    let connecting = tokio::time::timeout(PATIENCE, JetStream::find(&config));
    let letters = connecting.await.with_context(|| format!("NATS does not answer at {}", queue.nats_url))??;
    let done = carry_out(&letters, &store, &command.action).await;
    store.close().await;
    done
}

/// In the file of the stand-alone program, which may run meanwhile.
///
/// # Errors
/// The file cannot be used, or a letter is not there or cannot be replayed.
pub async fn in_file<On: Args>(command: DeadLetters<On>, file: &StoreConfig) -> anyhow::Result<()> {
    let store = open(file).await?;
    let letters = store.inbox().context("only a file has an inbox")?;
    let done = carry_out(&letters, &store, &command.action).await;
    store.close().await;
    done
}

async fn open(config: &StoreConfig) -> anyhow::Result<Store> {
    let store = Store::connect(config, StoreMetrics::default()).await.context("opening DATABASE_URL")?;
    migrate::check(&store).await?;
    Ok(store)
}

async fn carry_out<On: Args>(letters: &impl Letters, store: &Store, action: &LettersAction<On>) -> anyhow::Result<()> {
    match action {
        LettersAction::List { json, .. } => {
            let all = all(letters).await?;
            say(&if *json { shown::json(&all)? } else { shown::table(&all) })
        }
        LettersAction::Show { id, reveal_body, .. } => say(&shown::whole(&one(letters, *id).await?, *reveal_body)),
        LettersAction::Replay { which, .. } => {
            let ids = chosen(letters, which, is_deadly).await?;
            each(letters, &ids, "replayed", async |kept| replay(letters, store, &kept).await).await
        }
        LettersAction::Drop { which, .. } => {
            let ids = chosen(letters, which, |_| false).await?;
            each(letters, &ids, "dropped", async |kept| {
                letters.drop_letter(kept.id).await?;
                Ok(())
            })
            .await
        }
    }
}

/// Whether it has ended the processes that handled it, and may do so again.
fn is_deadly(kept: &Kept) -> bool {
    kept.letter.reason.ends_with(DEADLY)
}

/// The letters that are named, or all that there are, found before anything is done: so what dies again meanwhile is not replayed for ever.
async fn chosen(letters: &impl Letters, which: &Which, is_left_out: fn(&Kept) -> bool) -> anyhow::Result<Vec<u64>> {
    if !which.all {
        return Ok(which.ids.clone());
    }
    let all = all(letters).await?;
    if all.is_empty() {
        say(shown::NONE)?;
    }
    let (left_out, rest): (Vec<_>, Vec<_>) = all.iter().partition(|kept| is_left_out(kept));
    for kept in left_out {
        say(&format!("{} left out: it may end the worker that handles it again; replay it by its number\n", kept.id))?;
    }
    Ok(rest.into_iter().map(|kept| kept.id).collect())
}

/// Does it to each letter, and says so. One that fails does not stop the others.
async fn each(
    letters: &impl Letters,
    ids: &[u64],
    done: &str,
    act: impl AsyncFn(Kept) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut failed = 0;
    for id in ids {
        let kept = one(letters, *id).await;
        let acted = match kept {
            Ok(kept) => act(kept).await,
            Err(err) => Err(err),
        };
        match acted {
            Ok(()) => say(&format!("{id} {done}\n"))?,
            Err(err) => {
                failed += 1;
                say(&format!("{id} not {done}: {err:#}\n"))?;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} could not be {done}", ids.len());
    }
    Ok(())
}

/// The mark first: an update that comes before its mark is gone is taken for one that is done. The letter last: whatever breaks off in
/// between, it is there for another go, which the queue recognises.
async fn replay(letters: &impl Letters, store: &Store, kept: &Kept) -> anyhow::Result<()> {
    let replay = kept.replay().context("this version of the program cannot read it")?;
    store.unmark(&replay.mark).await?;
    letters.replay(&replay).await?;
    letters.drop_letter(kept.id).await?;
    Ok(())
}

async fn one(letters: &impl Letters, id: u64) -> anyhow::Result<Kept> {
    let found = letters.letter_from(id).await?.filter(|kept| kept.id == id);
    found.with_context(|| format!("there is no dead letter {id}"))
}

/// Without their bodies: there may be many.
async fn all(letters: &impl Letters) -> anyhow::Result<Vec<Kept>> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(mut kept) = letters.letter_from(from).await? {
        from = kept.id + 1;
        kept.letter.body.clear();
        all.push(kept);
    }
    Ok(all)
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("writing to standard output")
}
