//! Redis as a level that may be missing: every call is bounded, and an outage costs nothing after its first moments.

use std::{
    fmt,
    future::Future,
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};

use deadpool_redis::{
    Config, CreatePoolError, Pool, PoolConfig, Runtime,
    redis::{AsyncCommands as _, Client, FromRedisValue, Script, ToRedisArgs},
};
use futures::future::BoxFuture;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tracing::Instrument as _;

/// After a failure nobody asks for this long, so that a Redis that hangs delays one call a second and not all of them.
const PAUSE: Duration = Duration::from_secs(1);

/// The same in an outage, in which who asks waits in vain.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// A call without an answer now and then is a busy machine; so many in a row, a pause between each two, are an outage. A Redis that refuses is
/// away at once.
const OUTAGE_AFTER: u32 = 3;

/// Keeps the newer of two values. None counts as newer than this second is, whatever its writer's clock says: it would keep out what is learnt
/// after it. ARGV: as-of in milliseconds, value, time to live in milliseconds.
const PUT_NEWER: &str = r"
local time = redis.call('TIME')
local new = math.min(tonumber(ARGV[1]), time[1] * 1000 + 999)
local old = redis.call('GET', KEYS[1])
if old then
  local as_of = tonumber(string.match(old, '^(%d+)|'))
  if as_of and as_of > new then return 0 end
end
redis.call('SET', KEYS[1], string.format('%.0f|', new) .. ARGV[2], 'PX', ARGV[3])
return 1
";

#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub url: RedisUrl,
    /// Set before every key: programs that share a Redis.
    pub prefix: String,
    pub connections: usize,
    /// How long a call may take, with connecting where that is needed.
    pub timeout: Duration,
}

/// Where Redis is, as its client understands it. Its `Debug` shows nothing: it may hold a password.
#[derive(Clone, Debug)]
pub struct RedisUrl(SecretString);

impl FromStr for RedisUrl {
    type Err = NotRedis;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Client::open(text).map(|_| Self(text.to_owned().into())).map_err(|_| NotRedis)
    }
}

/// The text is no address of a Redis. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it should look like redis://127.0.0.1:6379/0")]
pub struct NotRedis;

/// A shared handle.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
    prefix: Arc<str>,
    put_newer: Arc<Script>,
    timeout: Duration,
    outage: Arc<Mutex<Outage>>,
    away: Gauge,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    /// Calls without an answer in a row, and when the last of them was counted.
    silences: u32,
    counted: Option<Instant>,
    pause_until: Option<Instant>,
    /// A call is trying.
    probing: bool,
}

impl Outage {
    fn is_known(&self) -> bool {
        self.silences >= OUTAGE_AFTER
    }

    fn pause(&self) -> Duration {
        if self.is_known() { LONG_PAUSE } else { PAUSE }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    None,
    Given,
    /// To find out whether Redis is back: the others go on without until this one has an answer.
    ToProbe,
}

impl Redis {
    /// Connects lazily: a Redis that is away at the start is no reason to wait.
    ///
    /// # Errors
    /// The pool cannot be built.
    pub fn new(config: &RedisConfig) -> Result<Self, CreatePoolError> {
        let mut pool = Config::from_url(config.url.0.expose_secret());
        pool.pool = Some(PoolConfig::new(config.connections));
        Ok(Self {
            pool: pool.create_pool(Some(Runtime::Tokio1))?,
            prefix: config.prefix.as_str().into(),
            put_newer: Arc::new(Script::new(PUT_NEWER)),
            timeout: config.timeout,
            outage: Arc::default(),
            away: Gauge::default(),
        })
    }

    /// Adds what it counts to what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "cache_redis_away",
            "1 while this process goes on without Redis, because it does not answer or does not take what is written",
            self.away.clone(),
        );
    }

    pub(super) async fn get(&self, key: &str) -> Option<String> {
        let key = format!("{}{key}", self.prefix);
        let stored: Option<String> = self
            .bounded("get", async {
                let mut connection = self.pool.get().await?;
                Ok(connection.get(key).await?)
            })
            .await?;
        stored?.split_once('|').map(|(_, value)| value.to_owned())
    }

    pub(super) async fn put_newer(&self, key: &str, value: &str, as_of_ms: i64, ttl: Duration) {
        let key = format!("{}{key}", self.prefix);
        self.bounded("put_newer", async {
            let mut connection = self.pool.get().await?;
            let mut call = self.put_newer.prepare_invoke();
            call.key(key).arg(as_of_ms).arg(value);
            call.arg(millis(ttl));
            let _: i64 = call.invoke_async(&mut connection).await?;
            Ok(())
        })
        .await;
    }

    /// Whether nobody else has this key, which is ours from now on for so long. None: Redis is away.
    pub(super) async fn claim(&self, key: &str, lasts: Duration) -> Option<bool> {
        let key = format!("{}{key}", self.prefix);
        self.bounded("claim", async {
            let mut connection = self.pool.get().await?;
            let mut set = deadpool_redis::redis::cmd("SET");
            set.arg(key).arg(1).arg("NX").arg("PX").arg(millis(lasts));
            let done: Option<String> = set.query_async(&mut connection).await?;
            Ok(done.is_some())
        })
        .await
    }

    /// A key that is ours stays so for that long from now on.
    pub(super) async fn keep(&self, key: &str, lasts: Duration) {
        let key = format!("{}{key}", self.prefix);
        self.bounded("keep", async {
            let mut connection = self.pool.get().await?;
            let _: i64 =
                deadpool_redis::redis::cmd("PEXPIRE").arg(key).arg(millis(lasts)).query_async(&mut connection).await?;
            Ok(())
        })
        .await;
    }

    /// A key that was ours is nobody's.
    pub(super) async fn drop_key(&self, key: &str) {
        let key = format!("{}{key}", self.prefix);
        self.bounded("drop", async {
            let mut connection = self.pool.get().await?;
            let _: i64 = connection.del(key).await?;
            Ok(())
        })
        .await;
    }

    /// Runs a script on these keys, the prefix before each. None: Redis is away.
    pub(crate) async fn script<T: FromRedisValue + Send>(
        &self,
        name: &'static str,
        script: &Script,
        keys: &[String],
        args: impl ToRedisArgs + Send,
    ) -> Option<T> {
        self.bounded(name, async {
            let mut connection = self.pool.get().await?;
            let mut call = script.prepare_invoke();
            for key in keys {
                call.key(format!("{}{key}", self.prefix));
            }
            call.arg(args);
            Ok(call.invoke_async(&mut connection).await?)
        })
        .await
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// In words, for the health page.
    pub async fn ping(&self) -> Result<(), String> {
        let ping = async {
            let mut connection = self.pool.get().await?;
            let _: String = deadpool_redis::redis::cmd("PING").query_async(&mut connection).await?;
            Ok::<(), Failure>(())
        };
        match tokio::time::timeout(self.timeout, ping).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) => Err(err.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }

    /// Runs a call unless Redis is known to be away, and notes how it went.
    fn bounded<'a, T: 'a>(
        &'a self,
        name: &'static str,
        call: impl Future<Output = Result<T, Failure>> + Send + 'a,
    ) -> impl Future<Output = Option<T>> + Send + 'a {
        // In a box: making a connection takes 7 KB, and whatever calls Telegram would have them in its own future, and on its stack.
        self.bounded_one(name, Box::pin(call))
    }

    async fn bounded_one<T>(&self, name: &'static str, call: BoxFuture<'_, Result<T, Failure>>) -> Option<T> {
        let leave = self.leave();
        if leave == Leave::None {
            return None;
        }
        let span = tracing::info_span!(
            "redis",
            otel.name = name,
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            db.system.name = "redis",
            db.operation.name = name,
        );
        let call = async {
            if leave == Leave::ToProbe {
                Box::pin(self.probe()).await?;
            }
            call.await
        };
        let call = tokio::time::timeout(self.timeout, call).instrument(span.clone());
        let failure = match call.await {
            Ok(Ok(value)) => {
                self.answered(leave);
                return Some(value);
            }
            Ok(Err(failure)) => (failure.to_string(), OUTAGE_AFTER),
            Err(_) => (format!("no answer within {:?}", self.timeout), 1),
        };
        let (why, weight) = failure;
        span.record("otel.status_code", "ERROR");
        self.failed(&why, weight);
        None
    }

    /// A write: a Redis that only reads, being full or a replica, is none.
    async fn probe(&self) -> Result<(), Failure> {
        let mut connection = self.pool.get().await?;
        let mut set = deadpool_redis::redis::cmd("SET");
        set.arg(format!("{}probe", self.prefix)).arg(1).arg("PX").arg(1);
        let _: String = set.query_async(&mut connection).await?;
        Ok(())
    }

    fn leave(&self) -> Leave {
        let mut outage = self.lock();
        let now = Instant::now();
        match outage.pause_until {
            Some(until) if now < until => Leave::None,
            Some(_) => {
                outage.pause_until = Some(now + outage.pause());
                outage.probing = true;
                Leave::ToProbe
            }
            None => Leave::Given,
        }
    }

    /// How long until Redis is asked again that was silent a moment ago and may not be away.
    pub(crate) fn silence(&self) -> Option<Duration> {
        let outage = self.lock();
        let pause = outage.pause_until?.saturating_duration_since(Instant::now());
        let left = if outage.probing { pause.min(self.timeout) } else { pause };
        Some(left).filter(|left| !outage.is_known() && !left.is_zero())
    }

    fn answered(&self, leave: Leave) {
        let mut outage = self.lock();
        // Calls that were on their way when another failed say nothing of what comes.
        if leave == Leave::Given && outage.pause_until.is_some() {
            return;
        }
        let ended = std::mem::take(&mut *outage);
        if let Some(since) = ended.since.filter(|_| ended.is_known()) {
            self.away.set(0);
            tracing::info!(outage_s = since.elapsed().as_secs(), "Redis answers again");
        }
    }

    /// `silences`: for how many calls without an answer it stands.
    fn failed(&self, why: &str, silences: u32) {
        let mut outage = self.lock();
        let now = Instant::now();
        outage.since.get_or_insert(now);
        // Those that were on their way together are one.
        if outage.counted.is_some_and(|counted| now - counted < PAUSE / 2) && silences < OUTAGE_AFTER {
            return;
        }
        outage.counted = Some(now);
        let was_known = outage.is_known();
        outage.silences = outage.silences.saturating_add(silences);
        outage.pause_until = Some(now + outage.pause());
        outage.probing = false;
        if !was_known && outage.is_known() {
            self.away.set(1);
            tracing::warn!(why, "Redis does not answer: going on with memory and Telegram alone");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.outage.lock().expect("nothing panics while it holds this lock")
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Its texts name no URL.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no connection: {0}")]
    Pool(#[from] deadpool_redis::PoolError),
    #[error("{0}")]
    Command(#[from] deadpool_redis::redis::RedisError),
}

#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;
