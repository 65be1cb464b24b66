//! What a worker did that had been frozen, for shards that it had lost meanwhile. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use telegram_sim::ids::{ChatId, UserId};

use super::{
    fleet::Happened,
    leases::Leases,
    load::Record,
    plan::Harm,
    witness::{Effect, Made},
};

/// What workers did that were frozen and woke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// All their calls for shards that they had lost.
    pub calls: usize,
    /// Lanes of lost shards in which they made the one call whose check had passed before.
    pub one_call: usize,
    /// More than that.
    pub wrong: Vec<String>,
}

/// A lease is taken before anything is done with it, and we hear of it a little later.
const HEARD_MS: i64 = 100;

/// Looks at every call for a group whose shard the worker lost while it was frozen, until it owned it again. A question is a call too.
pub fn woken(leases: &Leases<'_>, faults: &[Happened], effects: &[Effect], made: &[Made], record: &Record) -> Woken {
    let groups: HashSet<ChatId> = effects.iter().filter_map(|effect| effect.what.chat()).collect();
    let homes: HashMap<UserId, ChatId> = record.people().map(|(group, user)| (user, group)).collect();
    // Who is in a channel is asked in the lane of the group that they are in, and everybody is in one only; or in the channel's lane, or
    // the person's, by who owns those.
    let lane = |call: &Made| {
        if groups.contains(&call.chat) {
            return Some(call.chat);
        }
        let user = call.user?;
        let others = [call.chat, ChatId(user.0)].map(|chat| leases.owner(leases.shard(chat), call.at_ms));
        homes.get(&user).filter(|_| !others.contains(&Some(call.worker))).copied()
    };
    let mut woken = Woken::default();
    for fault in faults {
        let (Harm::Freeze(_), Some(worker), Some(end_ms)) = (fault.harm, fault.worker, fault.end_ms) else { continue };
        let mut calls: BTreeMap<ChatId, Vec<&Made>> = BTreeMap::new();
        for call in made.iter().filter(|call| call.worker == worker && call.at_ms >= end_ms) {
            let Some(group) = lane(call) else { continue };
            let shard = leases.shard(group);
            let was_lost =
                leases.owner(shard, fault.at_ms) == Some(worker) && leases.owner(shard, end_ms) != Some(worker);
            // From the time on that it owned it again all is as it should be.
            if was_lost && !leases.got(worker, shard, end_ms, call.at_ms + HEARD_MS) {
                calls.entry(group).or_default().push(call);
            }
        }
        for (group, calls) in calls {
            woken.calls += calls.len();
            if calls.len() == 1 {
                woken.one_call += 1;
                continue;
            }
            let told: Vec<String> =
                calls.iter().map(|call| format!("{} after {} ms", call.method, call.at_ms - end_ms)).collect();
            woken.wrong.push(format!("worker {worker}, woken, called for {group}, whose shard it had lost: {told:?}"));
        }
    }
    woken
}

#[cfg(test)]
mod tests {
    use shared::{envelope::RoutingKey, shard::Shards};
    use telegram_sim::ids::MessageId;

    use super::*;
    use crate::chaos::{leases::Held, plan::Who, witness::What};

    const CHAT: ChatId = ChatId(-1);
    const CHANNEL: ChatId = ChatId(-2);
    const OTTO: UserId = UserId(7);

    fn made(worker: usize, at_ms: i64) -> Made {
        Made { at_ms, worker, chat: CHAT, user: None, method: "deleteMessage".to_owned() }
    }

    fn asked(worker: usize, at_ms: i64) -> Made {
        Made { at_ms, worker, chat: CHANNEL, user: Some(OTTO), method: "getChatMember".to_owned() }
    }

    #[test]
    fn one_call_is_what_a_woken_worker_may_make() {
        let shards = Shards::default();
        let shard = shards.of(RoutingKey(CHAT.0));
        let held = |at_ms, owner: Option<&str>| Held { at_ms, shard, owner: owner.map(str::to_owned) };
        let changes = [held(0, Some("a")), held(4000, None), held(4100, Some("b")), held(30_000, Some("a"))];
        let effect = |worker, at_ms| Effect {
            number: 1,
            at_ms,
            done_ms: at_ms,
            worker: Some(worker),
            what: What::Delete { chat: CHAT, messages: vec![MessageId(1)] },
        };
        let effects = [effect(0, 500), effect(1, 5000)];
        let mut record = Record::default();
        record.offenders.insert((CHAT, OTTO));
        let freeze = Happened {
            at_ms: 1000,
            end_ms: Some(11_000),
            what: String::new(),
            harm: Harm::Freeze(Who::Worker(0)),
            worker: Some(0),
        };
        let cases: [(&[Made], usize, usize); 7] = [
            (&[], 0, 0),
            (&[made(0, 11_001)], 1, 0),
            (&[asked(0, 11_001)], 1, 0),
            (&[made(0, 11_001), made(0, 11_030)], 0, 1),
            (&[made(0, 11_001), asked(0, 11_030)], 0, 1),
            (&[made(1, 11_001), made(1, 11_030)], 0, 0),
            (&[made(0, 30_001), made(0, 30_030)], 0, 0),
        ];
        let leases = Leases::of(shards, &effects, &changes);
        for (made, one_call, wrong) in cases {
            let found = woken(&leases, std::slice::from_ref(&freeze), &effects, made, &record);
            assert_eq!((found.one_call, found.wrong.len()), (one_call, wrong), "{made:?}");
        }
    }
}
