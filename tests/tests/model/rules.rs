//! What holds: the rules of ownership, each of which can be taken away, and the world that they have to hold in.

use crate::state::Faults;

/// The rules of queue.md 4 and architecture.md 3 that the model can do without, to show what each is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The fence breaks by itself before the lease can run out.
    pub(crate) local_deadline: bool,
    /// The deadline counts from before the request, not from its answer.
    pub(crate) deadline_from_sending: bool,
    /// A break of the connection ends the period.
    pub(crate) connection_ends_period: bool,
    /// After a reconnect the lease is renewed before a consumer is touched.
    pub(crate) lease_before_consumer: bool,
    /// Every period has a consumer of its own name.
    pub(crate) consumer_per_epoch: bool,
    /// A delivery that is not the one after the last ends the period.
    pub(crate) gap: bool,
    /// Writes to the database require the epoch.
    pub(crate) epoch_in_database: bool,
    /// A redelivery finds what its update has done already.
    pub(crate) marks: bool,
    /// Acked when the lane is done with it, not when it comes.
    pub(crate) ack_when_done: bool,
    /// Who seems dead is asked again after a time in which the living notice that their connection broke.
    pub(crate) probe_twice: bool,
    /// A lease is taken from the dead only as it was when they seemed dead.
    pub(crate) probe_by_revision: bool,
}

pub(crate) const ALL: Rules = Rules {
    local_deadline: true,
    deadline_from_sending: true,
    connection_ends_period: true,
    lease_before_consumer: true,
    consumer_per_epoch: true,
    gap: true,
    epoch_in_database: true,
    marks: true,
    ack_when_done: true,
    probe_twice: true,
    probe_by_revision: true,
};

/// An update of the shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    pub(crate) chat: u8,
    /// Can never be handled: its end is a dead letter.
    pub(crate) poison: bool,
}

pub(crate) const fn update(chat: u8) -> Update {
    Update { chat, poison: false }
}

pub(crate) const fn poison(chat: u8) -> Update {
    Update { chat, poison: true }
}

/// What the rules are tried on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) workers: u8,
    /// What is stored at the beginning, in this order.
    pub(crate) updates: &'static [Update],
    pub(crate) faults: Faults,
    /// The gateway's second try to publish the first update is on its way.
    pub(crate) copy: bool,
    /// A worker may be frozen and have its connection broken at once, so that it wakes before its deadline and does not know of either.
    pub(crate) cut_while_frozen: bool,
}
