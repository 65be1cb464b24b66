//! A broadcast that does not come to its end by itself: paused, killed, cancelled, or begun twice.

use rstest::rstest;
use system_tests::{
    child::Signal,
    process::Process,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{faults::Fault, story::place::Place};

const NEWS: &str = "We have news";
/// Long enough to be told of, and over before patience is: whoever goes on keeps to it too, as all workers do.
const LONG_S: u32 = 12;

/// How often the text stands in each group.
fn heard(stage: &Stage, corners: &[Place]) -> Vec<usize> {
    let count =
        |place: &Place| stage.story.world().bot_messages(place.id).iter().filter(|seen| seen.text == NEWS).count();
    corners.iter().map(count).collect()
}

/// A broadcast that the first group has got, and that is told to wait before the second.
async fn waiting_before_the_second(stage: &Stage, corners: &[Place]) -> anyhow::Result<(Process, u64)> {
    let flood = stage.sim().fault(Fault::flood(LONG_S).on("sendMessage").in_chat(corners[1].id));
    let process = stage.command(&["broadcast", NEWS, "--yes"]).spawn()?;
    process.line_with("Telegram asks to wait", PATIENCE).await?;
    anyhow::ensure!(heard(stage, corners)[..2] == [1, 0], "{:?}", heard(stage, corners));
    Ok((process, flood))
}

fn last(lines: &[String]) -> &str {
    lines.last().map_or("", String::as_str)
}

#[rstest]
#[tokio::test]
async fn ctrl_c_pauses_a_broadcast_and_it_goes_on_where_it_was(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(3).await?;
    let (mut process, flood) = waiting_before_the_second(&stage, &corners).await?;
    process.signal(Signal::INT)?;
    assert_eq!(process.exited(PATIENCE).await?, 0);
    let paused = "Broadcast 1 is paused: 1 of 3 groups got it. --resume goes on with it, --cancel ends it.";
    assert_eq!(last(&process.lines()), paused);
    assert_eq!(last(&stage.runs(&["broadcast", "--status"]).await?.lines), paused);
    let second = stage.runs(&["broadcast", "more", "--yes"]).await?;
    let refused = "Broadcast 1 is not finished: --resume goes on with it, --cancel ends it.";
    assert_eq!((second.code, last(&second.lines)), (1, refused));

    stage.sim().end_fault(flood);
    let resumed = stage.runs(&["broadcast", "--resume"]).await?;
    assert_eq!((resumed.code, last(&resumed.lines)), (0, "Broadcast 1 is done: 3 of 3 groups got it."));
    assert_eq!(heard(&stage, &corners), [1, 1, 1]);
    for (args, told) in
        [("--cancel", "There is no broadcast under way."), ("--resume", "There is no broadcast to go on with.")]
    {
        let ended = stage.runs(&["broadcast", args]).await?;
        assert_eq!((ended.code, last(&ended.lines)), (1, told));
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn killed_in_the_middle_it_goes_on_and_nobody_is_left_out_or_gets_it_twice_but_the_one_in_flight(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(3).await?;
    // The second group gets it, and nobody hears of it before the process is dead.
    let hangs = Fault::hang(std::time::Duration::from_secs(LONG_S.into())).on("sendMessage").after_effect().next(1);
    stage.sim().fault(hangs.in_chat(corners[1].id));
    let mut process = stage.command(&["broadcast", NEWS, "--yes"]).spawn()?;
    let second = || (heard(&stage, &corners) == [1, 1, 0]).then_some(());
    stage.story.until("the second group to hear it", second).await?;
    stage.until_count("SELECT sent FROM broadcasts", 1).await?;
    process.kill().await?;

    // Nobody can know yet that it is dead.
    let early = stage.runs(&["broadcast", "--resume"]).await?;
    assert!(early.code == 1 && last(&early.lines).contains("If that process is dead, try --resume in "), "{early:?}");
    assert_eq!(heard(&stage, &corners), [1, 1, 0]);
    // As if it had been silent for as long as that takes.
    stage.execute("UPDATE broadcasts SET held_until_ms = 1").await?;
    let status = stage.runs(&["broadcast", "--status"]).await?;
    let broke_off = "Broadcast 1 broke off: 1 of 3 groups got it. --resume goes on with it, --cancel ends it.";
    assert_eq!(last(&status.lines), broke_off);
    let resumed = stage.runs(&["broadcast", "--resume"]).await?;
    assert_eq!((resumed.code, last(&resumed.lines)), (0, "Broadcast 1 is done: 3 of 3 groups got it."));
    assert_eq!(heard(&stage, &corners), [1, 2, 1]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn while_one_sends_it_another_neither_goes_on_nor_begins_and_a_cancel_ends_it_at_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(3).await?;
    let (mut process, flood) = waiting_before_the_second(&stage, &corners).await?;
    stage.sim().end_fault(flood);
    for args in [&["broadcast", "--resume"][..], &["broadcast", "more", "--yes"]] {
        let refused = stage.runs(args).await?;
        let told = last(&refused.lines);
        assert!(refused.code == 1 && told.starts_with("Broadcast 1 is being sent by process "), "{refused:?}");
        assert!(told.contains("Ctrl-C there pauses it, --cancel ends it."), "{refused:?}");
    }
    let status = stage.runs(&["broadcast", "--status"]).await?;
    let running = "Broadcast 1 is running: 1 of 3 groups got it. It is sent by process ";
    assert!(last(&status.lines).starts_with(running), "{status:?}");

    // It is told to wait for ten minutes, and has to see this long before.
    let cancelled = stage.runs(&["broadcast", "--cancel"]).await?;
    let told = "Broadcast 1 is cancelled: 1 of 3 groups got it. Whoever sends it stops in a second.";
    assert_eq!((cancelled.code, last(&cancelled.lines)), (0, told));
    assert_eq!(process.exited(PATIENCE).await?, 0);
    assert_eq!(last(&process.lines()), "Broadcast 1 is cancelled: 1 of 3 groups got it.");
    assert_eq!(heard(&stage, &corners), [1, 0, 0]);
    let next = stage.runs(&["broadcast", "more", "--yes"]).await?;
    assert_eq!((next.code, last(&next.lines)), (0, "Broadcast 2 is done: 3 of 3 groups got it."));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn one_that_was_taken_over_while_it_slept_stops_and_sends_nothing_more(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(3).await?;
    let (mut process, flood) = waiting_before_the_second(&stage, &corners).await?;
    // A laptop that is closed: no sign of life for as long as counts.
    process.signal(Signal::STOP)?;
    stage.execute("UPDATE broadcasts SET held_until_ms = 1").await?;
    stage.sim().end_fault(flood);
    let resumed = stage.runs(&["broadcast", "--resume"]).await?;
    assert_eq!(last(&resumed.lines), "Broadcast 1 is done: 3 of 3 groups got it.");
    process.signal(Signal::CONT)?;
    assert_eq!(process.exited(PATIENCE).await?, 1);
    assert!(
        last(&process.lines()).starts_with("Another process has gone on with this broadcast"),
        "{:?}",
        process.lines()
    );
    assert_eq!(heard(&stage, &corners), [1, 1, 1]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_token_that_works_no_more_pauses_it_and_is_told_without_being_shown(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(2).await?;
    stage.sim().fault(Fault::error(401, "Unauthorized").on("sendMessage").in_chat(corners[1].id).next(1));
    let ended = stage.runs(&["broadcast", NEWS, "--yes"]).await?;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(last(&ended.lines).starts_with("BOT_TOKEN does not work: "), "{ended:?}");
    assert!(!ended.lines.join("\n").contains(stage.sim().token()), "{ended:?}");
    let resumed = stage.runs(&["broadcast", "--resume"]).await?;
    assert_eq!(last(&resumed.lines), "Broadcast 1 is done: 2 of 2 groups got it.");
    assert_eq!(heard(&stage, &corners), [1, 1]);
    Ok(())
}
