//! Urgent work of one lane: what has to wait lets the others pass, except those of its own line.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
};

use tokio::time::Instant;

/// Urgent work is handed over piece by piece. New pieces and those that are to be tried again take turns, so that neither wait for all of
/// the others: while something that everybody needs is away, each try may take long.
pub(super) struct Urgent<W, L> {
    waiting: VecDeque<W>,
    /// By the time at which each is tried again, and a number that tells those of one time apart.
    held: BTreeMap<(Instant, u64), (W, Option<L>)>,
    /// What stands in line behind one that is held; a line is here as long as its first one is.
    behind: HashMap<L, VecDeque<W>>,
    given_back: u64,
    /// A new one had the last turn.
    turn_of_held: bool,
}

impl<W, L: Clone + Eq + Hash> Urgent<W, L> {
    pub(super) fn new() -> Self {
        let (waiting, held, behind) = (VecDeque::new(), BTreeMap::new(), HashMap::new());
        Self { waiting, held, behind, given_back: 0, turn_of_held: false }
    }

    pub(super) fn push(&mut self, work: W) {
        self.waiting.push_back(work);
    }

    /// How much is not held.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next one whose time has come.
    pub(super) fn take(&mut self, now: Instant, line: impl Fn(&W) -> Option<L>) -> Option<W> {
        if self.turn_of_held
            && let Some(work) = self.due(now)
        {
            self.turn_of_held = false;
            return Some(work);
        }
        if let Some(work) = self.new_one(line) {
            self.turn_of_held = true;
            return Some(work);
        }
        self.due(now)
    }

    fn due(&mut self, now: Instant) -> Option<W> {
        let first = self.held.first_entry().filter(|first| first.key().0 <= now)?;
        let (work, line) = first.remove();
        // They follow it now, unless it is held once more.
        for next in line.and_then(|line| self.behind.remove(&line)).into_iter().flatten().rev() {
            self.waiting.push_front(next);
        }
        Some(work)
    }

    fn new_one(&mut self, line: impl Fn(&W) -> Option<L>) -> Option<W> {
        while let Some(work) = self.waiting.pop_front() {
            let line = if self.behind.is_empty() { None } else { line(&work) };
            match line.and_then(|line| self.behind.get_mut(&line)) {
                Some(behind) => behind.push_back(work),
                None => return Some(work),
            }
        }
        None
    }

    /// This one was taken and is not finished.
    pub(super) fn give_back(&mut self, work: W, line: Option<L>, until: Instant) {
        if let Some(line) = &line {
            self.behind.entry(line.clone()).or_default();
        }
        self.held.insert((until, self.given_back), (work, line));
        self.given_back += 1;
    }

    /// When one that is held is tried again.
    pub(super) fn holds_until(&self) -> Option<Instant> {
        self.held.first_key_value().map(|((until, _), _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The line is the letter before the number; what has none needs no order.
    fn line(work: &&str) -> Option<char> {
        work.chars().next().filter(|first| first.is_alphabetic())
    }

    fn all(urgent: &mut Urgent<&'static str, char>, now: Instant) -> Vec<&'static str> {
        std::iter::from_fn(|| urgent.take(now, line)).collect()
    }

    #[test]
    fn what_is_held_holds_its_own_line_only() {
        let (mut urgent, now) = (Urgent::new(), Instant::now());
        let later = now + Duration::from_secs(5);
        ["a1", "a2", "b1", "1", "a3", "2"].into_iter().for_each(|work| urgent.push(work));
        assert_eq!(urgent.take(now, line), Some("a1"));
        urgent.give_back("a1", Some('a'), later);
        assert_eq!(all(&mut urgent, now), ["b1", "1", "2"]);
        assert_eq!(urgent.holds_until(), Some(later));

        // Tried once more, it is held once more, and its line with it.
        urgent.push("a4");
        urgent.turn_of_held = true;
        assert_eq!(urgent.take(later, line), Some("a1"));
        urgent.give_back("a1", Some('a'), later + Duration::from_secs(5));
        assert_eq!(all(&mut urgent, later), Vec::<&str>::new());
        assert_eq!(all(&mut urgent, later + Duration::from_secs(5)), ["a1", "a2", "a3", "a4"]);
        assert_eq!(urgent.holds_until(), None);
    }

    #[test]
    fn new_ones_and_those_that_are_due_take_turns() {
        let (mut urgent, now) = (Urgent::new(), Instant::now());
        for work in ["1", "2"] {
            urgent.give_back(work, None, now);
        }
        ["3", "4", "5"].into_iter().for_each(|work| urgent.push(work));
        assert_eq!(all(&mut urgent, now), ["3", "1", "4", "2", "5"]);
    }
}
