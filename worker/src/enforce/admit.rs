//! Requests to join: letting somebody in, and ending what was said about it.

use std::time::Duration;

use shared::ids::{ChatId, UserId};

use super::Enforcer;
use crate::{
    event::Task,
    fence::Fence,
    handlers::HandlerError,
    store::join_requests::{JoinRequest, RequestEnd},
    telegram::budget::Priority,
    telegram::{error::Error, message::Outgoing, sending::Occasion},
    texts::sentences,
};

/// How long it stands that the bot may not let anybody in: nobody says when it may again.
const TOLD_FOR: Duration = Duration::from_secs(24 * 3600);

impl Enforcer {
    /// Lets somebody in. A request that is settled already, or withdrawn, is closed without a word.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn admit(&self, fence: &Fence, request: &JoinRequest) -> Result<(), HandlerError> {
        fence.check()?;
        match self.telegram.approve_join(request.group, request.user).await {
            Ok(()) => {
                tracing::info!(chat.id = request.group.0, user.id = request.user.0, "let in");
                self.close_request(fence, request, RequestEnd::Approved).await
            }
            // They stay before the admins, who can let them in themselves.
            Err(err @ Error::MissingRight { .. }) => {
                warn(request.group, request.user, &err);
                self.ask_for_the_right(fence, request.group).await
            }
            Err(err) if super::is_refusal(&err) => {
                warn(request.group, request.user, &err);
                Ok(())
            }
            Err(err) => Err(err.into()),
        }
    }

    /// The request is settled: what the person was told in private goes.
    ///
    /// # Errors
    /// Telegram or the database is away, or the shard is not ours any more.
    pub(crate) async fn close_request(
        &self,
        fence: &Fence,
        request: &JoinRequest,
        end: RequestEnd,
    ) -> Result<(), HandlerError> {
        self.store.join_request_closed(fence.into(), request.group, request.user, end).await?;
        match request.message {
            Some(message) => self.remove(fence, request.user_chat, &[message]).await,
            None => Ok(()),
        }
    }

    /// Tells the admins, once in a long while, that subscribers ask to join and the bot may not let them in.
    async fn ask_for_the_right(&self, fence: &Fence, group: ChatId) -> Result<(), HandlerError> {
        let mark = format!("no-right-to-let-in:{group}");
        if !self.store.marked(std::slice::from_ref(&mark)).await?.is_empty() {
            return Ok(());
        }
        // Without room for it now, the next request tells.
        let Ok(slot) = self.telegram.send_slot(group, Occasion::Ordinary, Priority::P1).await else { return Ok(()) };
        // Before it is said: once too few is better than with every request.
        self.store.mark(fence.into(), &mark, shared::clock::now_ms()).await?;
        fence.check()?;
        let text = Outgoing { text: sentences::MAY_NOT_LET_IN.to_owned(), ..Outgoing::default() };
        match self.telegram.send(slot, &text).await {
            Ok(told) => self.later(group, &Task::Tidy { messages: vec![told] }, TOLD_FOR).await,
            Err(err) => {
                tracing::warn!(chat.id = group.0, error = &err as &dyn std::error::Error, "the admins were not told");
                Ok(())
            }
        }
    }
}

fn warn(group: ChatId, user: UserId, err: &Error) {
    tracing::warn!(chat.id = group.0, user.id = user.0, error = err as &dyn std::error::Error, "may not let in");
}
