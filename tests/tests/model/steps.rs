//! What can happen next: one small step each of a worker, of the server, of the network, of time, or of fate.
//!
//! A step that cannot happen gives nothing. Everything a step does is done at once; between two steps anything else may happen.

use crate::{
    rules::{Rules, Update, World},
    state::{Answer, Consumer, Id, Lease, Life, Link, MESSAGES, Phase, Stage, State, Worker, bit},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    // Fate.
    Freeze(Id),
    Kill(Id),
    /// The connection breaks, and what is on its way is lost or not.
    Cut(Id, Fate),
    RestartServer(Fate),
    /// The server delivers a message, and the client loses it.
    LoseDelivery(Id),
    /// The shares have changed: the shard should be another worker's.
    HandOver(Id),
    // What ends a fault.
    Wake(Id),
    Start(Id),
    Notice(Id),
    Reconnect(Id),
    // Time.
    /// The lease runs out, and with it, before it, whoever relies on it.
    Expire,
    Redeliver(Id, usize),
    MissHeartbeat(Id),
    // A period of ownership.
    Take(Id),
    Renew(Id),
    Written(Id),
    Answered(Id),
    GhostWritten(Id),
    Raise(Id),
    Reset(Id),
    List(Id),
    Create(Id),
    End(Id),
    Leave(Id),
    // One update.
    Deliver(Id),
    Begin(Id, usize),
    Mark(Id, usize),
    Check(Id, usize),
    Land(Id, usize),
    Close(Id, usize),
    Ack(Id, usize),
    Acked(usize),
    CopyStored,
    // The others.
    Suspect(Id),
    Bury(Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Lost,
}

/// One shard, with its rules and its world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard {
    pub(crate) rules: Rules,
    pub(crate) world: World,
}

impl Shard {
    pub(crate) fn update(&self, message: usize) -> usize {
        // The one after the last is the first one's copy.
        if message < self.world.updates.len() { message } else { 0 }
    }

    fn messages(&self) -> usize {
        self.world.updates.len() + usize::from(self.world.copy)
    }

    pub(crate) fn of(&self, message: usize) -> Update {
        self.world.updates[self.update(message)]
    }

    /// The fence, as the worker itself sees it.
    pub(crate) fn is_whole(&self, worker: &Worker) -> bool {
        !(worker.ended || worker.past && self.rules.local_deadline)
    }

    /// Whether the consumer is the one that this worker's period asks for messages.
    pub(crate) fn is_own(&self, worker: &Worker, consumer: &Consumer) -> bool {
        consumer.epoch == worker.epoch || !self.rules.consumer_per_epoch
    }

    /// What happens when nothing goes wrong any more, in the order in which a calm run makes it happen.
    pub(crate) fn calm_steps(&self, each: &mut Vec<Step>) {
        use Step::{
            Ack, Acked, Answered, Begin, Check, Close, CopyStored, Create, Deliver, End, Expire, GhostWritten, Land,
            Leave, List, Mark, MissHeartbeat, Notice, Raise, Reconnect, Redeliver, Reset, Start, Take, Wake, Written,
        };
        for id in 0..self.world.workers {
            each.extend([Wake(id), Start(id), Notice(id), Reconnect(id), GhostWritten(id), Written(id), Answered(id)]);
        }
        each.extend((0..self.messages()).map(Acked));
        each.push(CopyStored);
        for id in 0..self.world.workers {
            for message in 0..self.messages() {
                each.extend([Land(id, message), Close(id, message), Ack(id, message)]);
                each.extend([Check(id, message), Mark(id, message), Begin(id, message)]);
            }
            each.extend([End(id), Leave(id), Raise(id), Reset(id), List(id), Create(id)]);
            each.extend([Deliver(id), MissHeartbeat(id), Take(id)]);
            each.extend((0..self.messages()).map(|message| Redeliver(id, message)));
        }
        each.push(Expire);
    }

    pub(crate) fn other_steps(&self, each: &mut Vec<Step>) {
        use Step::{Bury, Cut, Freeze, HandOver, Kill, LoseDelivery, Renew, RestartServer, Suspect};
        for id in 0..self.world.workers {
            each.extend([Suspect(id), Bury(id), Renew(id)]);
            each.extend([Freeze(id), Kill(id), Cut(id, Fate::Kept), Cut(id, Fate::Lost)]);
            each.extend([LoseDelivery(id), HandOver(id)]);
        }
        each.extend([RestartServer(Fate::Kept), RestartServer(Fate::Lost)]);
    }

    /// What the step leads to, unless it cannot happen now.
    pub(crate) fn after(&self, state: &State, step: Step) -> Option<State> {
        if state.wrong.is_some() || !self.can(state, step) {
            return None;
        }
        let mut next = state.clone();
        self.make(&mut next, step);
        self.forget_void(&mut next);
        next.make_plain();
        Some(next)
    }

    /// What expects a revision that has gone comes to nothing.
    fn forget_void(&self, state: &mut State) {
        let now = state.lease.map(|lease| lease.revision);
        for worker in &mut state.workers {
            worker.ghost = worker.ghost.filter(|expected| expected.is_none() || *expected == now);
            if self.rules.probe_by_revision {
                worker.suspect = worker.suspect.filter(|suspect| Some(*suspect) == now);
            }
        }
    }

    /// Split from `make`, so that nothing is copied for steps that cannot happen: most of them.
    fn can(&self, state: &State, step: Step) -> bool {
        let faults = &state.faults;
        let worker = |id: Id| &state.workers[usize::from(id)];
        let runs = |id: Id| worker(id).life == Life::Up;
        let is_in = |id: Id, phase: Phase| runs(id) && worker(id).phase == phase;
        let reaches_server = |id: Id| worker(id).link == Link::Up;
        let stage = |id: Id, message: usize, stage: Stage| runs(id) && worker(id).hand[message] == stage;
        match step {
            Step::Freeze(id) => {
                let blind = worker(id).link == Link::Broken && !self.world.cut_while_frozen;
                faults.together > 0 && faults.freezes > 0 && runs(id) && !blind
            }
            Step::Kill(id) => faults.together > 0 && faults.kills > 0 && worker(id).life != Life::Dead,
            Step::Cut(id, _) => {
                faults.together > 0 && faults.cuts > 0 && reaches_server(id) && self.may_lose_link(worker(id))
            }
            Step::RestartServer(_) => {
                let may = state.workers.iter().all(|worker| self.may_lose_link(worker) || worker.link != Link::Up);
                faults.together > 0 && faults.restarts > 0 && may
            }
            Step::LoseDelivery(id) => faults.together > 0 && faults.losses > 0 && self.can_deliver(state, id).is_some(),
            Step::HandOver(id) => {
                faults.together > 0 && faults.hand_overs > 0 && is_in(id, Phase::Owning) && !worker(id).leaving
            }
            Step::Wake(id) => worker(id).life == Life::Frozen,
            Step::Start(id) => worker(id).life == Life::Dead,
            Step::Notice(id) => runs(id) && worker(id).link == Link::Broken,
            Step::Reconnect(id) => runs(id) && worker(id).link == Link::Down,
            Step::Expire => state.lease.is_some(),
            Step::Redeliver(id, message) => {
                is_in(id, Phase::Owning)
                    && reaches_server(id)
                    && !(worker(id).ended || worker(id).leaving)
                    && worker(id).hand[message] == Stage::None
                    && state.stored & bit(message) != 0
                    && state.consumer.is_some_and(|consumer| {
                        self.is_own(worker(id), &consumer) && consumer.pending & !consumer.acks & bit(message) != 0
                    })
            }
            Step::MissHeartbeat(id) => {
                is_in(id, Phase::Owning)
                    && !worker(id).ended
                    && state.consumer.is_none_or(|consumer| !self.is_own(worker(id), &consumer))
            }
            Step::Take(id) => {
                let free = state.lease.is_none_or(|lease| lease.holder == id);
                is_in(id, Phase::Idle) && reaches_server(id) && free
            }
            Step::Renew(id) => {
                faults.renewals > 0
                    && is_in(id, Phase::Owning)
                    && worker(id).asked.is_none()
                    && worker(id).link != Link::Down
                    && self.is_whole(worker(id))
                    && state.holds(id)
            }
            Step::Written(id) => {
                reaches_server(id) && worker(id).asked.is_some_and(|asked| asked.answer == Answer::OnItsWay)
            }
            Step::Answered(id) => {
                let answered = worker(id).asked.is_some_and(|asked| asked.answer != Answer::OnItsWay);
                runs(id) && worker(id).link != Link::Down && answered
            }
            Step::GhostWritten(id) => reaches_server(id) && worker(id).ghost.is_some(),
            Step::Raise(id) => is_in(id, Phase::Raising),
            Step::Reset(id) => is_in(id, Phase::Resetting),
            Step::List(id) => is_in(id, Phase::Listing) && reaches_server(id),
            Step::Create(id) => is_in(id, Phase::Creating) && reaches_server(id),
            Step::End(id) => is_in(id, Phase::Owning) && (!self.is_whole(worker(id)) || worker(id).leaving),
            Step::Leave(id) => {
                let worker = worker(id);
                let empty = worker.hand == [Stage::None; MESSAGES];
                is_in(id, Phase::Owning)
                    && worker.leaving
                    && !worker.ended
                    && empty
                    && worker.strays == 0
                    && reaches_server(id)
            }
            Step::Deliver(id) => self.can_deliver(state, id).is_some(),
            Step::Begin(id, message) => stage(id, message, Stage::Queued) && self.is_first(worker(id), message),
            Step::Mark(id, message) => stage(id, message, Stage::Begun),
            Step::Check(id, message) => stage(id, message, Stage::Marked),
            Step::Land(id, message) => {
                let worker = worker(id);
                worker.life != Life::Dead
                    && (worker.hand[message] == Stage::Calling || worker.strays & bit(message) != 0)
            }
            Step::Close(id, message) => stage(id, message, Stage::Called),
            Step::Ack(id, message) => stage(id, message, Stage::Settled),
            Step::Acked(message) => state.consumer.is_some_and(|consumer| consumer.acks & bit(message) != 0),
            Step::CopyStored => state.copy && state.forgot,
            Step::Suspect(id) => {
                let seems_dead = state.lease.is_some_and(|lease| lease.holder != id && self.is_deaf(state, lease));
                runs(id) && reaches_server(id) && worker(id).suspect.is_none() && seems_dead
            }
            Step::Bury(id) => {
                let suspect = worker(id).suspect;
                runs(id) && reaches_server(id) && suspect.is_some() && !self.is_about_to_notice(state)
            }
        }
    }

    fn may_lose_link(&self, worker: &Worker) -> bool {
        worker.life == Life::Up || worker.life == Life::Frozen && self.world.cut_while_frozen
    }

    /// The next message for the worker, from a consumer that it asks.
    pub(crate) fn can_deliver(&self, state: &State, id: Id) -> Option<usize> {
        let worker = &state.workers[usize::from(id)];
        let consumer = state.consumer.filter(|consumer| self.is_own(worker, consumer))?;
        let takes = worker.life == Life::Up && worker.phase == Phase::Owning && worker.link == Link::Up;
        if !takes || worker.ended || worker.leaving {
            return None;
        }
        (usize::from(consumer.next)..MESSAGES).find(|message| state.stored & bit(*message) != 0)
    }

    /// Whether it is the message's turn in its lane. A lane outlives its period for as long as its call does.
    fn is_first(&self, worker: &Worker, message: usize) -> bool {
        let chat = self.of(message).chat;
        (0..MESSAGES)
            .filter(|other| *other != message && self.of(*other).chat == chat)
            .all(|other| worker.strays & bit(other) == 0 && (worker.hand[other] == Stage::None || other > message))
            && worker.strays & bit(message) == 0
    }

    /// Nobody hears the question whether the holder lives.
    fn is_deaf(&self, state: &State, lease: Lease) -> bool {
        state.workers.get(usize::from(lease.holder)).is_none_or(|holder| holder.link != Link::Up)
    }

    /// A process that runs hears of a broken connection sooner than it is asked for the second time.
    fn is_about_to_notice(&self, state: &State) -> bool {
        let holder = state.lease.and_then(|lease| state.workers.get(usize::from(lease.holder)));
        self.rules.probe_twice && holder.is_some_and(|holder| holder.life == Life::Up && holder.link == Link::Broken)
    }
}
