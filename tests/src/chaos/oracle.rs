//! What must have come of everything that Telegram delivered, and what did. Pure.
//!
//! A redelivery may repeat what nobody notices: a delete, an answer that Telegram refuses, a mute as it is already. It may not lose anything, turn
//! the order of a chat's messages, mute anybody twice, or answer a press twice. A warning may come twice where one of them was being
//! sent when a fault came.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use telegram_sim::ids::{ChatId, MessageId, UserId};

use super::{
    balancer::{About, Taken},
    fleet::Happened,
    load::Record,
    plan::Harm,
    takeover::{Wait, waits},
    witness::{Effect, Made, What},
};

/// Everything that is known at the end.
pub struct Evidence<'a> {
    pub record: &'a Record,
    pub taken: &'a [Taken],
    pub effects: &'a [Effect],
    pub made: &'a [Made],
    pub faults: &'a [Happened],
    /// Messages of people that are there.
    pub standing: &'a HashSet<(ChatId, MessageId)>,
    /// Offenders who can speak.
    pub speaking: &'a HashSet<(ChatId, UserId)>,
}

/// What went wrong, a sentence each, and what may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    pub lost: Vec<String>,
    pub muted_twice: Vec<String>,
    pub warned_twice: Vec<String>,
    pub answered_twice: Vec<String>,
    pub out_of_order: Vec<String>,
    /// Done to people who had done nothing.
    pub wrong: Vec<String>,
    /// Two warnings where the first was under way at a fault.
    pub warned_twice_in_flight: usize,
    /// Done again without anybody noticing.
    pub repeated: usize,
    /// Presses that were not answered because of a fault.
    pub too_late: usize,
}

/// What is recorded after Telegram's answer is recorded within this time, also when the database is slow to come back.
const RECORDED_MS: i64 = 10_000;
/// Nobody waits longer for the answer to a press, and gmbot answers no older one.
const PRESS_MS: i64 = 15_000;
/// A chat that lets a message wait for so long is behind.
const BEHIND_MS: i64 = 1000;
/// A call that a worker had made out before it was frozen or cut off lands this long after it is back, at most.
const LATE_MS: i64 = 2000;

pub fn judge(evidence: &Evidence<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    messages(evidence, &mut judgement);
    order(evidence, &mut judgement);
    mutes(evidence, &mut judgement);
    warnings(evidence, &mut judgement);
    presses(evidence, &mut judgement);
    judgement
}

/// Every message is taken; an offender's is gone and a subscriber's stands.
fn messages(evidence: &Evidence<'_>, judgement: &mut Judgement) {
    let taken: HashSet<(ChatId, MessageId)> = evidence.taken.iter().filter_map(message_of).collect();
    let record = evidence.record;
    for (chat, message) in record.posts.iter().chain(&record.offences) {
        if !taken.contains(&(*chat, *message)) {
            judgement.lost.push(format!("message {message} in {chat} was never taken from Telegram"));
        } else if evidence.standing.contains(&(*chat, *message)) {
            judgement.lost.push(format!("message {message} in {chat} stands"));
        }
    }
    for (chat, message) in &record.innocent {
        if !evidence.standing.contains(&(*chat, *message)) {
            judgement.wrong.push(format!("message {message} in {chat}, by a subscriber, is gone"));
        } else if !taken.contains(&(*chat, *message)) {
            judgement.lost.push(format!("message {message} in {chat} was never taken from Telegram"));
        }
    }
}

/// Within a chat's queue of Telegram's, what was written as a channel is deleted in the order of its updates.
fn order(evidence: &Evidence<'_>, judgement: &mut Judgement) {
    let posts: HashSet<&(ChatId, MessageId)> = evidence.record.posts.iter().collect();
    let offences: HashSet<&(ChatId, MessageId)> = evidence.record.offences.iter().collect();
    let mut first: HashMap<(ChatId, MessageId), u64> = HashMap::new();
    for effect in evidence.effects {
        let What::Delete { chat, messages } = &effect.what else { continue };
        for message in messages {
            let key = (*chat, *message);
            if posts.contains(&key) || offences.contains(&key) {
                judgement.repeated += usize::from(first.contains_key(&key));
                first.entry(key).or_insert(effect.number);
            }
        }
    }
    let mut queues: BTreeMap<ChatId, BTreeMap<i64, MessageId>> = BTreeMap::new();
    for taken in evidence.taken {
        if let Some((chat, message)) = message_of(taken)
            && posts.contains(&(chat, message))
        {
            queues.entry(chat).or_default().insert(taken.update, message);
        }
    }
    for (chat, queue) in queues {
        let mut latest: Option<(u64, i64)> = None;
        for (update, message) in queue {
            let Some(number) = first.get(&(chat, message)).copied() else { continue };
            match latest {
                Some((after, earlier)) if number < after => judgement.out_of_order.push(format!(
                    "in {chat} update {update} had its effect before update {earlier}: calls {number} and {after}"
                )),
                _ => latest = Some((number, update)),
            }
        }
    }
}

/// Who offended is muted once, and only they; who subscribed since can speak, and the others cannot.
fn mutes(evidence: &Evidence<'_>, judgement: &mut Judgement) {
    #[derive(Default)]
    struct State {
        until: Option<i64>,
        is_released: bool,
    }
    let record = evidence.record;
    let mut states: BTreeMap<(ChatId, UserId), State> = BTreeMap::new();
    for effect in evidence.effects {
        match effect.what {
            What::Mute { chat, user, until } => {
                let person = (chat, user);
                let state = states.entry(person).or_default();
                let again = state.until.replace(until);
                if !record.offenders.contains(&person) {
                    judgement.wrong.push(format!("{user} in {chat} was muted for nothing"));
                } else if again == Some(until) && (!state.is_released || is_late(evidence, effect)) {
                    judgement.repeated += 1;
                } else if again.is_some() {
                    judgement.muted_twice.push(format!(
                        "{user} in {chat} was muted twice, until {again:?} and until {until}: call {}",
                        effect.number
                    ));
                }
            }
            What::Release { chat, user } => {
                let state = states.entry((chat, user)).or_default();
                judgement.repeated += usize::from(state.is_released);
                state.is_released = true;
            }
            What::Delete { .. } | What::Tell { .. } | What::Rename { .. } | What::Answer { .. } => {}
        }
    }
    for (chat, user) in &record.offenders {
        let person = (*chat, *user);
        let speaks = evidence.speaking.contains(&person);
        if states.get(&person).is_none_or(|state| state.until.is_none()) {
            judgement.lost.push(format!("{user} in {chat} was not muted"));
        } else if record.released.contains(&person) && !speaks {
            judgement.lost.push(format!("{user} in {chat} has subscribed and cannot speak"));
        } else if !record.released.contains(&person) && speaks {
            judgement.lost.push(format!("{user} in {chat} has not subscribed and can speak"));
        }
    }
}

/// A call of a worker that was frozen or cut off while it was about to make it.
fn is_late(evidence: &Evidence<'_>, effect: &Effect) -> bool {
    evidence.faults.iter().any(|fault| {
        let until = fault.end_ms.unwrap_or(i64::MAX).saturating_add(LATE_MS);
        fault.hurts(effect.worker) && (fault.at_ms..=until).contains(&effect.at_ms)
    })
}

/// Who offended is told once; or twice, if one of the two was being sent at a fault.
fn warnings(evidence: &Evidence<'_>, judgement: &mut Judgement) {
    let mut told: BTreeMap<(ChatId, UserId), Vec<&Effect>> = BTreeMap::new();
    let mut named: HashMap<(ChatId, MessageId), BTreeSet<UserId>> = HashMap::new();
    // How many each message has told at most without naming them.
    let mut unnamed: HashMap<(ChatId, MessageId), usize> = HashMap::new();
    for effect in evidence.effects {
        let (chat, message, users, others) = match &effect.what {
            What::Tell { chat, message, users, others, .. } | What::Rename { chat, message, users, others } => {
                (*chat, *message, users, *others)
            }
            What::Delete { .. } | What::Mute { .. } | What::Release { .. } | What::Answer { .. } => continue,
        };
        let most = unnamed.entry((chat, message)).or_default();
        *most = others.max(*most);
        let before = named.entry((chat, message)).or_default();
        for user in users {
            if before.insert(*user) {
                told.entry((chat, *user)).or_default().push(effect);
            }
        }
    }
    let mut others: HashMap<ChatId, usize> = HashMap::new();
    for ((chat, _), most) in unnamed {
        *others.entry(chat).or_default() += most;
    }
    for (chat, user) in &evidence.record.offenders {
        match told.get(&(*chat, *user)).map_or(&[][..], Vec::as_slice) {
            // Whoever subscribes before it comes needs no warning.
            [] if evidence.record.released.contains(&(*chat, *user)) => {}
            // One of the "3 others" of a warning for many.
            [] if others.get_mut(chat).is_some_and(take_one) => {}
            [] => judgement.lost.push(format!("{user} in {chat} was not told")),
            [_] => {}
            [first, second] if was_under_way(evidence, first) || was_frozen(evidence, second) => {
                judgement.warned_twice_in_flight += 1
            }
            many => {
                let calls: Vec<u64> = many.iter().map(|effect| effect.number).collect();
                judgement.warned_twice.push(format!("{user} in {chat} was told {} times: calls {calls:?}", many.len()));
            }
        }
    }
}

fn take_one(left: &mut usize) -> bool {
    left.checked_sub(1).map(|fewer| *left = fewer).is_some()
}

/// Whether a fault came before the call's outcome was recorded. It was when the worker went on in the chat: a lane does one thing after another.
fn was_under_way(evidence: &Evidence<'_>, effect: &Effect) -> bool {
    let goes_on = |call: &&Made| {
        Some(call.worker) == effect.worker && Some(call.chat) == effect.what.chat() && call.at_ms > effect.done_ms
    };
    let went_on_ms = evidence.made.iter().filter(goes_on).map(|call| call.at_ms).min().unwrap_or(i64::MAX);
    let recorded_ms = went_on_ms.min(effect.done_ms + RECORDED_MS);
    evidence.faults.iter().any(|fault| {
        let end_ms = fault.end_ms.unwrap_or(i64::MAX);
        fault.hurts(effect.worker) && fault.at_ms <= recorded_ms && end_ms >= effect.at_ms
    })
}

/// Whether it is the one call that a frozen worker was about to make.
fn was_frozen(evidence: &Evidence<'_>, effect: &Effect) -> bool {
    evidence.faults.iter().any(|fault| {
        let woke_ms = fault.end_ms.unwrap_or(i64::MAX);
        matches!(fault.harm, Harm::Freeze(_))
            && fault.hurts(effect.worker)
            && (woke_ms..=woke_ms.saturating_add(LATE_MS)).contains(&effect.at_ms)
    })
}

/// A press is answered once, unless a fault may have kept everybody from its chat while the presser waited.
fn presses(evidence: &Evidence<'_>, judgement: &mut Judgement) {
    let mut answers: HashMap<&str, (usize, usize)> = HashMap::new();
    for effect in evidence.effects {
        if let What::Answer { query, seen } = &effect.what {
            let (made, heard) = answers.entry(query).or_default();
            *made += 1;
            *heard += usize::from(*seen);
        }
    }
    let mut behind: HashMap<ChatId, Vec<Wait>> = HashMap::new();
    for wait in waits(evidence.taken, evidence.effects) {
        behind.entry(wait.chat).or_default().push(wait);
    }
    for waits in behind.values_mut() {
        waits.sort_unstable_by_key(|wait| wait.taken_ms);
    }
    for taken in evidence.taken {
        let About::Press { query, chat } = &taken.what else { continue };
        match answers.get(query.as_str()) {
            Some((made, heard)) if *heard <= 1 => judgement.repeated += made - 1,
            Some((_, heard)) => {
                judgement.answered_twice.push(format!("press {query} in {chat} was answered {heard} times"))
            }
            None => {
                // One that is behind another that has to wait waits with it.
                let hindered = evidence.faults.iter().any(|fault| {
                    let end_ms = caught_up(behind.get(chat), fault.end_ms.unwrap_or(i64::MAX));
                    fault.at_ms <= taken.at_ms + PRESS_MS && end_ms.saturating_add(PRESS_MS) >= taken.at_ms
                });
                if hindered {
                    judgement.too_late += 1;
                } else {
                    judgement.lost.push(format!("press {query} in {chat}, update {}, was not answered", taken.update));
                }
            }
        }
    }
}

/// When a chat was done with what a fault that ended then had held up. `waits` are its messages', in the order in which they came.
fn caught_up(waits: Option<&Vec<Wait>>, end_ms: i64) -> i64 {
    let held = waits.into_iter().flatten().filter(|wait| wait.ms() >= BEHIND_MS);
    held.fold(end_ms, |end_ms, wait| if wait.taken_ms <= end_ms { end_ms.max(wait.done_ms) } else { end_ms })
}

fn message_of(taken: &Taken) -> Option<(ChatId, MessageId)> {
    match taken.what {
        About::Message { chat, message } => Some((chat, message)),
        About::Press { .. } | About::Other => None,
    }
}

#[cfg(test)]
mod tests;
