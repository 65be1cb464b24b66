//! The forms that a loose answer takes.

use futures::future::try_join_all;
use serde_json::{Map, Value, json};
use system_tests::{
    standalone::Standalone,
    wait::{PATIENCE, wait_for},
};
use telegram_sim::faults::{Fault, Harm};

#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) fault: Fault,
}

/// Answers that are none.
pub(super) fn failures() -> Vec<Form> {
    let raw =
        |body: &str| Harm::Raw { status: 200, content_type: "application/json".to_owned(), body: body.to_owned() };
    let form = |name, harm| Form { name, fault: Fault::new(harm) };
    let mut failures = vec![
        form("a result of null", raw(r#"{"ok":true,"result":null}"#)),
        form("no result", raw(r#"{"ok":true}"#)),
        form("half an answer", raw(r#"{"ok":true,"resu"#)),
        form("status 200 and not ok", raw(r#"{"ok":false}"#)),
        form("a 502 in HTML", Harm::Html502),
        form("an empty 500", Harm::Empty500),
        form("a connection that is cut", Harm::Cut),
    ];
    let flood = Fault::error(429, "Too Many Requests");
    failures.push(Form { name: "a 429 that does not say how long", fault: flood });
    failures
}

/// What is said of somebody who is simply not in the channel.
pub(super) fn strangers() -> Vec<Form> {
    let texts = ["Bad Request: member not found", "Bad Request: PARTICIPANT_ID_INVALID", "Bad Request: user not found"];
    texts.map(|text| Form { name: text, fault: Fault::error(400, text) }).to_vec()
}

/// Answers of an older server: without these fields.
pub(super) fn without(fields: &[&str]) -> Fault {
    Fault::new(Harm::Patch { remove: fields.iter().map(|field| (*field).to_owned()).collect(), set: Map::new() })
}

/// Answers of a newer server: with fields of every type that nobody knows.
pub(super) fn with_more() -> Fault {
    let more = json!({ "novelty": { "deep": [1, null, { "x": "y" }] }, "can_fly": true, "is_premium_plus": null, "rank": 7.5 });
    let Value::Object(set) = more else { return without(&[]) };
    Fault::new(Harm::Patch { remove: Vec::new(), set })
}

/// Tries a story with each form at the same time, each with a gmbot of its own, which must not panic in it.
///
/// # Errors
/// A story did not go as told; the text says with which form.
pub(super) async fn each(
    forms: Vec<Form>,
    story: impl AsyncFn(&Form) -> anyhow::Result<Standalone>,
) -> anyhow::Result<()> {
    let stories = forms.iter().map(async |form| {
        let told = async { sound(story(form).await?) };
        told.await.map_err(|error| error.context(form.name))
    });
    try_join_all(stories).await.map(drop)
}

/// It is alive, for it takes a signal that changes nothing, and has not panicked.
fn sound(mut bot: Standalone) -> anyhow::Result<()> {
    let panics = bot.process.lines_with("panicked");
    anyhow::ensure!(panics.is_empty(), "{panics:?}");
    bot.process.signal(system_tests::child::Signal::CONT)
}

/// Waits for a line of the log that holds all of this.
///
/// # Errors
/// None came.
pub(super) async fn logged(bot: &Standalone, parts: &[&str]) -> anyhow::Result<()> {
    let holds = |line: &String| parts.iter().all(|part| line.contains(part));
    wait_for(&format!("a line of the log with {parts:?}"), PATIENCE, async || {
        let lines = bot.process.lines();
        let found = lines.iter().any(holds);
        if found { Ok(()) } else { Err(lines[lines.len().saturating_sub(20)..].join("\n")) }
    })
    .await
}
