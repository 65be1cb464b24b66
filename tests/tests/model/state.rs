//! What there is of one shard: at the queue's server, in the database, at Telegram, and in each worker's hands.
//!
//! Epochs are numbered anew after each step, so that only their order is left of them: otherwise no two states would ever be the same.

/// One of the workers, by its place in the list.
pub(crate) type Id = u8;

/// A revision of the lease bucket. What is taken with a revision is named with it: then it is an epoch.
pub(crate) type Epoch = u8;

/// A set of messages by their number.
pub(crate) type Set = u8;

/// The most messages that a world may have.
pub(crate) const MESSAGES: usize = 4;

/// The name of a process that has ended: nobody has it any more.
pub(crate) const NOBODY: Id = Id::MAX;

pub(crate) fn bit(message: usize) -> Set {
    1 << message
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) holder: Id,
    pub(crate) revision: Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {
    pub(crate) epoch: Epoch,
    /// The first message that it has not delivered.
    pub(crate) next: u8,
    /// Delivered and not acked.
    pub(crate) pending: Set,
    /// Its owner has not got some delivery of it: the next one is not the one after the last.
    pub(crate) gap: bool,
    /// Acks for it on their way.
    pub(crate) acks: Set,
}

/// What the database knows of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    #[default]
    None,
    /// Its effect may have been begun.
    Pending,
    /// Its effect is recorded; of one that ends as a dead letter: the letter is stored.
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Life {
    #[default]
    Up,
    Frozen,
    Dead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Link {
    #[default]
    Up,
    /// Gone for the server, and the client does not know it yet.
    Broken,
    Down,
}

/// How far a worker is with a period of ownership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    #[default]
    Idle,
    /// Has the lease; the epoch in the database comes next.
    Raising,
    /// The database has a higher epoch although the lease is ours.
    Resetting,
    /// Looks which consumers the shard has.
    Listing,
    Creating,
    Owning,
}

/// A renewal that a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Asked {
    /// The lease as it was then: the renewal expects this one.
    pub(crate) renews: Option<Epoch>,
    pub(crate) answer: Answer,
    /// The deadline that counts from the sending of this one is past.
    pub(crate) past: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Answer {
    OnItsWay,
    Written,
    Refused,
}

/// How far a worker is with a message in its hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    #[default]
    None,
    Queued,
    /// The fence was found whole when its turn came.
    Begun,
    /// The row before the effect is written.
    Marked,
    /// The fence was found whole, and the call is on its way.
    Calling,
    Called,
    /// The row is closed; only the ack is left.
    Settled,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Worker {
    pub(crate) life: Life,
    pub(crate) link: Link,
    pub(crate) phase: Phase,
    /// Of the present period; 0: none.
    pub(crate) epoch: Epoch,
    /// The fence's deadline is past.
    pub(crate) past: bool,
    /// The fence was ended.
    pub(crate) ended: bool,
    /// Hands the shard over: takes nothing in any more.
    pub(crate) leaving: bool,
    pub(crate) asked: Option<Asked>,
    /// A write to the lease bucket that it has given up, and that its client sends after the reconnect: a renewal of a revision, or
    /// the taking of a free lease.
    pub(crate) ghost: Option<Option<Epoch>>,
    /// The lease of one whom nobody heard answer.
    pub(crate) suspect: Option<Epoch>,
    pub(crate) hand: [Stage; MESSAGES],
    /// Calls in flight that belong to a period which is over.
    pub(crate) strays: Set,
}

/// Faults that may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// Of all kinds together.
    pub(crate) together: u8,
    pub(crate) freezes: u8,
    pub(crate) kills: u8,
    pub(crate) cuts: u8,
    pub(crate) restarts: u8,
    /// A delivery that the client loses.
    pub(crate) losses: u8,
    pub(crate) hand_overs: u8,
    /// No fault, but bounded too: renewals that take their time. Others are as if the lease lasted longer.
    pub(crate) renewals: u8,
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A write of a period succeeds although a later one has begun.
    TwoWriters,
    /// A check of the fence lets a call pass although a later period has begun.
    LateCall,
    /// A message goes out of the queue, and nothing remembers what became of it.
    Lost,
    /// An effect comes after that of a later update of its chat.
    Overtaken,
    /// An effect that is recorded is begun once more.
    Repeated,
    /// A period gets a delivery of another one's consumer.
    Misdelivered,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) lease: Option<Lease>,
    pub(crate) consumer: Option<Consumer>,
    /// What the stream holds: all that is not acked.
    pub(crate) stored: Set,
    /// The server was restarted after the first message was acked, and does not know its id any more.
    pub(crate) forgot: bool,
    /// The gateway's second try to publish the first update may still arrive.
    pub(crate) copy: bool,
    /// The shard's row in the database.
    pub(crate) fence: Epoch,
    /// The last period that was begun in the database. Nobody can read this: it is for the one who looks on.
    pub(crate) latest: Epoch,
    pub(crate) rows: [Row; MESSAGES],
    /// Updates that had an effect at Telegram.
    pub(crate) effects: Set,
    pub(crate) workers: Vec<Worker>,
    pub(crate) faults: Faults,
    pub(crate) wrong: Option<Wrong>,
}

impl State {
    pub(crate) fn holds(&self, id: Id) -> bool {
        self.lease.is_some_and(|lease| lease.holder == id)
    }

    /// The next revision of the lease bucket.
    pub(crate) fn next_revision(&mut self) -> Epoch {
        let mut highest = 0;
        self.epochs(|epoch| highest = highest.max(*epoch));
        highest + 1
    }

    /// Makes states the same that differ only in numbers and in the order of the workers.
    pub(crate) fn make_plain(&mut self) {
        self.renumber();
        let holder = self.lease.and_then(|lease| self.workers.get(usize::from(lease.holder)).cloned());
        self.workers.sort_unstable();
        if let (Some(lease), Some(holder)) = (&mut self.lease, holder) {
            let place = self.workers.iter().position(|worker| *worker == holder).expect("it is still there");
            lease.holder = Id::try_from(place).expect("there are few");
        }
    }

    /// Leaves of the epochs only their order.
    fn renumber(&mut self) {
        let mut used = 0_u64;
        self.epochs(|epoch| used |= 1 << *epoch);
        let used = used & !1;
        self.epochs(|epoch| *epoch = place(used, *epoch));
    }

    fn epochs(&mut self, mut each: impl FnMut(&mut Epoch)) {
        each(&mut self.fence);
        each(&mut self.latest);
        self.lease.iter_mut().for_each(|lease| each(&mut lease.revision));
        self.consumer.iter_mut().for_each(|consumer| each(&mut consumer.epoch));
        for worker in &mut self.workers {
            each(&mut worker.epoch);
            worker.suspect.iter_mut().for_each(&mut each);
            worker.ghost.iter_mut().flatten().for_each(&mut each);
            if let Some(asked) = &mut worker.asked {
                asked.renews.iter_mut().for_each(&mut each);
            }
        }
    }
}

/// Which of the used ones it is, counted from one; nothing stays nothing.
fn place(used: u64, epoch: Epoch) -> Epoch {
    let upto = used & ((2 << epoch) - 1);
    Epoch::try_from(upto.count_ones()).expect("there are at most 64")
}
