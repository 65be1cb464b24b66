//! Which shard a chat belongs to. Stable for ever: stored subjects carry the answer.

use std::num::NonZeroU16;

use crate::envelope::RoutingKey;

/// One of the equal parts into which chats are divided; owned by one worker at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How many shards there are. Gateways and workers must be given the same number: it is part of every subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(NonZeroU16);

impl Shards {
    pub fn new(count: NonZeroU16) -> Self {
        Self(count)
    }

    pub fn count(self) -> u16 {
        self.0.get()
    }

    pub fn all(self) -> impl Iterator<Item = Shard> {
        (0..self.count()).map(Shard)
    }

    /// The shard of a routing key.
    pub fn of(self, key: RoutingKey) -> Shard {
        let shard = mix(key.0.cast_unsigned()) % u64::from(self.count());
        Shard(u16::try_from(shard).expect("a remainder by a u16 fits in a u16"))
    }
}

impl Default for Shards {
    /// 32: enough for as many workers, and few enough to take over within milliseconds.
    fn default() -> Self {
        Self(NonZeroU16::new(32).expect("not zero"))
    }
}

impl std::str::FromStr for Shards {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for Shards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): chat ids are dense and share their high digits, so their low bits alone spread
/// badly. Written out because a library's hash may change between versions and this one may not.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u16) -> Shards {
        Shards::new(NonZeroU16::new(count).expect("not zero"))
    }

    /// Golden: a change here sends stored updates of a chat to two places.
    #[test]
    fn shard_numbers_never_change() {
        let cases = include_str!("../golden/shards.txt");
        for line in cases.lines().filter(|l| !l.starts_with('#')) {
            let fields: Vec<i64> = line.split(' ').map(|f| f.parse().expect("a number")).collect();
            let [key, count, shard] = fields[..] else { panic!("three numbers, not {line:?}") };
            let count = u16::try_from(count).expect("a small number");
            assert_eq!(i64::from(shards(count).of(RoutingKey(key)).0), shard, "chat {key} of {count}");
        }
    }

    #[test]
    fn neighbouring_chats_spread_evenly() {
        let mut filled = [0_u32; 32];
        for n in 0..32_000 {
            filled[usize::from(shards(32).of(RoutingKey(-1_001_000_000_000 - n)).0)] += 1;
        }
        let (least, most) = (filled.iter().min(), filled.iter().max());
        assert!(least > Some(&850) && most < Some(&1150), "{filled:?}");
    }
}
