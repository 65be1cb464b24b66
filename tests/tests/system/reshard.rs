//! Another number of shards, while people write: everything is handled, each chat in its order, everything once.

use std::time::Duration;

use system_tests::{
    child::Signal,
    split::{Split, stored},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::{
    faults::Fault,
    ids::{ChatId, MessageId, UserId},
    ledger::Call,
    rights::AdminRights,
    world::seeding::SeededGroup,
};

use super::{
    crowd::{self, LIMITS},
    metrics::owned,
};

const GROUPS: usize = 8;
/// Who write in each group in one round, everybody once.
const OFFENDERS: usize = 6;
/// Makes a backlog, so that there is something to move.
const LATENCY: Duration = Duration::from_millis(100);

/// Who wrote what in a group, in order.
type Wrote = Vec<(ChatId, Vec<(UserId, MessageId)>)>;

#[tokio::test]
async fn reshard_while_people_write_loses_nothing_and_keeps_every_chats_order() -> anyhow::Result<()> {
    let split = LIMITS.iter().fold(Split::prepare().await?, |split, (name, value)| split.worker_env(name, value));
    let gateway = |shards: &str| split.gateway().env("SHARDS", shards);
    let worker = |shards: &str| split.worker().env("SHARDS", shards);
    let reshard = worker("16").arg("reshard").env("RUST_LOG", "off");
    let (mut old_gateway, mut old_worker) = (gateway("8").spawn()?, worker("8").spawn()?);
    old_gateway.ready().await?;
    old_worker.ready().await?;
    let owner = split.world.person("Olga");
    let channel = split.world.channel("Daily News", Some("daily_news"), owner);
    split.world.add_bot(channel, AdminRights::INVITE_USERS);
    let groups = split.world.seed(GROUPS, 0, AdminRights::MODERATOR);
    split.protect(channel, &groups.iter().map(|place| (place.group, place.owner)).collect::<Vec<_>>()).await?;
    split.sim.fault(Fault::latency(LATENCY).on("restrictChatMember"));
    let jetstream = split.jetstream().await?;
    let mut wrote: Wrote = groups.iter().map(|place| (place.group, Vec::new())).collect();

    // While a worker works nothing happens.
    write(&split, &groups, &mut wrote)?;
    let refused = reshard.run(PATIENCE).await?;
    assert_eq!(refused.code, 1, "{:?}", refused.lines);
    let [sentence] = &refused.lines[..] else { panic!("not one line: {:?}", refused.lines) };
    assert!(
        sentence.starts_with("workers are still there (1, with 8 of the 8 shards): stop every worker"),
        "{sentence}"
    );
    write(&split, &groups, &mut wrote)?;
    assert_eq!(old_worker.stop().await?, 0);

    // What is stored meanwhile is stored under the old number.
    write(&split, &groups, &mut wrote)?;
    wait_for("the gateway to have stored all", PATIENCE, async || match split.sim.pending_updates() {
        0 => Ok(()),
        left => Err(format!("{left} are at Telegram")),
    })
    .await?;
    let waiting = stored(&jetstream, "UPD").await?;
    assert!(waiting >= u64::try_from(GROUPS * OFFENDERS)?, "{waiting} are stored: too few to tell anything");
    let done = reshard.run(PATIENCE).await?;
    assert_eq!(done.code, 0, "{:?}", done.lines);
    let said = done.lines.join("\n");
    assert!(
        said.starts_with(&format!("The queue had 8 shards and has 16 now. Moved: {waiting} stored messages")),
        "{said}"
    );
    assert_eq!(stored(&jetstream, "UPD").await?, waiting);

    // The old gateway stores nothing any more, and says why; the old worker does not even start.
    write(&split, &groups, &mut wrote)?;
    old_gateway.line_with("is SHARDS the same everywhere?", PATIENCE).await?;
    assert_eq!(stored(&jetstream, "UPD").await?, waiting);
    let refused = worker("8").env("RUST_LOG", "off").run(PATIENCE).await?;
    assert_eq!(refused.code, 2, "{:?}", refused.lines);
    assert!(refused.lines.join("\n").starts_with("SHARDS is 8, but the queue was made with 16"), "{:?}", refused.lines);
    assert_eq!(old_gateway.stop().await?, 0);

    let _gateway = gateway("16").start().await?;
    let _worker = worker("16").start().await?;
    write(&split, &groups, &mut wrote)?;
    wait_for("everything to be handled", crowd::PATIENCE, async || {
        let left = (split.sim.pending_updates(), stored(&jetstream, "UPD").await.map_err(|error| error.to_string())?);
        if left == (0, 0) { Ok(()) } else { Err(format!("{left:?} at Telegram and in the queue")) }
    })
    .await?;
    assert_eq!(stored(&jetstream, "DLQ").await?, 0);
    let calls = split.sim.calls().ok();
    for (group, wrote) in wrote {
        let calls = calls.in_chat(group);
        // Those that were written together are deleted by one call, and muted side by side.
        let deleted = calls.only(|call| call.method.starts_with("deleteMessage"));
        let deleted = deleted.iter().flat_map(|call| ids(call));
        let wrote_ids: Vec<MessageId> = wrote.iter().map(|(_, message)| *message).collect();
        // A minute later the owner's command and its answer go too.
        let deleted: Vec<MessageId> = deleted.filter(|message| wrote_ids.contains(message)).collect();
        assert_eq!(deleted, wrote_ids, "deleted in {group}");
        let mut muted: Vec<UserId> = calls.of("restrictChatMember").iter().filter_map(|call| call.user()).collect();
        muted.sort_unstable();
        let mut people: Vec<UserId> = wrote.iter().map(|(offender, _)| *offender).collect();
        people.sort_unstable();
        assert_eq!(muted, people, "each of them was muted once in {group}");
    }
    let again = reshard.run(PATIENCE).await?;
    assert_eq!((again.code, again.lines.join("\n").as_str()), (0, "The queue has 16 shards already."));

    // As one that was written late leaves it, or a backup from before.
    let mut database = split.servers.database.connect().await?;
    let misplaced = sqlx::query("UPDATE tasks SET shard = 99").execute(&mut database).await?.rows_affected();
    assert!(misplaced > 0, "nothing is to be done later");
    let mended = reshard.run(PATIENCE).await?;
    let said = mended.lines.join("\n");
    assert!(said.starts_with("The queue has 16 shards already.\nPut right: "), "{said}");
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tasks WHERE shard > 15").fetch_one(&mut database).await?;
    assert_eq!(left, 0);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_slept_through_a_reshard_ends_by_itself_when_it_wakes() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let worker = |shards: &str| split.worker().env("SHARDS", shards);
    let mut old = worker("8").start().await?;
    old.signal(Signal::STOP)?;
    let done = worker("16").arg("reshard").env("RUST_LOG", "off").run(PATIENCE).await?;
    assert_eq!(done.code, 0, "{:?}", done.lines);
    let new = worker("16").start().await?;

    old.signal(Signal::CONT)?;
    assert_eq!(old.exited(PATIENCE).await?, 2);
    old.line_with("SHARDS is 8, but the queue was made with 16", PATIENCE).await?;
    wait_for("all shards to be with the new one", PATIENCE, async || match owned(&new).await? {
        16 => Ok(()),
        other => Err(format!("{other} are")),
    })
    .await
}

/// New people come into every group, and each of them writes.
fn write(split: &Split, groups: &[SeededGroup], wrote: &mut Wrote) -> anyhow::Result<()> {
    for n in 0..OFFENDERS {
        for (place, (_, wrote)) in groups.iter().zip(wrote.iter_mut()) {
            let offender = split.world.person_in(place.group, &format!("Offender {n}"));
            wrote.push((offender, split.world.say(place.group, offender, "Buy this!")?));
        }
    }
    Ok(())
}

/// What a call of deleteMessages, or of deleteMessage, is about.
fn ids(call: &Call) -> Vec<MessageId> {
    let many = call.args.get("message_ids").and_then(|ids| ids.as_array()).into_iter().flatten();
    many.chain(call.args.get("message_id")).filter_map(|id| id.as_i64()).map(MessageId).collect()
}
