//! Who does not subscribe cannot write, and who does can at once.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};

#[rstest]
#[tokio::test]
async fn a_stranger_is_muted_and_told_where_to_join_and_writes_after_the_press(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    place.corner.calls().ok().in_this_order(&["deleteMessage", "restrictChatMember", "sendMessage"])?;
    ann.joins(&place.news)?;
    ann.presses(&warning, "I have joined").await?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    let hello = ann.says(&place.corner, "hello at last")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    Ok(())
}
