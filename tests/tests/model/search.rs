//! The search: what has to hold in every state, and what a state does when it is left alone.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::{
    rules::{Rules, World},
    state::{Row, State, Worker, Wrong, bit},
    steps::{Shard, Step},
};

/// No calm run takes more steps than this.
const CALM_STEPS: usize = 400;

/// What the search looks for.
#[derive(Debug)]
struct Search {
    shard: Shard,
    /// States from which all gets done; most states lead to one that has been looked at before.
    settling: Mutex<HashSet<u64>>,
    hashes: RandomState,
}

const NAMES: [(Wrong, &str); 6] = [
    (Wrong::TwoWriters, "only the latest period writes"),
    (Wrong::LateCall, "only the latest period begins a call"),
    (Wrong::Lost, "what leaves the queue is recorded"),
    (Wrong::Overtaken, "no update is overtaken within its chat"),
    (Wrong::Repeated, "no recorded effect is begun again"),
    (Wrong::Misdelivered, "a period gets only its own deliveries"),
];
const SETTLES: &str = "left alone, all gets done";

/// The properties that do not hold, each with the shortest way to where it does not.
pub(crate) struct Found(BTreeMap<&'static str, Vec<Step>>);

/// Searches everything, or only until `wanted` is found.
///
/// # Panics
/// It takes longer than `at_most`: then nothing is known.
pub(crate) fn search(rules: Rules, world: World, wanted: Option<Wrong>, at_most: Duration) -> Found {
    let until = match wanted {
        Some(wrong) => HasDiscoveries::AnyOf([name(wrong)].into()),
        None => HasDiscoveries::All,
    };
    let began = Instant::now();
    let checker = Search::new(rules, world).checker().threads(2).finish_when(until).timeout(at_most).spawn_bfs().join();
    let paths = checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions()));
    let found = Found(paths.collect());
    let is_whole = !found.0.is_empty() || began.elapsed() < at_most;
    assert!(is_whole, "not done after {at_most:?}: {} states", checker.unique_state_count());
    found
}

impl Found {
    pub(crate) fn assert_nothing(&self) {
        assert!(self.0.is_empty(), "{:#?}", self.told());
    }

    pub(crate) fn assert_found(&self, wrong: Wrong) {
        assert!(self.0.contains_key(name(wrong)), "«{}» holds all the same: {:#?}", name(wrong), self.told());
    }

    pub(crate) fn assert_nothing_but(&self, wrong: Wrong) {
        assert!(self.0.keys().all(|found| *found == name(wrong)), "{:#?}", self.told());
    }

    fn told(&self) -> BTreeMap<&str, String> {
        self.0.iter().map(|(name, steps)| (*name, format!("{steps:?}"))).collect()
    }
}

fn name(wrong: Wrong) -> &'static str {
    NAMES.iter().find(|(other, _)| *other == wrong).map_or(SETTLES, |(_, name)| name)
}

impl Model for Search {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let world = &self.shard.world;
        vec![State {
            lease: None,
            consumer: None,
            stored: (0..world.updates.len()).map(bit).sum(),
            forgot: false,
            copy: world.copy,
            fence: 0,
            latest: 0,
            rows: Default::default(),
            effects: 0,
            workers: vec![Worker::default(); usize::from(world.workers)],
            faults: world.faults,
            wrong: None,
        }]
    }

    fn actions(&self, _: &State, actions: &mut Vec<Step>) {
        self.shard.calm_steps(actions);
        self.shard.other_steps(actions);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        self.shard.after(state, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NAMES[0].1, |_, state: &State| state.wrong != Some(NAMES[0].0)),
            Property::always(NAMES[1].1, |_, state: &State| state.wrong != Some(NAMES[1].0)),
            Property::always(NAMES[2].1, |_, state: &State| state.wrong != Some(NAMES[2].0)),
            Property::always(NAMES[3].1, |_, state: &State| state.wrong != Some(NAMES[3].0)),
            Property::always(NAMES[4].1, |_, state: &State| state.wrong != Some(NAMES[4].0)),
            Property::always(NAMES[5].1, |_, state: &State| state.wrong != Some(NAMES[5].0)),
            Property::always(SETTLES, |search: &Self, state| search.settles(state)),
        ]
    }
}

impl Search {
    fn new(rules: Rules, world: World) -> Self {
        Self { shard: Shard { rules, world }, settling: Mutex::default(), hashes: RandomState::new() }
    }

    /// Whether all gets done from here on if nothing more goes wrong and everybody who is frozen or dead comes back.
    fn settles(&self, state: &State) -> bool {
        let mut steps = Vec::new();
        self.shard.calm_steps(&mut steps);
        let mut seen = Vec::new();
        let mut state = state.clone();
        for _ in 0..CALM_STEPS {
            let hash = self.hashes.hash_one(&state);
            if self.known().contains(&hash) || state.wrong.is_some() || self.is_done(&state) {
                self.known().extend(seen);
                return true;
            }
            seen.push(hash);
            let Some(next) = steps.iter().find_map(|step| self.shard.after(&state, *step)) else { return false };
            state = next;
        }
        false
    }

    fn known(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.settling.lock().expect("nothing panics while it holds this lock")
    }

    fn is_done(&self, state: &State) -> bool {
        let updates = self.shard.world.updates.len();
        state.stored == 0 && state.rows[..updates].iter().all(|row| *row == Row::Closed)
    }
}
