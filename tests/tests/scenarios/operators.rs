//! For those who run the bot: its groups, its numbers, and the menus that clients offer.

use rstest::rstest;
use serde_json::json;
use system_tests::{
    process::Program,
    services::postgres::Postgres,
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::rights::AdminRights;

/// What this Telegram calls its first person, its second group or channel, and its first basic group.
const FIRST_PERSON: &str = "10000001";
const SECOND_PLACE: &str = "-1001000000002";
const FIRST_BASIC_GROUP: &str = "-4000001";

#[rstest]
#[tokio::test]
async fn a_private_bot_says_so_once_and_leaves_other_groups(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[("ALLOWED_GROUPS", SECOND_PLACE)]).await?;
    let place = stage.protected_group().await?;
    assert_eq!(place.corner.id.to_string(), SECOND_PLACE);
    stage.offender("Ann", &place.corner).await?;

    let other = stage.story.group("Strangers").person("Ben").open();
    other.lets_bot(AdminRights::MODERATOR);
    let gone = || (!stage.story.world().member(other.id, stage.story.world().bot()).is_present).then_some(());
    stage.story.until("the bot to leave", gone).await?;
    let said = other.calls().ok().of("sendMessage").exactly(1)?;
    assert!(said.iter().all(|call| call.text_arg("text").contains("I am a private bot")), "{said}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_group_that_is_no_longer_on_the_list_is_not_enforced_and_left(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    // The first group that it finds itself in is none of its own, as if the list had been shortened.
    let stage = Stage::open_with(form, &[("ALLOWED_GROUPS", "-1")]).await?;
    let corner = stage.story.group("Readers").open();
    corner.quietly_lets_bot(AdminRights::MODERATOR);
    let ann = corner.person("Ann");
    let hello = ann.says(&corner, "hello")?;
    let gone = || (!stage.story.world().member(corner.id, stage.story.world().bot()).is_present).then_some(());
    stage.story.until("the bot to leave", gone).await?;
    hello.stands()?;
    corner.calls().of("deleteMessage").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_group_on_the_list_stays_on_it_as_a_supergroup(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[("ALLOWED_GROUPS", FIRST_BASIC_GROUP)]).await?;
    let small = stage.story.basic_group("Friends").with_bot(AdminRights::MODERATOR).open();
    assert_eq!(small.id.to_string(), FIRST_BASIC_GROUP);
    small.bot_says("Hello! ").await?;
    let large = small.becomes_supergroup()?;
    large.bot_says("Hello! ").await?;
    let news = stage.story.channel("News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    stage.protect(&large, &news).await?;
    stage.offender("Ann", &large).await?;
    large.calls().of("leaveChat").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn stats_are_for_operators_in_private_and_an_unknown_command_to_all_others(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[("OPERATOR_IDS", FIRST_PERSON)]).await?;
    let oscar = stage.story.person("Oscar");
    assert_eq!(oscar.id.to_string(), FIRST_PERSON);
    let place = stage.protected_group().await?;
    stage.offender("Ann", &place.corner).await?;

    oscar.tells_bot("/stats")?;
    let told = oscar.hears("Protected groups: 1").await?.stands()?;
    for line in ["Required channels: 1", "Open mutes: 1", "Dead letters: 0", "Version 0."] {
        assert!(told.text.contains(line), "{line} is not in {told:?}");
    }

    let answers = async |name: &str, asked: &str| {
        let person = stage.story.person(name);
        person.tells_bot(asked)?;
        let next = || stage.story.world().bot_messages(person.id).into_iter().next();
        anyhow::Ok(stage.story.until("an answer", next).await?.text)
    };
    assert_eq!(answers("Ben", "/stats").await?, answers("Cem", "/unheard_of").await?);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn clients_offer_the_commands_that_fit_who_types_and_they_are_set_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let menus = [
        ("all_private_chats", vec!["start", "help"]),
        ("all_group_chats", vec!["status", "help"]),
        (
            "all_chat_administrators",
            vec!["setup", "protect", "unprotect", "status", "settings", "allow", "disallow", "help"],
        ),
    ];
    let offered = |scope: &str| {
        let commands = stage.story.world().bot_commands(scope);
        let names = commands.as_array().into_iter().flatten().map(|command| command["command"].clone());
        json!(names.collect::<Vec<_>>())
    };
    for (scope, commands) in &menus {
        let set = || (offered(scope) == json!(commands)).then_some(());
        stage.story.until(&format!("the menu of {scope}"), set).await?;
    }
    let before = stage.sim().last_call();
    stage.stop().await?;
    stage.start_again().await?;
    let asked = |calls: &telegram_sim::ledger::Calls| {
        (calls.only(|call| call.number > before).of("getMyCommands").ok().len() == menus.len()).then_some(())
    };
    stage.sim().wait_for("the menus to be looked at", std::time::Duration::from_secs(30), asked).await?;
    stage.sim().calls_after(before).of("setMyCommands").none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_database_goes_up_and_down_and_tells_its_version(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (program, database) = match form {
        StandAlone => (Program::Gmbot, folder.path().join("gmbot.db").into_os_string()),
        Split => (Program::Worker, Postgres::shared().await?.database().await?.url().into()),
    };
    let states = async |action: &[&str]| {
        let command = program.launch().arg("migrate").args(action).env("DATABASE_URL", &database);
        let ended = command.run(PATIENCE).await?;
        anyhow::ensure!(ended.code == 0, "{action:?}: {ended:?}");
        let state = |line: &String| {
            line.rsplit(' ').next().filter(|word| ["applied", "missing"].contains(word)).map(str::to_owned)
        };
        anyhow::Ok(ended.lines.iter().filter_map(state).collect::<Vec<_>>())
    };
    let before = states(&["status"]).await?;
    assert!(!before.is_empty() && before.iter().all(|state| state == "missing"), "{before:?}");
    let up = states(&["up"]).await?;
    assert!(up.len() == before.len() && up.iter().all(|state| state == "applied"), "{up:?}");
    let down = states(&["down"]).await?;
    assert_eq!(down.iter().filter(|state| *state == "missing").count(), 1, "{down:?}");
    let all = states(&["down", "--steps", &up.len().to_string()]).await?;
    assert_eq!(all, before);
    Ok(())
}
