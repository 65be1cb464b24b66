//! A text to everybody, in the hands of those who run the bot.

use rstest::rstest;
use system_tests::{
    child::Signal,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{faults::Fault, story::place::Place};

const NEWS: &str = "We have <b>news</b> & more";

/// How often the text stands in the group.
fn heard(stage: &Stage, place: &Place) -> usize {
    stage.story.world().bot_messages(place.id).iter().filter(|seen| seen.text == NEWS).count()
}

#[rstest]
#[tokio::test]
async fn a_broadcast_reaches_every_group_and_a_refusal_stops_nobody(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let mut corners = Vec::new();
    for _ in 0..3 {
        corners.push(stage.protected_group().await?.corner);
    }
    let dry = stage.runs(&["broadcast", NEWS, "--dry-run"]).await?;
    assert!(dry.code == 0 && dry.lines[0] == "To 3 groups:" && dry.lines.contains(&NEWS.to_owned()), "{dry:?}");
    let unasked = stage.runs(&["broadcast", NEWS]).await?;
    assert_eq!((unasked.code, corners.iter().map(|corner| heard(&stage, corner)).sum()), (2, 0), "{unasked:?}");

    let kicked = Fault::error(403, "Forbidden: bot was kicked from the supergroup chat").on("sendMessage");
    stage.sim().fault(kicked.in_chat(corners[1].id).next(1));
    stage.sim().fault(Fault::flood(1).on("sendMessage").in_chat(corners[2].id).next(1));
    let said = stage.runs(&["broadcast", NEWS, "--yes"]).await?;
    assert_eq!(said.code, 0, "{said:?}");
    let told = "Broadcast 1 is done: 2 sent, 1 failed, of 3 groups.".to_owned();
    assert_eq!(said.lines.last(), Some(&told));
    assert_eq!(corners.iter().map(|corner| heard(&stage, corner)).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(stage.runs(&["broadcast", "--status"]).await?.lines, [told]);
    assert_eq!(stage.runs(&["broadcast", "--resume"]).await?.code, 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_broadcast_that_is_paused_goes_on_where_it_was_and_can_be_cancelled(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let mut corners = Vec::new();
    for _ in 0..2 {
        corners.push(stage.protected_group().await?.corner);
    }
    // Ids of groups are negative: the younger comes first.
    let (first, last) = (&corners[1], &corners[0]);
    let flood = stage.sim().fault(Fault::flood(600).on("sendMessage").in_chat(last.id));
    let mut process = stage.command(&["broadcast", NEWS, "--yes"]).spawn()?;
    stage.story.until("the first group to hear it", || (heard(&stage, first) == 1).then_some(())).await?;
    stage.until_count("SELECT sent FROM broadcasts", 1).await?;
    process.signal(Signal::INT)?;
    assert_eq!(process.exited(PATIENCE).await?, 0);
    assert!(process.lines().join(" ").contains("is paused: 1 sent, 0 failed, of 2 groups."), "{:?}", process.lines());
    let second = stage.runs(&["broadcast", "more", "--yes"]).await?;
    assert!(second.code == 1 && second.lines.join(" ").contains("--resume goes on with it"), "{second:?}");

    stage.sim().end_fault(flood);
    let resumed = stage.runs(&["broadcast", "--resume"]).await?;
    assert_eq!(resumed.lines.last().map(String::as_str), Some("Broadcast 1 is done: 2 sent, 0 failed, of 2 groups."));
    assert_eq!((heard(&stage, first), heard(&stage, last)), (1, 1));
    assert_eq!(stage.runs(&["broadcast", "--cancel"]).await?.code, 1);
    Ok(())
}
