//! The other workers on the same queue: who is there, who holds which shard, and whether one that holds some is dead.
//!
//! That a worker is there stands beside the leases, in a key that runs out as they do: one watch shows both, in the order in which they
//! changed.

use std::{sync::Arc, time::Duration};

use async_nats::{
    RequestErrorKind,
    jetstream::kv::{Entry, Operation},
};
use bytes::Bytes;
use futures::{
    StreamExt as _,
    future::join_all,
    stream::{self, BoxStream},
};

use super::{
    JetStream,
    names::{Key, Names},
    unavailable,
};
use crate::{queue::DeliverError, shard::Shard};

/// A worker that lives answers in a millisecond; the client's own time-out would let one that is frozen hold up whoever asks.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// The workers of one queue, from the point of view of one of them.
#[derive(Clone)]
pub struct Peers(JetStream);

/// What has changed, or how it was when one began to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Who holds a shard, with the revision to take it away from.
    Lease { shard: Shard, holder: Option<(Arc<str>, u64)> },
    /// Whether a worker is there; written again every so often, with a new revision.
    Worker { worker: Arc<str>, revision: Option<u64> },
    /// All that was stored has been told; changes follow.
    Current,
}

/// What asking a worker whether it lives came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Lives,
    /// Nobody listens there: it has no connection to the server. It may have lost it a moment ago, or the server has been restarted.
    Nobody,
    /// It did not answer in time, or we could not ask. It may be frozen, and that is for its leases to find out.
    Silent,
}

impl Peers {
    pub(super) fn new(queue: JetStream) -> Self {
        Self(queue)
    }

    /// How long a lease or an announcement lasts.
    pub fn term(&self) -> Duration {
        self.0.0.lease_term
    }

    /// Says, for a term, that the worker is there and takes its share.
    ///
    /// # Errors
    /// The queue did not answer, or has become another one: then nobody may count on this worker.
    pub async fn announce(&self, worker: &str) -> Result<(), DeliverError> {
        let put = self.0.0.leases.put(Names::worker(worker), Bytes::new());
        self.0.in_time(put).await?.map_err(|error| {
            // Whatever was wrong with it: a bucket that is not there says no more than that nobody listens.
            self.0.0.lost.notify_one();
            unavailable(error)
        })?;
        // Once it is said: whoever changes the number of shards does that first and then looks who is there.
        self.0.in_time(self.0.is_still_ours()).await?
    }

    /// Says that the worker takes nothing more.
    ///
    /// # Errors
    /// The queue did not answer.
    pub async fn withdraw(&self, worker: &str) -> Result<(), DeliverError> {
        self.0.in_time(self.0.0.leases.delete(Names::worker(worker))).await?.map_err(unavailable)
    }

    /// How things are, and from then on every change.
    ///
    /// # Errors
    /// The queue did not answer.
    pub async fn watch(&self) -> Result<BoxStream<'static, Result<Change, DeliverError>>, DeliverError> {
        let watch = self.0.in_time(self.0.0.leases.watch_with_history(">")).await?.map_err(unavailable)?;
        let mut current = false;
        let changes = watch.flat_map(move |entry| {
            stream::iter(match entry {
                Ok(entry) => {
                    let becomes_current = entry.seen_current && !current;
                    current = entry.seen_current;
                    let told = becomes_current.then_some(Change::Current);
                    change(entry).into_iter().chain(told).map(Ok).collect()
                }
                Err(error) => vec![Err(unavailable(error))],
            })
        });
        Ok(changes.boxed())
    }

    /// Answers whoever asks whether the worker lives, for as long as there is a client; says why it could not go on.
    pub async fn answer(&self, worker: &str) -> DeliverError {
        let client = &self.0.0.client;
        let mut questions = match client.subscribe(self.0.0.names.alive(worker)).await {
            Ok(questions) => questions,
            Err(error) => return unavailable(error),
        };
        while let Some(question) = questions.next().await {
            if let Some(back) = question.reply
                && let Err(error) = client.publish(back, Bytes::new()).await
            {
                return unavailable(error);
            }
        }
        unavailable("the subscription ended")
    }

    /// Asks a worker whether it lives.
    pub async fn ask(&self, worker: &str) -> Answer {
        if self.0.connected().is_err() {
            return Answer::Silent;
        }
        let request = async_nats::Request::new().timeout(Some(ANSWER_WITHIN));
        match self.0.0.client.send_request(self.0.0.names.alive(worker), request).await {
            Ok(_) => Answer::Lives,
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Answer::Nobody,
            Err(_) => Answer::Silent,
        }
    }

    /// Tells all workers that listen now, ourselves too. Nobody says whether it arrived.
    ///
    /// # Errors
    /// There is no connection to the server.
    pub async fn tell(&self, news: Bytes) -> Result<(), DeliverError> {
        self.0.connected().map_err(unavailable)?;
        self.0.0.client.publish(self.0.0.names.news(), news).await.map_err(unavailable)
    }

    /// What workers tell from now on, across reconnects; what is told without a connection is missed.
    ///
    /// # Errors
    /// The client is closed.
    pub async fn hear(&self) -> Result<BoxStream<'static, Bytes>, DeliverError> {
        let news = self.0.0.client.subscribe(self.0.0.names.news()).await.map_err(unavailable)?;
        Ok(news.map(|message| message.payload).boxed())
    }

    /// Takes a worker off the list of those who are there, unless it has announced itself since.
    ///
    /// # Errors
    /// It has, or the queue did not answer.
    pub async fn strike_off(&self, worker: &str, revision: u64) -> Result<(), DeliverError> {
        let key = Names::worker(worker);
        self.0.in_time(self.0.0.leases.delete_expect_revision(key, Some(revision))).await?.map_err(unavailable)
    }

    /// Takes leases from a worker that is dead, each only if it has not been written since that revision; says how many were taken.
    pub async fn take_away(&self, leases: &[(Shard, u64)]) -> usize {
        let taken = leases.iter().map(async |&(shard, revision)| {
            let key = Names::lease(shard);
            self.0.in_time(self.0.0.leases.delete_expect_revision(key, Some(revision))).await.is_ok_and(|it| it.is_ok())
        });
        join_all(taken).await.into_iter().filter(|taken| *taken).count()
    }
}

fn change(entry: Entry) -> Option<Change> {
    let stored = entry.operation == Operation::Put;
    Some(match Names::parse(&entry.key)? {
        Key::Lease(shard) => {
            let holder = stored.then(|| (String::from_utf8_lossy(&entry.value).into(), entry.revision));
            Change::Lease { shard, holder }
        }
        Key::Worker(worker) => Change::Worker { worker, revision: stored.then_some(entry.revision) },
    })
}
