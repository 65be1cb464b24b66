//! After the load: waits until nothing is left to do, and puts the verdict together.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use shared::shard::Shards;
use sqlx::Connection as _;
use telegram_sim::ids::{ChatId, MessageId, UserId};
use tokio::time::{Instant, sleep};

use super::{
    Stage,
    fleet::{Fleet, stored},
    leases::{Leases, Register},
    load::Record,
    logs,
    options::{Kind, Options},
    oracle::{Evidence, Judgement, judge},
    plan::Service,
    takeover::{Takeover, Wait, median_and_most, takeovers, waits},
    verdict::Verdict,
    woken::woken,
};
use crate::split::Split;

/// The longest wait of a lane that was held is 15 s, and a mute is looked at again for up to 30 s after it.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
/// The longest wait of a lane: what is done longer is not acked because the ack was lost.
const ACKED_WITHIN: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Of one kind of violation so many are told.
const EXAMPLES: usize = 10;

/// Waits, judges, and counts.
///
/// # Errors
/// A server does not answer.
pub(super) async fn settle(
    stage: &Stage<'_>,
    fleet: &mut Fleet,
    options: &Options,
    register: &Register,
    lines_before: &[usize],
) -> anyhow::Result<Verdict> {
    let began = Instant::now();
    let record = stage.load.borrow().record.clone();
    let mut verdict = Verdict::empty(options);
    verdict.acts = stage.load.borrow().acts;
    verdict.acts_wanted =
        u64::from(options.rate) * u64::try_from(options.length().as_millis()).unwrap_or(u64::MAX / 5000) / 1000;
    let mut unsettled = until_settled(stage, &fleet.split, &record).await;
    if let Err(Unsettled::Unacked(count)) = unsettled
        && options.kind == Kind::Cluster
    {
        // Acks on their way to a node that dies are lost, and what they were for comes again when it is next asked for.
        verdict.unacked = count;
        (stage.tell)(&format!("{count} acks were lost: starting all workers again"));
        fleet.restart_workers().await?;
        unsettled = until_settled(stage, &fleet.split, &record).await;
    }
    verdict.drained_ms = whole_ms(began.elapsed());
    verdict.dead_letters = stored(&fleet.split).await?.1;
    stage.look();
    weigh(&mut verdict, stage, &fleet.split, &record, register);
    if let Some(service) = options.kind.service() {
        logs(&mut verdict, fleet, service, lines_before, options.judge_times).await;
    }
    if options.judge_times {
        judge_times(&mut verdict);
    }
    if let Err(unsettled) = unsettled {
        verdict.violations.push(unsettled.to_string());
    }
    if verdict.dead_letters > 0 {
        verdict.violations.push(format!("{} dead letters", verdict.dead_letters));
    }
    verdict.violations.extend(fleet.ended());
    let undone = usize::try_from(verdict.dead_letters).unwrap_or(usize::MAX).saturating_add(verdict.lost);
    verdict.handled = verdict.sent.saturating_sub(undone);
    Ok(verdict)
}

/// Holds what the bot did against what Telegram delivered.
fn weigh(verdict: &mut Verdict, stage: &Stage<'_>, split: &Split, record: &Record, register: &Register) {
    verdict.faults = stage.faults.borrow().clone();
    let witness = stage.witness.borrow();
    let log = stage.balancer.log();
    // A command is removed too, but not at once.
    let said: Standing = record.posts.iter().chain(&record.offences).copied().collect();
    let (standing, speaking) = world(split, record);
    let judgement = judge(&Evidence {
        record,
        taken: &log.taken,
        effects: &witness.effects,
        made: &witness.made,
        faults: &verdict.faults,
        standing: &standing,
        speaking: &speaking,
    });
    let held = register.held();
    let leases = Leases::of(Shards::default(), &witness.effects, &held);
    let mut waited = waits(&log.taken, &witness.effects);
    waited.retain(|wait| said.contains(&(wait.chat, wait.message)));
    verdict.waits_ms = percentiles(waited.iter().map(Wait::ms).collect());
    verdict.takeovers = takeovers(&leases, &verdict.faults, &witness.effects, &waited);
    verdict.sent = log.taken.iter().map(|taken| taken.update).collect::<BTreeSet<i64>>().len();
    verdict.refused = log.refused;
    count(verdict, judgement);
    let woken = woken(&leases, &verdict.faults, &witness.effects, &witness.made, record);
    (verdict.woken_calls, verdict.one_call) = (woken.calls, woken.one_call);
    if verdict.kind == Kind::Freeze {
        tell(&mut verdict.violations, woken.wrong);
    }
}

/// What a program looks at every few seconds it says that much later.
const SAID_WITHIN: Duration = Duration::from_secs(10);

/// What the programs said since the first fault.
async fn logs(verdict: &mut Verdict, fleet: &Fleet, service: Service, lines_before: &[usize], exactly: bool) {
    let deadline = Instant::now() + SAID_WITHIN;
    let wrong = loop {
        let mut wrong = Vec::new();
        verdict.said.clear();
        for ((name, lines), before) in fleet.lines().into_iter().zip(lines_before) {
            let lines = &lines[(*before).min(lines.len())..];
            verdict.said.extend(logs::said(&name, lines));
            wrong.extend(logs::faults_of(&name, lines, service, verdict.faults.len(), exactly));
        }
        if wrong.is_empty() || Instant::now() > deadline {
            break wrong;
        }
        sleep(LOOK_EVERY).await;
    };
    tell(&mut verdict.violations, wrong);
}

fn count(verdict: &mut Verdict, judgement: Judgement) {
    let Judgement { lost, muted_twice, warned_twice, answered_twice, out_of_order, wrong, .. } = &judgement;
    (verdict.lost, verdict.out_of_order) = (lost.len(), out_of_order.len());
    (verdict.muted_twice, verdict.warned_twice) = (muted_twice.len(), warned_twice.len());
    verdict.answered_twice = answered_twice.len();
    for violations in [lost, muted_twice, warned_twice, answered_twice, out_of_order, wrong] {
        tell(&mut verdict.violations, violations.clone());
    }
    let Judgement { warned_twice_in_flight, repeated, too_late, .. } = judgement;
    (verdict.warned_twice_in_flight, verdict.repeated, verdict.too_late) = (warned_twice_in_flight, repeated, too_late);
    let again = repeated + warned_twice_in_flight;
    if verdict.kind == Kind::Handover && again > 0 {
        verdict.violations.push(format!("{again} things were done again after a hand-over"));
    }
}

/// Half of all takeovers of a killed worker come within this time.
const TAKEOVER_MS: i64 = 400;
/// And each of them within this.
const WORST_TAKEOVER_MS: i64 = 4000;
/// No message waits longer where workers are asked to stop.
const HANDOVER_WAIT_MS: i64 = 1000;

/// What is promised of times.
fn judge_times(verdict: &mut Verdict) {
    match verdict.kind {
        Kind::Takeover => {
            let unfinished = verdict.takeovers.iter().filter(|one| one.ms().is_none()).count();
            if unfinished > 0 {
                verdict
                    .violations
                    .push(format!("{unfinished} times not all shards were leased anew before the next fault"));
            }
            match median_and_most(verdict.takeovers.iter().filter_map(Takeover::ms).collect()) {
                None => verdict.violations.push("nobody who worked was killed".to_owned()),
                Some((median, most)) => {
                    if median >= TAKEOVER_MS {
                        verdict.violations.push(format!("half of all takeovers took {median} ms or more"));
                    }
                    if most >= WORST_TAKEOVER_MS {
                        verdict.violations.push(format!("a takeover took {most} ms"));
                    }
                }
            }
        }
        Kind::Handover => {
            let longest = verdict.waits_ms[2];
            if longest > HANDOVER_WAIT_MS {
                verdict.violations.push(format!("a message waited for {longest} ms"));
            }
        }
        Kind::Mixed | Kind::Freeze | Kind::Postgres | Kind::Redis | Kind::Nats | Kind::Cluster => {}
    }
}

/// Adds the first few, and how many more there are.
fn tell(violations: &mut Vec<String>, mut found: Vec<String>) {
    let more = found.len().saturating_sub(EXAMPLES);
    found.truncate(EXAMPLES);
    violations.append(&mut found);
    if more > 0 {
        violations.push(format!("… and {more} more like that"));
    }
}

/// What is left to do at the end of all patience.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    /// Everything is done, and some of it is not acked.
    #[error("{0} messages of the stream are done and not acked")]
    Unacked(u64),
    #[error("not settled within {SETTLED_WITHIN:?}: {0}")]
    Undone(String),
}

/// Waits until everything is delivered, handled and written down.
async fn until_settled(stage: &Stage<'_>, split: &Split, record: &Record) -> Result<(), Unsettled> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let mut unacked_since = None;
    let mut left: Vec<(ChatId, MessageId)> = record.posts.iter().chain(&record.offences).copied().collect();
    loop {
        let state = match split.sim.pending_updates() {
            0 => {
                left.retain(|(chat, message)| split.world.message(*chat, *message).is_some());
                let muddled = record
                    .offenders
                    .iter()
                    .filter(|person| split.world.can_speak(person.0, person.1) != record.released.contains(person));
                match (left.len(), muddled.count(), queued(split).await) {
                    (0, 0, Ok((0, rows))) if rows.is_empty() => return Ok(()),
                    (0, 0, Ok((count, rows))) if rows.is_empty() => {
                        let since = *unacked_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > ACKED_WITHIN {
                            return Err(Unsettled::Unacked(count));
                        }
                        format!("{count} messages are not acked")
                    }
                    (messages, people, queued) => {
                        unacked_since = None;
                        let queued = queued.map(|(count, mut rows)| {
                            rows.truncate(EXAMPLES);
                            format!("{count} messages are queued, rows are open: {rows:?}")
                        });
                        format!("{messages} messages stand, {people} people are not as they should be, {queued:?}")
                    }
                }
            }
            pending => format!("{pending} updates wait at Telegram"),
        };
        if Instant::now() > deadline {
            return Err(Unsettled::Undone(state));
        }
        // Or the ledger would forget what nobody has looked at yet.
        stage.look();
        sleep(LOOK_EVERY).await;
    }
}

/// What the stream holds, and the rows of mutes and warnings that are between two states.
async fn queued(split: &Split) -> Result<(u64, Vec<String>), String> {
    const ROWS: &str = "SELECT 'mute of ' || user_id || ' in ' || group_id || ' is ' || state FROM mutes \
                        WHERE state IN ('pending', 'releasing') UNION ALL \
                        SELECT 'warning of ' || user_id || ' in ' || group_id || ' is ' || state FROM warnings \
                        WHERE state IN ('wanted', 'sending')";
    let asked = async {
        let mut connection = split.servers.database.connect().await?;
        let rows: Vec<String> = sqlx::query_scalar(ROWS).fetch_all(&mut connection).await?;
        connection.close().await?;
        anyhow::Ok((stored(split).await?.0, rows))
    };
    asked.await.map_err(|error| format!("{error:#}"))
}

type Standing = HashSet<(ChatId, MessageId)>;
type Speaking = HashSet<(ChatId, UserId)>;

/// Which messages of people are there, and which offenders can speak.
fn world(split: &Split, record: &Record) -> (Standing, Speaking) {
    let said = record.posts.iter().chain(&record.offences).chain(&record.innocent);
    let standing = said.filter(|(chat, message)| split.world.message(*chat, *message).is_some());
    let speaking = record.offenders.iter().filter(|(chat, user)| split.world.can_speak(*chat, *user));
    (standing.copied().collect(), speaking.copied().collect())
}

/// Half of them, 99 of 100, the longest.
fn percentiles(mut values: Vec<i64>) -> [i64; 3] {
    values.sort_unstable();
    let at = |index: usize| values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default();
    [at(values.len() / 2), at(values.len() * 99 / 100), at(values.len())]
}

fn whole_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_summed_up() {
        assert_eq!(percentiles((1..=200).rev().collect()), [101, 199, 200]);
        assert_eq!(percentiles(Vec::new()), [0, 0, 0]);
    }
}
