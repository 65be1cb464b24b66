//! Presses of the button, while a broadcast and hundreds of warnings wait for their turn.

use std::time::Duration;

use anyhow::Context as _;
use telegram_sim::{
    floods::FloodLimits,
    ids::{ChatId, MessageId, UserId},
    world::seeding::SeededGroup,
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

use super::{
    options::Press,
    report::Report,
    site::Site,
    stood::{Message, deletions},
};
use crate::{figures::Times, process::Process, split::UNLIMITED, wait::wait_for};

/// Telegram names no limit for questions and deletions: with these the warnings are what waits.
const QUICK: [(&str, &str); 2] = [("LIMIT_READ_PER_S", "2000"), ("LIMIT_MODERATE_PER_S", "2000")];
/// Between two presses, and between two messages that are deleted.
const EVERY: Duration = Duration::from_millis(100);
const GROUPS_A_CHANNEL: usize = 500;
/// As long as messages are deleted before anything waits.
const BEFORE: usize = 100;
/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody who is muted, and the warning that names them.
struct Muted {
    group: ChatId,
    channel: ChatId,
    person: UserId,
    warning: MessageId,
    button: String,
}

pub(super) async fn run(options: &Press, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let Press { workers, groups, warnings, presses } = *options;
    let parts = usize::from(presses) + usize::from(warnings) + 1;
    anyhow::ensure!(usize::from(groups) >= parts, "--groups has to be at least {parts}");
    let mut site = Site::open(workers, &UNLIMITED).await?;
    let places = site.protected(groups, 1, GROUPS_A_CHANNEL).await?;
    tell(&format!("{groups} groups are protected"));
    let (theirs, rest) = places.split_at(presses.into());
    let (flooded, rest) = rest.split_at(warnings.into());
    let (quiet, _) = rest.first().context("one group is left")?;
    let muted = mute(&site, theirs).await?;
    site.restart(&QUICK).await?;
    site.split.sim.set_floods(FloodLimits::telegram());

    let alone = write_as_channel(&site, quiet, BEFORE).await?;
    let mut broadcast = broadcast(&site).await?;
    tell("the broadcast goes on");
    let before = site.split.sim.last_call();
    for (place, _) in flooded {
        let offender = place.members.first().context("one member")?;
        site.split.world.say(place.group, *offender, "Buy this!")?;
    }
    let all_muted = |calls: &telegram_sim::ledger::Calls| {
        (calls.of("restrictChatMember").ok().len() >= flooded.len()).then_some(())
    };
    site.split.sim.wait_for("all to be muted", PATIENCE, all_muted).await?;
    let warned = |site: &Site| {
        let sent = site.split.sim.calls_after(before).of("sendMessage").ok();
        flooded.iter().filter(|(place, _)| !sent.in_chat(place.group).is_empty()).count()
    };
    let waiting_first = flooded.len() - warned(&site);
    tell(&format!("{waiting_first} warnings wait"));

    let (answers, beside) = tokio::join!(press_all(&site, &muted), write_as_channel(&site, quiet, presses.into()));
    let (answers, beside) = (answers?, beside?);
    let waiting_last = flooded.len() - warned(&site);
    let sent_to_all = site.split.sim.calls_after(before).of("sendMessage").only(|call| call.text_arg("text") == TEXT);
    site.split.worker().env("RUST_LOG", "error").args(["broadcast", "--cancel"]).run(PATIENCE).await?;
    broadcast.exited(PATIENCE).await?;

    let mut report = Report::new(format!(
        "press: {workers} workers, a broadcast to {groups} groups and {warnings} warnings wait, {presses} presses"
    ));
    report.tell("warnings that waited at the first press", waiting_first);
    report.tell("warnings that waited after the last", waiting_last);
    report.tell("groups that the broadcast reached meanwhile", sent_to_all.len());
    let answers = answers.spread();
    report.judge_time("a press is answered after", answers, "p95 under 100 ms", answers.p95 < 100.0);
    let (alone, beside) = (alone.spread(), beside.spread());
    report.tell("deletes with nothing waiting", alone);
    let is_close = beside.p95 <= alone.p95 + 10.0;
    report.judge_time("deletes meanwhile", beside, "p95 at most 10 ms more", is_close);
    Ok(report)
}

const TEXT: &str = "News of gmbot";

/// One in each group writes, is muted and warned.
async fn mute(site: &Site, places: &[(SeededGroup, ChatId)]) -> anyhow::Result<Vec<Muted>> {
    let world = &site.split.world;
    let mut muted = Vec::new();
    for (place, _) in places {
        world.say(place.group, *place.members.first().context("one member")?, "Buy this!")?;
    }
    for (place, channel) in places {
        let warning = async || {
            let shown = world.bot_messages(place.group).into_iter().find_map(|seen| {
                let button = seen.buttons.iter().flatten().find(|button| button.data.is_some())?.label.clone();
                Some((seen.id, button))
            });
            shown.ok_or_else(|| "there is none".to_owned())
        };
        let (warning, button) = wait_for("a warning", PATIENCE, warning).await?;
        let person = *place.members.first().context("one member")?;
        muted.push(Muted { group: place.group, channel: *channel, person, warning, button });
    }
    Ok(muted)
}

async fn broadcast(site: &Site) -> anyhow::Result<Process> {
    let before = site.split.sim.last_call();
    let command = site.split.worker().args(["broadcast", "--yes", TEXT]);
    let process = command.spawn()?;
    let goes_on = |calls: &telegram_sim::ledger::Calls| {
        calls.only(|call| call.number > before && call.text_arg("text") == TEXT).iter().next().map(drop)
    };
    site.split.sim.wait_for("the broadcast to begin", PATIENCE, goes_on).await?;
    Ok(process)
}

/// Each presses once, every other one after subscribing: how long until they saw the answer.
async fn press_all(site: &Site, muted: &[Muted]) -> anyhow::Result<Times> {
    let world = &site.split.world;
    let mut ticks = interval(EVERY);
    let mut answers = JoinSet::new();
    for (n, Muted { group, channel, person, warning, button }) in muted.iter().enumerate() {
        ticks.tick().await;
        if n % 2 == 0 {
            // Without an update, which would free them before they press.
            world.seed_members(*channel, &[*person]);
        }
        let (pressed, press) = (Instant::now(), world.press(*person, *group, *warning, button)?);
        answers.spawn(async move {
            press.answer(PATIENCE).await?;
            anyhow::Ok(pressed.elapsed().as_secs_f64() * 1e3)
        });
    }
    let times: Vec<anyhow::Result<f64>> = answers.join_all().await;
    times.into_iter().collect()
}

/// Somebody writes as a channel, which needs no question to anybody: how long each message stood.
async fn write_as_channel(site: &Site, place: &SeededGroup, count: usize) -> anyhow::Result<Times> {
    let (world, sim) = (&site.split.world, &site.split.sim);
    let person = world.person_in(place.group, "Victor");
    let voice = world.channel("The voice of Victor", None, person);
    let before = sim.last_call();
    let mut said: Vec<(Message, i64)> = Vec::new();
    let mut ticks = interval(EVERY);
    for _ in 0..count {
        ticks.tick().await;
        let at_ms = sim.clock().now_ms();
        let message = world.say_as_channel(place.group, voice, person, "Look at me!")?;
        said.push(((place.group, message), at_ms));
    }
    let stood = async || {
        let deleted = deletions(&sim.calls_after(before));
        let stood: Vec<f64> = said
            .iter()
            .filter_map(|(message, said_ms)| i32::try_from(deleted.get(message)? - said_ms).ok())
            .map(f64::from)
            .collect();
        if stood.len() == count {
            Ok(stood.into_iter().collect())
        } else {
            Err(format!("{} of {count} are", stood.len()))
        }
    };
    wait_for("all of them to be deleted", PATIENCE, stood).await
}
