//! A simulator that sent what Telegram would not send does not end quietly.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::*;
use crate::faults::{Fault, Harm};
use crate::ids::ChatId;
use crate::state::updates::{Kind, QueueId};

async fn call(sim: &Simulator, method: &str) -> anyhow::Result<Value> {
    let url = format!("{}/bot{}/{method}", sim.api_url(), sim.token());
    let client = reqwest::Client::builder().no_proxy().build()?;
    Ok(serde_json::from_slice(&client.get(url).send().await?.bytes().await?)?)
}

/// Mistakes that the simulator could make: a command without its description, a message without anything.
fn spoil(sim: &Simulator) {
    let default_scope = (json!({ "type": "default" }).to_string(), String::new());
    sim.hub.change(|state| {
        state.commands.insert(default_scope, json!([{ "command": "help" }]));
        state.updates.push(Kind::Message, QueueId::Chat(ChatId(-1)), 0, i64::MAX, &json!({ "date": null }));
    });
}

#[test]
fn a_bots_name_is_one_that_telegram_takes() {
    let long = format!("{}bot", "x".repeat(30));
    for (name, is_one) in [
        ("gatekeeper_test_bot", true),
        ("MyBot", true),
        ("@my_bot", false),
        ("1_bot", false),
        ("abot", false),
        ("gatekeeper", false),
        ("my bot", false),
        (long.as_str(), false),
    ] {
        assert_eq!(names_a_bot(name), is_one, "{name}");
    }
}

#[tokio::test]
async fn dropping_a_simulator_that_sent_something_wrong_panics() -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await?;
    spoil(&sim);
    for _ in 0..3 {
        assert_eq!(call(&sim, "getMyCommands").await?["ok"], true, "it is sent all the same");
    }
    let found: Vec<String> = sim.violations().iter().map(ToString::to_string).collect();
    let expected = [
        "update: update.message.date has to be an integer: {\"date\":null}",
        "update: update.message.message_id has to be an integer, for every Message has it: {\"date\":null}",
        "update: update.message.chat has to be a Chat, for every Message has it: {\"date\":null}",
        "getMyCommands: result[0].description has to be a string, for every BotCommand has it: {\"command\":\"help\"}",
    ];
    assert_eq!(found, expected, "each mistake once");
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(sim))).expect_err("the drop panics");
    let text = panicked.downcast_ref::<String>().expect("it says why");
    assert!(found.iter().all(|line| text.contains(line)), "{text}");
    Ok(())
}

#[tokio::test]
async fn violations_that_were_handed_over_or_not_looked_for_let_it_end() -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await?;
    spoil(&sim);
    assert_eq!(sim.take_violations().len(), 3);
    drop(sim);
    let sim = Simulator::start(SimConfig { check_schema: false, ..SimConfig::default() }).await?;
    spoil(&sim);
    call(&sim, "getMyCommands").await?;
    assert_eq!(sim.violations(), []);
    Ok(())
}

#[tokio::test]
async fn what_a_fault_spoils_on_purpose_is_no_violation() -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await?;
    sim.fault(Fault::new(Harm::Patch { remove: vec!["id".into()], set: serde_json::Map::new() }).on("getMe"));
    assert_eq!(call(&sim, "getMe").await?["result"].get("id"), None);
    sim.end_faults();
    assert!(call(&sim, "getMe").await?["result"]["id"].is_i64());
    assert_eq!(sim.violations(), []);
    Ok(())
}
