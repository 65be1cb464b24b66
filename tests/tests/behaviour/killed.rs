//! gmbot dies in the middle of its work, and goes on where it was.

use system_tests::{
    place::Place,
    standalone::{Standalone, warning},
    wait::PATIENCE,
};
use telegram_sim::{
    ids::{MessageId, UserId},
    ledger::Calls,
};

const GROUPS: usize = 20;
/// In each; as many as a merged warning names.
const OFFENDERS: usize = 5;

/// Somebody who writes in a group where they may not, or may.
struct Writer {
    place: Place,
    who: UserId,
    message: MessageId,
}

#[tokio::test]
async fn killed_in_the_middle_of_200_messages_it_loses_none_and_mutes_nobody_twice() -> anyhow::Result<()> {
    let mut bot = Standalone::start().await?;
    let places = futures::future::try_join_all((0..GROUPS).map(|_| bot.protected_group())).await?;
    let mut strangers = Vec::new();
    let mut subscribers = Vec::new();
    for place in places {
        for n in 0..OFFENDERS {
            for (name, writers) in [("Ann", &mut strangers), ("Ben", &mut subscribers)] {
                let who = bot.world.person_in(place.group, &format!("{name} {n}"));
                if name == "Ben" {
                    bot.world.seed_members(place.channel, &[who]);
                }
                let message = bot.world.say(place.group, who, "hello")?;
                writers.push(Writer { place, who, message });
            }
        }
    }
    let some = |calls: &Calls| (calls.of("restrictChatMember").len() > GROUPS).then_some(());
    bot.sim.wait_for("some of them to be muted", PATIENCE, some).await?;
    bot.process.kill().await?;
    let before = bot.sim.calls();
    let muted_before = before.of("restrictChatMember").len();
    assert!(muted_before < strangers.len(), "it was too late to kill it: {muted_before} were muted");

    bot.start_again().await?;
    for Writer { place, who, message } in &strangers {
        bot.deleted(place.group, *message).await?;
        bot.muted(place.group, *who).await?;
    }
    for place in strangers.iter().map(|writer| writer.place).step_by(OFFENDERS) {
        bot.settled(&place).await?;
    }
    for Writer { place, who, message } in &subscribers {
        assert!(bot.world.message(place.group, *message).is_some() && bot.world.can_speak(place.group, *who));
    }
    for Writer { place, who, .. } in &strangers {
        bot.until("everybody to be warned", |world| warning(world, place.group, *who)).await?;
    }
    let calls = bot.sim.calls();
    let (mut mutes, mut warnings) = (0, 0);
    for Writer { who, .. } in &strangers {
        let restricted = calls.of("restrictChatMember").about(*who);
        // One that was under way when it died is made once more, with the same end.
        let ends: Vec<_> = restricted.iter().map(|call| call.args.get("until_date").cloned()).collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{restricted}");
        mutes += restricted.len();
        warnings += told(&calls, *who);
    }
    assert!(mutes <= strangers.len() + GROUPS, "{mutes} mutes");
    // Fewer where one message came to name several of them.
    assert!(warnings <= strangers.len() + GROUPS, "{warnings} warnings");
    Ok(())
}

/// How many messages mention them.
fn told(calls: &Calls, who: UserId) -> usize {
    let mentions =
        |list: &serde_json::Value| list.as_array().is_some_and(|all| all.iter().any(|one| one["user"]["id"] == who.0));
    let parsed = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    calls.of("sendMessage").only(|call| call.args.get("entities").is_some_and(|list| mentions(&parsed(list)))).len()
}
