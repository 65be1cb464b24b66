//! How many calls may be made when: a pure core that says yes, or when to ask again.
//!
//! Each bucket is a GCRA: all it stores is one time, the moment at which it would be full again. A call moves that time by one interval,
//! and may be made while the time stays within one period (the burst) of now. A ceiling of 20 in 60 s with a burst of 5 refills 15 in 60 s,
//! so that *any* 60 seconds see at most 20, right after a pause too.
//!
//! Nothing here books a future: who is told to wait gets no number in a queue, and asks again. Time is whatever counts up since an epoch
//! of the caller's; the whole of [`Budget::reserve`] is a few reads, comparisons and writes on named numbers, which is what a script in a
//! shared store can do as well.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use shared::ids::ChatId;

/// Calls that share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Messages and edits.
    Send,
    /// The same to all groups. A class of its own so that it cannot use up the one of the ordinary messages.
    Broadcast,
    /// Deletes and restrictions.
    Moderate,
    /// Questions about members and chats.
    Read,
}

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Send, Self::Broadcast, Self::Moderate, Self::Read];

    /// Whether its calls put something before people. Telegram counts these closely.
    pub(super) fn is_of_messages(self) -> bool {
        matches!(self, Self::Send | Self::Broadcast)
    }

    /// As in Redis and in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Broadcast => "broadcast",
            Self::Moderate => "moderate",
            Self::Read => "read",
        }
    }
}

/// Who goes first, and who must leave something over for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for it: what a press or a command causes, and what an offender must not get away with.
    P0,
    /// Joins and leaves, warnings.
    P1,
    /// Re-checks, clean-up, bulk work.
    P2,
}

/// A call that wants to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) class: Class,
    /// None: the call is about no chat, or about one known only by name.
    pub(super) chat: Option<ChatId>,
    pub(super) priority: Priority,
}

/// No, and when to ask again: the class as a whole, this chat, or both are in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class_opens: Option<Duration>,
    pub(super) chat_opens: Option<Duration>,
}

/// The ceilings.
#[derive(Clone, Debug)]
pub struct LimiterConfig {
    /// Messages and edits in any one second, over all chats.
    pub send_per_s: u32,
    /// Messages and edits in any 60 seconds, in one group.
    pub send_per_group_per_min: u32,
    /// Questions (getChatMember and the like) in any one second.
    pub read_per_s: u32,
    /// Deletes and restrictions in any one second.
    pub moderate_per_s: u32,
    /// Messages of a broadcast in any one second, beside the ordinary ones.
    pub broadcast_per_s: u32,
}

/// The ceilings as rates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    send: Rate,
    broadcast: Rate,
    moderate: Rate,
    read: Rate,
    group: Rate,
    private: Rate,
}

/// How long from now until the buckets of a call are full again, and until they open, if a 429 has closed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) class: Ahead,
    pub(super) chat: Ahead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) full_in: Duration,
    pub(super) opens_in: Duration,
}

/// What is known of all buckets.
#[derive(Debug)]
pub(super) struct Budget {
    whole: Rates,
    /// This worker's part of them.
    rates: Rates,
    /// Who share them; None: not known yet.
    workers: Option<u32>,
    buckets: HashMap<Bucket, Level>,
    /// The last 429 of each chat, newest at the end.
    floods: VecDeque<(Duration, Class, ChatId)>,
    /// Number of buckets at which to look for forgettable ones.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Class(Class),
    Chat(Class, ChatId),
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// When the bucket is full again.
    full_at: Duration,
    /// Closed by a 429 until then; in the past if it is open.
    closed_until: Duration,
}

/// So many in any window of that length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    count: u32,
    window: Duration,
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// 429s in this many chats of a class ...
pub(super) const CHATS_THAT_CLOSE_A_CLASS: usize = 3;
/// ... within this time mean that the bot as a whole is too fast, not a chat.
pub(super) const FLOODS_COUNT_FOR: Duration = Duration::from_secs(5);
/// Below so many buckets, forgetting is not worth a look.
const SWEEP_FROM: usize = 1024;

impl Rates {
    pub(super) fn new(config: &LimiterConfig) -> Self {
        let second = Duration::from_secs(1);
        let minute = Duration::from_secs(60);
        // The overall bursts are small, because a burst comes out of the steady rate; a group's is what a few people at once need.
        let overall = |per_s: u32| Rate::at_most(per_s, second, per_s / 6);
        let group = config.send_per_group_per_min;
        Self {
            send: overall(config.send_per_s),
            broadcast: overall(config.broadcast_per_s),
            moderate: overall(config.moderate_per_s),
            read: overall(config.read_per_s),
            group: Rate::at_most(group, minute, group / 4),
            private: Rate::at_most(1, second, 1),
        }
    }

    /// What each of so many workers may use where they cannot count together. A chat belongs to one of them, so its rate stays whole.
    fn divided(&self, workers: u32) -> Self {
        let part = |rate: Rate| rate.divided(workers);
        let Self { send, broadcast, moderate, read, group, private } = *self;
        Self {
            send: part(send),
            broadcast: part(broadcast),
            moderate: part(moderate),
            read: part(read),
            group,
            private,
        }
    }

    pub(super) fn of_class(&self, class: Class) -> Rate {
        match class {
            Class::Send => self.send,
            Class::Broadcast => self.broadcast,
            Class::Moderate => self.moderate,
            Class::Read => self.read,
        }
    }

    /// The bucket of the chat that a call takes from. For deletes and questions Telegram knows no fixed rate of a chat.
    pub(super) fn of_chat(&self, ask: &Ask) -> Option<(Bucket, Rate)> {
        let chat = ask.chat.filter(|_| ask.class.is_of_messages())?;
        // Private chats have positive ids, groups and channels negative ones (Bot API).
        let rate = if chat.0 > 0 { self.private } else { self.group };
        Some((chat_bucket(ask.class, chat), rate))
    }

    /// The buckets that a call takes from.
    fn of(&self, ask: &Ask) -> impl Iterator<Item = (Bucket, Rate)> + use<> {
        [(Bucket::Class(ask.class), self.of_class(ask.class))].into_iter().chain(self.of_chat(ask))
    }
}

impl Budget {
    pub(super) fn new(config: &LimiterConfig) -> Self {
        let rates = Rates::new(config);
        Self {
            whole: rates,
            rates,
            workers: None,
            buckets: HashMap::new(),
            floods: VecDeque::new(),
            sweep_at: SWEEP_FROM,
        }
    }

    /// From now on so many share the ceilings, each with a budget of its own.
    pub(super) fn share(&mut self, workers: u32) {
        self.rates = self.whole.divided(workers);
        self.workers = Some(workers);
    }

    /// Whether nobody else calls, as far as is known: then nothing is taken that this budget does not know of.
    pub(super) fn is_alone(&self) -> bool {
        self.workers == Some(1)
    }

    /// Between two calls of a class, as all workers together may make them.
    pub(super) fn interval(&self, class: Class) -> Duration {
        self.whole.of_class(class).interval
    }

    /// The same for this worker, where they cannot count together.
    pub(super) fn share_interval(&self, class: Class) -> Duration {
        self.rates.of_class(class).interval
    }

    /// Takes the call out of all its buckets, or out of none.
    pub(super) fn reserve(&mut self, now: Duration, ask: &Ask) -> Result<(), Refusal> {
        let refusal = self.look(now, ask);
        if refusal.class_opens.is_some() || refusal.chat_opens.is_some() {
            return Err(refusal);
        }
        for (bucket, rate) in self.rates.of(ask) {
            let level = self.buckets.entry(bucket).or_default();
            level.full_at = level.full_at(now, rate) + rate.interval;
        }
        self.sweep(now);
        Ok(())
    }

    /// What `reserve` would answer, without taking anything.
    pub(super) fn look(&self, now: Duration, ask: &Ask) -> Refusal {
        let mut refusal = self.closed(now, ask);
        for (bucket, rate) in self.rates.of(ask) {
            let left_over = rate.left_over(ask.priority);
            let opens =
                (self.level(bucket).full_at(now, rate) + rate.interval * (1 + left_over)).saturating_sub(rate.period());
            if opens > now {
                refusal.add(bucket, opens);
            }
        }
        refusal
    }

    /// What a 429 has closed of it.
    pub(super) fn closed(&self, now: Duration, ask: &Ask) -> Refusal {
        let mut refusal = Refusal { class_opens: None, chat_opens: None };
        for bucket in closable(ask) {
            let closed_until = self.level(bucket).closed_until;
            if closed_until > now {
                refusal.add(bucket, closed_until);
            }
        }
        refusal
    }

    /// Telegram has refused a call: closes its bucket for the whole time, and the class too if this happens in several chats at once.
    /// Until the period after that is over, the bucket fills up from empty.
    pub(super) fn flooded(&mut self, now: Duration, class: Class, chat: Option<ChatId>, retry_after: Duration) {
        let until = now + retry_after;
        let Some(chat) = chat else {
            return self.close(Bucket::Class(class), until);
        };
        self.close(chat_bucket(class, chat), until);
        self.floods.retain(|(at, _, flooded)| *flooded != chat && *at + FLOODS_COUNT_FOR > now);
        self.floods.push_back((now, class, chat));
        if self.floods.iter().filter(|(_, of, _)| *of == class).count() >= CHATS_THAT_CLOSE_A_CLASS {
            self.close(Bucket::Class(class), until);
        }
    }

    fn close(&mut self, bucket: Bucket, until: Duration) {
        let level = self.buckets.entry(bucket).or_default();
        level.closed_until = level.closed_until.max(until);
    }

    fn level(&self, bucket: Bucket) -> Level {
        self.buckets.get(&bucket).copied().unwrap_or_default()
    }

    /// What others, who count with us, say of the buckets of a call. Where nobody can be asked it goes on from there.
    pub(super) fn adopt(&mut self, now: Duration, ask: &Ask, levels: &Levels) {
        let chat = ask.chat.map(|chat| (chat_bucket(ask.class, chat), levels.chat));
        for (bucket, ahead) in [(Bucket::Class(ask.class), levels.class)].into_iter().chain(chat) {
            if ahead == Ahead::default() {
                continue;
            }
            let level = self.buckets.entry(bucket).or_default();
            level.full_at = now + ahead.full_in;
            if !ahead.opens_in.is_zero() {
                level.closed_until = level.closed_until.max(now + ahead.opens_in);
            }
        }
        self.sweep(now);
    }

    /// How far ahead of now the bucket of the chat is full: more than the others know of, if they could not be told.
    pub(super) fn ahead(&self, now: Duration, ask: &Ask) -> Duration {
        let full_at = self.rates.of_chat(ask).map_or(now, |(bucket, rate)| self.level(bucket).full_at(now, rate));
        full_at.saturating_sub(now)
    }

    /// A bucket that is open and full needs no memory.
    fn sweep(&mut self, now: Duration) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        let longest = self.rates.group.period().max(self.rates.private.period());
        self.buckets.retain(|_, level| level.full_at > now || level.closed_until + longest > now);
        self.sweep_at = (self.buckets.len() * 2).max(SWEEP_FROM);
    }
}

/// The buckets whose closing stops a call. A class of ordinary messages that is closed stops a broadcast too, but not the other way round.
fn closable(ask: &Ask) -> impl Iterator<Item = Bucket> + use<> {
    let also = (ask.class == Class::Broadcast).then_some(Bucket::Class(Class::Send));
    let chat = ask.chat.map(|chat| chat_bucket(ask.class, chat));
    [Bucket::Class(ask.class)].into_iter().chain(also).chain(chat)
}

/// A group's messages are counted together, broadcast or not.
pub(super) fn chat_bucket(class: Class, chat: ChatId) -> Bucket {
    match class {
        Class::Send | Class::Broadcast => Bucket::Chat(Class::Send, chat),
        Class::Moderate | Class::Read => Bucket::Chat(class, chat),
    }
}

impl Refusal {
    /// When there is any use in asking again.
    pub(super) fn opens(&self) -> Option<Duration> {
        self.class_opens.max(self.chat_opens)
    }

    fn add(&mut self, bucket: Bucket, opens: Duration) {
        let slot = match bucket {
            Bucket::Class(_) => &mut self.class_opens,
            Bucket::Chat(..) => &mut self.chat_opens,
        };
        *slot = (*slot).max(Some(opens));
    }
}

impl Level {
    /// Never in the past, never more than a period ahead (a clock may have been set back), and counted from empty after a closing.
    fn full_at(&self, now: Duration, rate: Rate) -> Duration {
        let period = rate.period();
        let after_closing = if self.closed_until.is_zero() { now } else { self.closed_until + period - rate.interval };
        self.full_at.max(after_closing).clamp(now, now + period)
    }
}

impl Rate {
    /// `burst` of the `count` may come at once; the rest is what refills in a window.
    fn at_most(count: u32, window: Duration, burst: u32) -> Self {
        let count = count.max(1);
        let burst = burst.clamp(1, count);
        let refill = (count - burst).max(1);
        Self { count, window, interval: window / refill, burst }
    }

    pub(super) fn period(&self) -> Duration {
        self.interval * self.burst
    }

    /// How many calls may be made at once while a bucket is full only so far ahead.
    pub(super) fn free(&self, full_in: Duration) -> u32 {
        let used = full_in.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        self.burst.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// One of so many equal parts: together no more than the whole, bursts and all. Where there is less than one for each, each has one in a
    /// window so much longer.
    fn divided(self, by: u32) -> Self {
        let by = by.max(1);
        if by <= self.count {
            Self::at_most(self.count / by, self.window, self.burst / by)
        } else {
            Self::at_most(1, self.window * by / self.count, 1)
        }
    }

    /// What a call must leave in the bucket for those above it. Less than the burst, so that everybody's turn comes.
    pub(super) fn left_over(&self, priority: Priority) -> u32 {
        match priority {
            Priority::P0 => 0,
            Priority::P1 => self.burst / 4,
            Priority::P2 => self.burst / 2,
        }
    }
}

#[cfg(test)]
mod tests;
