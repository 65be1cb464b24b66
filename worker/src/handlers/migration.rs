//! A basic group became a supergroup: the old chat's lane writes down where it is and sends its tasks after it, the new chat's lane takes the
//! rows over and looks at its rights anew. The two are told in no order, either may come first or alone, and both may come twice.

use std::time::Duration;

use shared::ids::ChatId;

use super::HandlerError;
use crate::{
    enforce::{Enforcer, task},
    event::{Moved, Task},
    fence::Fence,
    groups::Groups,
    store::{
        Store,
        tasks::{NewTask, TaskRow},
    },
};

/// In the lane of either chat.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_moved(
    groups: &Groups,
    enforcer: &Enforcer,
    store: &Store,
    fence: &Fence,
    lane: ChatId,
    moved: Moved,
) -> Result<(), HandlerError> {
    if lane == moved.new {
        let again = adopt(groups, enforcer, store, fence, moved).await?;
        return match again {
            Some(after) => enforcer.later(lane, &Task::Standing, after).await,
            None => Ok(()),
        };
    }
    let adopt = task(moved.new, &Task::Adopt { from: moved.old }, Duration::ZERO);
    let rows = store.move_away(fence.into(), moved.old, moved.new, |row| readdressed(row, moved.new), &[adopt]).await?;
    groups.forget(moved.old).await;
    enforcer.bell().ring(rows.iter().map(|row| row.shard));
    tracing::info!(chat.id = moved.old.0, new = moved.new.0, "the group became a supergroup");
    Ok(())
}

/// In the new chat's lane. Says when to look at the bot's rights again, if that has to be.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn adopt(
    groups: &Groups,
    enforcer: &Enforcer,
    store: &Store,
    fence: &Fence,
    moved: Moved,
) -> Result<Option<Duration>, HandlerError> {
    store.adopt(fence.into(), moved.old, moved.new).await?;
    groups.forget(moved.new).await;
    enforcer.review_standing(fence, moved.new).await
}

fn readdressed(row: &TaskRow, new: ChatId) -> Option<NewTask> {
    let what = serde_json::from_str::<Task>(&row.body).ok()?.in_supergroup()?;
    Some(NewTask { due_ms: row.due_ms, trace: row.trace.clone(), ..task(new, &what, Duration::ZERO) })
}
