//! What memory keeps of two values, and for how long.

use super::*;

/// A word that was true at a time and may be used until another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: &'static str,
    pub(super) as_of_ms: i64,
    pub(super) expires_ms: i64,
}

pub(super) const WORDS: [&str; 4] = ["yes", "no", "maybe", "perhaps"];

impl Value for Word {
    fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }

    fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    fn encode(&self) -> String {
        format!("{} {} {}", self.text, self.as_of_ms, self.expires_ms)
    }

    fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let word = parts.next()?;
        let text = WORDS.into_iter().find(|known| *known == word)?;
        Some(Self { text, as_of_ms: parts.next()?.parse().ok()?, expires_ms: parts.next()?.parse().ok()? })
    }
}

impl Key for &'static str {
    fn name(&self) -> String {
        format!("word:{self}")
    }
}

/// True since `age_ms` ago, for `left_ms` from now.
pub(super) fn word(text: &'static str, age_ms: i64, left_ms: i64) -> Word {
    let now_ms = shared::clock::now_ms();
    Word { text, as_of_ms: now_ms - age_ms, expires_ms: now_ms + left_ms }
}

#[tokio::test]
async fn memory_keeps_the_newer_of_two_and_the_later_told_of_equals() {
    let minute = 60_000;
    let first = word("yes", 1_000, minute);
    let cases = [
        ("newer", word("no", 0, minute), true),
        ("older", word("no", 2_000, minute), false),
        ("as old", Word { text: "no", ..first.clone() }, true),
        ("older, but for longer", word("no", 2_000, 10 * minute), false),
    ];
    for (name, second, wins) in cases {
        let cache = Cache::new(100, None, CacheMetrics::default());
        cache.put(&"ann", &first).await;
        cache.put(&"ann", &second).await;
        let kept = if wins { &second } else { &first };
        assert_eq!(cache.get(&"ann").await.as_ref(), Some(kept), "{name}");
        assert_eq!(cache.get(&"bo").await, None);
    }
}

/// moka keeps its own clock, so what is tested is the time that it is given.
#[test]
fn every_value_says_when_it_ends() {
    let now = std::time::Instant::now();
    for (left_ms, from_ms, to_ms) in [(60_000, 59_000, 60_000), (1, 0, 1), (0, 0, 0), (-60_000, 0, 0)] {
        let value = word("yes", 0, left_ms);
        let given = [
            AsDated.expire_after_create(&"ann", &value, now),
            AsDated.expire_after_update(&"ann", &value, now, Some(Duration::from_secs(9999))),
        ];
        for left in given {
            let left = left.expect("none lasts for ever");
            assert!((from_ms..=to_ms).contains(&left.as_millis()), "{left:?} of {left_ms} ms");
        }
    }
}

#[tokio::test]
async fn what_is_over_is_gone_and_takes_older_ones_with_it() {
    let cache = Cache::new(100, None, CacheMetrics::default());
    cache.put(&"ann", &word("yes", 0, -1)).await;
    assert_eq!(cache.get(&"ann").await, None);
    cache.put(&"bo", &word("yes", 9_000, 60_000)).await;
    cache.put(&"bo", &word("no", 8_000, -1)).await;
    assert_eq!(cache.get(&"bo").await, None, "told late, but newer");
}
