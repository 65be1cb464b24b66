//! Is this person in this channel: yes, no, or unknown. Memory, then Redis, then Telegram; one question at a time about the same thing.

use std::{sync::Arc, time::Duration};

use moka::future::Cache as Memory;
use rand::Rng as _;
use shared::ids::{ChannelId, UserId};

use crate::{
    breakers::Breakers,
    cache::{Cache, Key, Redis, Value},
    metrics::CacheMetrics,
    news::{Item, News},
    policy::{Answer, FRESH_MS, Fact},
    telegram::{Telegram, budget::Priority, error::Error, replies::MemberStatus},
};

/// A subscriber is asked about again after this long (seed decision 3).
const YES_MS: i64 = 600_000;

/// Somebody who is not subscribed is likely to subscribe soon.
const NO_MS: i64 = 60_000;

/// A push is dated to the second, and stands for the whole of it.
const PUSH_AHEAD_MS: i64 = 999;

/// How far the clocks of Telegram and of the workers' machines may be apart. What is dated still further ahead would overrule what is learnt
/// after it, and is no verdict.
const CLOCKS_APART_MS: i64 = 5_000;

/// Entries that were made together must not expire together.
const JITTER: f64 = 0.15;

/// As long as somebody asks Telegram no other worker asks the same; so long after it is gone.
const CLAIM: Duration = Duration::from_secs(1);

/// Who waits for another worker's answer does so for no longer than this: that question waits for its turn at most as long.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The same where somebody waits: about what a question to Telegram takes.
const SHORT_WAIT: Duration = Duration::from_millis(150);

/// How often the answer is looked for meanwhile: at first, and at last.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];

/// What verdicts may take of memory: there is room for some 470,000.
const VERDICTS_BYTES: u64 = 190_000_000;

/// More than can be asked while they are young.
const RECENT: u64 = 20_000;

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// As long as its time to live.
    Cached,
    /// Young enough to punish for; questions of others that began within that time may be shared.
    Fresh,
    /// Asked after this call began: what somebody who has just joined needs.
    Anew,
}

#[derive(Clone)]
pub(crate) struct Membership {
    verdicts: Cache<Question, Verdict>,
    /// Answers that are at most 5 s old, and the questions in flight: whoever asks meanwhile waits for the same answer. Those for which somebody
    /// waits by themselves: they must not wait for the turn of the others.
    recent: [Memory<Question, Fact>; 2],
    breakers: Breakers,
    telegram: Telegram,
    news: News,
    metrics: CacheMetrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Question {
    user: UserId,
    channel: ChannelId,
}

impl Key for Question {
    fn name(&self) -> String {
        format!("verify:{}:{}", self.user, self.channel)
    }
}

/// A definite answer with its dates. Unknown is never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    definite: Definite,
    as_of_ms: i64,
    expires_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Definite {
    Yes,
    No,
    Banned,
}

impl Definite {
    const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Banned];

    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Yes => Some(Self::Yes),
            Answer::No { banned: false } => Some(Self::No),
            Answer::No { banned: true } => Some(Self::Banned),
            Answer::Unknown | Answer::NotYet(_) | Answer::Broken => None,
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::Yes => Answer::Yes,
            Self::No => Answer::No { banned: false },
            Self::Banned => Answer::No { banned: true },
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Banned => "banned",
        }
    }

    /// How long it may be used, in milliseconds.
    fn lasts_ms(self) -> i64 {
        match self {
            Self::Yes => YES_MS,
            Self::No | Self::Banned => NO_MS,
        }
    }
}

impl Verdict {
    /// `until_s`: end of a paid subscription, Unix seconds; the answer may not outlive it.
    fn new(answer: Answer, as_of_ms: i64, until_s: Option<i64>) -> Option<Self> {
        let definite = Definite::of(answer)?;
        let base_ms = definite.lasts_ms();
        let jitter = rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER);
        let ttl = Duration::from_millis(base_ms.unsigned_abs()).mul_f64(jitter);
        let expires_ms = as_of_ms + i64::try_from(ttl.as_millis()).unwrap_or(base_ms);
        let end_ms = until_s.filter(|_| definite == Definite::Yes).map_or(i64::MAX, |s| s.saturating_mul(1000));
        Some(Self { definite, as_of_ms, expires_ms: expires_ms.min(end_ms) })
    }

    fn fact(self, channel: ChannelId) -> Fact {
        Fact { channel, answer: self.definite.answer(), as_of_ms: self.as_of_ms }
    }
}

impl Value for Verdict {
    fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }

    fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    fn encode(&self) -> String {
        format!("{} {} {}", self.definite.word(), self.as_of_ms, self.expires_ms)
    }

    fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let word = words.next()?;
        let definite = Definite::ALL.into_iter().find(|known| known.word() == word)?;
        let as_of_ms: i64 = words.next()?.parse().ok()?;
        let expires_ms: i64 = words.next()?.parse().ok()?;
        let ahead_ms = (as_of_ms - shared::clock::now_ms() - PUSH_AHEAD_MS).max(0);
        if ahead_ms > CLOCKS_APART_MS {
            return None;
        }
        Some(Self { definite, as_of_ms: as_of_ms - ahead_ms, expires_ms: expires_ms.saturating_sub(ahead_ms) })
    }
}

impl Membership {
    pub(crate) fn new(
        telegram: Telegram,
        breakers: Breakers,
        redis: Option<Redis>,
        news: News,
        metrics: CacheMetrics,
    ) -> Self {
        let fresh = Duration::from_millis(FRESH_MS.unsigned_abs());
        Self {
            verdicts: Cache::new(VERDICTS_BYTES, redis, metrics.clone()),
            recent: [(); 2].map(|()| Memory::builder().time_to_live(fresh).max_capacity(RECENT).build()),
            breakers,
            telegram,
            news,
            metrics,
        }
    }

    /// What is known about a person and these channels, asking Telegram where nothing new enough is known.
    pub(crate) async fn facts(
        &self,
        user: UserId,
        channels: impl IntoIterator<Item = ChannelId>,
        freshness: Freshness,
        priority: Priority,
    ) -> Vec<Fact> {
        let questions = channels.into_iter().map(|channel| self.fact(Question { user, channel }, freshness, priority));
        futures::future::join_all(questions).await
    }

    /// What is remembered about a person and a channel, without asking anybody.
    pub(crate) async fn recall(&self, user: UserId, channel: ChannelId) -> Option<Fact> {
        self.verdicts.get(&Question { user, channel }).await.map(|verdict| verdict.fact(channel))
    }

    /// The same, and what another worker has learnt since counts too: for what only a change that it was told of can stop.
    pub(crate) async fn recall_newest(&self, user: UserId, channel: ChannelId) -> Option<Fact> {
        self.verdicts.newest(&Question { user, channel }).await.map(|verdict| verdict.fact(channel))
    }

    /// Takes over what Telegram told by itself. `date_s` has a resolution of a second; it counts as the end of that second, so that a
    /// push wins over a question asked in the same second.
    pub(crate) async fn learn(
        &self,
        user: UserId,
        channel: ChannelId,
        answer: Answer,
        date_s: i64,
        until_s: Option<i64>,
    ) {
        let question = Question { user, channel };
        if let Some(verdict) = Verdict::new(answer, date_s * 1000 + PUSH_AHEAD_MS, until_s) {
            self.verdicts.put(&question, &verdict).await;
            self.forget_recent(&question).await;
            self.news.tell(Item::Verdict { user, channel, verdict: verdict.encode() });
        }
    }

    /// Another worker has told what it has learnt, and written it to Redis.
    pub(crate) async fn hear(&self, user: UserId, channel: ChannelId, verdict: &str) {
        let question = Question { user, channel };
        if let Some(verdict) = Verdict::decode(verdict) {
            self.verdicts.remember(&question, &verdict).await;
            self.forget_recent(&question).await;
        }
    }

    async fn fact(&self, question: Question, freshness: Freshness, priority: Priority) -> Fact {
        let cached = if freshness == Freshness::Cached { self.verdicts.get(&question).await } else { None };
        // A subscriber's message costs no more than this look. A "no" is only worth something where it can be asked about again.
        if let Some(verdict) = cached.filter(|verdict| verdict.definite == Definite::Yes) {
            self.metrics.hits.inc();
            return verdict.fact(question.channel);
        }
        if self.breakers.is_open(question.channel).await {
            return Fact { channel: question.channel, answer: Answer::Broken, as_of_ms: shared::clock::now_ms() };
        }
        if let Some(verdict) = cached {
            self.metrics.hits.inc();
            return verdict.fact(question.channel);
        }
        let asked = match freshness {
            Freshness::Anew => self.ask_alone(question, priority).await,
            Freshness::Cached | Freshness::Fresh => self.ask_together(question, freshness, priority).await,
        };
        if asked.answer == Answer::Yes {
            return asked;
        }
        // They may have subscribed while the question was on its way. Only in their favour: a push stands for a whole second.
        match self.recall(question.user, question.channel).await {
            Some(known) if known.answer == Answer::Yes && known.as_of_ms > asked.as_of_ms => known,
            _ => asked,
        }
    }

    async fn ask_alone(&self, question: Question, priority: Priority) -> Fact {
        let fact = self.ask(question, priority).await;
        if matches!(fact.answer, Answer::Yes | Answer::No { .. }) {
            self.recent[flight(priority)].insert(question, fact).await;
        }
        fact
    }

    async fn ask_together(&self, question: Question, freshness: Freshness, priority: Priority) -> Fact {
        match self.join(question, freshness, priority).await {
            // Kept for 5 s after it came, but what counts is when it was asked.
            Ok(fact) if shared::clock::now_ms() - fact.as_of_ms > FRESH_MS => {
                self.forget_recent(&question).await;
                self.join(question, freshness, priority).await.unwrap_or_else(|unknown| *unknown)
            }
            Ok(fact) => fact,
            Err(unknown) => *unknown,
        }
    }

    /// An answer that is young, or one that is on its way, or a question of our own. What is unknown is an error to moka: it is shared by
    /// those who wait for it, and not kept.
    async fn join(&self, question: Question, freshness: Freshness, priority: Priority) -> Result<Fact, Arc<Fact>> {
        let asking = async {
            let ask = self.ask(question, priority);
            let fact = match self.asked_elsewhere(question, freshness, priority).await {
                Elsewhere::Found(fact) => fact,
                Elsewhere::Nobody => self.verdicts.as_claimed(&question, CLAIM, ask).await,
                Elsewhere::TooLong => ask.await,
            };
            match fact.answer {
                Answer::Yes | Answer::No { .. } => Ok(fact),
                Answer::Unknown | Answer::NotYet(_) | Answer::Broken => Err(fact),
            }
        };
        let own = flight(priority);
        if let Some(fact) = self.recent[1 - own].get(&question).await {
            return Ok(fact);
        }
        // In a box: moka keeps several of its size.
        self.recent[own].try_get_with(question, Box::pin(asking)).await
    }

    async fn forget_recent(&self, question: &Question) {
        for recent in &self.recent {
            recent.invalidate(question).await;
        }
    }

    /// What another worker finds out just now, or has just found out.
    async fn asked_elsewhere(&self, question: Question, freshness: Freshness, priority: Priority) -> Elsewhere {
        let [mut pause, longest] = LOOK_EVERY;
        let patience = if priority == Priority::P0 { SHORT_WAIT } else { LONGEST_WAIT };
        let look = async {
            let mut is_ours = self.verdicts.claim(&question, CLAIM).await;
            if is_ours && freshness == Freshness::Fresh {
                return Elsewhere::Nobody;
            }
            if !is_ours {
                self.metrics.claims_lost.inc();
            }
            loop {
                let known = self.verdicts.newest(&question).await;
                match known.filter(|known| shared::clock::now_ms() - known.as_of_ms <= FRESH_MS) {
                    Some(known) if is_ours => {
                        self.verdicts.unclaim(&question).await;
                        return Elsewhere::Found(known.fact(question.channel));
                    }
                    Some(known) => return Elsewhere::Found(known.fact(question.channel)),
                    None if is_ours => return Elsewhere::Nobody,
                    None => {}
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
                is_ours = self.verdicts.claim(&question, CLAIM).await;
            }
        };
        tokio::time::timeout(patience, look).await.unwrap_or(Elsewhere::TooLong)
    }

    async fn ask(&self, question: Question, priority: Priority) -> Fact {
        let Question { user, channel } = question;
        self.metrics.misses.inc();
        let (answer, until_s, as_of_ms) = match self.telegram.dated_member(channel.into(), user, priority).await {
            Ok((member, asked_ms)) => (answer(member.status, member.is_member), member.until, asked_ms),
            Err(Error::FloodWait { retry_after, asked: false }) => {
                (Answer::NotYet(retry_after), None, shared::clock::now_ms())
            }
            Err(err) => {
                tracing::warn!(
                    user.id = user.0,
                    channel.id = channel.0,
                    error = &err as &dyn std::error::Error,
                    "membership unknown: nobody is punished for it"
                );
                if err.says_setup_is_broken() {
                    self.breakers.suspect(channel, user).await;
                    (Answer::Broken, None, shared::clock::now_ms())
                } else {
                    (Answer::Unknown, None, shared::clock::now_ms())
                }
            }
        };
        if let Some(verdict) = Verdict::new(answer, as_of_ms, until_s) {
            self.verdicts.put(&question, &verdict).await;
        }
        Fact { channel, answer, as_of_ms }
    }
}

/// Which questions in flight it joins.
fn flight(priority: Priority) -> usize {
    usize::from(priority == Priority::P0)
}

/// What another worker is doing about a question.
enum Elsewhere {
    Found(Fact),
    /// Nothing: it is our turn to ask.
    Nobody,
    /// It asks for longer than anybody here waits.
    TooLong,
}

/// telegram.md 6: the verdict from the channel's status.
fn answer(status: MemberStatus, is_member: Option<bool>) -> Answer {
    match status {
        MemberStatus::Creator | MemberStatus::Administrator | MemberStatus::Member => Answer::Yes,
        MemberStatus::Left => Answer::No { banned: false },
        MemberStatus::Kicked => Answer::No { banned: true },
        MemberStatus::Restricted => match is_member {
            Some(true) => Answer::Yes,
            Some(false) => Answer::No { banned: false },
            None => Answer::Unknown,
        },
        MemberStatus::Other => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests;
