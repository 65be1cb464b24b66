//! Figures of what was measured.

use std::fmt;

use serde::Serialize;

/// How long something took, each time.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<f64>);

/// In milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    pub count: usize,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub most: f64,
}

impl FromIterator<f64> for Times {
    /// Milliseconds.
    fn from_iter<I: IntoIterator<Item = f64>>(times: I) -> Self {
        let mut times: Vec<f64> = times.into_iter().collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }
}

impl Times {
    pub fn spread(&self) -> Spread {
        let at = |percent: usize| self.0.get((self.0.len() * percent / 100).min(self.0.len().saturating_sub(1)));
        let [p50, p95, p99, most] = [50, 95, 99, 100].map(|percent| at(percent).copied().unwrap_or_default());
        Spread { count: self.0.len(), p50, p95, p99, most }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, p95, p99, most } = self;
        write!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, most {most:.1} ms ({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_what_was_measured() {
        let spread = (1..=200).rev().map(f64::from).collect::<Times>().spread();
        assert_eq!((spread.p50, spread.p95, spread.p99, spread.most), (101.0, 191.0, 199.0, 200.0));
        assert_eq!(Times::default().spread().p95, 0.0);
    }
}
