//! Whether something that happens by chance happens now: decided by the seed, so that a run repeats.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Throws a coin of its own for each subject, so that it does not matter in which order calls about different ones come:
/// the third look-up of a user meets the same fate in every run.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: u64,
    /// How often the coin of a subject has been thrown.
    thrown: HashMap<u64, u64>,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, thrown: HashMap::new() }
    }

    /// True with this probability.
    pub(crate) fn strikes(&mut self, probability: f64, subject: &impl Hash) -> bool {
        // The hasher's keys are fixed, unlike those of a map.
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        let coin = hasher.finish();
        let throw = self.thrown.entry(coin).or_default();
        *throw += 1;
        (self.seed, coin, *throw).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish()).random::<f64>() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subjects_fate_does_not_depend_on_the_others() {
        let mut alone = Chance::new(5);
        let mut among_others = Chance::new(5);
        for _ in 0..64 {
            among_others.strikes(0.5, &"Ben");
            assert_eq!(alone.strikes(0.5, &"Ann"), among_others.strikes(0.5, &"Ann"));
        }
    }

    #[test]
    fn it_happens_as_often_as_it_should() {
        let mut chance = Chance::new(5);
        for (probability, least, most) in [(0.0, 0, 0), (0.1, 50, 150), (0.5, 430, 570), (1.0, 1000, 1000)] {
            let struck = (0..1000).filter(|subject| chance.strikes(probability, subject)).count();
            assert!((least..=most).contains(&struck), "{probability}: {struck}");
        }
    }
}
