//! Whose turn it is: the async shell around the budget.
//!
//! A message never waits here: it gets a slot at once or is told when to come back ([`Limiter::try_send`]). Deletes, restrictions and
//! questions wait inside the call ([`Limiter::enter`]), in one line per class, ordered by priority and then by arrival. Who can go only
//! later because of their own chat (closed by a 429, or enough calls under way) is passed by.
//!
//! One of those in line, the leader, asks the budget for all of them: it lets in whoever may go now, and sleeps until the budget says
//! that somebody may go, or until somebody joins or comes out. The others sleep until they are told. So nothing polls, and the budget gets
//! one question at a time, from one place ([`Limiter::reserve`]), which is where a budget kept outside of the process goes.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::Rng as _;
use shared::ids::ChatId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::budget::{Ask, Budget, Class, LimiterConfig, Priority, Refusal};
use super::metrics::TelegramMetrics;
use super::window::{Pace, Windows};

#[derive(Debug)]
pub(super) struct Limiter {
    budget: Mutex<Budget>,
    lines: Lines,
    epoch: Instant,
    metrics: TelegramMetrics,
}

#[derive(Debug, Default)]
struct Lines {
    send: Mutex<Line>,
    broadcast: Mutex<Line>,
    moderate: Mutex<Line>,
    read: Mutex<Line>,
}

/// Those who wait in one class.
#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Place, Waiter>,
    leader: Option<Place>,
    joined: u64,
    windows: Windows,
}

type Place = (Priority, u64);

#[derive(Debug)]
struct Waiter {
    chat: Option<ChatId>,
    admitted: bool,
    wake: Arc<Notify>,
}

/// A place in line. Leaving it early gives up nothing but the place.
#[derive(Debug)]
struct Ticket<'a> {
    limiter: &'a Arc<Limiter>,
    ask: Ask,
    place: Place,
    wake: Arc<Notify>,
}

/// A call under way. Whoever gets one says how the call went; one that is dropped says nothing.
#[derive(Debug)]
pub(super) struct Pass {
    limiter: Arc<Limiter>,
    ask: Ask,
    pace: Pace,
}

/// Who has to come back is told a time at least this far ahead, so that nobody turns in circles on a clock's last digit.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Shorter ones are the ordinary taking of turns and no sign of a budget that is used up.
const NOTICEABLE_WAIT: Duration = Duration::from_millis(10);

impl Limiter {
    pub(super) fn new(config: &LimiterConfig, metrics: TelegramMetrics) -> Arc<Self> {
        Arc::new(Self {
            budget: Mutex::new(Budget::new(config)),
            lines: Lines::default(),
            epoch: Instant::now(),
            metrics,
        })
    }

    /// Takes what one message needs.
    ///
    /// # Errors
    /// How long until it is worth asking again.
    pub(super) fn try_send(&self, ask: &Ask) -> Result<(), Duration> {
        self.reserve(ask).map_err(|refusal| {
            self.metrics.delayed(ask);
            self.until(refusal)
        })
    }

    /// Waits until the call may be made.
    ///
    /// # Errors
    /// It would not be before `latest`: how long until it is worth coming back.
    pub(super) async fn enter(self: &Arc<Self>, ask: Ask, latest: Instant) -> Result<Pass, Duration> {
        let joined = Instant::now();
        let ticket = Ticket::join(self, ask);
        if let Some(pass) = ticket.try_turn() {
            self.metrics.waited(&ask, Duration::ZERO);
            return Ok(pass);
        }
        // Closed for longer than the caller has time: waiting would only hold up the chat that the call is made for.
        let refusal = self.budget().look(self.now(), &ask);
        if refusal.opens().is_some_and(|opens| self.epoch + opens > latest) {
            self.metrics.delayed(&ask);
            return Err(self.until(refusal));
        }
        let turn = timeout_at(latest, ticket.turn()).await;
        let wait = joined.elapsed();
        self.metrics.waited(&ask, wait);
        if wait >= NOTICEABLE_WAIT {
            self.metrics.delayed(&ask);
        }
        turn.map_err(|_| self.until(self.budget().look(self.now(), &ask)))
    }

    /// Telegram has said 429 to a call of this kind. Returns the wait with its jitter, which is only ever added: coming back early makes
    /// Telegram's waits longer.
    pub(super) fn flooded(&self, class: Class, chat: Option<ChatId>, retry_after: Duration) -> Duration {
        let wait = retry_after + retry_after.mul_f64(rand::rng().random_range(0.0..0.1)) + SHORTEST_WAIT;
        self.budget().flooded(self.now(), class, chat, wait);
        wait
    }

    /// The only question to the budget.
    fn reserve(&self, ask: &Ask) -> Result<(), Refusal> {
        let now = self.now();
        self.budget().reserve(now, ask)
    }

    /// Lets in, in order, whoever may go. Returns when to look again, if nothing else happens.
    fn admit(&self, class: Class) -> Option<Duration> {
        let mut held_up = HashSet::new();
        let mut look_again: Option<Duration> = None;
        let mut after = Bound::Unbounded;
        loop {
            // Bound to a name first: a `while let` would hold the line's lock through its body.
            let next = self.line(class).next(after, &mut held_up);
            let Some((place, chat)) = next else {
                return look_again;
            };
            after = Bound::Excluded(place);
            match self.reserve(&Ask { class, chat, priority: place.0 }) {
                Ok(()) => self.line(class).admit(place, self.now()),
                Err(refusal) => {
                    let opens = refusal.class_opens.or(refusal.chat_opens);
                    look_again = look_again.into_iter().chain(opens).min();
                    if refusal.class_opens.is_some() {
                        // Nobody further back may go before this one.
                        return look_again;
                    }
                    held_up.insert(chat);
                }
            }
        }
    }

    fn until(&self, refusal: Refusal) -> Duration {
        refusal.opens().unwrap_or_default().saturating_sub(self.now()).max(SHORTEST_WAIT)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().expect("nothing panics while it holds the budget")
    }

    fn line(&self, class: Class) -> MutexGuard<'_, Line> {
        let line = match class {
            Class::Send => &self.lines.send,
            Class::Broadcast => &self.lines.broadcast,
            Class::Moderate => &self.lines.moderate,
            Class::Read => &self.lines.read,
        };
        line.lock().expect("nothing panics while it holds the line")
    }
}

impl Line {
    /// The first in line who is not passed by.
    fn next(&self, after: Bound<Place>, held_up: &mut HashSet<Option<ChatId>>) -> Option<(Place, Option<ChatId>)> {
        for (place, waiter) in self.waiting.range((after, Bound::Unbounded)) {
            if waiter.admitted || held_up.contains(&waiter.chat) {
                continue;
            }
            if self.windows.has_room(waiter.chat) {
                return Some((*place, waiter.chat));
            }
            held_up.insert(waiter.chat);
        }
        None
    }

    fn admit(&mut self, place: Place, now: Duration) {
        // Gone if its caller gave up just now; then one call's worth of budget stays unused.
        if let Some(waiter) = self.waiting.get_mut(&place) {
            waiter.admitted = true;
            waiter.wake.notify_one();
            self.windows.enter(now, waiter.chat);
        }
    }

    fn wake_leader(&self) {
        if let Some(leader) = self.leader.and_then(|place| self.waiting.get(&place)) {
            leader.wake.notify_one();
        }
    }
}

impl<'a> Ticket<'a> {
    fn join(limiter: &'a Arc<Limiter>, ask: Ask) -> Self {
        let wake = Arc::new(Notify::new());
        let mut line = limiter.line(ask.class);
        line.joined += 1;
        let place = (ask.priority, line.joined);
        line.waiting.insert(place, Waiter { chat: ask.chat, admitted: false, wake: Arc::clone(&wake) });
        line.wake_leader();
        drop(line);
        Self { limiter, ask, place, wake }
    }

    /// Goes without waiting, if there is nobody before us and nothing in the way.
    fn try_turn(&self) -> Option<Pass> {
        if self.leads() {
            self.limiter.admit(self.ask.class);
        }
        self.take_pass()
    }

    async fn turn(&self) -> Pass {
        loop {
            let look_again = if self.leads() { self.limiter.admit(self.ask.class) } else { None };
            if let Some(pass) = self.take_pass() {
                return pass;
            }
            match look_again {
                Some(at) => {
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = sleep_until(self.limiter.epoch + at) => {}
                    }
                }
                None => self.wake.notified().await,
            }
        }
    }

    /// Becomes the leader if there is none.
    fn leads(&self) -> bool {
        let mut line = self.limiter.line(self.ask.class);
        *line.leader.get_or_insert(self.place) == self.place
    }

    fn take_pass(&self) -> Option<Pass> {
        let mut line = self.limiter.line(self.ask.class);
        if !line.waiting.get(&self.place)?.admitted {
            return None;
        }
        line.waiting.remove(&self.place);
        Some(Pass { limiter: Arc::clone(self.limiter), ask: self.ask, pace: Pace::Unknown })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let now = self.limiter.now();
        let mut line = self.limiter.line(self.ask.class);
        if line.waiting.remove(&self.place).is_some_and(|waiter| waiter.admitted) {
            // Let in, but its caller has gone.
            line.windows.leave(now, self.ask.chat, Pace::Unknown);
        }
        if line.leader == Some(self.place) {
            line.leader = line.waiting.iter().find(|(_, waiter)| !waiter.admitted).map(|(place, _)| *place);
        }
        line.wake_leader();
    }
}

impl Pass {
    /// The call is over.
    pub(super) fn end(mut self, pace: Pace) {
        self.pace = pace;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = self.limiter.now();
        let mut line = self.limiter.line(self.ask.class);
        line.windows.leave(now, self.ask.chat, self.pace);
        line.wake_leader();
    }
}

#[cfg(test)]
mod tests;
