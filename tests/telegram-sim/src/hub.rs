//! What the server, the deliverer and the handles have in common.

use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::SimConfig;
use crate::faults::chance::Chance;
use crate::faults::plan::Plan;
use crate::floods::windows::Floods;
use crate::ids::UserId;
use crate::ledger::Log;
use crate::methods::updates::Poll;
use crate::methods::webhook::Setting;
use crate::route::Tokens;
use crate::schema::Schema;
use crate::state::State;

pub(crate) struct Hub {
    pub(crate) clock: Clock,
    pub(crate) config: SimConfig,
    pub(crate) schema: Schema,
    state: Mutex<State>,
    log: Mutex<Log>,
    faults: Mutex<(Plan, Chance)>,
    floods: Mutex<Floods>,
    pub(crate) poll: Mutex<Poll>,
    /// The setWebhook that is looking at its URL now.
    pub(crate) setting: Mutex<Setting>,
    pub(crate) tokens: Mutex<Tokens>,
    /// Calls that have come and are not answered, but polls.
    pub(crate) in_hand: AtomicUsize,
    /// Moves whenever anything in the world or the ledger may have changed.
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// A lock of ours is never left half changed by a panic that matters: go on with what is there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn new(config: SimConfig, bot: UserId) -> Self {
        let clock = Clock::new();
        let schema = Schema::new(config.check_schema);
        let mut state = State::new(clock.clone(), config.clone(), bot);
        state.updates.schema = schema.clone();
        Self {
            state: Mutex::new(state),
            log: Mutex::new(Log::new(config.ledger_capacity)),
            faults: Mutex::new((Plan::default(), Chance::new(config.seed))),
            floods: Mutex::new(Floods::new(config.floods.clone())),
            poll: Mutex::new(Poll::default()),
            setting: Mutex::new(Setting::default()),
            tokens: Mutex::new(Tokens::default()),
            in_hand: AtomicUsize::new(0),
            changed: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            clock,
            config,
            schema,
        }
    }

    /// Reads the world, or changes it without anybody needing to know.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&State) -> T) -> T {
        question(&lock(&self.state))
    }

    /// Changes the world, and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let outcome = act(&mut lock(&self.state));
        self.wake();
        outcome
    }

    pub(crate) fn log<T>(&self, act: impl FnOnce(&mut Log) -> T) -> T {
        act(&mut lock(&self.log))
    }

    pub(crate) fn faults<T>(&self, act: impl FnOnce(&mut Plan, &mut Chance) -> T) -> T {
        let (plan, chance) = &mut *lock(&self.faults);
        act(plan, chance)
    }

    pub(crate) fn floods<T>(&self, act: impl FnOnce(&mut Floods) -> T) -> T {
        act(&mut lock(&self.floods))
    }

    pub(crate) fn wake(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}
