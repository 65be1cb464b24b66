//! A crowd that writes a thousand messages, and what has to come of them however often the worker was stopped in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_nats::jetstream::context::Context as JetStream;
use system_tests::{
    chaos::witness::others,
    split::{Split, States, stored},
    wait::wait_for,
};
use telegram_sim::{
    faults::Fault,
    ids::{ChatId, MessageId, UserId},
    ledger::{Call, Calls},
    rights::AdminRights,
    world::seeding::SeededGroup,
};
use tokio::sync::{Mutex, MutexGuard};

/// More than the lease (3 s), the work (a few seconds), what is tried again half a minute later, and a slow machine take together.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

/// One crowd at a time: with several, two cores are slower than leases and time limits allow for.
static ALONE: Mutex<()> = Mutex::const_new(());

const PROTECTED: usize = 50;
const UNPROTECTED: usize = 25;
/// In each protected group. Half of them write twice.
const OFFENDERS: usize = 4;
const SUBSCRIBERS: usize = 9;
/// In each group that is not protected.
const OTHERS: usize = 10;
/// 50 * (4 + 2 + 9) + 25 * 10
pub(super) const MESSAGES: u64 = 1000;

/// So many updates of one second are more than Telegram's limits let through; they are another test's matter.
pub(super) const LIMITS: [(&str, &str); 4] = [
    ("LIMIT_SEND_PER_S", "2000"),
    ("LIMIT_SEND_PER_GROUP_PER_MIN", "2000"),
    ("LIMIT_READ_PER_S", "5000"),
    ("LIMIT_MODERATE_PER_S", "5000"),
];

/// Long enough that a kill meets calls under way.
const LATENCY: Duration = Duration::from_millis(30);

/// Groups full of people.
pub(super) struct Crowd<'a> {
    _alone: MutexGuard<'static, ()>,
    split: &'a Split,
    pub jetstream: JetStream,
    channel: ChatId,
    protected: Vec<SeededGroup>,
    unprotected: Vec<SeededGroup>,
}

/// Who has written what in one round.
pub(super) struct Round {
    /// The number of the last call before it.
    began: u64,
    pub offenders: BTreeSet<(ChatId, UserId)>,
    offences: Vec<(ChatId, MessageId)>,
    innocent: BTreeMap<(ChatId, UserId), MessageId>,
}

/// What the rows and the clock said when the worker was killed.
pub(super) struct Kill {
    pub at_ms: i64,
    pub mutes: States,
    pub warnings: States,
}

impl<'a> Crowd<'a> {
    /// Makes the groups and protects them. Both programs must run.
    pub(super) async fn gather(split: &'a Split) -> anyhow::Result<Self> {
        let alone = ALONE.lock().await;
        let owner = split.world.person("Olga");
        let channel = split.world.channel("Daily News", Some("daily_news"), owner);
        split.world.add_bot(channel, AdminRights::INVITE_USERS);
        let protected = split.world.seed(PROTECTED, 0, AdminRights::MODERATOR);
        let unprotected = split.world.seed(UNPROTECTED, OTHERS, AdminRights::MODERATOR);
        let groups: Vec<_> = protected.iter().map(|place| (place.group, place.owner)).collect();
        split.protect(channel, &groups).await?;
        split.sim.fault(Fault::latency(LATENCY).on("restrictChatMember"));
        split.sim.fault(Fault::latency(LATENCY).on("sendMessage"));
        Ok(Self { _alone: alone, split, jetstream: split.jetstream().await?, channel, protected, unprotected })
    }

    /// New people come, and write.
    pub(super) fn talk(&self) -> anyhow::Result<Round> {
        let world = &self.split.world;
        let began = self.split.sim.last_call();
        let mut round = Round { began, offenders: BTreeSet::new(), offences: Vec::new(), innocent: BTreeMap::new() };
        for SeededGroup { group, .. } in &self.protected {
            let subscribers: Vec<UserId> =
                (0..SUBSCRIBERS).map(|n| world.person_in(*group, &format!("Subscriber {n}"))).collect();
            world.seed_members(self.channel, &subscribers);
            for (n, subscriber) in subscribers.into_iter().enumerate() {
                if n < OFFENDERS {
                    let offender = world.person_in(*group, &format!("Offender {n}"));
                    round.offenders.insert((*group, offender));
                    for _ in 0..=n % 2 {
                        round.offences.push((*group, world.say(*group, offender, "Buy this!")?));
                    }
                }
                round.innocent.insert((*group, subscriber), world.say(*group, subscriber, "Good morning!")?);
            }
        }
        for SeededGroup { group, members, .. } in &self.unprotected {
            for member in members {
                round.innocent.insert((*group, *member), world.say(*group, *member, "Hello!")?);
            }
        }
        Ok(round)
    }

    /// Waits until the gateway has stored everything that was written.
    pub(super) async fn all_queued(&self) -> anyhow::Result<()> {
        wait_for("all updates to be queued", PATIENCE, async || match (self.pending(), self.queued().await?) {
            (0, queued) if queued >= MESSAGES => Ok(()),
            (pending, queued) => Err(format!("{pending} at Telegram, {queued} in the queue")),
        })
        .await
    }

    /// Waits until every update is handled, and all that was written down to be done is done: what could not be said at once, or was cut
    /// short, is a task for later.
    pub(super) async fn all_handled(&self) -> anyhow::Result<()> {
        wait_for("everything to be done", PATIENCE, async || match (self.pending(), self.queued().await?) {
            (0, 0) => match self.begun().await.map_err(|error| error.to_string())? {
                0 => Ok(()),
                begun => Err(format!("{begun} mutes and warnings have only begun")),
            },
            (pending, queued) => Err(format!("{pending} at Telegram, {queued} in the queue")),
        })
        .await?;
        anyhow::ensure!(stored(&self.jetstream, "DLQ").await? == 0, "something is among the dead letters");
        Ok(())
    }

    /// Waits until so many of the round's offenders have been muted (`restrictChatMember`) or warned (`sendMessage`).
    pub(super) async fn reached(&self, round: &Round, method: &str, count: usize) -> anyhow::Result<()> {
        let offenders: BTreeSet<UserId> = round.offenders.iter().map(|(_, user)| *user).collect();
        let of_round = |call: &Call| call.method == method && about(call).is_some_and(|user| offenders.contains(&user));
        let what = format!("{count} calls of {method}");
        wait_for(&what, PATIENCE, async || match self.split.sim.calls_after(round.began).only(of_round).len() {
            seen if seen >= count => Ok(()),
            seen => Err(format!("{seen} of them, {:?} in the queue", self.queued().await)),
        })
        .await
    }

    /// What is known at a kill: look before anybody goes on with the work.
    pub(super) async fn killed_at(&self, at_ms: i64) -> anyhow::Result<Kill> {
        Ok(Kill { at_ms, mutes: self.split.mutes().await?, warnings: self.split.warnings().await? })
    }

    /// Holds what came of a round against what should: each offender muted once and warned, or twice where the call was under way at the
    /// kill; their messages gone and everybody else's there.
    pub(super) async fn judge(&self, round: &Round, kill: Option<&Kill>) -> anyhow::Result<()> {
        let (world, calls) = (&self.split.world, self.split.sim.calls_after(round.began));
        let (mutes, warnings) = (self.split.mutes().await?, self.split.warnings().await?);
        let restrictions = calls.of("restrictChatMember");
        // How many each group's messages tell without naming them: "and 3 others".
        let mut unnamed: BTreeMap<ChatId, usize> = BTreeMap::new();
        for person in &round.offenders {
            let (group, user) = *person;
            assert!(!world.can_speak(group, user), "{user} in {group} can speak");
            assert_eq!(mutes.get(person), Some(&vec!["active".to_owned()]), "the mutes of {user} in {group}");
            assert_eq!(warnings.get(person), Some(&vec!["sent".to_owned()]), "the warnings of {user} in {group}");
            let of_group = calls.in_chat(group);
            let muted = restrictions.in_chat(group).about(user);
            once(&muted, &of_group, kill.map(|kill| (kill.at_ms, kill.mutes.get(person), "pending")));
            let told = told(&of_group, user);
            if told.is_empty() {
                let left = unnamed.entry(group).or_insert_with(|| told_unnamed(&of_group));
                *left = left.checked_sub(1).unwrap_or_else(|| panic!("{user} in {group} was not told:\n{of_group}"));
                continue;
            }
            once(&told, &of_group, kill.map(|kill| (kill.at_ms, kill.warnings.get(person), "sending")));
        }
        for (group, message) in &round.offences {
            assert!(world.message(*group, *message).is_none(), "{message} in {group} stands");
        }
        for ((group, user), message) in &round.innocent {
            assert!(world.message(*group, *message).is_some(), "{message} of {user} in {group} is gone");
            assert!(restrictions.about(*user).is_empty() && world.can_speak(*group, *user), "{user} was touched");
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.split.sim.pending_updates()
    }

    /// Mutes and warnings that are written down, and not done.
    async fn begun(&self) -> anyhow::Result<usize> {
        let (mutes, warnings) = (self.split.mutes().await?, self.split.warnings().await?);
        let states = mutes.values().chain(warnings.values()).flatten();
        Ok(states.filter(|state| matches!(state.as_str(), "pending" | "wanted" | "sending")).count())
    }

    async fn queued(&self) -> Result<u64, String> {
        stored(&self.jetstream, "UPD").await.map_err(|error| error.to_string())
    }
}

/// Whom it restricts, or mentions first.
fn about(call: &Call) -> Option<UserId> {
    call.user().or_else(|| mentioned(call).next())
}

fn mentioned(call: &Call) -> impl Iterator<Item = UserId> {
    let entities = call.args.get("entities").and_then(|entities| entities.as_array()).into_iter().flatten();
    entities.filter_map(|entity| entity["user"]["id"].as_i64()).map(UserId)
}

/// The calls by which somebody got into a message of the bot's: what was put off is told to several people by one, and an edit names those
/// again whom it named before.
fn told(of_group: &Calls, user: UserId) -> Calls {
    let mut naming = BTreeSet::new();
    let names = wordings(of_group).only(|call| mentioned(call).any(|one| one == user));
    let mut is_new = |call: &Call| worded(call).is_none_or(|message| naming.insert(message));
    Calls(names.iter().filter(|call| is_new(call)).cloned().collect())
}

/// How many were told without being named. An edit counts those again whom the message told before.
fn told_unnamed(of_group: &Calls) -> usize {
    let mut most: BTreeMap<Option<i64>, usize> = BTreeMap::new();
    for call in wordings(of_group).iter().filter(|call| call.is_ok()) {
        let count = most.entry(worded(call)).or_default();
        *count = others(call).max(*count);
    }
    most.into_values().sum()
}

fn wordings(of_group: &Calls) -> Calls {
    of_group.only(|call| matches!(call.method.as_str(), "sendMessage" | "editMessageText"))
}

/// The message that it sends or edits.
fn worded(call: &Call) -> Option<i64> {
    call.args.get("message_id").or(call.result().get("message_id")).and_then(|id| id.as_i64())
}

/// One call; or a second one, if at the kill the row said that the first was under way, and the worker had not yet gone on in the group: it
/// does one thing after another there, and what it had done before is written down. Only looks and mutes are made side by side.
fn once(calls: &Calls, of_group: &Calls, kill: Option<(i64, Option<&Vec<String>>, &str)>) {
    let in_flight = || {
        kill.is_some_and(|(killed_ms, row, under_way)| {
            let first = calls.iter().next().expect("there are two");
            let after = first.at_ms + first.took_ms + 1..=killed_ms;
            let goes_on = |call: &Call| !matches!(call.method.as_str(), "getChatMember" | "restrictChatMember");
            row.is_some_and(|states| states == &[under_way])
                && !of_group.iter().any(|call| after.contains(&call.at_ms) && goes_on(call))
        })
    };
    match calls.len() {
        1 => {}
        2 if in_flight() => {}
        count => panic!("{count} calls instead of one; killed at, row, state under way: {kill:?}\n{calls}"),
    }
}
