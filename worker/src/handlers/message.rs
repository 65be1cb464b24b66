//! A message in a protected group: stands, or goes and its author is muted and told.
//!
//! Handles all that waits in the chat together, so that a burst is one offence and one `deleteMessages`. Subscribers cost nothing but a
//! look into memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::try_join_all;
use shared::ids::{ChatId, MessageId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, Offender, Seen},
    event::{Author, MessagePosted, Person},
    fence::Fence,
    groups::{ChannelPosts, Groups, Mode, Rules},
    ledger::{self, Presence},
    membership::{Freshness, Membership},
    policy::{self, Fact, Missing, Sentence, Standing},
    store::{
        Store,
        mutes::{Mute, MuteState},
        warnings::WarningKind,
    },
    telegram::{Telegram, budget::Priority, error::Error},
};

/// A message and what its effects are marked with.
pub(crate) struct Posted<'a> {
    pub message: &'a MessagePosted,
    pub update: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stands(&'static str),
    Deleted,
    /// Would have been deleted, if the group were not only watched.
    Observed,
    /// Not judged: who wrote it, or something before it, can only be asked about after this time.
    Held(Duration),
}

impl Fate {
    /// The outcome in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Stands(why) => why,
            Self::Deleted => "offence",
            Self::Observed => "observed",
            Self::Held(_) => "held",
        }
    }

    pub(crate) fn stands(self) -> bool {
        !matches!(self, Self::Deleted | Self::Held(_))
    }
}

/// Muting takes a moment; what somebody wrote until then is part of the same offence. Seconds.
const BURST_S: i64 = 10;

/// Messages that are older come from an outage. Seconds.
const STALE_S: i64 = 15 * 60;

/// In a raid the questions about those who are judged at once wait in line, and what is known of the first must not grow too old to punish for
/// before the last are asked about: so they are as many as can be asked about within this time.
const A_ROUND: Duration = Duration::from_millis(500);

/// But no fewer: their questions are under way side by side.
const FEWEST: usize = 5;

/// And no more.
const MOST: usize = 20;

/// Handles messages of one chat, oldest first, and says what became of each. From the first on whose author cannot be asked about yet, all are
/// held: what is deleted goes in the order in which it came.
///
/// # Errors
/// Something it needs is away, or the shard is not ours any more. Repeating the whole batch is harmless.
pub(crate) async fn on_messages(
    court: &Court<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    messages: &[Posted<'_>],
) -> Result<Vec<Fate>, HandlerError> {
    let Some(group) = messages.first().map(|posted| posted.message.chat.id) else { return Ok(Vec::new()) };
    let Some(rules) = court.groups.rules(group).await? else {
        return Ok(vec![Fate::Stands("not_protected"); messages.len()]);
    };
    if rules.paused {
        return Ok(vec![Fate::Stands("paused"); messages.len()]);
    }
    let together = court.telegram.questions_within(A_ROUND).clamp(FEWEST, MOST);
    let mut fates = Vec::with_capacity(messages.len());
    while fates.len() < messages.len() {
        let round = first_few(&messages[fates.len()..], together);
        fates.extend(judge(court, enforcer, fence, group, &rules, round).await?);
        if let Some(held @ Fate::Held(_)) = fates.last().copied() {
            fates.resize(messages.len(), held);
        }
    }
    Ok(fates)
}

/// The first messages, by so many people.
fn first_few<'a>(messages: &'a [Posted<'a>], together: usize) -> &'a [Posted<'a>] {
    let mut people = BTreeSet::new();
    let fits = |posted: &&Posted<'_>| match &posted.message.author {
        Author::Person(person) => {
            people.insert(person.id);
            people.len() <= together
        }
        Author::Channel(_) | Author::AnonymousAdmin | Author::Exempt(_) => true,
    };
    &messages[..messages.iter().take_while(fits).count()]
}

/// The same for a few of them. Who is held is held with all who come after.
async fn judge(
    court: &Court<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    group: ChatId,
    rules: &Rules,
    messages: &[Posted<'_>],
) -> Result<Vec<Fate>, HandlerError> {
    let accused = Accused::among(rules, messages);
    let trials = accused.suspects.values().map(|suspect| court.hold(fence, group, rules, suspect));
    let verdicts: BTreeMap<UserId, Verdict> =
        accused.suspects.keys().copied().zip(try_join_all(trials).await?).collect();
    let held = messages.iter().enumerate().find_map(|(at, posted)| match &posted.message.author {
        Author::Person(person) => match verdicts[&person.id] {
            Verdict::Held(wait) => Some((at, wait)),
            Verdict::Stands(_) | Verdict::Offence { .. } => None,
        },
        Author::Channel(_) | Author::AnonymousAdmin | Author::Exempt(_) => None,
    });
    let (judged, wait) = held.map_or((messages, None), |(at, wait)| (&messages[..at], Some(wait)));
    let Accused { suspects, channel_posts } = Accused::among(rules, judged);

    let offence = if rules.settings.mode == Mode::Observe { Fate::Observed } else { Fate::Deleted };
    let fates = judged.iter().map(|posted| match &posted.message.author {
        Author::Person(person) => match &verdicts[&person.id] {
            Verdict::Stands(why) => Fate::Stands(why),
            Verdict::Offence { .. } => offence,
            Verdict::Held(wait) => Fate::Held(*wait),
        },
        Author::Channel(_) if channel_posts.contains(&posted.message.message) => offence,
        Author::Channel(_) | Author::AnonymousAdmin | Author::Exempt(_) => Fate::Stands("exempt"),
    });
    let waiting =
        wait.into_iter().flat_map(|wait| std::iter::repeat_n(Fate::Held(wait), messages.len() - judged.len()));
    let fates: Vec<Fate> = fates.chain(waiting).collect();

    let now_s = shared::clock::now_s();
    let offenders: Vec<Offender> =
        suspects.values().filter_map(|suspect| suspect.convicted(&verdicts, now_s)).collect();
    match rules.settings.mode {
        Mode::Observe => {
            for Offender { user, sentence, .. } in &offenders {
                tracing::info!(chat.id = group.0, user.id = user.0, ?sentence, "observed, not enforced");
            }
        }
        Mode::Enforce if offenders.is_empty() && channel_posts.is_empty() => {}
        Mode::Enforce => enforcer.punish(fence, group, rules, &offenders, &channel_posts).await?,
    }
    Ok(fates)
}

/// Whose messages are judged.
struct Accused<'a> {
    suspects: BTreeMap<UserId, Suspect<'a>>,
    /// Posts in the name of channels that may not write here.
    channel_posts: Vec<MessageId>,
}

impl<'a> Accused<'a> {
    fn among(rules: &Rules, messages: &'a [Posted<'a>]) -> Self {
        let mut accused = Self { suspects: BTreeMap::new(), channel_posts: Vec::new() };
        for posted in messages {
            match &posted.message.author {
                Author::Person(person) => {
                    accused.suspects.entry(person.id).or_insert_with(|| Suspect::new(person)).posted.push(posted);
                }
                Author::Channel(channel) if !may_post(rules, channel.0) => {
                    accused.channel_posts.push(posted.message.message);
                }
                Author::Channel(_) | Author::AnonymousAdmin | Author::Exempt(_) => {}
            }
        }
        accused
    }
}

/// Whether messages in the name of this channel are left alone.
fn may_post(rules: &Rules, channel: i64) -> bool {
    rules.settings.channel_posts == ChannelPosts::Allow
        || rules.allowed.contains(&channel)
        || rules.channel_ids().any(|required| required.0 == channel)
}

/// Messages of one person in a batch.
struct Suspect<'a> {
    person: &'a Person,
    posted: Vec<&'a Posted<'a>>,
}

impl<'a> Suspect<'a> {
    fn new(person: &'a Person) -> Self {
        Self { person, posted: Vec::new() }
    }

    /// Its mark stands for all of them: they are settled together.
    fn first(&self) -> &Posted<'a> {
        self.posted.first().expect("a suspect has written something")
    }

    fn convicted(&self, verdicts: &BTreeMap<UserId, Verdict>, now_s: i64) -> Option<Offender> {
        let Verdict::Offence { sentence, missing, seen, lifted } = &verdicts[&self.person.id] else { return None };
        Some(Offender {
            user: self.person.id,
            name: self.person.name.clone(),
            messages: self.posted.iter().map(|posted| posted.message.message).collect(),
            topic: self.first().message.topic,
            sentence: *sentence,
            notice: WarningKind::Offence,
            missing: missing.clone(),
            seen: seen.clone(),
            lifted: *lifted,
            stale: self.posted.iter().all(|posted| posted.message.date_s < now_s - STALE_S),
            mark: self.first().update.clone(),
        })
    }
}

/// The outcome of one trial.
enum Verdict {
    Stands(&'static str),
    /// There was none: it has to wait so long for its turn to ask.
    Held(Duration),
    Offence {
        sentence: Sentence,
        missing: Vec<Missing>,
        seen: Seen,
        /// An open record of a mute that a person has lifted since.
        lifted: Option<i64>,
    },
}

/// What is unknown because nobody could be asked yet is asked later; the rest stands.
fn undecided(facts: &[Fact]) -> Verdict {
    let soon = policy::not_yet(facts).filter(|wait| policy::is_soon(*wait));
    soon.map_or(Verdict::Stands("unknown"), Verdict::Held)
}

/// Everything a trial looks at.
pub(crate) struct Court<'a> {
    pub groups: &'a Groups,
    pub membership: &'a Membership,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

impl Court<'_> {
    async fn hold(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        suspect: &Suspect<'_>,
    ) -> Result<Verdict, HandlerError> {
        let user = suspect.person.id;
        let cached = self.facts(rules, user, Freshness::Cached).await;
        let missing = match policy::judge(rules.settings.require, &cached) {
            Standing::Met => return Ok(Verdict::Stands(policy::met_as(&cached))),
            Standing::Unknown => return Ok(undecided(&cached)),
            Standing::Missing(missing) => missing,
        };
        if rules.allowed.contains(&user.0) {
            return Ok(Verdict::Stands("allowed"));
        }
        fence.check()?;
        match self.groups.admins(group).await {
            Ok(admins) if admins.contains(&user) => return Ok(Verdict::Stands("admin")),
            Ok(_) => {}
            Err(err) => {
                if let Error::FloodWait { retry_after, asked: false } = *err
                    && policy::is_soon(retry_after)
                {
                    return Ok(Verdict::Held(retry_after));
                }
                tracing::warn!(
                    chat.id = group.0,
                    error = &*err as &dyn std::error::Error,
                    "admins unknown: the message stands"
                );
                return Ok(Verdict::Stands("unknown"));
            }
        }

        let open = self.store.open_mutes(group, &[user]).await?.into_iter().next();
        let had_effect = !self.store.marked(&[suspect.first().update.clone()]).await?.is_empty();
        if let Some(mute) = open.as_ref().filter(|_| !had_effect)
            && mute.state == MuteState::Active
            && suspect.posted.iter().all(|posted| posted.message.date_s <= mute.created_ms / 1000 + BURST_S)
        {
            let seen = Seen { facts: cached, looked_ms: 0 };
            return Ok(Verdict::Offence { sentence: Sentence::Delete, missing, seen, lifted: None });
        }
        fence.check()?;
        let (facts, looked) =
            tokio::join!(self.fresh(rules, user, cached), self.telegram.dated_member(group, user, Priority::P0));
        let looked_ms = looked.as_ref().map_or(0, |(_, asked_ms)| *asked_ms);
        let member = looked.map(|(member, _)| member);
        // The look at the group may have taken its time, and the answers have aged meanwhile.
        let facts = self.fresh(rules, user, facts).await;
        let missing = match policy::judge(rules.settings.require, &facts) {
            Standing::Met => return Ok(Verdict::Stands(policy::met_as(&facts))),
            Standing::Unknown => return Ok(undecided(&facts)),
            Standing::Missing(_) if !policy::is_fresh(&facts, shared::clock::now_ms()) => {
                return Ok(Verdict::Stands("unknown"));
            }
            Standing::Missing(missing) => missing,
        };
        // The effects began and were cut short: the rows say how far they came.
        let resumes = had_effect || open.as_ref().is_some_and(|mute| mute.state == MuteState::Pending);
        match member {
            Err(Error::FloodWait { retry_after, asked: false }) if policy::is_soon(retry_after) => {
                return Ok(Verdict::Held(retry_after));
            }
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) if resumes => return Err(err.into()),
            Ok(_) | Err(_) => {}
        }
        // Looked at here too: a person may have decided in between, and muting somebody who is banned would lift the ban.
        let presence = ledger::presence(&member, open.as_ref());
        if let Some(mute) = open.as_ref().filter(|_| presence == Presence::Muted) {
            self.store.confirm_mute(fence.into(), mute).await?;
        }
        let seen = Seen { facts, looked_ms };
        if resumes && matches!(presence, Presence::CanSpeak | Presence::Muted) {
            return Ok(Verdict::Offence { sentence: Sentence::DeleteMuteWarn, missing, seen, lifted: None });
        }
        Ok(match policy::sentence(presence) {
            Sentence::Stand(why) => Verdict::Stands(why),
            sentence => Verdict::Offence {
                sentence,
                missing,
                seen,
                lifted: open.filter(|_| presence != Presence::Muted).map(|mute: Mute| mute.id),
            },
        })
    }

    /// Who is not known goes behind those who are about to be punished, or the answers about these would grow old and be asked for again.
    async fn facts(&self, rules: &Rules, user: UserId, freshness: Freshness) -> Vec<Fact> {
        let priority = if freshness == Freshness::Cached { Priority::P1 } else { Priority::P0 };
        self.membership.facts(user, rules.channel_ids(), freshness, priority).await
    }

    async fn fresh(&self, rules: &Rules, user: UserId, facts: Vec<Fact>) -> Vec<Fact> {
        if policy::is_fresh(&facts, shared::clock::now_ms()) {
            facts
        } else {
            self.facts(rules, user, Freshness::Fresh).await
        }
    }
}
