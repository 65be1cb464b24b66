//! A day like others: some people say much and most say little, and nearly all are subscribers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{
    Rng as _, SeedableRng as _,
    distr::{Distribution as _, weighted::WeightedIndex},
    rngs::StdRng,
};
use telegram_sim::ids::{ChatId, UserId};

use super::{
    options::Day,
    report::Report,
    site::{Site, evenly},
};

const GROUPS_A_CHANNEL: usize = 5;
/// One of so many is not subscribed.
const STRANGERS: usize = 50;
/// A subscriber is asked about again after 10 min, jittered by 15 %: never sooner than this.
const SHORTEST_TTL_MS: i64 = 510_000;

struct Somebody {
    person: UserId,
    channel: ChatId,
    groups: Vec<ChatId>,
    is_subscribed: bool,
}

pub(super) async fn run(options: &Day, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let Day { workers, groups, people, seconds, rate, seed } = *options;
    let site = Site::open(workers, &[]).await?;
    let places = site.protected(groups, 0, GROUPS_A_CHANNEL).await?;
    let world = &site.split.world;
    let communities: Vec<(ChatId, Vec<ChatId>)> = places
        .chunks(GROUPS_A_CHANNEL)
        .map(|some| (some[0].1, some.iter().map(|(place, _)| place.group).collect()))
        .collect();
    let everybody: Vec<Somebody> = (0..usize::try_from(people)?)
        .map(|n| {
            let (channel, groups) = communities[n % communities.len()].clone();
            let person = world.person(&format!("Member {n}"));
            // The loud ones too: whoever is loud and not subscribed is muted soon.
            Somebody { person, channel, groups, is_subscribed: n % STRANGERS != STRANGERS - 1 }
        })
        .collect();
    for (channel, groups) in &communities {
        let theirs = everybody.iter().filter(|one| one.channel == *channel);
        let all: Vec<UserId> = theirs.clone().map(|one| one.person).collect();
        let subscribers: Vec<UserId> = theirs.filter(|one| one.is_subscribed).map(|one| one.person).collect();
        world.seed_members(*channel, &subscribers);
        for group in groups {
            world.seed_members(*group, &all);
        }
    }
    tell(&format!("{people} people in {groups} groups"));

    // Zipf's law: the second loudest says half of what the loudest says, the third a third.
    let loudness = WeightedIndex::new((1..=people).map(|rank| 1.0 / f64::from(rank)))?;
    let mut rng = StdRng::seed_from_u64(seed);
    let before = site.split.sim.last_call();
    let asked_before = hits(&site).await?;
    let mut written = 0_u64;
    let mut heard = BTreeSet::new();
    evenly(rate, Duration::from_secs(seconds.into()), |done| {
        let one = &everybody[loudness.sample(&mut rng)];
        let group = one.groups[rng.random_range(0..one.groups.len())];
        if world.say(group, one.person, "Good morning!").is_ok() {
            written += 1;
            heard.insert(one.person);
        }
        if done % (rate * 30) == 0 {
            tell(&format!("{:>4} s: {written} written", done / rate));
        }
    })
    .await;
    let nothing_waits = || (site.split.sim.pending_updates() == 0).then_some(());
    site.split.sim.wait("all to be delivered", Duration::from_secs(60), nothing_waits).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let subscribed: BTreeMap<UserId, ChatId> =
        everybody.iter().filter(|one| one.is_subscribed).map(|one| (one.person, one.channel)).collect();
    let calls = site.split.sim.calls_after(before).of("getChatMember");
    let mut asked: BTreeMap<(UserId, ChatId), Vec<i64>> = BTreeMap::new();
    let mut others = 0_usize;
    for call in calls.iter() {
        match (call.user(), call.chat()) {
            (Some(user), Some(chat)) if subscribed.get(&user) == Some(&chat) => {
                asked.entry((user, chat)).or_default().push(call.at_ms);
            }
            _ => others += 1,
        }
    }
    let too_soon = |times: &Vec<i64>| times.windows(2).filter(|two| two[1] - two[0] < SHORTEST_TTL_MS).count();
    let sooner: usize = asked.values().map(too_soon).sum();
    let [hits, misses] = hits(&site).await?;
    let (hits, misses) = (hits - asked_before[0], misses - asked_before[1]);
    let rate_of_hits = 100.0 * hits / (hits + misses).max(1.0);

    let mut report = Report::new(format!(
        "day: {workers} workers, {groups} groups, {people} people, {rate} messages/s for {seconds} s"
    ));
    report.tell("messages written, by people", format!("{written}, {}", heard.len()));
    report.tell(
        "subscribers asked about, questions",
        format!("{}, {}", asked.len(), asked.values().map(Vec::len).sum::<usize>()),
    );
    report.tell("other questions: mutes, re-checks, the bot's own standing", others);
    // Who has never written yet has to be asked about; in a short run that is nearly everybody.
    let value = format!("{rate_of_hits:.1} % ({hits} of {})", hits + misses);
    if seconds >= 600 {
        report.judge("verdicts without a question to Telegram", value, "over 90 %", rate_of_hits > 90.0);
    } else {
        report.tell("verdicts without a question to Telegram", value);
    }
    report.judge("a subscriber asked about twice within the TTL", sooner, "0", sooner == 0);
    Ok(report)
}

async fn hits(site: &Site) -> anyhow::Result<[f64; 2]> {
    Ok([site.counted("cache_hits_total").await?, site.counted("cache_misses_total").await?])
}
