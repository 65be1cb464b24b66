//! Messages that wait together are each judged by the rules that held when it was their turn.

use std::time::Duration;

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{faults::Fault, story::place::Place};

/// Keeps the group's lane at work, so that what is said meanwhile waits together: the next look at somebody there takes a while.
fn busy(stage: &Stage, corner: &Place) -> anyhow::Result<()> {
    let slow = Fault::latency(Duration::from_secs(2)).on("getChatMember").in_chat(corner.id).next(1);
    stage.sim().fault(slow);
    corner.owner().says(corner, "/setup")?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_is_said_after_unprotect_stands_though_it_waited_with_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, bea) = (place.corner.person("Ann"), place.corner.person("Bea"));
    busy(&stage, &place.corner)?;
    let before = ann.says(&place.corner, "buy this")?;
    place.corner.owner().says(&place.corner, "/unprotect")?;
    let after = bea.says(&place.corner, "hello")?;
    before.gone().await?;
    place.corner.bot_says("Protection is off, and I have freed 1 person.").await?;
    stage.settled(&place.corner).await?;
    after.stands()?;
    ann.free_in(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").about(&bea).none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_is_said_before_protect_stands_and_what_is_said_after_it_goes(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let (ann, bea) = (place.corner.person("Ann"), place.corner.person("Bea"));
    busy(&stage, &place.corner)?;
    let before = ann.says(&place.corner, "hello")?;
    place.corner.owner().says(&place.corner, &format!("/protect @{}", place.news.username().unwrap_or_default()))?;
    let after = bea.says(&place.corner, "buy this")?;
    after.gone().await?;
    bea.muted_in(&place.corner).await?;
    before.stands()?;
    place.corner.calls().of("restrictChatMember").about(&ann).none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whoever_is_allowed_may_write_from_then_on_though_it_waited_with_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, olga) = (place.corner.person("Ann"), place.corner.owner());
    busy(&stage, &place.corner)?;
    olga.says(&place.corner, &format!("/allow {}", ann.id))?;
    let allowed = ann.says(&place.corner, "hello")?;
    stage.settled(&place.corner).await?;
    allowed.stands()?;

    busy(&stage, &place.corner)?;
    let still = ann.says(&place.corner, "hello again")?;
    olga.says(&place.corner, &format!("/disallow {}", ann.id))?;
    let not_any_more = ann.says(&place.corner, "and now?")?;
    not_any_more.gone().await?;
    still.stands()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn commands_of_people_who_are_no_admins_are_deleted_together(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    busy(&stage, &place.corner)?;
    let said: Vec<_> = (0..10).map(|_| ann.says(&place.corner, "/unprotect")).collect::<Result<_, _>>()?;
    for said in said {
        said.gone().await?;
    }
    ann.muted_in(&place.corner).await?;
    let (one, many) = (place.corner.calls().of("deleteMessage"), place.corner.calls().of("deleteMessages"));
    anyhow::ensure!(one.len() + many.len() <= 3, "as they came, and not one by one: {one}\n{many}");
    Ok(())
}
