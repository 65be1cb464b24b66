//! What came of a case: medians of each variant, and their ratio to the first.

use std::fmt;

use serde::Serialize;

use super::run::Turn;

/// The table of one case.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    pub case: String,
    pub rows: Vec<Row>,
    pub goals: Vec<Goal>,
}

/// One variant: medians over its turns.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub variant: String,
    pub per_second: f64,
    /// To the first row's.
    pub ratio: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub refused: f64,
    /// Name, CPU-µs an update, and MB at the end.
    pub processes: Vec<(String, f64, f64)>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    pub what: String,
    pub is: f64,
    pub goal: String,
    pub reached: bool,
}

impl Table {
    pub(super) fn new<'a>(case: &str, variants: impl Iterator<Item = (&'a str, &'a [Turn])> + Clone) -> Self {
        let rate = |turns: &[Turn]| median(turns.iter().map(Turn::per_second));
        let first = variants.clone().next().map_or(1.0, |(_, turns)| rate(turns));
        let rows = variants.map(|(variant, turns)| {
            let of = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
            let names = turns.first().map(|turn| &turn.processes[..]).unwrap_or_default();
            let processes = names.iter().enumerate().map(|(n, (name, _))| {
                let cpu_us = median(turns.iter().map(|turn| turn.processes[n].1.cpu_us / turn.count()));
                (name.clone(), cpu_us, median(turns.iter().map(|turn| turn.processes[n].1.rss_mb)))
            });
            Row {
                variant: variant.to_owned(),
                per_second: rate(turns),
                ratio: rate(turns) / first,
                p50_ms: of(|turn| turn.answered.p50),
                p95_ms: of(|turn| turn.answered.p95),
                p99_ms: of(|turn| turn.answered.p99),
                refused: of(|turn| turn.refused),
                processes: processes.collect(),
            }
        });
        Self { case: case.to_owned(), rows: rows.collect(), goals: Vec::new() }
    }

    pub(super) fn judge(&mut self, what: &str, is: f64, goal: &str, reached: bool) {
        self.goals.push(Goal { what: what.to_owned(), is, goal: goal.to_owned(), reached });
    }
}

impl Row {
    /// All that it took of the processors for one update, in CPU-µs.
    pub(super) fn cpu_us_of(&self, process: &str) -> f64 {
        self.processes.iter().filter(|(name, ..)| name == process).map(|(_, cpu_us, _)| cpu_us).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.case)?;
        let head = ["variant", "a second", "ratio", "p50 ms", "p95 ms", "p99 ms", "refused"];
        let [variant, rest @ ..] = head;
        write!(f, "  {variant:<26}")?;
        rest.iter().try_for_each(|name| write!(f, "{name:>10}"))?;
        writeln!(f, "   CPU-µs an update, and MB")?;
        for row in &self.rows {
            let Row { variant, per_second, ratio, p50_ms, p95_ms, p99_ms, refused, processes } = row;
            write!(f, "  {variant:<26}{per_second:>10.0}{ratio:>10.2}{p50_ms:>10.2}{p95_ms:>10.2}{p99_ms:>10.2}")?;
            write!(f, "{refused:>10.0}  ")?;
            for (name, cpu_us, rss_mb) in processes {
                write!(f, " {name} {cpu_us:.0}, {rss_mb:.0};")?;
            }
            writeln!(f)?;
        }
        for Goal { what, is, goal, reached } in &self.goals {
            writeln!(f, "  {what}: {is:.2} (goal: {goal}) {}", if *reached { "reached" } else { "MISSED" })?;
        }
        Ok(())
    }
}

/// The middle one; of an even number the lower one of the two.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
