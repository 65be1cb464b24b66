//! A channel that cannot be asked about: nobody suffers for it, its groups know, and it comes back by itself.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{faults::Fault, ledger::Call, rights::AdminRights, story::place::Place};

const LOST: &str = "I can no longer see who is subscribed to";
const BACK: &str = "I can see again who is subscribed to";

/// Another group of Olga's that requires the same channel.
async fn another_group(stage: &Stage, news: &Place, title: &str) -> anyhow::Result<Place> {
    let group = stage.story.group(title).with_bot(AdminRights::MODERATOR).open();
    stage.protect(&group, news).await?;
    Ok(group)
}

fn is_news(call: &Call) -> bool {
    call.text_arg("text").starts_with(LOST)
}

/// How often Telegram was asked about people in the channel.
fn questions(place: &Protected) -> usize {
    place.news.calls().of("getChatMember").len()
}

#[rstest]
#[tokio::test]
async fn a_lost_channel_frees_whoever_is_muted_only_because_of_it_and_tells_the_groups_and_the_owner_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.owner().tells_bot("/start")?;
    let other = another_group(&stage, &place.news, "Writers").await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let (bob, _) = stage.offender("Bob", &other).await?;

    place.news.throws_bot_out();
    ann.free_in(&place.corner).await?;
    bob.free_in(&other).await?;
    warning.gone().await?;
    for group in [&place.corner, &other] {
        let notice = group.bot_says(LOST).await?.stands()?;
        anyhow::ensure!(notice.text.contains("make me an admin of"), "it says what to do: {notice:?}");
    }
    place.corner.owner().hears(LOST).await?;

    let asked = questions(&place);
    let hello: Vec<_> = (0..5).map(|n| ann.says(&place.corner, &format!("hello {n}"))).collect::<Result<_, _>>()?;
    stage.settled(&place.corner).await?;
    for said in &hello {
        said.stands()?;
    }
    anyhow::ensure!(ann.can_write_in(&place.corner), "nobody is muted");
    // `/status` looks at the bot itself, and nobody at Ann.
    let about_ann = place.news.calls().of("getChatMember").about(&ann).len();
    anyhow::ensure!(questions(&place) - asked <= 2 && about_ann <= 4, "{}", place.news.calls());
    for group in [&place.corner, &other] {
        group.calls().of("sendMessage").only(is_news).exactly(1)?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_channel_that_is_back_is_asked_for_again_at_once_and_the_notice_goes(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.corner.owner().tells_bot("/start")?;
    place.news.throws_bot_out();
    let notice = place.corner.bot_says(LOST).await?;
    place.corner.owner().hears(LOST).await?;

    place.news.lets_bot(AdminRights::INVITE_USERS);
    notice.gone().await?;
    place.corner.bot_says(BACK).await?;
    place.corner.owner().hears(BACK).await?;
    stage.offender("Ann", &place.corner).await?;
    Ok(())
}

/// Nobody tells that the bot has lost its place: Telegram's answer about a member does.
#[rstest]
#[tokio::test]
async fn an_error_that_says_the_set_up_is_broken_opens_the_breaker_and_the_next_probe_closes_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let fault = Fault::error(400, "Bad Request: CHAT_ADMIN_REQUIRED").on("getChatMember").in_chat(place.news.id);
    let fault = stage.sim().fault(fault);
    let bob = place.corner.person("Bob");
    let hello = bob.says(&place.corner, "hello")?;
    let notice = place.corner.bot_says(LOST).await?;
    ann.free_in(&place.corner).await?;
    hello.stands()?;

    stage.sim().end_fault(fault);
    anyhow::ensure!(stage.make_due("probe").await? == 1, "it is probed again, later");
    notice.gone().await?;
    place.corner.bot_says(BACK).await?;
    bob.says(&place.corner, "hello again")?.gone().await?;
    bob.muted_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn trouble_that_passes_never_opens_the_breaker(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let troubles = [
        Fault::error(400, "Bad Request: PARTICIPANT_ID_INVALID"),
        Fault::error(400, "Bad Request: member not found"),
        Fault::flood(1),
        Fault::error(500, "Internal Server Error"),
    ];
    for trouble in troubles {
        let fault = stage.sim().fault(trouble.on("getChatMember").in_chat(place.news.id).about(ann.id));
        let hello = ann.says(&place.corner, "hello")?;
        stage.settled(&place.corner).await?;
        hello.stands()?;
        stage.sim().end_fault(fault);
    }
    anyhow::ensure!(stage.count("SELECT COUNT(*) FROM channel_breakers").await? == 0, "no breaker is open");
    anyhow::ensure!(stage.count("SELECT COUNT(*) FROM tasks WHERE key = 'probe'").await? == 0, "nobody suspects one");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_other_channel_is_still_asked_for_and_status_shows_the_lost_one(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let art = stage.story.channel("Art").public("daily_art").with_bot(AdminRights::INVITE_USERS).open();
    // As `/protect` does with *require both*.
    stage
        .change(
            "INSERT INTO enforced_channels (channel_id, title, username, created_ms, updated_ms) \
             SELECT CAST($1 AS BIGINT), 'Art', 'daily_art', 1, 1",
            &art.id.to_string(),
        )
        .await?;
    stage
        .change(
            "INSERT INTO group_channel_links (group_id, channel_id, position, created_ms) \
             SELECT group_id, CAST($1 AS BIGINT), 1, 1 FROM protected_groups",
            &art.id.to_string(),
        )
        .await?;
    art.throws_bot_out();
    place.corner.bot_says(LOST).await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let status = stage.ask(&place.corner.owner(), &place.corner, "/status").await?;
    anyhow::ensure!(status.text.contains("Channel Art: I am not an admin there"), "{status:?}");
    let buttons = warning.stands()?.buttons;
    anyhow::ensure!(buttons.len() == 2, "one channel to join, and the press: {buttons:?}");
    ann.joins(&place.news)?;
    ann.free_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_notice_goes_with_the_protection_and_stays_away(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    place.news.throws_bot_out();
    let notice = place.corner.bot_says(LOST).await?;
    stage.ask(&place.corner.owner(), &place.corner, "/unprotect").await?;
    notice.gone().await?;
    // Nobody requires it any more: the next probe ends the matter.
    stage.make_due("probe").await?;
    stage.until_count("SELECT COUNT(*) FROM channel_breakers", 0).await?;
    Ok(())
}

/// A channel that many groups require: what they are told does not crowd out what somebody waits for.
#[rstest]
#[tokio::test]
async fn news_for_many_groups_is_paced_and_a_command_does_not_wait_for_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    const GROUPS: usize = 40;
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let mut groups = Vec::new();
    for n in 1..GROUPS {
        groups.push(another_group(&stage, &place.news, &format!("Group {n}")).await?);
    }
    let elsewhere = stage.protected_group().await?;
    place.news.throws_bot_out();
    let first = || stage.story.calls().of("sendMessage").iter().find(|call| is_news(call)).map(drop);
    stage.story.until("the first news", first).await?;
    let reply = stage.ask(&elsewhere.corner.owner(), &elsewhere.corner, "/status").await?;
    anyhow::ensure!(reply.text.starts_with("Protection is on."), "{reply:?}");
    let told = stage.story.calls().of("sendMessage").only(is_news).len();
    anyhow::ensure!(told < GROUPS, "the reply came before the last news: {told} told");
    for group in groups.iter().chain([&place.corner]) {
        group.bot_says(LOST).await?;
    }
    let news = stage.story.calls().of("sendMessage").only(is_news);
    let at: Vec<i64> = news.iter().map(|call| call.at_ms).collect();
    let took = at.iter().max().zip(at.iter().min()).map(|(last, first)| last - first);
    anyhow::ensure!(took >= Some(6_000), "some five a second: {took:?} ms for {GROUPS}");
    Ok(())
}
