//! Somebody came into a protected group: who does not subscribe is muted and welcomed with the way out.
//!
//! A join is told by two updates, in any order, or by only one of them. The second finds the mute and the welcome in the rows.

use futures::future::try_join_all;
use shared::ids::ChatId;

use super::HandlerError;
use crate::{
    enforce::{Enforcer, Offender},
    event::{Joined, Person},
    fence::Fence,
    groups::{JoinRequests, Mode, Rules},
    ledger::Presence,
    membership::Freshness,
    policy::Sentence,
    store::{
        Store,
        join_requests::{RequestEnd, RequestState},
        mutes::MuteState,
        warnings::WarningKind,
    },
    trial::{Found, Guilty, Trial},
};

/// After an outage people are muted as ever, but not welcomed: there may be hundreds, and they came long ago. Seconds.
const STALE_S: i64 = 15 * 60;

/// The clocks of Telegram and this machine, and the dates of the two updates, may differ by this much. Seconds.
const SAME_JOIN_S: i64 = 5;

/// Handles people who came, and says what became of it, as metrics name it. `update` marks its effects.
///
/// # Errors
/// Something it needs is away, or the shard is not ours any more. Repeating it is harmless.
pub(crate) async fn on_join(
    trial: &Trial<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    joined: &Joined,
    update: &str,
) -> Result<&'static str, HandlerError> {
    let group = joined.chat.id;
    let Some(rules) = trial.groups.rules(group).await? else { return Ok("not_protected") };
    if rules.paused {
        return Ok("paused");
    }
    if rules.settings.join_requests == JoinRequests::Gate {
        for person in &joined.people {
            settle_request(trial.store, enforcer, fence, group, person).await?;
        }
    }
    let trials = joined.people.iter().map(|person| trial.hold(fence, group, &rules, person.id, Freshness::Fresh));
    let found = match try_join_all(trials).await {
        Err(err) if err.waits_long() => return Ok("unknown"),
        found => found?,
    };
    let mut outcome = "subscribed";
    let mut offenders = Vec::new();
    for (person, found) in joined.people.iter().zip(found) {
        match found {
            Found::Innocent(why) => outcome = why,
            Found::Guilty(guilty) => {
                outcome = "joined";
                if rules.settings.mode == Mode::Observe {
                    outcome = "observed";
                    observe(trial.store, fence, joined, person).await?;
                } else {
                    offenders.extend(offender(&rules, joined, person, &guilty, update, shared::clock::now_s()));
                }
            }
        }
    }
    if !offenders.is_empty() {
        enforcer.punish(fence, group, &rules, &offenders, &[]).await?;
    }
    Ok(outcome)
}

/// None: nothing is to be done about them now.
fn offender(
    rules: &Rules,
    joined: &Joined,
    person: &Person,
    guilty: &Guilty,
    update: &str,
    now_s: i64,
) -> Option<Offender> {
    // One of the two updates was here before, and what was done may have been lifted by a person since.
    let is_done = guilty
        .last
        .as_ref()
        .is_some_and(|mute| mute.state != MuteState::Pending && mute.created_ms / 1000 + SAME_JOIN_S >= joined.date_s);
    let sentence = match guilty.presence {
        Presence::CanSpeak if rules.settings.greet_on_join && !is_done => Sentence::DeleteMuteWarn,
        // Muted before they left: the buttons come back.
        Presence::Muted => Sentence::DeleteWarn,
        _ => return None,
    };
    Some(Offender {
        user: person.id,
        name: person.name.clone(),
        messages: Vec::new(),
        topic: None,
        sentence,
        notice: WarningKind::Join,
        stale: now_s - joined.date_s > STALE_S,
        missing: guilty.missing.clone(),
        seen: guilty.seen.clone(),
        lifted: guilty
            .open()
            .filter(|_| guilty.presence == Presence::CanSpeak && !is_pending(guilty))
            .map(|mute| mute.id),
        mark: update.to_owned(),
    })
}

fn is_pending(guilty: &Guilty) -> bool {
    guilty.open().is_some_and(|mute| mute.state == MuteState::Pending)
}

/// Logs what would have happened, once for a join.
async fn observe(store: &Store, fence: &Fence, joined: &Joined, person: &Person) -> Result<(), HandlerError> {
    let (group, user) = (joined.chat.id, person.id);
    let mark = |date_s: i64| format!("join:{group}:{user}:{date_s}");
    let near: Vec<String> = (joined.date_s - SAME_JOIN_S..=joined.date_s + SAME_JOIN_S).map(mark).collect();
    if store.marked(&near).await?.is_empty() {
        tracing::info!(chat.id = group.0, user.id = user.0, "a join that would have muted: observed, not enforced");
        store.mark(fence.into(), &mark(joined.date_s), shared::clock::now_ms()).await?;
    }
    Ok(())
}

/// They are in, whoever let them in.
async fn settle_request(
    store: &Store,
    enforcer: &Enforcer,
    fence: &Fence,
    group: ChatId,
    person: &Person,
) -> Result<(), HandlerError> {
    match store.join_request(group, person.id).await? {
        Some(request) if request.state == RequestState::Waiting => {
            enforcer.close_request(fence, &request, RequestEnd::Gone).await
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::ids::UserId;

    use super::*;
    use crate::{
        enforce::Seen,
        event::{Chat, ChatKind},
        groups::Settings,
        store::mutes::Mute,
    };

    const CAME_S: i64 = 1_790_000_000;

    fn mute(state: MuteState, age_s: i64) -> Mute {
        Mute {
            id: 3,
            group: ChatId(-100),
            user: UserId(7),
            name: "Ann".to_owned(),
            state,
            until_s: CAME_S + 86_400,
            earlier_until_s: None,
            before: None,
            created_ms: (CAME_S - age_s) * 1000,
            closed_ms: None,
            closed_why: None,
        }
    }

    /// Of an offender: the sentence, whether they have a welcome of their own, and the record that is closed first.
    type Decided = Option<(Sentence, bool, Option<i64>)>;

    /// What, how they are found, their last mute, whether joins are greeted, how long ago they came.
    type Case = (&'static str, Presence, Option<Mute>, bool, i64, Decided);

    #[test]
    fn who_comes_is_muted_and_welcomed_once_and_what_a_person_lifted_stays_lifted() {
        use MuteState::{Active, Closed, Pending};
        use Presence::{Banned, CanSpeak, Muted, RestrictedByPerson};
        let (muted, back) = (Sentence::DeleteMuteWarn, Sentence::DeleteWarn);
        let (welcome, together, lifted) = (true, false, Some(3));
        let cases: [Case; 14] = [
            ("a newcomer", CanSpeak, None, true, 1, Some((muted, welcome, None))),
            ("after an outage", CanSpeak, None, true, STALE_S + 1, Some((muted, together, None))),
            ("not greeted", CanSpeak, None, false, 1, None),
            ("the second update, muted", Muted, Some(mute(Active, -1)), true, 2, Some((back, welcome, None))),
            ("the second update, lifted by an admin", CanSpeak, Some(mute(Active, -1)), true, 2, None),
            ("the second update, released", CanSpeak, Some(mute(Closed, -1)), true, 2, None),
            ("dated before the mute by another clock", CanSpeak, Some(mute(Closed, 2)), true, 2, None),
            ("a mute cut short", CanSpeak, Some(mute(Pending, -1)), true, 2, Some((muted, welcome, None))),
            ("back, still muted", Muted, Some(mute(Active, 600)), true, 1, Some((back, welcome, None))),
            ("back, not greeted", Muted, Some(mute(Active, 600)), false, 1, Some((back, welcome, None))),
            ("back, lifted long ago", CanSpeak, Some(mute(Active, 600)), true, 1, Some((muted, welcome, lifted))),
            ("back, released long ago", CanSpeak, Some(mute(Closed, 600)), true, 1, Some((muted, welcome, None))),
            ("muted by an admin", RestrictedByPerson, None, true, 1, None),
            ("banned since", Banned, None, true, 1, None),
        ];
        let chat = Chat { id: ChatId(-100), kind: ChatKind::Supergroup, title: "Garden".to_owned() };
        let ann = Person { id: UserId(7), name: "Ann".to_owned(), username: None };
        let joined = Joined { chat, people: vec![ann.clone()], date_s: CAME_S };
        for (what, presence, last, greet_on_join, age_s, expected) in cases {
            let settings = Settings { greet_on_join, ..Settings::default() };
            let rules =
                Rules { title: String::new(), channels: Vec::new(), settings, allowed: HashSet::new(), paused: false };
            let seen = Seen { facts: Vec::new(), looked_ms: 0 };
            let guilty = Guilty { missing: Vec::new(), presence, seen, last };
            let decided = offender(&rules, &joined, &ann, &guilty, "m", CAME_S + age_s);
            let decided = decided.map(|found| (found.sentence, !found.stale, found.lifted));
            assert_eq!(decided, expected, "{what}");
        }
    }
}
