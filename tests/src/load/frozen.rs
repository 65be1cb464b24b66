//! Redis hangs: how much longer messages stand.

use std::time::Duration;

use telegram_sim::ids::{ChatId, UserId};

use super::{
    options::Frozen,
    report::Report,
    site::{Site, evenly},
    stood::{Message, deletions},
};
use crate::{
    child::Signal,
    figures::{Spread, Times},
    split::UNLIMITED,
    wait::wait_for,
};

/// Every so many messages is written by somebody new who is not subscribed; the others are posts of a channel.
const STRANGERS: usize = 4;
/// What fills caches and pools.
const WARMING_UP_S: u16 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// A message, when it was written, and whether by somebody of whom nobody knows anything.
type Said = (Message, i64, bool);

pub(super) async fn run(options: &Frozen, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let Frozen { workers, groups, seconds, rate } = *options;
    let lasts = Duration::from_secs(seconds.into());
    let mut site = Site::open(workers, &UNLIMITED).await?;
    let messages = usize::try_from(rate)? * usize::from(2 * seconds + WARMING_UP_S);
    let places = site.protected(groups, messages / STRANGERS / usize::from(groups) + 2, 10).await?;
    let world = site.split.world.clone();
    let voices: Vec<(ChatId, UserId, ChatId)> = places
        .iter()
        .map(|(place, _)| {
            let person = world.person_in(place.group, "Victor");
            (place.group, person, world.channel("The voice of Victor", None, person))
        })
        .collect();
    tell(&format!("{groups} groups are protected by {workers} workers"));

    let (sim, clock) = (&site.split.sim, site.split.sim.clock());
    let before = sim.last_call();
    let mut said: Vec<Said> = Vec::new();
    let mut number = 0_usize;
    let mut say = |_| {
        number += 1;
        let at_ms = clock.now_ms();
        let is_stranger = number.is_multiple_of(STRANGERS);
        let message = if is_stranger {
            let turn = number / STRANGERS;
            let place = &places[turn % places.len()].0;
            let stranger = place.members[turn / places.len()];
            world.say(place.group, stranger, "Buy this!").map(|message| (place.group, message))
        } else {
            let (group, person, voice) = voices[number % places.len()];
            world.say_as_channel(group, voice, person, "Look at me!").map(|message| (group, message))
        };
        if let Ok(message) = message {
            said.push((message, at_ms, is_stranger));
        }
    };
    evenly(rate, Duration::from_secs(WARMING_UP_S.into()), &mut say).await;
    let begun_ms = clock.now_ms();
    evenly(rate, lasts, &mut say).await;
    site.redis.signal(Signal::STOP)?;
    let frozen_ms = clock.now_ms();
    tell("Redis hangs");
    evenly(rate, lasts, &mut say).await;
    let ended_ms = clock.now_ms();
    let gone = async || {
        let deleted = deletions(&sim.calls_after(before));
        let left = said.iter().filter(|(message, ..)| !deleted.contains_key(message)).count();
        if left == 0 { Ok(deleted) } else { Err(format!("{left} of {} still stand", said.len())) }
    };
    let deleted = wait_for("all of them to be deleted", PATIENCE, gone).await;
    site.redis.signal(Signal::CONT)?;
    let deleted = deleted?;

    let stood = |from_ms: i64, to_ms: i64, of: &dyn Fn(bool) -> bool| -> Spread {
        let within = said.iter().filter(|(_, at_ms, stranger)| (from_ms..to_ms).contains(at_ms) && of(*stranger));
        let times = within.filter_map(|(message, at_ms, _)| i32::try_from(deleted.get(message)? - at_ms).ok());
        times.map(f64::from).collect::<Times>().spread()
    };
    let mut report = Report::new(format!(
        "frozen: {workers} workers, {groups} groups, {rate} messages/s, Redis hangs for {seconds} s"
    ));
    for (who, of) in [("all", None), ("posts of channels", Some(false)), ("messages of strangers", Some(true))] {
        let of = move |stranger| of.is_none_or(|of| of == stranger);
        let before = stood(begun_ms, frozen_ms, &of);
        let first = stood(frozen_ms, frozen_ms + 1000, &of);
        let after = stood(frozen_ms + 1000, ended_ms, &of);
        report.tell(&format!("{who}, before"), before);
        report.judge_time(
            &format!("{who}, first second"),
            first,
            "p95 at most 60 ms more",
            first.p95 <= before.p95 + 60.0,
        );
        report.judge_time(&format!("{who}, afterwards"), after, "p95 at most 2 ms more", after.p95 <= before.p95 + 2.0);
    }
    Ok(report)
}
