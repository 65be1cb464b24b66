//! What came of a run: figures, and the goals that they have.

use std::fmt;

use serde::Serialize;

/// The report of one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub case: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub what: String,
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    pub is: String,
    pub reached: bool,
    /// About time, which a busy machine keeps nobody's.
    pub of_time: bool,
}

impl Report {
    pub(super) fn new(case: String) -> Self {
        Self { case, lines: Vec::new() }
    }

    pub(super) fn tell(&mut self, what: &str, value: impl ToString) {
        self.lines.push(Line { what: what.to_owned(), value: value.to_string(), goal: None });
    }

    pub(super) fn judge(&mut self, what: &str, value: impl ToString, is: &str, reached: bool) {
        self.push(what, &value, is, reached, false);
    }

    pub(super) fn judge_time(&mut self, what: &str, value: impl ToString, is: &str, reached: bool) {
        self.push(what, &value, is, reached, true);
    }

    fn push(&mut self, what: &str, value: &impl ToString, is: &str, reached: bool, of_time: bool) {
        let goal = Some(Goal { is: is.to_owned(), reached, of_time });
        self.lines.push(Line { what: what.to_owned(), value: value.to_string(), goal });
    }

    /// Whether all goals were reached; those of time too, if they count.
    pub fn is_good(&self, judge_times: bool) -> bool {
        self.lines.iter().filter_map(|line| line.goal.as_ref()).all(|goal| goal.reached || goal.of_time && !judge_times)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.case)?;
        for Line { what, value, goal } in &self.lines {
            write!(f, "  {what:<58} {value}")?;
            if let Some(Goal { is, reached, .. }) = goal {
                write!(f, "  (goal: {is}) {}", if *reached { "reached" } else { "MISSED" })?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
