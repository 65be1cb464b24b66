//! Who owns a shard: one key a shard, taken and renewed by compare-and-set.
//!
//! A request whose answer was lost may still have been carried out, and even be carried out later, after a reconnect. So a key that holds our
//! own name counts as ours, and its deadline is always counted from before a request whose answer we did get.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::kv::{CreateErrorKind, Operation, UpdateErrorKind};
use tokio::time::Instant;

use super::{JetStream, LEASE_TIMEOUT, Names, unavailable};
use crate::{
    queue::{DeliverError, Lease},
    shard::Shard,
};

#[derive(Debug, thiserror::Error)]
#[error("no answer within {LEASE_TIMEOUT:?}")]
struct Late;

/// What a compare-and-set came to.
enum Swapped {
    Yes {
        revision: u64,
    },
    /// Somebody wrote in between; perhaps we.
    No,
}

impl JetStream {
    pub(super) async fn take_lease(&self, shard: Shard, owner: &str) -> Result<Option<Lease>, DeliverError> {
        let sent = Instant::now();
        let created = self.in_time(self.0.leases.create(Names::lease(shard), owner.to_owned().into())).await?;
        let revision = match created {
            Ok(revision) => revision,
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => match self.holder(shard).await? {
                Some((holder, revision)) if *holder == *owner => match self.swap(shard, owner, revision).await? {
                    Swapped::Yes { revision } => revision,
                    Swapped::No => return Ok(None),
                },
                _ => return Ok(None),
            },
            Err(error) => {
                self.0.lost.notify_one();
                return Err(unavailable(error));
            }
        };
        let lease = Lease { shard, owner: owner.into(), epoch: revision, revision, deadline: self.deadline(sent) };
        // Looked at once the lease is there: whoever changes the number of shards does that first and then looks for leases.
        match self.is_still_ours().await {
            Ok(()) => Ok(Some(lease)),
            Err(error @ DeliverError::Setting(_)) => {
                self.release_lease(&lease).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn renew_lease(&self, lease: &Lease) -> Result<Lease, DeliverError> {
        let sent = Instant::now();
        let revision = match self.swap(lease.shard, &lease.owner, lease.revision).await? {
            Swapped::Yes { revision } => revision,
            // An earlier renewal of ours may have arrived without our knowing.
            Swapped::No => match self.holder(lease.shard).await? {
                Some((holder, revision)) if holder == lease.owner => {
                    match self.swap(lease.shard, &lease.owner, revision).await? {
                        Swapped::Yes { revision } => revision,
                        Swapped::No => return Err(unavailable("the lease is being written by somebody else")),
                    }
                }
                _ => return Err(DeliverError::Lost),
            },
        };
        Ok(Lease { revision, deadline: self.deadline(sent), ..lease.clone() })
    }

    pub(super) async fn release_lease(&self, lease: &Lease) -> Result<(), DeliverError> {
        let revision = match self.holder(lease.shard).await? {
            Some((holder, revision)) if holder == lease.owner => revision,
            _ => return Ok(()),
        };
        let deleted =
            self.in_time(self.0.leases.delete_expect_revision(Names::lease(lease.shard), Some(revision))).await?;
        deleted.map_err(unavailable)
    }

    /// Whether the period of this lease is the shard's latest, as far as leases can say.
    pub(super) async fn still_holds(&self, lease: &Lease) -> Result<bool, DeliverError> {
        Ok(self
            .holder(lease.shard)
            .await?
            .is_some_and(|(holder, revision)| holder == lease.owner && revision >= lease.epoch))
    }

    async fn holder(&self, shard: Shard) -> Result<Option<(Arc<str>, u64)>, DeliverError> {
        let entry = self.in_time(self.0.leases.entry(Names::lease(shard))).await?.map_err(unavailable)?;
        Ok(entry.filter(|entry| entry.operation == Operation::Put).map(|entry| {
            let holder = String::from_utf8_lossy(&entry.value).into();
            (holder, entry.revision)
        }))
    }

    async fn swap(&self, shard: Shard, owner: &str, revision: u64) -> Result<Swapped, DeliverError> {
        match self.in_time(self.0.leases.update(Names::lease(shard), owner.to_owned().into(), revision)).await? {
            Ok(revision) => Ok(Swapped::Yes { revision }),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(Swapped::No),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// The last fifth of the term is for clocks that run unevenly and for work that was begun just before.
    fn deadline(&self, sent: Instant) -> Instant {
        sent + self.0.lease_term * 4 / 5
    }

    pub(super) async fn in_time<T>(&self, request: impl Future<Output = T>) -> Result<T, DeliverError> {
        self.connected().map_err(unavailable)?;
        tokio::time::timeout(LEASE_TIMEOUT + Duration::from_millis(100), request).await.map_err(|_| unavailable(Late))
    }
}
