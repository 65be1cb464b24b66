//! What must hold whatever happens, judged from outside: what Telegram has done and been asked, against what people have done.

mod lifetimes;
mod members;
mod order;

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use telegram_sim::{
    ids::{ChatId, UserId},
    ledger::Calls,
    rights::Permissions,
    simulator::Delivery,
    world::{
        World,
        seeing::{Event, Standing, What},
    },
};

use super::{
    Violation,
    house::{House, Rules},
    town::Town,
};

/// What was found wrong, by town.
pub(super) struct Oracle {
    found: Vec<Vec<String>>,
    lifetimes: lifetimes::Lifetimes,
}

/// Where the clock was moved: how much of a time that passed in the world really passed.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<(i64, i64)>);

impl Moves {
    pub(super) fn note(&mut self, at_ms: i64, by: Duration) {
        self.0.push((at_ms, i64::try_from(by.as_millis()).unwrap_or(i64::MAX)));
    }

    /// The real milliseconds between two times of the world.
    fn real_ms(&self, from_ms: i64, to_ms: i64) -> i64 {
        let moved = self.0.iter().filter(|(at_ms, _)| (from_ms..to_ms).contains(at_ms));
        let moved_ms: i64 = moved.map(|(_, by_ms)| by_ms).sum();
        (to_ms - from_ms - moved_ms).max(0)
    }
}

/// All that is known of a town at the end.
struct Evidence<'a> {
    bot: UserId,
    events: Vec<Event>,
    calls: Calls,
    /// Of all towns.
    deliveries: &'a [Delivery],
    moves: &'a Moves,
    rules: Option<&'a Rules>,
}

impl Oracle {
    pub(super) fn new(towns: usize) -> Self {
        Self { found: vec![Vec::new(); towns], lifetimes: lifetimes::Lifetimes::default() }
    }

    /// Something of which it is not known where it happened: told with the first town.
    pub(super) fn somewhere(&mut self, what: &str) {
        if let Some(first) = self.found.first_mut() {
            first.push(format!("in one of the towns, {what}"));
        }
    }

    /// Looks around while the bot rests; `kills` are the times of the world at which its process was killed.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn look(
        &mut self,
        house: &mut House,
        towns: &[Town],
        kills: &[RangeInclusive<i64>],
    ) -> anyhow::Result<()> {
        let rules = house.rules().await?;
        let (world, sends) = (house.sim().world(), house.sim().calls());
        let sends = sends.only(|call| matches!(call.method.as_str(), "sendMessage" | "editMessageText"));
        for (town, found) in towns.iter().zip(&mut self.found) {
            self.lifetimes.look((&world, &sends, kills), town, rules.get(&town.group), found);
        }
        Ok(())
    }

    /// Judges all that has happened, at the end.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn judge(
        mut self,
        house: &mut House,
        towns: &[Town],
        moves: &Moves,
    ) -> anyhow::Result<Vec<Violation>> {
        for letter in house.dead_letters().await? {
            self.somewhere(&format!("a dead letter: {letter}"));
        }
        for line in house.lines().iter().filter(|line| line.contains("panicked")) {
            self.somewhere(&format!("a panic: {line}"));
        }
        let world = house.sim().world();
        let rules = house.rules().await?;
        let of_chat: HashMap<ChatId, usize> =
            towns.iter().enumerate().flat_map(|(at, town)| town.chats().map(move |chat| (chat, at))).collect();
        let mut events: Vec<Vec<Event>> = vec![Vec::new(); towns.len()];
        for event in world.chronicle(0) {
            if let Some(at) = of_chat.get(&event.chat) {
                events[*at].push(event);
            }
        }
        let mut calls: Vec<Calls> = vec![Calls::default(); towns.len()];
        for call in house.sim().calls().iter() {
            if let Some(at) = call.chat().and_then(|chat| of_chat.get(&chat)) {
                calls[*at].0.push(Arc::clone(call));
            }
        }
        let deliveries = house.sim().deliveries();
        let mut violations = Vec::new();
        for (((town, mut found), events), calls) in towns.iter().zip(self.found).zip(events).zip(calls) {
            let (bot, deliveries) = (world.bot(), &deliveries[..]);
            let evidence = Evidence { bot, events, calls, deliveries, moves, rules: rules.get(&town.group) };
            members::judge(&evidence, &world, town, &mut found);
            order::judge(&evidence, town, &mut found);
            if !found.is_empty() {
                let story = story(&evidence, town);
                let violation = |what| Violation { seed: town.seed, what, story: story.clone() };
                violations.extend(found.into_iter().map(violation));
            }
        }
        Ok(violations)
    }
}

/// How many mutes there were, and how many messages the bot has taken away.
pub(super) fn effects(world: &World) -> (usize, usize) {
    let bot = world.bot();
    let events = world.chronicle(0);
    let mutes =
        events.iter().filter(|event| matches!(&event.what, What::Became { by, new, .. } if *by == bot && mutes(new)));
    let deletes = events.iter().map(|event| match &event.what {
        What::Deleted { messages, by } if *by == bot => messages.len(),
        _ => 0,
    });
    (mutes.count(), deletes.sum())
}

/// Whether it is that of somebody who may not write.
fn mutes(standing: &Standing) -> bool {
    standing.permissions.is_some_and(|may| !may.has(Permissions::SEND_MESSAGES))
}

/// Everything in a town, in its order, as a person can follow it.
fn story(evidence: &Evidence<'_>, town: &Town) -> Vec<String> {
    let first_ms = evidence.events.first().map_or(0, |event| event.at_ms);
    // By time, and at the same time: what was done, what it made, what the bot asked.
    let mut lines: BTreeMap<(i64, u8, usize), String> = BTreeMap::new();
    for (number, entry) in town.journal.iter().enumerate() {
        lines.insert((entry.at_ms, 0, number), format!("* {}", entry.told));
    }
    for event in &evidence.events {
        lines.insert((event.at_ms, 1, event.number), format!("    {} {}", event.chat, told(&event.what)));
    }
    for (number, call) in evidence.calls.iter().enumerate() {
        lines.insert((call.at_ms, 2, number), format!("        {call}"));
    }
    lines.into_iter().map(|((at_ms, ..), line)| format!("{:>9.3} {line}", seconds(at_ms - first_ms))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "to be read, to the millisecond")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn told(what: &What) -> String {
    match what {
        What::Became { user, by, old, new } => {
            let muted = if mutes(new) { " (muted)" } else { "" };
            format!("{by} makes {user} {}{muted}, was {}", new.status, old.status)
        }
        What::Wrote { message, by, text, .. } => format!("{} writes {message}: {text:.60?}", by.map_or(0, |by| by.0)),
        What::Edited { message } => format!("{message} is edited"),
        What::Deleted { messages, by } => format!("{by} deletes {messages:?}"),
    }
}
