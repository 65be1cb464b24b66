//! Somebody's standing in a chat changed: what is remembered follows at once, and whoever we muted for it is judged again in their groups.

use std::time::Duration;

use shared::ids::ChannelId;

use super::HandlerError;
use crate::{
    enforce::{Enforcer, task},
    event::{ChatKind, MemberChanged, Status, Task},
    groups::Groups,
    membership::Membership,
    policy::Answer,
    store::{Store, tasks::NewTask},
};

/// # Errors
/// The database is away.
pub(crate) async fn on_change(
    groups: &Groups,
    membership: &Membership,
    enforcer: &Enforcer,
    store: &Store,
    change: &MemberChanged,
) -> Result<(), HandlerError> {
    match change.chat.kind {
        ChatKind::Channel => in_channel(membership, enforcer, store, change).await,
        ChatKind::Group | ChatKind::Supergroup => {
            let is_admin = matches!(change.status, Status::Owner | Status::Admin);
            groups.note_standing(change.chat.id, change.user.id, is_admin).await;
            if is_admin {
                judge_open_mutes(enforcer, store, change, |task| task.chat == change.chat.id).await?;
            }
            Ok(())
        }
        ChatKind::Private | ChatKind::Unknown => Ok(()),
    }
}

/// The verdict first, then the ledger: the group's lane does it the other way round, so one of the two sees the other.
async fn in_channel(
    membership: &Membership,
    enforcer: &Enforcer,
    store: &Store,
    change: &MemberChanged,
) -> Result<(), HandlerError> {
    let answer = match change.status {
        Status::Owner | Status::Admin | Status::Member | Status::Restricted { is_member: true } => Answer::Yes,
        Status::Left | Status::Restricted { is_member: false } => Answer::No { banned: false },
        Status::Banned => Answer::No { banned: true },
    };
    let channel = ChannelId(change.chat.id.0);
    membership.learn(change.user.id, channel, answer, change.date_s, change.until_s).await;
    if answer == Answer::Yes {
        judge_open_mutes(enforcer, store, change, |_| true).await?;
    }
    Ok(())
}

/// Asks the lanes of the groups where they are muted to look again.
async fn judge_open_mutes(
    enforcer: &Enforcer,
    store: &Store,
    change: &MemberChanged,
    fits: impl Fn(&NewTask) -> bool,
) -> Result<(), HandlerError> {
    let user = change.user.id;
    let open = store.open_mutes_of(user).await?;
    let judge = Task::Judge { user, bulk: false };
    let tasks: Vec<NewTask> =
        open.iter().map(|mute| task(mute.group, &judge, Duration::ZERO)).filter(|task| fits(task)).collect();
    if !tasks.is_empty() {
        let rows = store.add_tasks(&tasks).await?;
        enforcer.bell().ring(rows.iter().map(|row| row.shard));
    }
    Ok(())
}
