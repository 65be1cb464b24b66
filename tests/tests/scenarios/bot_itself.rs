//! The bot itself in a group: added, without rights, with rights again, thrown out, and back.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use sqlx::Connection as _;
use system_tests::{
    http::client,
    split::{self, WEBHOOK_SECRET},
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::{PATIENCE, wait_for},
};
use telegram_sim::{faults::Fault, ledger::Calls, rights::AdminRights};

const NO_DELETING: AdminRights = AdminRights::RESTRICT_MEMBERS;
const NO_MUTING: AdminRights = AdminRights::DELETE_MESSAGES;

#[rstest]
#[tokio::test]
async fn added_to_a_group_it_greets_once_and_the_greeting_always_names_the_next_step(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.story.group("Readers").open();
    corner.brings_bot_in();
    let hello = corner.bot_says("Hello! ").await?;
    let seen = hello.stands()?;
    assert!(seen.text.contains("make me an admin here who may delete messages and ban users"), "{seen:?}");
    assert!(seen.button("Make me an admin").is_some_and(|button| button.url.is_some()), "{seen:?}");

    for (rights, step) in [
        (AdminRights::MODERATOR, "send /protect @channel"),
        (NO_DELETING, "make me an admin"),
        (AdminRights::MODERATOR, "send /protect @channel"),
    ] {
        corner.lets_bot(rights);
        let changed = || hello.seen().filter(|seen| seen.text.contains(step)).map(drop);
        stage.story.until(&format!("the greeting to say {step:?}"), changed).await?;
    }
    stage.settled(&corner).await?;
    corner.calls().of("sendMessage").only(|call| call.text_arg("text").starts_with("Hello!")).exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_basic_group_is_told_to_become_a_supergroup_first_and_then_what_is_next(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let small = stage.story.basic_group("Friends").open();
    small.lets_bot(AdminRights::MODERATOR);
    let hello = small.bot_says("Hello! ").await?.stands()?;
    assert!(hello.text.contains("turn it into a supergroup"), "{hello:?}");

    let large = small.becomes_supergroup()?;
    let hello = large.bot_says("Hello! ").await?.stands()?;
    assert!(hello.text.contains("send /protect @channel"), "{hello:?}");
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    stage.protect(&large, &news).await?;
    stage.offender("Ann", &large).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn without_its_rights_nothing_is_enforced_and_with_them_it_goes_on_by_itself(
    #[values(StandAlone, Split)] form: Form,
    #[values(Some(NO_DELETING), Some(NO_MUTING), None)] left: Option<AdminRights>,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    match left {
        Some(rights) => place.corner.lets_bot(rights),
        None => place.corner.demotes_bot()?,
    }
    let notice = place.corner.bot_says("Protection is paused").await?;
    let missing = match left {
        Some(NO_DELETING) => "the right to delete messages here",
        Some(_) => "the right to ban users here",
        None => "the right to delete messages and ban users here",
    };
    assert!(notice.stands()?.text.contains(missing), "{notice:?}");

    let before = stage.sim().last_call();
    let ann = place.corner.person("Ann");
    let words = [ann.says(&place.corner, "one")?, ann.says(&place.corner, "two")?];
    let status = stage.ask(&place.corner.owner(), &place.corner, "/status").await?;
    assert!(status.text.starts_with("Protection is paused"), "{status:?}");
    for said in &words {
        said.stands()?;
    }
    assert!(ann.can_write_in(&place.corner));
    stage.sim().calls_after(before).about(&ann).none()?;
    for method in ["deleteMessage", "deleteMessages", "restrictChatMember"] {
        stage.sim().calls_after(before).of(method).none()?;
    }

    place.corner.lets_bot(AdminRights::MODERATOR);
    notice.gone().await?;
    place.corner.bot_says("Thank you, I have the rights").await?;
    ann.says(&place.corner, "three")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    place.corner.calls().ok().of("sendMessage").only(|call| call.text_arg("text").contains("paused:")).exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_loss_of_rights_that_nobody_told_of_is_noticed_by_the_call_that_fails(
    #[values(StandAlone, Split)] form: Form,
    #[values(NO_DELETING, NO_MUTING)] left: AdminRights,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.quietly_lets_bot(left);
    let ann = place.corner.person("Ann");
    ann.says(&place.corner, "hello")?;
    let notice = place.corner.bot_says("Protection is paused").await?;
    stage.settled(&place.corner).await?;
    assert!(ann.can_write_in(&place.corner));
    let warned = place.corner.calls().of("sendMessage").only(|call| call.text_arg("text").starts_with("Ann"));
    warned.none()?;

    let before = stage.sim().last_call();
    let hello = ann.says(&place.corner, "hello again")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;
    stage.sim().calls_after(before).about(&ann).none()?;

    // Nobody tells that they are back either: an admin who looks sets it going, or time does.
    place.corner.quietly_lets_bot(AdminRights::MODERATOR);
    stage.settled(&place.corner).await?;
    notice.gone().await?;
    stage.offender("Ben", &place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_pause_is_told_of_also_when_whoever_found_it_died_before_it_could_say_so(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.quietly_lets_bot(NO_DELETING);
    let hang = Fault::hang(Duration::from_secs(30)).on("sendMessage").in_chat(place.corner.id);
    let hang = stage.sim().fault(hang);
    place.corner.person("Ann").says(&place.corner, "hello")?;
    let paused = "SELECT COUNT(*) FROM bot_standings WHERE said LIKE 'lacks%' AND message_id IS NULL";
    stage.until_count(paused, 1).await?;
    stage.kill().await?;
    stage.sim().end_fault(hang);
    stage.start_again().await?;
    // Half a minute later.
    anyhow::ensure!(stage.make_due("standing").await? == 1, "nobody would look again");
    place.corner.bot_says("Protection is paused").await?;
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key = 'standing'", 1).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn whoever_could_not_be_released_without_rights_is_when_they_are_back(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    place.corner.demotes_bot()?;
    place.corner.bot_says("Protection is paused").await?;
    ann.joins(&place.news)?;
    stage.settled(&place.corner).await?;
    assert!(!ann.can_write_in(&place.corner));
    place.corner.lets_bot(AdminRights::MODERATOR);
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_notice_goes_with_the_protection(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.lets_bot(NO_DELETING);
    let notice = place.corner.bot_says("Protection is paused").await?;
    let reply = stage.ask(&place.corner.owner(), &place.corner, "/unprotect").await?;
    assert!(reply.text.starts_with("Protection is off."), "{reply:?}");
    notice.gone().await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn thrown_out_the_protection_ends_and_whom_it_muted_is_released_when_it_is_added_again(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let until = ann.status_in(&place.corner).until_date.unwrap_or_default();
    assert!(until > 0, "her mute ends by itself");
    place.corner.throws_bot_out();
    place.corner.lets_bot(AdminRights::MODERATOR);
    ann.free_in(&place.corner).await?;
    let ben = place.corner.person("Ben");
    let hello = ben.says(&place.corner, "hello")?;
    let status = stage.ask(&place.corner.owner(), &place.corner, "/status").await?;
    assert!(status.text.starts_with("This group is not protected"), "{status:?}");
    hello.stands()?;
    assert!(ben.can_write_in(&place.corner));

    stage.protect(&place.corner, &place.news).await?;
    stage.offender("Cem", &place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn added_again_without_rights_it_releases_as_soon_as_it_may(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    place.corner.throws_bot_out();
    place.corner.brings_bot_in();
    place.corner.bot_says("Hello! ").await?;
    assert!(!ann.can_write_in(&place.corner));
    place.corner.lets_bot(AdminRights::MODERATOR);
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_person_who_blocks_the_bot_and_thinks_better_of_it_is_answered(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let ann = stage.story.person("Ann");
    ann.tells_bot("/start")?;
    ann.hears("").await?;
    ann.blocks_bot();
    ann.unblocks_bot();
    let asked = ann.tells_bot("/help")?;
    let answered = || stage.story.world().bot_messages(ann.id).into_iter().find(|seen| seen.id > asked.id);
    stage.story.until("an answer after the block", answered).await?;
    assert!(stage.lines_with("dead letter").is_empty());
    Ok(())
}

/// Telegram keeps no order between what it tells of the bot and what people write; by polling it happens to.
#[tokio::test]
async fn a_protection_outlives_the_late_news_of_how_the_bot_was_added() -> anyhow::Result<()> {
    let split = split::Split::prepare().await?;
    let (_gateway, _worker) = split.start().await?;
    let place = split.protected_group().await?;
    let bot = json!({"id": split.sim.bot_id(), "is_bot": true, "first_name": "Bot"});
    let standing = |status: &str| json!({"status": status, "user": bot});
    let mut database = split.servers.database.connect().await?;
    let set_up_ms: i64 =
        sqlx::query_scalar("SELECT created_ms FROM group_channel_links").fetch_one(&mut database).await?;
    database.close().await?;
    let looks = |calls: &Calls| calls.of("getChatMember").about(split.sim.bot_id()).in_chat(place.group).ok().len();
    // A minute before it was set up; and within the same second, which is all that Telegram tells.
    for (update, date) in [(2_000_000_000, set_up_ms / 1000 - 60), (2_000_000_001, set_up_ms / 1000)] {
        let news = json!({"update_id": update, "my_chat_member": {
            "chat": {"id": place.group, "type": "supergroup", "title": "Readers"},
            "from": {"id": place.owner, "is_bot": false, "first_name": "Olga"},
            "date": date,
            "old_chat_member": standing("left"), "new_chat_member": standing("administrator"),
        }});
        let before = looks(&split.sim.calls());
        let gateway = format!("http://127.0.0.1:{}/telegram/webhook", split.webhook_port());
        let told = client().post(gateway).header("X-Telegram-Bot-Api-Secret-Token", WEBHOOK_SECRET).json(&news);
        told.send().await?.error_for_status()?;
        let looked = |calls: &Calls| (looks(calls) > before).then_some(());
        split.sim.wait_for("the bot to look at itself", PATIENCE, looked).await?;
    }

    let ann = split.world.person("Ann");
    split.world.join(place.group, ann)?;
    split.world.say(place.group, ann, "hello")?;
    let muted = |calls: &Calls| calls.of("restrictChatMember").about(ann).ok().iter().next().map(drop);
    split.sim.wait_for("Ann to be muted", PATIENCE, muted).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn rights_lost_in_a_raid_are_told_of_once(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.stop().await?;
    place.corner.quietly_lets_bot(NO_MUTING);
    for n in 0..6 {
        place.corner.person(&format!("Raider {n}")).says(&place.corner, "buy")?;
    }
    stage.start_again().await?;
    place.corner.bot_says("Protection is paused").await?;
    stage.settled(&place.corner).await?;
    place.corner.calls().of("sendMessage").only(|call| call.text_arg("text").contains("paused:")).exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_pause_is_looked_at_again_also_when_one_look_found_nothing_out(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.lets_bot(NO_DELETING);
    let notice = place.corner.bot_says("Protection is paused").await?;
    let bot = stage.sim().bot_id();
    let looks = || place.corner.calls().of("getChatMember").about(bot).len();
    let before = looks();
    let fault = stage.sim().fault(Fault::participant_id_invalid().in_chat(place.corner.id).about(bot));
    place.corner.quietly_lets_bot(AdminRights::MODERATOR);
    let until = async |what, is_so: &dyn Fn() -> bool| {
        let asked = async || {
            let planned = stage.make_due("standing%").await.map_err(|error| format!("{error:#}"))?;
            if is_so() { Ok(()) } else { Err(format!("{planned} looks are planned")) }
        };
        wait_for(what, PATIENCE, asked).await
    };
    until("a look", &|| looks() > before).await?;
    stage.sim().end_fault(fault);
    until("the protection to go on", &|| notice.seen().is_none()).await?;
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}
