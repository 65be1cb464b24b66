//! An update that ends every process that handles it is put away, and nothing that was beside it.

use std::time::Duration;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use system_tests::{
    split::{Split, stored},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::faults::Fault;

/// On a machine that is too slow to kill it at once it takes ten deaths to put the update away, and those before it came under suspicion.
const DEATHS: usize = 20;

#[tokio::test]
async fn an_update_that_ends_every_worker_is_put_away_and_nothing_else_is() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let (_gateway, mut worker) = split.start().await?;
    let (deadly, beside) = (split.protected_group().await?, split.protected_group().await?);
    let jetstream = split.jetstream().await?;
    // Stands for a handler that ends its process: whoever has made a call in this group is killed.
    let hang = split.sim.fault(Fault::hang(Duration::from_secs(30)).in_chat(deadly.group));
    let ann = split.world.person_in(deadly.group, "Ann");
    split.world.say(deadly.group, ann, "Buy this!")?;
    let mut offenders = Vec::new();
    let mut began = split.sim.last_call();
    loop {
        let ben = split.world.person_in(beside.group, &format!("Ben {}", offenders.len()));
        split.world.say(beside.group, ben, "Buy that!")?;
        offenders.push(ben);
        let put_away = wait_for("a call in the deadly group, or a dead letter", PATIENCE, async || {
            let letters = stored(&jetstream, "DLQ").await.map_err(|error| error.to_string())?;
            match (letters, split.sim.calls_after(began).in_chat(deadly.group).len()) {
                (0, 0) => Err(format!("neither; {} calls in all", split.sim.last_call())),
                (letters, _) => Ok(letters > 0),
            }
        })
        .await?;
        if put_away {
            break;
        }
        worker.kill().await?;
        anyhow::ensure!(offenders.len() < DEATHS, "it is never put away");
        began = split.sim.last_call();
        worker = split.worker().start().await?;
    }
    assert!(offenders.len() > 4, "put away after {} deaths, which may be chance", offenders.len() - 1);

    let letters = jetstream.get_stream("DLQ").await?;
    let subjects: Vec<(String, usize)> = letters.info_with_subjects("dlq.>").await?.try_collect().await?;
    assert_eq!(subjects, [(format!("dlq.{}", deadly.group), 1)]);
    let letter = letters.get_last_raw_message_by_subject("dlq.>").await?;
    let reason = letter.headers.get("Gmbot-Reason").map(|value| value.as_str()).unwrap_or_default();
    assert!(reason.starts_with("it was begun ") && reason.ends_with("and each time the process ended"), "{reason}");

    // Nobody replays it by chance together with others.
    let replay = |which: &str| split.worker().silent().args(["dead-letters", "replay", which]);
    let all = replay("--all").run(PATIENCE).await?;
    let why = " left out: it may end the worker that handles it again; replay it by its number";
    let id = all.lines.iter().find_map(|line| line.strip_suffix(why));
    let id = id.with_context(|| format!("it is not left out: {:?}", all.lines))?;
    assert_eq!((all.code, stored(&jetstream, "DLQ").await?), (0, 1), "{:?}", all.lines);

    // Everybody else is treated as ever, in that group too.
    split.sim.end_fault(hang);
    assert_eq!(replay(id).run(PATIENCE).await?.code, 0, "{id}");
    let carl = split.world.person_in(deadly.group, "Carl");
    split.world.say(deadly.group, carl, "Buy this too!")?;
    let silenced = async || {
        let others =
            offenders.iter().map(|ben| (beside.group, *ben)).chain([(deadly.group, ann), (deadly.group, carl)]);
        let speaking = others.filter(|(group, user)| split.world.can_speak(*group, *user)).count();
        if speaking == 0 { Ok(()) } else { Err(format!("{speaking} can still speak")) }
    };
    wait_for("all others to be silenced", PATIENCE, silenced).await
}
