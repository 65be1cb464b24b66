//! Two cache levels: this process's memory (moka) over Redis. Knows keys, dates and times to live, not what is cached.

pub(crate) mod redis;

use std::{hash::Hash, time::Duration};

use moka::{Expiry, future::Cache as Memory, ops::compute::Op};

pub(crate) use self::redis::{Redis, RedisConfig, RedisUrl};
use crate::metrics::CacheMetrics;

/// What an entry is filed under.
pub(crate) trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// Its name in Redis, the same in every version of the program that shares one.
    fn name(&self) -> String;
}

/// What is kept: it knows when it was true and until when it may be used.
pub(crate) trait Value: Clone + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch. An older value never overwrites a newer one.
    fn as_of_ms(&self) -> i64;
    /// Milliseconds since the Unix epoch.
    fn expires_ms(&self) -> i64;
    fn encode(&self) -> String;
    /// None: written by a program that means something else by it, so as good as absent.
    fn decode(text: &str) -> Option<Self>;
}

/// Both levels, or only the first where there is no Redis.
#[derive(Clone)]
pub(crate) struct Cache<K: Key, V: Value> {
    memory: Memory<K, V>,
    redis: Option<Redis>,
    metrics: CacheMetrics,
}

impl<K: Key, V: Value> Cache<K, V> {
    /// `bytes` is how much memory the first level may take. The entries that are used least go first; Redis still has them.
    pub(crate) fn new(bytes: u64, redis: Option<Redis>, metrics: CacheMetrics) -> Self {
        let memory =
            Memory::builder().max_capacity(bytes).weigher(|_, _| entry_bytes::<K, V>()).expire_after(AsDated).build();
        Self { memory, redis, metrics }
    }

    /// The value, if it is known and may still be used.
    pub(crate) async fn get(&self, key: &K) -> Option<V> {
        if let Some(value) = self.memory.get(key).await {
            self.metrics.memory_hits.inc();
            return Some(value);
        }
        self.fetch(key).await
    }

    /// The newer of what this process remembers and what Redis holds, which is asked each time: another process may have learnt since of a
    /// change that this one has not heard of.
    pub(crate) async fn newest(&self, key: &K) -> Option<V> {
        let fetched = self.fetch(key).await;
        self.memory.get(key).await.into_iter().chain(fetched).max_by_key(Value::as_of_ms)
    }

    /// Whether it is this process's turn to find the value out: no other has claimed it. A claim that is not kept lasts so long.
    pub(crate) async fn claim(&self, key: &K, lasts: Duration) -> bool {
        match &self.redis {
            Some(redis) => redis.claim(&claim(key), lasts).await.unwrap_or(true),
            None => true,
        }
    }

    /// Finds the value out, as claimed for that long: the claim is kept until it is found, or until this process is gone.
    pub(crate) async fn as_claimed<T>(&self, key: &K, lasts: Duration, find: impl Future<Output = T>) -> T {
        let Some(redis) = &self.redis else { return find.await };
        let claim = claim(key);
        let keep = async {
            loop {
                tokio::time::sleep(lasts / 2).await;
                redis.keep(&claim, lasts).await;
            }
        };
        let found = tokio::select! {
            found = find => found,
            () = keep => unreachable!("it is kept for ever"),
        };
        redis.drop_key(&claim).await;
        found
    }

    /// What was claimed needs nobody any more.
    pub(crate) async fn unclaim(&self, key: &K) {
        if let Some(redis) = &self.redis {
            redis.drop_key(&claim(key)).await;
        }
    }

    async fn fetch(&self, key: &K) -> Option<V> {
        let value = self.redis.as_ref()?.get(&key.name()).await.and_then(|text| V::decode(&text))?;
        if value.expires_ms() <= shared::clock::now_ms() {
            return None;
        }
        self.metrics.redis_hits.inc();
        self.remember(key, &value).await;
        Some(value)
    }

    /// Writes through to both levels, unless a newer value is there.
    pub(crate) async fn put(&self, key: &K, value: &V) {
        self.remember(key, value).await;
        if let Some(redis) = &self.redis {
            // One whose time is over (told late) still has to take the place of an older one whose time is not. Redis knows no time of 0.
            let left = u64::try_from(value.expires_ms() - shared::clock::now_ms()).unwrap_or(0).max(1);
            redis.put_newer(&key.name(), &value.encode(), value.as_of_ms(), Duration::from_millis(left)).await;
        }
    }

    /// Keeps it in memory alone, unless a newer value is there.
    pub(crate) async fn remember(&self, key: &K, value: &V) {
        self.memory
            .entry_by_ref(key)
            .and_compute_with(|old| {
                let newer = old.is_none_or(|old| old.into_value().as_of_ms() <= value.as_of_ms());
                std::future::ready(if newer { Op::Put(value.clone()) } else { Op::Nop })
            })
            .await;
    }
}

fn claim(key: &impl Key) -> String {
    format!("claim:{}", key.name())
}

/// What an entry takes. Beside key and value moka keeps the places in its tables and queues, and the time at which it ends: measured as the
/// growth of the process by a million entries.
fn entry_bytes<K, V>() -> u32 {
    u32::try_from(360 + size_of::<K>() + size_of::<V>()).unwrap_or(u32::MAX)
}

/// Every entry says itself when it ends.
struct AsDated;

impl<K, V: Value> Expiry<K, V> for AsDated {
    fn expire_after_create(&self, _key: &K, value: &V, _now: std::time::Instant) -> Option<Duration> {
        let left = value.expires_ms() - shared::clock::now_ms();
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    fn expire_after_update(
        &self,
        key: &K,
        value: &V,
        now: std::time::Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, value, now)
    }
}

#[cfg(test)]
mod tests;
