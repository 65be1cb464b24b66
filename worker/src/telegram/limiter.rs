//! Whose turn it is: the async shell around the budget.
//!
//! A message never waits here: it gets a slot at once or is told when to come back ([`Limiter::try_send`]). Deletes, restrictions and
//! questions wait inside the call ([`Limiter::enter`]), in one line per class, ordered by priority and then by arrival. Who can go only
//! later because of their own chat (closed by a 429, or enough calls under way) is passed by.
//!
//! One of those in line, the leader, asks the budget for all of them: it lets in whoever may go now, and sleeps until the budget says
//! that somebody may go, or until somebody joins or comes out. The others sleep until they are told. So nothing polls, and the budget gets
//! one question at a time, from one place ([`Limiter::reserve`]).
//!
//! The budget is the one in Redis, which all workers share. While Redis is away, and where there is none, it is this process's own: its
//! share of the ceilings, from where the shared one was when it was last heard of. A Redis that is silent for a moment is not away: the other
//! workers go on counting there, so messages wait until it is known; a worker without others goes on. Where only some workers cannot reach
//! Redis for long, these have their shares beside the whole that the others have.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::Rng as _;
use shared::ids::ChatId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument as _;

use super::budget::{Ask, Budget, Class, LimiterConfig, Priority, Refusal};
use super::metrics::TelegramMetrics;
use super::shared_budget::{Outcome, SharedBudget};
use super::window::{Pace, Windows};
use crate::cache::Redis;

#[derive(Debug)]
pub(super) struct Limiter {
    budget: Mutex<Budget>,
    shared: Option<SharedBudget>,
    /// 429s of which the other workers could not be told yet, and until when they close.
    untold: Mutex<Vec<(Ask, Duration)>>,
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
    returns: Returns,
}

/// When those messages come back that were told to, by priority. Only for them to come one after another: it gives nobody a right.
#[derive(Debug, Default)]
struct Returns([Duration; 3]);

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

/// How long a call of the last priority waits in line.
const PATIENCE_OF_LAST: Duration = Duration::from_millis(250);

/// Nobody is sent away for longer than so much after their class opens, by priority: who was to come before may not need to any more.
const FURTHEST_RETURNS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// For so many the budget is asked at once.
const AT_ONCE: usize = 32;

/// Shorter ones are the ordinary taking of turns and no sign of a budget that is used up.
const NOTICEABLE_WAIT: Duration = Duration::from_millis(10);

impl Limiter {
    pub(super) fn new(config: &LimiterConfig, redis: Option<Redis>, metrics: TelegramMetrics) -> Arc<Self> {
        Arc::new(Self {
            budget: Mutex::new(Budget::new(config)),
            shared: redis.map(|redis| SharedBudget::new(redis, config)),
            untold: Mutex::default(),
            lines: Lines::default(),
            epoch: Instant::now(),
            metrics,
        })
    }

    /// Takes what one message needs.
    ///
    /// # Errors
    /// How long until it is worth asking again.
    pub(super) async fn try_send(&self, ask: &Ask) -> Result<(), Duration> {
        let answer = self.reserve(&[*ask]).await.pop().expect("an answer for each");
        answer.map_err(|refusal| {
            self.metrics.delayed(ask);
            let class_opens = refusal.class_opens.map(|opens| self.returns(ask, opens));
            self.until(Refusal { class_opens, ..refusal })
        })
    }

    /// When who is refused comes back. Hundreds may be refused in a second, and were they all to come when the class opens, all but one would
    /// come in vain.
    fn returns(&self, ask: &Ask, opens: Duration) -> Duration {
        let interval = self.budget().interval(ask.class);
        self.line(ask.class).returns.next(ask.priority, opens, interval)
    }

    /// So many workers share the ceilings while they cannot count together.
    pub(super) fn share(&self, workers: u32) {
        self.budget().share(workers);
        if self.shared.is_none() {
            self.metrics.counted_together(workers <= 1);
        }
    }

    /// How many calls of a class are this worker's share of those within that time.
    pub(super) fn share_within(&self, class: Class, time: Duration) -> usize {
        let interval = self.budget().share_interval(class);
        usize::try_from(time.as_nanos() / interval.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// Waits until the call may be made.
    ///
    /// # Errors
    /// It would not be before `latest`: how long until it is worth coming back. For what nobody waits for that is soon: whoever asks holds up
    /// a chat, in which there may be something that somebody does wait for.
    pub(super) async fn enter(self: &Arc<Self>, ask: Ask, latest: Instant) -> Result<Pass, Duration> {
        let joined = Instant::now();
        let latest = if ask.priority == Priority::P2 { latest.min(joined + PATIENCE_OF_LAST) } else { latest };
        let ticket = Ticket::join(self, ask);
        if let Some(pass) = ticket.try_turn().await {
            self.metrics.waited(&ask, Duration::ZERO);
            return Ok(pass);
        }
        // Closed for longer than the caller has time: waiting would only hold up the chat that the call is made for.
        let closed = self.budget().closed(self.now(), &ask);
        if closed.opens().is_some_and(|opens| self.epoch + opens > latest) {
            self.metrics.delayed(&ask);
            return Err(self.until(closed));
        }
        let span = tracing::info_span!(
            "wait for a turn",
            limit.class = ask.class.name(),
            limit.priority = ?ask.priority,
            chat.id = ask.chat.map(|chat| chat.0),
        );
        let turn = timeout_at(latest, ticket.turn()).instrument(span).await;
        let wait = joined.elapsed();
        self.metrics.waited(&ask, wait);
        if wait >= NOTICEABLE_WAIT {
            self.metrics.delayed(&ask);
        }
        turn.map_err(|_| {
            let refusal = self.budget().look(self.now(), &ask);
            if ask.priority == Priority::P0 {
                return self.until(refusal);
            }
            let opens = refusal.opens().unwrap_or_else(|| self.now());
            self.until(Refusal { class_opens: Some(self.returns(&ask, opens)), ..refusal })
        })
    }

    /// Telegram has said 429 to this call. Returns the wait with its jitter, which is only ever added: coming back early makes Telegram's
    /// waits longer.
    pub(super) async fn flooded(&self, ask: &Ask, retry_after: Duration) -> Duration {
        let wait = retry_after + retry_after.mul_f64(rand::rng().random_range(0.0..0.1)) + SHORTEST_WAIT;
        self.budget().flooded(self.now(), ask.class, ask.chat, wait);
        self.metrics.closed(ask);
        if let Some(shared) = &self.shared {
            self.untold().push((*ask, self.now() + wait));
            self.tell_floods(shared).await;
        }
        wait
    }

    /// What cannot be told now is told with the next question.
    async fn tell_floods(&self, shared: &SharedBudget) {
        // Each goes when it is told: whoever tells may be given up half-way.
        let untold = self.untold().clone();
        for one in untold {
            let (ask, until) = one;
            let left = until.saturating_sub(self.now());
            if left.is_zero() || shared.flooded(&ask, left).await {
                self.untold().retain(|other| *other != one);
            }
        }
    }

    /// The only question to the budget: for these calls, in their order.
    async fn reserve(&self, asks: &[Ask]) -> Vec<Result<(), Refusal>> {
        // What a 429 has closed for this worker stays closed, whatever the others know of it.
        let closed: Vec<Refusal> = {
            let (now, budget) = (self.now(), self.budget());
            asks.iter().map(|ask| budget.closed(now, ask)).collect()
        };
        let open: Vec<Ask> =
            asks.iter().zip(&closed).filter(|(_, closed)| closed.opens().is_none()).map(|(ask, _)| *ask).collect();
        let mut answers = if open.is_empty() { Vec::new() } else { self.reserve_open(&open).await }.into_iter();
        let answer = |closed: Refusal| match closed.opens() {
            Some(_) => Err(closed),
            None => answers.next().expect("an answer for each"),
        };
        closed.into_iter().map(answer).collect()
    }

    async fn reserve_open(&self, asks: &[Ask]) -> Vec<Result<(), Refusal>> {
        if let Some(answers) = self.reserve_together(asks).await {
            return answers;
        }
        let silence = self.shared.as_ref().and_then(SharedBudget::silence);
        let (now, mut budget) = (self.now(), self.budget());
        let answer = |ask: &Ask| match silence {
            Some(left) if ask.class.is_of_messages() && !budget.is_alone() => {
                Err(Refusal { class_opens: Some(now + left), chat_opens: None })
            }
            _ => budget.reserve(now, ask),
        };
        asks.iter().map(answer).collect()
    }

    /// None: there is no Redis, or it does not answer.
    async fn reserve_together(&self, asks: &[Ask]) -> Option<Vec<Result<(), Refusal>>> {
        let shared = self.shared.as_ref()?;
        self.tell_floods(shared).await;
        let asked_at = self.now();
        let asked: Vec<(Ask, Duration)> = {
            let budget = self.budget();
            asks.iter().map(|ask| (*ask, budget.ahead(asked_at, ask))).collect()
        };
        let outcomes = shared.reserve(&asked).await;
        self.metrics.counted_together(outcomes.is_some());
        let now = self.now();
        let mut budget = self.budget();
        let answer = |(ask, outcome): (&Ask, Outcome)| {
            // As of the question, so that what comes back to Redis with the next one is never more than it has said.
            budget.adopt(asked_at, ask, &outcome.levels);
            outcome.answer(now)
        };
        Some(asks.iter().zip(outcomes?).map(answer).collect())
    }

    /// Lets in, in order, whoever may go. Returns when to look again, if nothing else happens.
    async fn admit(&self, class: Class) -> Option<Duration> {
        let mut held_up = HashSet::new();
        let mut look_again: Option<Duration> = None;
        let mut after = Bound::Unbounded;
        loop {
            // Bound to a name first: a `while let` would hold the line's lock through its body.
            let next = self.line(class).next(after, &mut held_up);
            let Some((last, _)) = next.last() else {
                return look_again;
            };
            after = Bound::Excluded(*last);
            let asks: Vec<Ask> =
                next.iter().map(|(place, chat)| Ask { class, chat: *chat, priority: place.0 }).collect();
            let mut is_class_closed = false;
            for ((place, chat), answer) in next.into_iter().zip(self.reserve(&asks).await) {
                match answer {
                    Ok(()) => self.line(class).admit(place, self.now()),
                    Err(refusal) => {
                        look_again = look_again.into_iter().chain(refusal.class_opens.or(refusal.chat_opens)).min();
                        is_class_closed |= refusal.class_opens.is_some();
                        held_up.insert(chat);
                    }
                }
            }
            if is_class_closed {
                // Nobody further back may go before those.
                return look_again;
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

    fn untold(&self) -> MutexGuard<'_, Vec<(Ask, Duration)>> {
        self.untold.lock().expect("nothing panics while it holds this list")
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

impl Returns {
    /// The next one's time, from when its class opens. It comes after those of its own priority and of higher ones.
    fn next(&mut self, priority: Priority, opens: Duration, interval: Duration) -> Duration {
        let before = self.0[..=priority as usize].iter().max().copied().unwrap_or_default();
        let turn = opens.max(before + interval);
        let furthest = FURTHEST_RETURNS[priority as usize];
        if turn > opens + furthest {
            return opens + furthest.mul_f64(rand::rng().random_range(0.5..1.0));
        }
        self.0[priority as usize] = turn;
        turn
    }
}

impl Line {
    /// The first in line who are not passed by.
    fn next(&self, after: Bound<Place>, held_up: &mut HashSet<Option<ChatId>>) -> Vec<(Place, Option<ChatId>)> {
        let mut next = Vec::new();
        let mut chosen: HashMap<Option<ChatId>, u32> = HashMap::new();
        for (place, waiter) in self.waiting.range((after, Bound::Unbounded)) {
            if next.len() == AT_ONCE {
                break;
            }
            if waiter.admitted || held_up.contains(&waiter.chat) {
                continue;
            }
            let of_chat = chosen.entry(waiter.chat).or_default();
            if self.windows.has_room(waiter.chat, *of_chat + 1) {
                *of_chat += 1;
                next.push((*place, waiter.chat));
            } else {
                held_up.insert(waiter.chat);
            }
        }
        next
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
    async fn try_turn(&self) -> Option<Pass> {
        if self.leads() {
            self.limiter.admit(self.ask.class).await;
        }
        self.take_pass()
    }

    async fn turn(&self) -> Pass {
        loop {
            let look_again = if self.leads() { self.limiter.admit(self.ask.class).await } else { None };
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
        if line.windows.leave(now, self.ask.chat, self.pace) {
            self.limiter.metrics.cut(&self.ask);
        }
        line.wake_leader();
    }
}

#[cfg(test)]
mod tests;
