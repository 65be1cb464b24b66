//! What could not be handled, in the hands of those who run the bot.

use anyhow::Context as _;
use rstest::rstest;
use serde_json::Value;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Protected, Stage,
    },
    wait::{PATIENCE, wait_for},
};
use telegram_sim::story::person::Person;

/// As often as an update is tried.
const TRIES: u32 = 5;

/// Breaks what the bot needs to act on an offence, and no more.
const BREAK: &str = "ALTER TABLE warnings RENAME TO warnings_away";
const MEND: &str = "ALTER TABLE warnings_away RENAME TO warnings";

/// Ann says something while the bot cannot act on it, again and again, until it is given up.
async fn given_up(stage: &Stage, said: &str) -> anyhow::Result<(Protected, Person)> {
    let place = stage.protected_group().await?;
    stage.execute(BREAK).await?;
    let ann = place.corner.person("Ann");
    ann.says(&place.corner, said)?;
    stage.process().line_with("dead letter", PATIENCE).await?;
    Ok((place, ann))
}

async fn listed(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let ended = stage.runs(&["dead-letters", "list", "--json"]).await?;
    anyhow::ensure!(ended.code == 0, "{ended:?}");
    Ok(serde_json::from_str(&ended.lines.join("\n"))?)
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_is_listed_and_shown_without_what_was_said_and_replayed(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let (place, ann) = given_up(&stage, "a secret word").await?;

    let letters = listed(&stage).await?;
    let [letter] = &letters[..] else { anyhow::bail!("not one: {letters:?}") };
    assert_eq!(letter["chat"], place.corner.id.0);
    assert_eq!(letter["attempts"], TRIES);
    assert!(letter["update_id"].is_i64() && letter["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{letter}");
    assert!(letter["reason"].as_str().is_some_and(|why| why.contains("warnings")), "{letter}");
    let id = letter["id"].as_u64().context("a number")?.to_string();

    let table = stage.runs(&["dead-letters", "list"]).await?;
    let shown = stage.runs(&["dead-letters", "show", &id]).await?;
    for told in [&table, &shown] {
        let text = told.lines.join("\n");
        assert!(told.code == 0 && text.contains(&place.corner.id.to_string()), "{told:?}");
        assert!(!text.contains("secret") && !text.contains("Ann"), "{text}");
    }
    let revealed = stage.runs(&["dead-letters", "show", &id, "--reveal-body"]).await?;
    assert!(revealed.lines.join("\n").contains("a secret word"), "{revealed:?}");

    stage.execute(MEND).await?;
    let replayed = stage.runs(&["dead-letters", "replay", &id]).await?;
    assert_eq!((replayed.code, &replayed.lines[..]), (0, &[format!("{id} replayed")][..]));
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    assert_eq!(listed(&stage).await?, [Value::Null; 0]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_letter_that_dies_again_is_kept_again_and_all_are_dropped_at_once(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    given_up(&stage, "hello").await?;
    let first = listed(&stage).await?;
    let replayed = stage.runs(&["dead-letters", "replay", "--all"]).await?;
    assert_eq!(replayed.code, 0, "{replayed:?}");
    let again = wait_for("the letter to die again", PATIENCE, async || match &listed(&stage).await {
        Ok(letters) if letters.len() == 1 => Ok(letters.clone()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(again[0]["update_id"], first[0]["update_id"]);
    assert_ne!(again[0]["id"], first[0]["id"]);

    let dropped = stage.runs(&["dead-letters", "drop", "--all"]).await?;
    assert_eq!((dropped.code, dropped.lines.len()), (0, 1), "{dropped:?}");
    let none = stage.runs(&["dead-letters", "list"]).await?;
    assert_eq!((none.code, &none.lines[..]), (0, &["There are no dead letters.".to_owned()][..]));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_wrong_number_is_told_and_ends_with_a_code(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let shown = stage.runs(&["dead-letters", "show", "77"]).await?;
    assert_eq!((shown.code, &shown.lines[..]), (1, &["there is no dead letter 77".to_owned()][..]));
    let dropped = stage.runs(&["dead-letters", "drop", "77"]).await?;
    let told = dropped.lines.iter().any(|line| line.contains("there is no dead letter 77"));
    assert!(dropped.code == 1 && told, "{dropped:?}");
    assert_eq!(stage.runs(&["dead-letters", "drop"]).await?.code, 2);
    Ok(())
}
