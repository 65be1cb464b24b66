//! A simulator that sent what Telegram would not send does not end quietly.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::*;
use crate::methods::Name;
use crate::reply::{Answer, ApiError};

#[tokio::test]
async fn dropping_a_simulator_that_sent_something_wrong_panics() -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await?;
    for _ in 0..3 {
        sim.hub.schema.check_update(&json!({ "update_id": 5 }));
    }
    let wrong = Answer::value(&json!({ "status": "left", "user": null }));
    assert!(sim.hub.schema.checked(Name::GetChatMember, Ok(wrong)).is_ok(), "it is sent all the same");
    let wrong = ApiError::flood(5).with_parameters(json!({ "retry_after": "5" }));
    assert!(sim.hub.schema.checked(Name::GetMe, Err(wrong)).is_err());
    let found: Vec<String> = sim.violations().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "each mistake once: {found:#?}");
    assert_eq!(found[1], r#"getChatMember: result.user has to be a User: {"status":"left","user":null}"#);
    assert!(found[2].starts_with("getMe: parameters.retry_after has to be an integer"), "{}", found[2]);
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(sim))).expect_err("the drop panics");
    let text = panicked.downcast_ref::<String>().expect("it says why");
    assert!(found.iter().all(|line| text.contains(line)), "{text}");
    Ok(())
}

#[tokio::test]
async fn violations_that_were_handed_over_or_not_looked_for_let_it_end() -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await?;
    sim.hub.schema.check_update(&json!({ "update_id": 5 }));
    assert_eq!(sim.take_violations().len(), 1);
    drop(sim);
    let sim = Simulator::start(SimConfig { check_schema: false, ..SimConfig::default() }).await?;
    sim.hub.schema.check_update(&json!({ "update_id": 5 }));
    assert_eq!(sim.violations(), []);
    Ok(())
}
