//! The bot's own comings and goings in groups: greets once with the next step, stops and goes on with its rights, ends with its stay.

use std::time::Duration;

use super::HandlerError;
use crate::{
    enforce::Enforcer,
    event::{ChatKind, OwnChanged, Task},
    fence::Fence,
    groups::Groups,
    store::Store,
};

/// A group that the operator has not named may be one that they have, a supergroup since a moment ago, which another update tells.
const BEFORE_LEAVING: Duration = Duration::from_secs(2);

/// Acts once on each update, named by `update`: one that tells of an old departure, come again, must not end what was begun since.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_change(
    groups: &Groups,
    enforcer: &Enforcer,
    store: &Store,
    fence: &Fence,
    change: &OwnChanged,
    update: &str,
) -> Result<(), HandlerError> {
    let group = change.chat.id;
    match change.chat.kind {
        ChatKind::Group | ChatKind::Supergroup => {}
        ChatKind::Channel | ChatKind::Private | ChatKind::Unknown => return Ok(()),
    }
    if !store.marked(&[update.to_owned()]).await?.is_empty() {
        return Ok(());
    }
    if !change.was_in || !change.is_in {
        // Telegram tells whole seconds. What was set up within the one in which the bot left, was set up before; and within the one in which
        // it was added, after: /protect may come at once, and be handled first.
        let until_s = if change.is_in { change.date_s } else { change.date_s.saturating_add(1) };
        enforcer.left_by(fence, group, until_s).await?;
        // While it is away nobody tells it who is appointed and dismissed.
        groups.forget_admins(group).await;
    }
    if change.is_in && !group.is_basic_group() && !groups.serves(group).await? {
        enforcer.later(group, &Task::Standing, BEFORE_LEAVING).await?;
    } else if change.is_in {
        if let Some(after) = enforcer.review_standing(fence, group).await? {
            enforcer.later(group, &Task::Standing, after).await?;
        }
        if store.group(group).await?.is_none_or(|row| !row.enabled) {
            // Left over from before the bot was removed, or from when it had no right to release anybody.
            let judges = enforcer.judge_all(group).await?;
            let rows = store.add_tasks(&judges).await?;
            enforcer.bell().ring(rows.iter().map(|row| row.shard));
        }
    }
    Ok(store.mark(fence.into(), update, shared::clock::now_ms()).await?)
}
