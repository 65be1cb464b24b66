//! One worker among others: says that it is there, watches who else is, and yields what it cannot work on.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use shared::{
    queue::{
        Connection, DeliverError,
        jetstream::{Change, Peers},
    },
    shard::Shards,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Misfit,
    balance::Worker,
    picture::{Picture, Plan},
    probe,
};
use crate::store::Store;

/// A watch that is followed is replaced this often by a new one, which begins with everything: so a change that was missed is not missed for
/// long.
const ANEW: Duration = Duration::from_secs(10);

/// Between two tries to watch; doubles to the longest. Watches made in a hurry pile up at the server (queue.md, pitfall 11).
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// After a reconnect the plan of before stays for this long. When the server was away all leases and announcements have run out together, and
/// whoever is back first must not take everything from those who are back a moment later.
pub(super) const BACK_AGAIN: Duration = Duration::from_secs(1);

/// How often the database is asked whether it is there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Without a database for this long a worker says that it is not there: leases are renewed over NATS, so nothing else would tell the others.
/// Longer than a database needs to be restarted or to fail over on the same machine.
const DATABASE_GONE: Duration = Duration::from_secs(5);

/// Without a database, what we hold goes to others that have been there for this long. When it is away for all, all notice within a second
/// of each other, and nothing moves.
const OTHERS_STAY: Duration = Duration::from_secs(2);

/// Whether this worker has a database: only then does it say that it is there.
#[derive(Debug)]
pub(super) struct Able(watch::Sender<bool>);

impl Default for Able {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Able {
    /// The database would not record what we took. Others may be better off.
    pub(super) fn not_now(&self) {
        self.set(false);
    }

    fn set(&self, able: bool) {
        self.0.send_if_modified(|now| std::mem::replace(now, able) != able);
    }

    fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

/// One worker among others.
pub(super) struct Members {
    pub(super) peers: Peers,
    pub(super) me: Worker,
    pub(super) shards: Shards,
    pub(super) connection: watch::Receiver<Connection>,
    pub(super) plan: watch::Sender<Plan>,
    pub(super) misfit: Arc<Misfit>,
}

impl Members {
    /// Takes part until `done`; takes nothing more from `stop` on.
    pub(super) async fn run(self, store: Store, able: Arc<Able>, stop: CancellationToken, done: CancellationToken) {
        let (picture, yields) = (watch::Sender::new(Picture::default()), watch::Sender::new(false));
        let took_part = async {
            tokio::join!(
                self.answer(),
                look(&store, &able),
                self.announce(able.watch(), &stop),
                self.yield_to_others(able.watch(), picture.subscribe(), &yields),
                self.watch(&picture, yields.subscribe()),
                probe::run(&self, picture.subscribe()),
            )
        };
        tokio::select! {
            _ = took_part => {}
            () = done.cancelled() => {}
        }
    }

    async fn answer(&self) {
        let err = self.peers.answer(&self.me).await;
        // The client is closed only by the end of the program.
        tracing::debug!(error = &err as &dyn std::error::Error, "nobody answers for this worker any more");
    }

    /// Keeps saying that we are there while we are able, and at the end that we are not. An idle worker finds out here that the queue has
    /// become another one.
    async fn announce(&self, mut able: watch::Receiver<bool>, stop: &CancellationToken) {
        let every = self.peers.term() / 3;
        while !stop.is_cancelled() {
            if !*able.borrow_and_update() {
                // That it is away is told by readiness.
                tracing::info!("without a database: other workers shall have what is ours");
                self.withdraw().await;
                tokio::select! {
                    Ok(_) = able.wait_for(|able| *able) => {}
                    () = stop.cancelled() => break,
                }
            }
            let mut connection = self.connection.clone();
            let announced_on = connection.borrow_and_update().generation;
            let next = match self.peers.announce(&self.me).await {
                Ok(()) => every,
                Err(err) => {
                    self.misfit.note(&err);
                    tracing::debug!(error = &err as &dyn std::error::Error, "announcing this worker failed");
                    FIRST_PAUSE
                }
            };
            tokio::select! {
                () = sleep(next) => {}
                // What was said before a reconnect may have run out.
                Ok(_) = connection.wait_for(|now| now.connected && now.generation != announced_on) => {}
                Ok(_) = able.wait_for(|able| !able) => {}
                () = stop.cancelled() => {}
            }
        }
        self.withdraw().await;
    }

    async fn withdraw(&self) {
        if let Err(err) = self.peers.withdraw(&self.me).await {
            // It runs out by itself.
            tracing::debug!(error = &err as &dyn std::error::Error, "withdrawing this worker failed");
        }
    }

    /// Says when others shall have what is ours: we have no database, and they have been there for a while.
    async fn yield_to_others(
        &self,
        mut able: watch::Receiver<bool>,
        mut picture: watch::Receiver<Picture>,
        yields: &watch::Sender<bool>,
    ) {
        loop {
            let unable = able.wait_for(|able| !able).await.map(drop);
            let others = picture.wait_for(|seen| seen.has_others(&self.me)).await.map(drop);
            if unable.and(others).is_err() {
                // Nobody looks any more: the program ends.
                return;
            }
            tokio::select! {
                _ = able.wait_for(|able| *able) => continue,
                _ = picture.wait_for(|seen| !seen.has_others(&self.me)) => continue,
                () = sleep(OTHERS_STAY) => {}
            }
            yields.send_replace(true);
            tokio::select! {
                _ = able.wait_for(|able| *able) => {}
                _ = picture.wait_for(|seen| !seen.has_others(&self.me)) => {}
            }
            yields.send_replace(false);
        }
    }

    /// Follows one watch after another.
    async fn watch(&self, picture: &watch::Sender<Picture>, mut yields: watch::Receiver<bool>) {
        let (mut pause, mut generation) = (FIRST_PAUSE, None);
        loop {
            let connection = self.connected().await;
            let is_back = generation.is_some_and(|before| before != connection.generation);
            generation = Some(connection.generation);
            let calm_from = if is_back { Instant::now() + BACK_AGAIN } else { Instant::now() };
            let ended = match self.peers.watch().await {
                Ok(changes) => self.follow(changes, picture, &mut yields, connection, calm_from).await,
                Err(err) => Err(err),
            };
            match ended {
                Ok(()) => pause = FIRST_PAUSE,
                Err(err) => {
                    tracing::debug!(error = &err as &dyn std::error::Error, "watching the other workers failed");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Until it is time for a new watch.
    async fn follow(
        &self,
        mut changes: impl Stream<Item = Result<Change, DeliverError>> + Unpin,
        picture: &watch::Sender<Picture>,
        yields: &mut watch::Receiver<bool>,
        began_on: Connection,
        calm_from: Instant,
    ) -> Result<(), DeliverError> {
        let (until, mut connection) = (Instant::now() + ANEW, self.connection.clone());
        // Complete only from the change on that says so.
        let (mut seen, mut is_current) = (Picture::default(), false);
        loop {
            // Our own announcements come by every so often.
            let silent = Instant::now() + self.peers.term();
            let change = tokio::select! {
                change = timeout_at(silent, changes.next()) => change,
                Ok(_) = connection.wait_for(|now| *now != began_on) => return Ok(()),
                () = tokio::time::sleep_until(calm_from), if is_current && Instant::now() < calm_from => {
                    self.replan(&seen, *yields.borrow());
                    continue;
                }
                Ok(()) = yields.changed(), if is_current && Instant::now() >= calm_from => {
                    self.replan(&seen, *yields.borrow());
                    continue;
                }
            };
            let change = match change {
                Ok(Some(change)) => change?,
                Ok(None) => return Err(DeliverError::Interrupted("the watch ended".into())),
                Err(_) => return Err(DeliverError::Interrupted("the watch is silent".into())),
            };
            let begins = change == Change::Current;
            is_current |= begins;
            let is_news = seen.apply(change);
            if is_current {
                picture.send_replace(seen.clone());
                if (is_news || begins) && Instant::now() >= calm_from {
                    self.replan(&seen, *yields.borrow());
                }
            }
            if Instant::now() >= until {
                return Ok(());
            }
        }
    }

    fn replan(&self, picture: &Picture, yields: bool) {
        let plan = picture.plan(&self.me, self.shards, yields);
        self.plan.send_if_modified(|now| {
            let is_new = *now != plan;
            if is_new {
                tracing::debug!(workers = picture.workers.len(), ours = plan.ours.len(), "the shares have changed");
                *now = plan;
            }
            is_new
        });
    }

    /// Waits for a connection, and says which.
    async fn connected(&self) -> Connection {
        let connected = self.connection.clone().wait_for(|now| now.connected).await.map(|now| *now);
        match connected {
            Ok(connection) => connection,
            // The client is closed only by the end of the program.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Finds out whether there is a database.
async fn look(store: &Store, able: &Able) {
    let mut answered = Instant::now();
    loop {
        let (asked, written) = (Instant::now(), store.written());
        // So that all notice at the same time; one that is gone already is given as long again.
        let gone_at = answered + DATABASE_GONE;
        let until = if asked < gone_at { gone_at } else { asked + DATABASE_GONE };
        let answers = timeout_at(until, store.ping()).await.is_ok_and(|answer| answer.is_ok());
        // Behind much work the question may have had to wait, and the work is the answer.
        if answers || store.written() != written {
            answered = asked;
            able.set(true);
        } else if answered.elapsed() >= DATABASE_GONE {
            able.set(false);
        }
        sleep(LOOK_AGAIN).await;
    }
}
