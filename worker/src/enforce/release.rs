//! Lifting what we did, and nothing else.

use std::time::Duration;

use shared::ids::ChatId;

use crate::{
    enforce::{Enforcer, task},
    event::Task,
    fence::Fence,
    handlers::HandlerError,
    ledger,
    policy::{self, Muted, Release},
    store::{
        error::StoreError,
        mutes::{Mute, MuteState, RELEASED},
        tasks::NewTask,
    },
    telegram::{budget::Priority, error::Error, permissions::Permissions},
};

/// How a release went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// They can write again.
    Lifted,
    /// There was nothing of ours to lift any more, and what Telegram showed instead.
    Closed(Muted),
    /// Telegram does not say how things stand, so nothing was touched.
    Unknown,
}

/// Mutes read at a time.
const MUTES_AT_ONCE: i64 = 500;

impl Enforcer {
    /// A question about everybody that is muted in the group: do they still deserve it?
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn judge_all(&self, group: ChatId) -> Result<Vec<NewTask>, StoreError> {
        let mut tasks = Vec::new();
        let mut after = 0;
        loop {
            let some = self.store.open_mutes_in(group, after, MUTES_AT_ONCE).await?;
            let Some(last) = some.last() else { return Ok(tasks) };
            after = last.id;
            let judge = |mute: &Mute| {
                let judge = Task::Judge { user: mute.user, bulk: true, recheck: false };
                task(group, &judge, Duration::ZERO)
            };
            tasks.extend(some.iter().map(judge));
        }
    }

    /// Lifts a mute if it is still exactly the one that our record tells of. Whatever else is found was set by a person since, and stays;
    /// the record is closed.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn release(
        &self,
        fence: &Fence,
        mute: &Mute,
        priority: Priority,
    ) -> Result<Released, HandlerError> {
        fence.check()?;
        let member = match self.telegram.member(mute.group, mute.user, priority).await {
            Ok(member) => member,
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => return Err(err.into()),
            Err(err) => {
                tracing::warn!(
                    chat.id = mute.group.0,
                    user.id = mute.user.0,
                    error = &err as &dyn std::error::Error,
                    "not released: their standing is unknown"
                );
                return Ok(Released::Unknown);
            }
        };
        let found = ledger::muted(&member, mute);
        match policy::release(false, found) {
            Release::Keep => Ok(Released::Unknown),
            Release::Close(why) => {
                self.close_as_found(fence, mute, found, why).await?;
                self.unwarn(fence, mute.group, mute.user).await?;
                Ok(Released::Closed(found))
            }
            Release::Lift => self.lift(fence, mute, priority).await,
        }
    }

    /// Lifts a mute of ours that landed after its record was closed, and shows exactly as the record says. False: Telegram refuses.
    ///
    /// # Errors
    /// Telegram is away, or the shard is not ours any more.
    pub(crate) async fn lift_late(&self, fence: &Fence, mute: &Mute, priority: Priority) -> Result<bool, HandlerError> {
        fence.check()?;
        match self.telegram.restrict(mute.group, mute.user, Permissions::ALL, None, priority).await {
            Ok(()) => {
                tracing::warn!(
                    chat.id = mute.group.0,
                    user.id = mute.user.0,
                    "lifted a mute that landed after its release"
                );
                Ok(true)
            }
            Err(err) if super::is_refusal(&err) => {
                tracing::warn!(
                    chat.id = mute.group.0,
                    user.id = mute.user.0,
                    error = &err as &dyn std::error::Error,
                    "may not lift a mute that landed after its release"
                );
                Ok(false)
            }
            Err(err) => Err(err.into()),
        }
    }

    async fn lift(&self, fence: &Fence, mute: &Mute, priority: Priority) -> Result<Released, HandlerError> {
        let open = [MuteState::Pending, MuteState::Active, MuteState::Releasing];
        let again = [self.look_again(mute.group, mute.user)];
        self.store.set_mute_state(fence.into(), mute.id, &open, MuteState::Releasing, None, &again).await?;
        fence.check()?;
        match self.telegram.restrict(mute.group, mute.user, Permissions::ALL, None, priority).await {
            Ok(()) => {}
            Err(err) if super::is_refusal(&err) => {
                tracing::warn!(
                    chat.id = mute.group.0,
                    user.id = mute.user.0,
                    error = &err as &dyn std::error::Error,
                    "may not release; the mute ends by itself"
                );
                if matches!(err, Error::MissingRight { .. }) {
                    // A task, because many may fail at once and one look is enough.
                    self.later(mute.group, &Task::Standing, Duration::ZERO).await?;
                }
                return Ok(Released::Unknown);
            }
            Err(err) => return Err(err.into()),
        }
        self.close(fence, mute.id, RELEASED).await?;
        tracing::info!(chat.id = mute.group.0, user.id = mute.user.0, "released");
        self.unwarn(fence, mute.group, mute.user).await?;
        Ok(Released::Lifted)
    }
}
