//! The budget of all workers, in Redis: the same buckets as in `budget`, counted by one script on the server's clock, in one round trip for
//! all calls that want to be made now.

use std::time::Duration;

use deadpool_redis::redis::Script;

use super::budget::{
    Ahead, Ask, Bucket, CHATS_THAT_CLOSE_A_CLASS, Class, FLOODS_COUNT_FOR, Levels, LimiterConfig, Priority, Rate,
    Rates, Refusal, chat_bucket,
};
use crate::cache::Redis;

/// What the server's clock says, in microseconds.
const NOW: &str = "local time = redis.call('TIME')\nlocal now = time[1] * 1000000 + time[2]\n";
const RESERVE: &str = include_str!("shared_budget/reserve.lua");
const FLOOD: &str = include_str!("shared_budget/flood.lua");

/// Before the name of a bucket: when it is full.
pub(super) const FULL: &str = "limit:full:";
/// Before the name of a bucket: until when it is closed.
pub(super) const CLOSED: &str = "limit:closed:";

/// Numbers that `RESERVE` answers for each call.
const NUMBERS: usize = 6;

pub(super) struct SharedBudget {
    redis: Redis,
    rates: Rates,
    reserve: Script,
    flood: Script,
}

/// What became of an ask, and what is left in its buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How long until the class, and until the chat, let it through; nothing: it was taken.
    pub(super) class_opens_in: Duration,
    pub(super) chat_opens_in: Duration,
    pub(super) levels: Levels,
}

impl SharedBudget {
    pub(super) fn new(redis: Redis, config: &LimiterConfig) -> Self {
        Self::on_clock(redis, config, NOW)
    }

    fn on_clock(redis: Redis, config: &LimiterConfig, now: &str) -> Self {
        let script = |text: &str| Script::new(&format!("{now}{text}"));
        Self { redis, rates: Rates::new(config), reserve: script(RESERVE), flood: script(FLOOD) }
    }

    /// Asks for these calls, in order. `ahead` is how far each one's chat is full by what its asker knows.
    ///
    /// None: Redis is away.
    pub(super) async fn reserve(&self, asks: &[(Ask, Duration)]) -> Option<Vec<Outcome>> {
        let mut keys = Vec::with_capacity(asks.len() * 5);
        let mut args = Vec::with_capacity(asks.len() * 7);
        for (ask, ahead) in asks {
            let class = Bucket::Class(ask.class);
            let stops_too = Bucket::Class(if ask.class == Class::Broadcast { Class::Send } else { ask.class });
            let chat = ask.chat.map_or(class, |chat| chat_bucket(ask.class, chat));
            keys.extend([level(class), closing(class), closing(stops_too), level(chat), closing(chat)]);
            args.extend(numbers(self.rates.of_class(ask.class), ask.priority));
            args.extend(self.rates.of_chat(ask).map_or([0; 3], |(_, rate)| numbers(rate, ask.priority)));
            args.push(micros(*ahead));
        }
        let answer: Vec<u64> = self.redis.script("reserve", &self.reserve, &keys, &args).await?;
        let outcomes: Vec<Outcome> = answer.chunks_exact(NUMBERS).map(outcome).collect();
        (outcomes.len() == asks.len()).then_some(outcomes)
    }

    /// How long until Redis is asked again, while it is not known yet whether it is away.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.redis.silence()
    }

    /// Tells all workers of a 429. False: Redis does not answer.
    pub(super) async fn flooded(&self, ask: &Ask, wait: Duration) -> bool {
        let class = Bucket::Class(ask.class);
        let bucket = ask.chat.map_or(class, |chat| chat_bucket(ask.class, chat));
        let floods = format!("limit:floods:{}", ask.class.name());
        let keys = [closing(bucket), level(bucket), closing(class), level(class), floods];
        let empty = |rate: Rate| micros(rate.period() - rate.interval).to_string();
        let args = [
            micros(wait).to_string(),
            ask.chat.map(|chat| chat.to_string()).unwrap_or_default(),
            self.rates.of_chat(ask).map_or_else(|| "0".to_owned(), |(_, rate)| empty(rate)),
            empty(self.rates.of_class(ask.class)),
            micros(FLOODS_COUNT_FOR).to_string(),
            CHATS_THAT_CLOSE_A_CLASS.to_string(),
        ];
        let told: Option<()> = self.redis.script("flood", &self.flood, &keys, &args).await;
        told.is_some()
    }
}

impl Outcome {
    /// The refusal, if it is one, by the clock that says `now`.
    pub(super) fn answer(&self, now: Duration) -> Result<(), Refusal> {
        let at = |wait: Duration| (!wait.is_zero()).then_some(now + wait);
        let refusal = Refusal { class_opens: at(self.class_opens_in), chat_opens: at(self.chat_opens_in) };
        if refusal.opens().is_some() { Err(refusal) } else { Ok(()) }
    }
}

impl std::fmt::Debug for SharedBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedBudget").finish_non_exhaustive()
    }
}

fn level(bucket: Bucket) -> String {
    format!("{FULL}{}", name(bucket))
}

fn closing(bucket: Bucket) -> String {
    format!("{CLOSED}{}", name(bucket))
}

fn name(bucket: Bucket) -> String {
    match bucket {
        Bucket::Class(class) => class.name().to_owned(),
        Bucket::Chat(class, chat) => format!("{}:{chat}", class.name()),
    }
}

/// Interval, period, and what must be left over, in microseconds.
fn numbers(rate: Rate, priority: Priority) -> [u64; 3] {
    [rate.interval, rate.period(), rate.interval * rate.left_over(priority)].map(micros)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn outcome(numbers: &[u64]) -> Outcome {
    let time = |n: usize| Duration::from_micros(numbers[n]);
    let ahead = |full: usize, closed: usize| Ahead { full_in: time(full), opens_in: time(closed) };
    Outcome {
        class_opens_in: time(0),
        chat_opens_in: time(1),
        levels: Levels { class: ahead(4, 2), chat: ahead(5, 3) },
    }
}

#[cfg(test)]
mod tests;
