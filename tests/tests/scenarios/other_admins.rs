//! What another admin does about somebody whom the bot has muted is the last word, and closes the bot's record at once.

use std::time::Duration;

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Protected, Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{
    faults::Fault,
    rights::{AdminRights, Permissions},
    story::person::Person,
    world::seeing::Membership,
};

/// What whoever presses is told about a restriction that is not the bot's.
const DECIDED: &str = "an admin has restricted you here";
const BUTTON: &str = "I have joined";

/// Waits until the bot has taken note of what an admin did, and has taken its warning away.
async fn noted(stage: &Stage, place: &Protected, who: &Person) -> anyhow::Result<()> {
    let gone = || {
        let mentions = |seen: &telegram_sim::world::seeing::Seen| {
            seen.entities.iter().any(|entity| entity["user"]["id"] == who.id.0)
        };
        (!stage.story.world().bot_messages(place.corner.id).iter().any(mentions)).then_some(())
    };
    Ok(stage.story.until("the warning to go", gone).await?)
}

/// They subscribe, which releases whomever the bot holds, and are still what the admin made of them.
async fn untouched_by_subscribing(
    stage: &Stage,
    place: &Protected,
    who: &Person,
    decided: &Membership,
) -> anyhow::Result<()> {
    let restricted = place.corner.calls().of("restrictChatMember").about(who).len();
    who.joins(&place.news)?;
    stage.settled(&place.corner).await?;
    stage.settled(&place.corner).await?;
    assert_eq!(who.status_in(&place.corner), *decided);
    place.corner.calls().of("restrictChatMember").about(who).exactly(restricted)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_mute_an_unmute_or_a_ban_by_an_admin_stays_whatever_the_muted_one_does(
    #[values(StandAlone, Split)] form: Form,
    #[values(false, true)] anonymous: bool,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (olga, bo) = (place.corner.owner(), place.corner.person("Bo"));
    let rights = AdminRights::MODERATOR | if anonymous { AdminRights::ANONYMOUS } else { AdminRights::none() };
    olga.promotes(&bo, &place.corner, rights)?;
    for (name, act) in [("Ann", "mutes"), ("Bea", "unmutes"), ("Cem", "bans"), ("Dan", "mutes a little")] {
        let (who, _) = stage.offender(name, &place.corner).await?;
        match act {
            "mutes" => bo.mutes(&who, &place.corner)?,
            "unmutes" => bo.unmutes(&who, &place.corner)?,
            "bans" => bo.bans(&who, &place.corner)?,
            _ => stage.story.world().restrict(place.corner.id, bo.id, who.id, Permissions::SEND_MESSAGES, 0)?,
        }
        let decided = who.status_in(&place.corner);
        noted(&stage, &place, &who).await?;
        untouched_by_subscribing(&stage, &place, &who, &decided).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_is_made_an_admin_is_not_demoted_by_the_release(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let own = AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS;
    stage.story.world().promote(place.corner.id, olga.id, stage.sim().bot_id(), own)?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    olga.promotes(&ann, &place.corner, AdminRights::PIN_MESSAGES)?;
    let decided = ann.status_in(&place.corner);
    noted(&stage, &place, &ann).await?;
    untouched_by_subscribing(&stage, &place, &ann, &decided).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_admin_who_brings_somebody_back_in_decides_nothing_about_their_mute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    ann.leaves(&place.corner)?;
    warning.gone().await?;
    place.corner.owner().adds(&ann, &place.corner)?;
    place.corner.bot_mentions(&ann).await?;
    assert!(!ann.can_write_in(&place.corner));
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    Ok(())
}

/// Telegram lifts a ban by any restrictChatMember (telegram.md 3.5, trap 1): here the admin bans while the bot's call is on its way.
#[rstest]
#[tokio::test]
async fn a_ban_that_the_bots_own_call_has_lifted_is_set_again(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let slow = Fault::latency(Duration::from_millis(1500)).on("restrictChatMember").about(ann.id).next(1);
    stage.sim().fault(slow);
    ann.says(&place.corner, "hello")?.gone().await?;
    // Its call leaves with this answer.
    let looked = || (place.corner.calls().of("getChatMember").about(&ann).len() == 1).then_some(());
    stage.story.until("the bot's look", looked).await?;
    let until = stage.sim().clock().now() + 7 * 86_400;
    stage.story.world().ban(place.corner.id, place.corner.owner().id, ann.id, until)?;
    let banned_again = || {
        let again = place.corner.calls().ok().of("banChatMember").about(&ann).len() == 1;
        (again && ann.status_in(&place.corner).status == "kicked").then_some(())
    };
    stage.story.until("Ann to be banned again", banned_again).await?;
    assert_eq!(ann.status_in(&place.corner).until_date, Some(until), "as long as the admin wanted");
    noted(&stage, &place, &ann).await?;
    ann.joins(&place.news)?;
    stage.settled(&place.corner).await?;
    assert_eq!(ann.status_in(&place.corner).status, "kicked");
    Ok(())
}

/// Telegram hesitates over Cem, and his messages are judged together with hers.
#[rstest]
#[tokio::test]
async fn whom_an_admin_bans_while_others_are_still_asked_about_stays_banned(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let corner = &place.corner;
    let [ann, bea, cem] = ["Ann", "Bea", "Cem"].map(|name| corner.person(name));
    for who in [&ann, &cem] {
        let slow = Fault::latency(Duration::from_secs(2)).on("getChatMember").about(who.id);
        stage.sim().fault(slow.in_chat(corner.id).next(1));
    }
    // While Ann is looked at, the others wait, and come together.
    ann.says(corner, "hello")?;
    let asked = || (!place.news.calls().of("getChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the question about Ann", asked).await?;
    bea.says(corner, "hello")?;
    cem.says(corner, "hello")?;
    let looked = || (corner.calls().of("getChatMember").about(&bea).len() == 1).then_some(());
    stage.story.until("the bot's look at Bea", looked).await?;
    corner.owner().bans(&bea, corner)?;
    let decided = bea.status_in(corner);
    cem.muted_in(corner).await?;
    stage.settled(corner).await?;
    untouched(&place, &bea, &decided, 0)
}

/// They are what the admin made them, and the bot has restricted them only so often.
fn untouched(place: &Protected, who: &Person, decided: &Membership, mutes: usize) -> anyhow::Result<()> {
    assert_eq!(who.status_in(&place.corner), *decided);
    place.corner.calls().of("restrictChatMember").about(who).exactly(mutes)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whom_an_admin_has_restricted_before_is_warned_and_that_stays_and_the_presser_is_told_so(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (world, olga) = (stage.story.world(), place.corner.owner());
    let later = stage.sim().clock().now() + 3 * 86_400;
    let words_only = Permissions::SEND_MESSAGES;
    let nearly_all = Permissions::all().without(Permissions::SEND_POLLS);
    for (name, permissions, until) in [("Ann", words_only, 0), ("Bea", words_only, later), ("Cem", nearly_all, later)] {
        let who = place.corner.person(name);
        world.restrict(place.corner.id, olga.id, who.id, permissions, until)?;
        let decided = who.status_in(&place.corner);
        who.says(&place.corner, "hello")?.gone().await?;
        let warning = place.corner.bot_mentions(&who).await?;
        let heard = stage.hears(&who, &warning, BUTTON).await?;
        assert!(heard.starts_with("You are not subscribed"), "{name}: {heard}");
        world.seed_members(place.news.id, &[who.id]);
        let heard = stage.hears(&who, &warning, BUTTON).await?;
        assert!(heard.contains(DECIDED), "{name}: {heard}");
        untouched(&place, &who, &decided, 0)?;
        warning.gone().await?;
    }
    Ok(())
}

/// The muted can still edit what they wrote before.
#[rstest]
#[tokio::test]
async fn one_muted_by_an_admin_who_edits_is_not_muted_again_by_the_bot(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let ann = place.corner.person("Ann");
    let hello = ann.says(&place.corner, "hello")?;
    place.corner.owner().mutes(&ann, &place.corner)?;
    let decided = ann.status_in(&place.corner);
    stage.protect(&place.corner, &place.news).await?;
    ann.edits(&hello, "buy now")?;
    hello.gone().await?;
    place.corner.bot_mentions(&ann).await?;
    untouched(&place, &ann, &decided, 0)
}

/// Also if nothing but the permissions differs, and if a press comes before anything else tells of it.
#[rstest]
#[tokio::test]
async fn who_is_restricted_anew_after_the_bots_mute_is_told_that_an_admin_has_decided(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (world, olga) = (stage.story.world(), place.corner.owner());
    let week = Some(stage.sim().clock().now() + 7 * 86_400);
    for (name, permissions, until) in [
        ("Ann", Permissions::none(), week),
        ("Bea", Permissions::none(), Some(0)),
        ("Cem", Permissions::SEND_MESSAGES, week),
        ("Dan", Permissions::INVITE_USERS, None),
    ] {
        let (who, warning) = stage.offender(name, &place.corner).await?;
        let until = until.or(who.status_in(&place.corner).until_date).unwrap_or_default();
        world.restrict(place.corner.id, olga.id, who.id, permissions, until)?;
        let decided = who.status_in(&place.corner);
        world.seed_members(place.news.id, &[who.id]);
        for _ in 0..2 {
            let press = world.press_forged(who.id, place.corner.id, warning.id, &format!("v1:{}", who.id))?;
            let heard = press.answer(PATIENCE).await?.text;
            assert!(heard.contains(DECIDED), "{name}: {heard}");
            untouched(&place, &who, &decided, 1)?;
        }
        warning.gone().await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_mute_whose_time_is_over_is_not_asked_about_for_ever(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    // An account that was deleted since: Telegram says nothing of it any more.
    stage.sim().fault(Fault::participant_id_invalid().about(ann.id));
    stage.change("UPDATE mutes SET until_s = 1000 WHERE state = $1", "active").await?;
    stage.make_due("judge:%").await?;
    stage.until_count("SELECT COUNT(*) FROM mutes WHERE closed_ms IS NULL", 0).await?;
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key LIKE 'judge:%'", 0).await?;
    Ok(())
}
