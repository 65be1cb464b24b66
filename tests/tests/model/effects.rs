//! What a step that can happen does.

use crate::{
    state::{
        Answer, Asked, Consumer, Id, Lease, Life, Link, MESSAGES, NOBODY, Phase, Row, Stage, State, Worker, Wrong, bit,
    },
    steps::{Fate, Shard, Step},
};

impl Shard {
    pub(crate) fn make(&self, state: &mut State, step: Step) {
        let faults = &mut state.faults;
        match step {
            Step::Freeze(_) => (faults.together, faults.freezes) = (faults.together - 1, faults.freezes - 1),
            Step::Kill(_) => (faults.together, faults.kills) = (faults.together - 1, faults.kills - 1),
            Step::Cut(..) => (faults.together, faults.cuts) = (faults.together - 1, faults.cuts - 1),
            Step::RestartServer(_) => (faults.together, faults.restarts) = (faults.together - 1, faults.restarts - 1),
            Step::LoseDelivery(_) => (faults.together, faults.losses) = (faults.together - 1, faults.losses - 1),
            Step::HandOver(_) => (faults.together, faults.hand_overs) = (faults.together - 1, faults.hand_overs - 1),
            _ => {}
        }
        match step {
            Step::Freeze(id) => state.worker(id).life = Life::Frozen,
            Step::Kill(id) => kill(state, id),
            Step::Cut(id, fate) => self.cut(state, id, fate),
            Step::RestartServer(fate) => {
                for id in 0..self.world.workers {
                    self.cut(state, id, fate);
                }
                state.forgot |= state.stored & bit(0) == 0;
            }
            Step::LoseDelivery(id) => {
                let message = self.can_deliver(state, id).expect("asked before");
                let consumer = state.consumer.as_mut().expect("it delivers");
                (consumer.next, consumer.gap) = (number(message + 1), true);
                consumer.pending |= bit(message);
            }
            Step::HandOver(id) => {
                let worker = state.worker(id);
                worker.leaving = true;
                forget_queued(worker);
            }
            Step::Wake(id) => state.worker(id).life = Life::Up,
            Step::Start(id) => *state.worker(id) = Worker::default(),
            Step::Notice(id) => {
                let worker = state.worker(id);
                worker.link = Link::Down;
                worker.ended |= worker.epoch != 0 && self.rules.connection_ends_period;
                if let Some(asked) = worker.asked.take()
                    && asked.answer == Answer::OnItsWay
                {
                    worker.ghost = Some(asked.renews);
                }
            }
            Step::Reconnect(id) => state.worker(id).link = Link::Up,
            Step::Expire => expire(state),
            Step::Redeliver(id, message) => self.receive(state, id, message),
            Step::MissHeartbeat(id) => state.worker(id).ended = true,
            Step::Take(id) => self.take(state, id),
            Step::Renew(id) => {
                state.faults.renewals -= 1;
                let renews = state.lease.map(|lease| lease.revision);
                state.worker(id).asked = Some(Asked { renews, answer: Answer::OnItsWay, past: false });
            }
            Step::Written(id) => write_lease(state, id),
            Step::Answered(id) => self.answered(state, id),
            Step::GhostWritten(id) => {
                let expects = state.worker(id).ghost.take().expect("asked before");
                if state.lease.map(|lease| lease.revision) == expects {
                    state.lease = Some(Lease { holder: id, revision: state.next_revision() });
                }
            }
            Step::Raise(id) => self.raise(state, id),
            Step::Reset(id) => {
                state.fence = state.worker(id).epoch;
                state.latest = state.latest.max(state.fence);
                state.worker(id).phase = Phase::Listing;
            }
            Step::List(id) => self.list(state, id),
            Step::Create(id) => self.create(state, id),
            Step::End(id) => self.end(state, id),
            Step::Leave(id) => {
                if state.consumer.is_some_and(|consumer| self.is_own(state.worker_ref(id), &consumer)) {
                    state.consumer = None;
                }
                give_back(state, id);
                self.rest(state.worker(id));
            }
            Step::Deliver(id) => {
                let message = self.can_deliver(state, id).expect("asked before");
                let consumer = state.consumer.as_mut().expect("it delivers");
                consumer.next = number(message + 1);
                self.receive(state, id, message);
            }
            Step::Begin(id, message) => {
                if self.is_whole(state.worker_ref(id)) {
                    state.worker(id).hand[message] = Stage::Begun;
                } else {
                    abandon(state.worker(id), message);
                }
            }
            Step::Mark(id, message) => self.mark(state, id, message),
            Step::Check(id, message) => self.check(state, id, message),
            Step::Land(id, message) => self.land(state, id, message),
            Step::Close(id, message) => {
                if self.writes(state, id) {
                    state.rows[self.update(message)] = Row::Closed;
                    state.worker(id).hand[message] = Stage::Settled;
                } else {
                    abandon(state.worker(id), message);
                }
            }
            Step::Ack(id, message) => self.ack(state, id, message),
            Step::Acked(message) => self.acked(state, message),
            Step::CopyStored => {
                state.copy = false;
                state.stored |= bit(self.world.updates.len());
            }
            Step::Suspect(id) => state.worker(id).suspect = state.lease.map(|lease| lease.revision),
            Step::Bury(id) => {
                let suspect = state.worker(id).suspect.take();
                if state.lease.map(|lease| lease.revision) == suspect || !self.rules.probe_by_revision {
                    state.lease = None;
                }
            }
        }
    }

    fn cut(&self, state: &mut State, id: Id, fate: Fate) {
        let worker = state.worker(id);
        if worker.link != Link::Up || worker.life == Life::Dead {
            return;
        }
        worker.link = Link::Broken;
        if fate == Fate::Kept && worker.phase == Phase::Idle {
            // It was just about to take the lease.
            worker.ghost = Some(None);
        }
        if fate == Fate::Lost {
            worker.asked = None;
            let epoch = worker.epoch;
            if let Some(consumer) = &mut state.consumer
                && consumer.epoch == epoch
            {
                consumer.acks = 0;
            }
        }
    }

    fn take(&self, state: &mut State, id: Id) {
        if state.worker_ref(id).epoch != 0 && !self.rules.lease_before_consumer {
            // Goes on as if nothing had been: it had the lease, after all.
            state.worker(id).phase = Phase::Listing;
            return;
        }
        let revision = state.next_revision();
        state.lease = Some(Lease { holder: id, revision });
        let worker = state.worker(id);
        (worker.phase, worker.epoch, worker.past) = (Phase::Raising, revision, false);
    }

    fn answered(&self, state: &mut State, id: Id) {
        let worker = state.worker(id);
        let asked = worker.asked.take().expect("asked before");
        let past = asked.past && self.rules.deadline_from_sending;
        match asked.answer {
            Answer::Written => worker.past = past,
            // Somebody else has it.
            Answer::Refused | Answer::OnItsWay => worker.ended = true,
        }
    }

    fn raise(&self, state: &mut State, id: Id) {
        let (epoch, has_lease) = (state.worker_ref(id).epoch, state.holds(id));
        if state.fence <= epoch {
            (state.fence, state.latest) = (epoch, state.latest.max(epoch));
            state.worker(id).phase = Phase::Listing;
        } else if has_lease {
            state.worker(id).phase = Phase::Resetting;
        } else {
            self.rest(state.worker(id));
        }
    }

    fn create(&self, state: &mut State, id: Id) {
        let (worker, has_lease) = (state.worker_ref(id), state.holds(id));
        if state.consumer.is_none() {
            let epoch = worker.epoch;
            state.consumer = Some(Consumer { epoch, next: 0, pending: 0, gap: false, acks: 0 });
            state.worker(id).phase = Phase::Owning;
        } else if has_lease {
            state.worker(id).phase = Phase::Listing;
        } else {
            self.rest(state.worker(id));
        }
    }

    /// The period was cut short: what waits is forgotten, a call in flight is not. The lease stays, unless the shard should be another's.
    fn end(&self, state: &mut State, id: Id) {
        if state.worker_ref(id).leaving {
            give_back(state, id);
        }
        self.rest(state.worker(id));
    }

    /// Calls in flight go on; all else of the period is forgotten.
    fn rest(&self, worker: &mut Worker) {
        for message in 0..MESSAGES {
            if worker.hand[message] == Stage::Calling {
                worker.strays |= bit(message);
            }
        }
        worker.hand = [Stage::None; MESSAGES];
        (worker.phase, worker.leaving, worker.asked, worker.ended) = (Phase::Idle, false, None, false);
        if self.rules.lease_before_consumer {
            (worker.epoch, worker.past) = (0, false);
        }
    }

    /// Looks which consumers the shard has, and deletes the lower ones. Those are known by their names, so it does not matter when.
    fn list(&self, state: &mut State, id: Id) {
        let consumer = state.consumer;
        let lower_only = self.rules.consumer_per_epoch;
        let worker = state.worker(id);
        match consumer {
            Some(consumer) if consumer.epoch > worker.epoch && lower_only => self.rest(worker),
            Some(_) | None => {
                worker.phase = Phase::Creating;
                state.consumer = None;
            }
        }
    }

    fn receive(&self, state: &mut State, id: Id, message: usize) {
        let consumer = state.consumer.as_mut().expect("it delivers");
        consumer.pending |= bit(message);
        // Whoever asks for messages of another one's consumer sees numbers that may fit or not: the worse is that they do.
        let is_its_own = consumer.epoch == state.workers[usize::from(id)].epoch;
        let has_gap = consumer.gap && is_its_own;
        if !is_its_own {
            consumer.gap = true;
            state.wrong = Some(Wrong::Misdelivered);
        }
        let worker = &mut state.workers[usize::from(id)];
        if has_gap && self.rules.gap {
            worker.ended = true;
            return;
        }
        worker.hand[message] = Stage::Queued;
        if !self.rules.ack_when_done {
            consumer.acks |= bit(message);
        }
    }

    /// Whether a transaction of the worker's period goes through.
    fn writes(&self, state: &mut State, id: Id) -> bool {
        let epoch = state.worker_ref(id).epoch;
        if epoch != state.fence && self.rules.epoch_in_database {
            return false;
        }
        if epoch < state.latest {
            state.wrong = Some(Wrong::TwoWriters);
        }
        true
    }

    /// The row before the effect. What ends as a dead letter has none. The fence was asked before, which may be long ago, so only the
    /// database counts.
    fn mark(&self, state: &mut State, id: Id, message: usize) {
        let update = self.update(message);
        if self.of(message).poison {
            state.worker(id).hand[message] = Stage::Marked;
        } else if !self.writes(state, id) {
            abandon(state.worker(id), message);
        } else if state.rows[update] == Row::Closed && self.rules.marks {
            state.worker(id).hand[message] = Stage::Settled;
        } else {
            if state.rows[update] == Row::None {
                state.rows[update] = Row::Pending;
            }
            state.worker(id).hand[message] = Stage::Marked;
        }
    }

    fn check(&self, state: &mut State, id: Id, message: usize) {
        if !self.is_whole(state.worker_ref(id)) {
            abandon(state.worker(id), message);
            return;
        }
        if state.worker_ref(id).epoch < state.latest {
            state.wrong = Some(Wrong::LateCall);
        } else if state.rows[self.update(message)] == Row::Closed && !self.of(message).poison {
            state.wrong = Some(Wrong::Repeated);
        }
        state.worker(id).hand[message] = Stage::Calling;
    }

    fn land(&self, state: &mut State, id: Id, message: usize) {
        let (update, of) = (self.update(message), self.of(message));
        let later = (update + 1..self.world.updates.len()).filter(|later| self.world.updates[*later].chat == of.chat);
        let overtaken = later.into_iter().any(|later| state.effects & bit(later) != 0);
        if state.effects & bit(update) == 0 && overtaken {
            state.wrong = Some(Wrong::Overtaken);
        }
        state.effects |= bit(update);
        if of.poison {
            // The letter is what remembers it.
            state.rows[update] = Row::Closed;
        }
        let worker = state.worker(id);
        if worker.hand[message] == Stage::Calling {
            worker.hand[message] = if of.poison { Stage::Settled } else { Stage::Called };
        } else {
            worker.strays &= !bit(message);
        }
    }

    /// Sent, if there is a connection; the worker does not wait for more.
    fn ack(&self, state: &mut State, id: Id, message: usize) {
        let worker = state.worker(id);
        worker.hand[message] = Stage::None;
        let (link, epoch) = (worker.link, worker.epoch);
        let Some(consumer) = &mut state.consumer else { return };
        let is_for_it = consumer.epoch == epoch || !self.rules.consumer_per_epoch;
        if link == Link::Down || !is_for_it || consumer.pending & bit(message) == 0 {
            return;
        }
        consumer.acks |= bit(message);
        if link == Link::Up {
            self.acked(state, message);
        }
    }

    fn acked(&self, state: &mut State, message: usize) {
        let consumer = state.consumer.as_mut().expect("asked before");
        consumer.acks &= !bit(message);
        if consumer.pending & bit(message) == 0 {
            return;
        }
        consumer.pending &= !bit(message);
        state.stored &= !bit(message);
        if state.rows[self.update(message)] != Row::Closed {
            state.wrong = Some(Wrong::Lost);
        }
    }
}

impl State {
    fn worker(&mut self, id: Id) -> &mut Worker {
        &mut self.workers[usize::from(id)]
    }

    fn worker_ref(&self, id: Id) -> &Worker {
        &self.workers[usize::from(id)]
    }
}

fn number(message: usize) -> u8 {
    u8::try_from(message).expect("there are few")
}

/// Nobody has its name any more, and nothing of it is left but its lease.
fn kill(state: &mut State, id: Id) {
    if let Some(lease) = &mut state.lease
        && lease.holder == id
    {
        lease.holder = NOBODY;
    }
    *state.worker(id) = Worker { life: Life::Dead, link: Link::Down, ..Worker::default() };
}

fn write_lease(state: &mut State, id: Id) {
    let (lease, revision) = (state.lease, state.next_revision());
    let worker = state.worker(id);
    let asked = worker.asked.as_mut().expect("asked before");
    // Where another revision stands under its name, it has to ask once more, and it gives that up at its deadline.
    let is_ours =
        lease.is_some_and(|lease| lease.holder == id && (Some(lease.revision) == asked.renews || !worker.past));
    asked.answer = if is_ours { Answer::Written } else { Answer::Refused };
    if is_ours {
        state.lease = Some(Lease { holder: id, revision });
    }
}

/// A lease runs out a whole term after it was written, and whoever wrote it counts four fifths of the term from before that.
fn expire(state: &mut State) {
    let holder = state.lease.take().and_then(|lease| state.workers.get_mut(usize::from(lease.holder)));
    if let Some(holder) = holder {
        holder.past = holder.epoch != 0;
        holder.asked.iter_mut().for_each(|asked| asked.past = true);
    }
}

fn give_back(state: &mut State, id: Id) {
    if state.worker_ref(id).link == Link::Up && state.holds(id) {
        state.lease = None;
    }
}

fn forget_queued(worker: &mut Worker) {
    for stage in &mut worker.hand {
        if *stage == Stage::Queued {
            *stage = Stage::None;
        }
    }
}

/// It comes again only in a new period, so this one may not go on.
fn abandon(worker: &mut Worker, message: usize) {
    worker.hand[message] = Stage::None;
    worker.ended = true;
}
