//! The in-process queue over SQLite, with what can go wrong in a queue: calls that fail, deliveries that come twice, connections that
//! change.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream, stream::BoxStream};
use shared::{
    envelope::Envelope,
    queue::{
        Connection, DeadLetter, Deliver, DeliverError, Delivery, Lease, Publish as _,
        in_process::{InProcess, Receipt},
    },
    shard::{Shard, Shards},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::store::{Store, inbox::Inbox};

type Item = Result<Delivery<Receipt>, DeliverError>;

#[derive(Clone)]
pub(super) struct Queue {
    rows: InProcess<Inbox>,
    shards: Shards,
    trouble: Arc<Trouble>,
}

struct Trouble {
    acks_to_fail: AtomicU32,
    /// Sent, and never there.
    acks_to_lose: AtomicU32,
    acked: AtomicU64,
    burials_to_fail: AtomicU32,
    /// Leases end soon and cannot be renewed.
    leases_end: AtomicBool,
    /// Deliveries begin only when most of a lease's term is over.
    opens_late: AtomicBool,
    letters: Mutex<Vec<DeadLetter>>,
    delivered: Mutex<HashMap<u64, (Envelope, Receipt)>>,
    delivered_again: AtomicU32,
    /// Into the current period of each shard.
    again: Mutex<HashMap<Shard, mpsc::UnboundedSender<Item>>>,
    connection: watch::Sender<Connection>,
}

/// Long enough for a test to get in before it, short enough to wait for.
const SHORT_TERM: Duration = Duration::from_millis(600);

impl Queue {
    pub(super) async fn open(store: &Store, shards: Shards) -> Self {
        let rows = InProcess::open(store.inbox().expect("SQLite"), shards, 100_000).await.expect("an open queue");
        let connection = watch::Sender::new(Connection { connected: true, generation: 0 });
        let trouble = Trouble {
            acks_to_fail: AtomicU32::new(0),
            acks_to_lose: AtomicU32::new(0),
            acked: AtomicU64::new(0),
            burials_to_fail: AtomicU32::new(0),
            leases_end: AtomicBool::new(false),
            opens_late: AtomicBool::new(false),
            letters: Mutex::default(),
            delivered: Mutex::default(),
            delivered_again: AtomicU32::new(0),
            again: Mutex::default(),
            connection,
        };
        Self { rows, shards, trouble: Arc::new(trouble) }
    }

    pub(super) async fn publish(&self, envelope: &Envelope) {
        self.rows.publish(envelope).await.expect("stored");
    }

    /// How many rows are not done with.
    pub(super) async fn rows(&self) -> u64 {
        self.rows.backlog().await.expect("a number")
    }

    pub(super) fn letters(&self) -> Vec<DeadLetter> {
        lock(&self.trouble.letters).clone()
    }

    pub(super) fn fail_acks(&self, count: u32) {
        self.trouble.acks_to_fail.store(count, Ordering::SeqCst);
    }

    pub(super) fn lose_acks(&self, count: u32) {
        self.trouble.acks_to_lose.store(count, Ordering::SeqCst);
    }

    pub(super) fn fail_burials(&self, count: u32) {
        self.trouble.burials_to_fail.store(count, Ordering::SeqCst);
    }

    pub(super) fn end_leases(&self, end: bool) {
        self.trouble.leases_end.store(end, Ordering::SeqCst);
    }

    pub(super) fn open_late(&self) {
        self.trouble.opens_late.store(true, Ordering::SeqCst);
    }

    pub(super) fn reconnect(&self) {
        self.trouble.connection.send_modify(|connection| connection.generation += 1);
    }

    /// How many second deliveries have been taken.
    pub(super) fn delivered_again(&self) -> u32 {
        self.trouble.delivered_again.load(Ordering::SeqCst)
    }

    /// Delivers again all that has been delivered.
    pub(super) fn deliver_again(&self) {
        for (sequence, (envelope, receipt)) in &*lock(&self.trouble.delivered) {
            let shard = self.shards.of(envelope.routing);
            let period = lock(&self.trouble.again).get(&shard).cloned().expect("it was delivered in a period");
            let content = Ok(envelope.clone());
            let delivery = Delivery { sequence: *sequence, delivered: 0, cut_short: false, content, receipt: *receipt };
            // A period that is over listens no more.
            let _ = period.send(Ok(delivery));
        }
    }
}

/// Whether this is one of the calls that are to fail.
fn fails(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn away() -> DeliverError {
    DeliverError::Unavailable("the test says so".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

impl Deliver for Queue {
    type Deliveries = BoxStream<'static, Item>;
    type Receipt = Receipt;

    async fn take(&self, shard: Shard, owner: &str) -> Result<Option<Lease>, DeliverError> {
        let lease = self.rows.take(shard, owner).await?;
        let is_short = [&self.trouble.leases_end, &self.trouble.opens_late].iter().any(|it| it.load(Ordering::SeqCst));
        Ok(lease.map(|lease| match is_short {
            true => Lease { deadline: Instant::now() + SHORT_TERM, ..lease },
            false => lease,
        }))
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, DeliverError> {
        // Over a wire there is no answer at once.
        tokio::task::yield_now().await;
        if self.trouble.leases_end.load(Ordering::SeqCst) { Err(away()) } else { self.rows.renew(lease).await }
    }

    async fn release(&self, lease: &Lease) -> Result<(), DeliverError> {
        self.rows.release(lease).await
    }

    async fn open(&self, lease: &Lease) -> Result<Self::Deliveries, DeliverError> {
        if self.trouble.opens_late.load(Ordering::SeqCst) {
            tokio::time::sleep(SHORT_TERM).await;
        }
        let (sender, again) = mpsc::unbounded_channel();
        lock(&self.trouble.again).insert(lease.shard, sender);
        let trouble = Arc::clone(&self.trouble);
        let again = stream::unfold(again, async |mut again| again.recv().await.map(|item| (item, again)));
        let again = again.inspect(move |_| _ = trouble.delivered_again.fetch_add(1, Ordering::SeqCst));
        let trouble = Arc::clone(&self.trouble);
        let rows = self.rows.open(lease).await?.inspect(move |item| {
            if let Ok(Delivery { sequence, content: Ok(envelope), receipt, .. }) = item {
                lock(&trouble.delivered).insert(*sequence, (envelope.clone(), *receipt));
            }
        });
        Ok(stream::select(rows, again).boxed())
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), DeliverError> {
        if fails(&self.trouble.acks_to_fail) {
            return Err(away());
        }
        if !fails(&self.trouble.acks_to_lose) {
            self.rows.ack(receipt).await?;
            self.trouble.acked.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Only right where all that is delivered is of one shard and one period.
    async fn acked(&self, _lease: &Lease) -> Result<Option<u64>, DeliverError> {
        Ok(Some(self.trouble.acked.load(Ordering::SeqCst)))
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<(), DeliverError> {
        if fails(&self.trouble.burials_to_fail) {
            return Err(away());
        }
        self.rows.bury(letter).await?;
        lock(&self.trouble.letters).push(letter.clone());
        Ok(())
    }

    async fn backlog(&self) -> Result<u64, DeliverError> {
        self.rows.backlog().await
    }

    async fn buried(&self) -> Result<u64, DeliverError> {
        self.rows.buried().await
    }

    fn connection(&self) -> watch::Receiver<Connection> {
        self.trouble.connection.subscribe()
    }
}
