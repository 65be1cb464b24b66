//! People's acts in random order, with everything that goes wrong, on a clock that the run controls: whatever happens, nobody may be wrongly
//! or endlessly muted.
//!
//! Each seed has a town of its own: a group, channels, people, and what they do. Many towns share one gmbot and one simulated Telegram, and
//! the same moves of the clock; what they do is drawn from their seeds alone, so that a seed which failed can be played again.

mod act;
mod house;
mod oracle;
mod town;
mod trouble;

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use telegram_sim::{delivery_faults::DeliveryFaults, world::World};

use self::{
    house::{House, Patience, Rest},
    oracle::{Moves, Oracle},
    town::Town,
};
use crate::stage::Form;

/// How often everybody may act before the faults end.
const STEPS: usize = 20;

/// While calls are under way the time moves no further than this: they have time limits of their own, and a leap over all of them at once
/// is nothing that time does.
const SHORT: Duration = Duration::from_secs(8);

/// What was seen in one town that must not be.
#[derive(Clone, Debug)]
pub struct Violation {
    pub seed: u64,
    pub what: String,
    /// What was done and what happened in the town, in its order.
    pub story: Vec<String>,
}

/// What came of some towns.
#[derive(Debug, Default)]
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub acts: usize,
    pub calls: u64,
    pub mutes: usize,
    pub deletes: usize,
    pub kills: usize,
    /// The last lines of the process, if anything was wrong.
    pub lines: Vec<String>,
}

/// Plays these seeds together on one gmbot.
///
/// # Errors
/// Something does not start, or gmbot ends by itself.
pub async fn play(form: Form, seeds: &[u64]) -> anyhow::Result<Outcome> {
    let mut house = House::open(form).await?;
    let world = house.sim().world();
    world.keep_chronicle();
    let mut towns: Vec<Town> = seeds.iter().map(|seed| Town::found(&world, *seed)).collect();
    let mut oracle = Oracle::new(seeds.len());
    let mut moves = Moves::default();
    let mut kills = Vec::new();
    towns.iter_mut().for_each(|town| act::protect(town, &world));
    house.rests_at_last().await?;

    // The time is everybody's: drawn from the batch's first seed.
    let mut rng = StdRng::seed_from_u64(seeds.first().copied().unwrap_or(0));
    house.sim().set_delivery_faults(trouble::ON_THE_WAY);
    for _ in 0..STEPS {
        for town in &mut towns {
            trouble::perhaps(town, house.sim());
            for _ in 0..town.rng.random_range(0..5) {
                act::any(town, &world);
            }
        }
        if rng.random_bool(0.06) {
            let before_ms = world.now_ms();
            house.kill().await?;
            kills.push(before_ms..=world.now_ms());
            house.start_again().await?;
        }
        // Sometimes nobody waits for the bot.
        let rest = if rng.random_bool(0.8) { house.rests_in(Patience::Short).await? } else { Rest::Calls };
        if rest == Rest::Done {
            oracle.look(&mut house, &towns, &kills).await?;
        }
        let furthest = if rest == Rest::Calls { SHORT } else { Duration::MAX };
        move_on(&mut house, &mut moves, next_move(&mut rng).min(furthest)).await?;
    }

    house.sim().end_faults();
    house.sim().set_delivery_faults(DeliveryFaults::none());
    let now_ms = house.sim().clock().now_ms();
    for town in &mut towns {
        town.troubled_until_ms = town.troubled_until_ms.min(now_ms);
        act::make_good(town, &world);
    }
    // What was held up is tried again within a minute or two; the last of it must be done after four.
    if !rests_within(&mut house, &mut moves, 30).await? {
        let left = house.left_to_do().await?;
        oracle.somewhere(&format!("four minutes after the faults have ended gmbot still has to do {left}"));
    }
    // The re-checks of open mutes: after 1, 5 and 15 minutes, then hourly. Nothing goes wrong any more, so whether gmbot rests or not,
    // nothing may be there for longer than it should.
    for minutes in [2, 5, 15, 61, 61, 61] {
        move_on(&mut house, &mut moves, Duration::from_secs(60 * minutes)).await?;
        rests_within(&mut house, &mut moves, 10).await?;
        oracle.look(&mut house, &towns, &kills).await?;
    }
    let violations = oracle.judge(&mut house, &towns, &moves).await?;
    Ok(outcome(&house, &world, &towns, violations, kills.len()))
}

/// Whether gmbot has got everything done before the time has been moved so often.
async fn rests_within(house: &mut House, moves: &mut Moves, times: usize) -> anyhow::Result<bool> {
    for _ in 0..times {
        if house.rests_in(Patience::Long).await? == Rest::Done {
            return Ok(true);
        }
        move_on(house, moves, SHORT).await?;
    }
    Ok(false)
}

async fn move_on(house: &mut House, moves: &mut Moves, by: Duration) -> anyhow::Result<()> {
    moves.note(house.sim().clock().now_ms(), by);
    house.advance(by).await
}

/// From no time at all to a day.
fn next_move(rng: &mut StdRng) -> Duration {
    let seconds = match rng.random_range(0..100) {
        0..35 => 0,
        35..60 => rng.random_range(1..8),
        60..78 => rng.random_range(20..120),
        78..92 => rng.random_range(180..1_200),
        92..98 => rng.random_range(3_600..10_000),
        _ => 90_000,
    };
    Duration::from_secs(seconds)
}

fn outcome(house: &House, world: &World, towns: &[Town], violations: Vec<Violation>, kills: usize) -> Outcome {
    let (mutes, deletes) = oracle::effects(world);
    Outcome {
        acts: towns.iter().map(|town| town.journal.len()).sum(),
        calls: house.sim().last_call(),
        mutes,
        deletes,
        kills,
        lines: if violations.is_empty() { Vec::new() } else { house.lines() },
        violations,
    }
}
