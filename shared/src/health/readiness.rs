//! Whether the process can serve now, put together from what its parts say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A handle on the process's readiness: ready when every named condition is met, and never again after the stop.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    conditions: BTreeMap<&'static str, Result<(), String>>,
    /// Their outages are in the log already.
    told_elsewhere: BTreeSet<&'static str>,
    stopping: bool,
    was_ready: bool,
    has_been_ready: bool,
}

impl Readiness {
    /// Not ready until each of the conditions has been reported met.
    pub fn new(conditions: &[&'static str]) -> Self {
        let conditions = conditions.iter().map(|name| (*name, Err("not yet".to_owned()))).collect();
        Self(Arc::new(Mutex::new(State {
            conditions,
            told_elsewhere: BTreeSet::new(),
            stopping: false,
            was_ready: false,
            has_been_ready: false,
        })))
    }

    /// Whoever talks to this one logs its outages: they are not logged once more here, once the start is over.
    #[must_use]
    pub fn told_elsewhere(self, condition: &'static str) -> Self {
        self.lock().told_elsewhere.insert(condition);
        self
    }

    /// Says how a condition stands. One that was not named at the start is added.
    pub fn set(&self, condition: &'static str, met: Result<(), String>) {
        let mut state = self.lock();
        state.conditions.insert(condition, met);
        state.tell();
    }

    /// The process is on its way out: not ready from now on, whatever its parts say.
    pub fn stop(&self) {
        self.lock().stopping = true;
    }

    pub fn is_ready(&self) -> bool {
        self.lock().missing().is_empty()
    }

    /// What is not met, and why.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        self.lock().missing()
    }

    /// Passes a check's result on, if there is a condition of that name.
    pub(super) fn report(&self, condition: &'static str, met: Result<(), String>) {
        let mut state = self.lock();
        if let Some(known) = state.conditions.get_mut(condition) {
            *known = met;
            state.tell();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn missing(&self) -> Vec<(&'static str, String)> {
        if self.stopping {
            return vec![("process", "stopping".to_owned())];
        }
        let unmet = |(name, met): (&&'static str, &Result<(), String>)| met.clone().err().map(|why| (*name, why));
        self.conditions.iter().filter_map(unmet).collect()
    }

    /// One log line a change.
    fn tell(&mut self) {
        let mut missing = self.missing();
        if self.has_been_ready {
            missing.retain(|(name, _)| !self.told_elsewhere.contains(name));
        }
        if self.stopping || self.was_ready == missing.is_empty() {
            return;
        }
        self.was_ready = missing.is_empty();
        if self.was_ready {
            self.has_been_ready = true;
            tracing::info!("ready");
        } else {
            let why: Vec<String> = missing.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            tracing::warn!(missing = why.join("; "), "not ready");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_all_conditions_and_no_stop() {
        let readiness = Readiness::new(&["nats", "database"]);
        assert!(!readiness.is_ready());
        readiness.set("nats", Ok(()));
        assert_eq!(readiness.missing(), [("database", "not yet".to_owned())]);
        readiness.report("database", Ok(()));
        readiness.report("redis", Err("optional, so no condition".to_owned()));
        assert!(readiness.is_ready());
        readiness.set("nats", Err("connection lost".to_owned()));
        assert_eq!(readiness.missing(), [("nats", "connection lost".to_owned())]);
        readiness.set("nats", Ok(()));
        readiness.stop();
        readiness.set("nats", Ok(()));
        assert_eq!(readiness.missing(), [("process", "stopping".to_owned())]);
    }
    #[test]
    fn what_is_told_elsewhere_is_no_news_here_once_the_start_is_over() {
        let readiness = Readiness::new(&["nats", "database"]).told_elsewhere("nats");
        readiness.set("database", Ok(()));
        assert!(!readiness.lock().was_ready, "at the start it is");
        readiness.set("nats", Ok(()));
        readiness.set("nats", Err("connection lost".to_owned()));
        assert!(!readiness.is_ready() && readiness.lock().was_ready);
        readiness.set("database", Err("away".to_owned()));
        assert!(!readiness.lock().was_ready);
    }
}
