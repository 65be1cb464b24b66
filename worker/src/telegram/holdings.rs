//! What the buckets that all workers share hold now, read and not changed: for an operator.

use std::{collections::BTreeMap, time::Duration};

use deadpool_redis::redis::Script;
use shared::ids::ChatId;

use super::{
    budget::{Ask, Class, LimiterConfig, Priority, Rate, Rates},
    shared_budget::{CLOSED, FULL},
};
use crate::cache::Redis;

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) class: &'static str,
    /// None: the bucket of all chats.
    pub(crate) chat: Option<ChatId>,
    /// So many calls may be made at once.
    pub(crate) free: u32,
    /// So many if it is full. None: Telegram knows no rate for it.
    pub(crate) burst: Option<u32>,
    pub(crate) closed_for: Duration,
}

/// Part of all keys and what they hold, by a cursor, with the server's time in microseconds.
const READ: &str = r"
local time = redis.call('TIME')
local literal = string.gsub(KEYS[1], '[%*%?%[%]%^\\]', '\\%0')
local page = redis.call('SCAN', ARGV[1], 'MATCH', literal .. '*', 'COUNT', 1000)
local found = {}
for _, key in ipairs(page[2]) do
  local held = redis.call('GET', key)
  if held then
    found[#found + 1] = string.sub(key, #KEYS[1] + 1)
    found[#found + 1] = held
  end
end
return { page[1], string.format('%.0f', time[1] * 1000000 + time[2]), found }
";

/// All classes, and each chat that has less than it may have. None: Redis is away.
pub(crate) async fn holdings(redis: &Redis, config: &LimiterConfig) -> Option<Vec<Holding>> {
    let rates = Rates::new(config);
    let mut held: BTreeMap<(Option<ChatId>, &'static str), Holding> = BTreeMap::new();
    for class in Class::ALL {
        held.insert((None, class.name()), holding(&rates, class, None));
    }
    for (prefix, is_closing) in [(FULL, false), (CLOSED, true)] {
        for (name, ahead) in read(redis, prefix).await? {
            let Some((class, chat)) = parse(&name) else { continue };
            let one = held.entry((chat, class.name())).or_insert_with(|| holding(&rates, class, chat));
            match rate(&rates, class, chat) {
                _ if is_closing => one.closed_for = ahead,
                Some(rate) => one.free = rate.free(ahead),
                None => {}
            }
        }
    }
    // Nothing goes through what is closed.
    held.values_mut().filter(|one| !one.closed_for.is_zero()).for_each(|one| one.free = 0);
    let is_shown =
        |one: &Holding| one.chat.is_none() || !one.closed_for.is_zero() || one.burst.is_some_and(|all| one.free < all);
    Some(held.into_values().filter(is_shown).collect())
}

fn holding(rates: &Rates, class: Class, chat: Option<ChatId>) -> Holding {
    let burst = rate(rates, class, chat).map(|rate| rate.burst);
    Holding { class: class.name(), chat, free: burst.unwrap_or_default(), burst, closed_for: Duration::ZERO }
}

fn rate(rates: &Rates, class: Class, chat: Option<ChatId>) -> Option<Rate> {
    match chat {
        None => Some(rates.of_class(class)),
        Some(_) => rates.of_chat(&Ask { class, chat, priority: Priority::P0 }).map(|(_, rate)| rate),
    }
}

/// `send` or `send:-1001`.
fn parse(name: &str) -> Option<(Class, Option<ChatId>)> {
    let (class, chat) = name.split_once(':').map_or((name, None), |(class, chat)| (class, Some(chat)));
    let class = Class::ALL.into_iter().find(|known| known.name() == class)?;
    match chat {
        None => Some((class, None)),
        Some(chat) => Some((class, Some(ChatId(chat.parse().ok()?)))),
    }
}

/// How far ahead of now the times are that are kept under this prefix.
async fn read(redis: &Redis, prefix: &str) -> Option<Vec<(String, Duration)>> {
    let script = Script::new(READ);
    let mut all = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let page: (String, String, Vec<String>) =
            redis.script("limits", &script, &[prefix.to_owned()], &[cursor]).await?;
        let (next, now, found) = page;
        let now: u64 = now.parse().unwrap_or_default();
        for pair in found.chunks_exact(2) {
            let until: u64 = pair[1].parse().unwrap_or_default();
            all.push((pair[0].clone(), Duration::from_micros(until.saturating_sub(now))));
        }
        if next == "0" {
            return Some(all);
        }
        cursor = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cache::redis::server::Server,
        telegram::{limiter::Limiter, metrics::TelegramMetrics},
    };

    /// The prefix is text, whatever it looks like.
    #[tokio::test]
    async fn it_shows_what_is_under_its_own_prefix() {
        let server = Server::running().await;
        let config = LimiterConfig {
            send_per_s: 25,
            send_per_group_per_min: 20,
            read_per_s: 50,
            moderate_per_s: 50,
            broadcast_per_s: 5,
        };
        let group = ChatId(-1001);
        for (prefix, other) in [("gm*:", "gmx:"), ("gm[b]?:", "gmbo:"), (r"gm\:", "gm:")] {
            let limiter = Limiter::new(&config, Some(server.client(prefix)), TelegramMetrics::default());
            let message = Ask { class: Class::Send, chat: Some(group), priority: Priority::P0 };
            limiter.try_send(&message).await.expect("the first");
            let chats = async |prefix: &str| {
                let held = holdings(&server.client(prefix), &config).await.expect("Redis answers");
                held.into_iter().filter_map(|one| one.chat).collect::<Vec<_>>()
            };
            assert_eq!(chats(prefix).await, [group], "{prefix}");
            assert!(chats(other).await.is_empty(), "{other}");
        }
    }
}
