//! The people of a chat, and what the one who looks may do to each.

use serde::Serialize;

use crate::control::view::{Named, may, named};
use crate::ids::UserId;
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
use crate::state::chat::{Chat, ChatKind};
use crate::state::member::Status;

/// More than anybody scrolls through; those with a status worth seeing come first.
const MOST_MEMBERS: usize = 200;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    named: Named,
    /// `creator`, `administrator`, `member`, `restricted`, `left` or `kicked`.
    status: &'static str,
    is_present: bool,
    muted: bool,
    until: Option<i64>,
    /// Who restricted or banned them.
    by: Option<String>,
    /// An administrator's rights, by field name.
    rights: Vec<&'static str>,
    /// `mute`, `unmute`, `ban`, `unban`, `promote`, `demote`.
    acts: Vec<&'static str>,
}

pub(super) fn rows(state: &State, chat: &Chat, me: Option<UserId>) -> (Vec<Row>, usize) {
    let now = state.now();
    let mut members: Vec<(u8, UserId, Status)> = chat
        .members
        .keys()
        .map(|user| (*user, chat.status(*user, now)))
        .filter(|(_, status)| *status != Status::Left)
        .map(|(user, status)| (rank(&status), user, status))
        .collect();
    members.sort_by_key(|(rank, user, _)| (*rank, *user));
    let more = members.len().saturating_sub(MOST_MEMBERS);
    let mine = me.map_or(AdminRights::none(), |me| chat.rights(me, now));
    let rows = members.into_iter().take(MOST_MEMBERS).map(|(_, user, status)| row(state, chat, user, &status, mine));
    (rows.collect(), more)
}

const fn rank(status: &Status) -> u8 {
    match status {
        Status::Creator { .. } => 0,
        Status::Administrator { .. } => 1,
        Status::Restricted { .. } => 2,
        Status::Banned { .. } => 3,
        Status::Member | Status::Left => 4,
    }
}

fn row(state: &State, chat: &Chat, user: UserId, status: &Status, mine: AdminRights) -> Row {
    let (until, muted) = match status {
        Status::Restricted { until, permissions, .. } => (Some(*until), !permissions.has(Permissions::SEND_MESSAGES)),
        Status::Banned { until } => (Some(*until), false),
        _ => (None, false),
    };
    let rights = match status {
        Status::Administrator { rights, .. } => {
            let shown = AdminRights::FIELDS.iter().filter(|(_, flag)| rights.has(*flag));
            shown.map(|(name, _)| *name).collect()
        }
        _ => Vec::new(),
    };
    Row {
        named: named(state, user),
        status: status.name(),
        is_present: status.is_present(),
        muted,
        until,
        by: until.and_then(|_| chat.sanctioned_by.get(&user)).map(|by| may::called(state, *by)),
        rights,
        // The bot comes and goes by its own buttons.
        acts: if user == state.bot { Vec::new() } else { acts(chat, status, mine) },
    }
}

/// What administrators can do to others; see [`crate::world::World::restrict`] and its neighbours, which decide it.
fn acts(chat: &Chat, status: &Status, mine: AdminRights) -> Vec<&'static str> {
    let may_restrict = mine.has(AdminRights::RESTRICT_MEMBERS);
    let may_promote = mine.has(AdminRights::PROMOTE_MEMBERS);
    let can_mute = may_restrict && chat.kind == ChatKind::Supergroup;
    let wanted: &[(&str, bool)] = match status {
        Status::Creator { .. } => &[],
        Status::Administrator { .. } => &[("promote", may_promote), ("demote", may_promote)],
        Status::Member => &[("mute", can_mute), ("ban", may_restrict), ("promote", may_promote)],
        Status::Restricted { is_member, .. } => {
            &[("unmute", can_mute), ("ban", may_restrict), ("promote", may_promote && *is_member)]
        }
        Status::Banned { .. } => &[("unban", may_restrict)],
        Status::Left => &[],
    };
    wanted.iter().filter(|(_, may)| *may).map(|(act, _)| *act).collect()
}
