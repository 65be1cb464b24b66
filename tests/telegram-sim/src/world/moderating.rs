//! What administrators, who are people, do to others.

use crate::ids::{ChatId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::state::State;
use crate::state::chat::ChatKind;
use crate::state::member::{Status, until_date};
use crate::state::membership::Entrance;
use crate::world::{Act, Refused, World, chat_of};

impl World {
    /// Makes a member an administrator, or gives one other rights.
    ///
    /// # Errors
    ///
    /// The one who does it may not, or the other is the owner or not there.
    pub fn promote(&self, chat: ChatId, by: UserId, user: UserId, rights: AdminRights) -> Act<()> {
        self.act(|state| {
            need(state, chat, by, AdminRights::PROMOTE_MEMBERS)?;
            let is_channel = chat_of(state, chat)?.is_channel();
            let status = reachable(state, chat, user)?;
            if !is_channel && !status.is_present() {
                return Err(Refused::because("they are not in the group"));
            }
            let new = Status::Administrator { rights: rights.fitting(is_channel), promoted_by: by };
            state.change_status(chat, user, new, by, &Entrance::default());
            Ok(())
        })
    }

    /// Makes an administrator a plain member again.
    ///
    /// # Errors
    ///
    /// The one who does it may not, or the other is the owner or no administrator.
    pub fn demote(&self, chat: ChatId, by: UserId, user: UserId) -> Act<()> {
        self.act(|state| {
            need(state, chat, by, AdminRights::PROMOTE_MEMBERS)?;
            if !reachable(state, chat, user)?.is_admin() {
                return Err(Refused::because("they are no administrator"));
            }
            state.change_status(chat, user, Status::Member, by, &Entrance::default());
            Ok(())
        })
    }

    /// Bans somebody, until a date in seconds or (0) for ever.
    ///
    /// # Errors
    ///
    /// The one who does it may not, or the other is an administrator.
    pub fn ban(&self, chat: ChatId, by: UserId, user: UserId, until: i64) -> Act<()> {
        self.act(|state| {
            need(state, chat, by, AdminRights::RESTRICT_MEMBERS)?;
            not_admin(&reachable(state, chat, user)?)?;
            let until = until_date(until, state.now());
            state.depart(chat, user, by, Status::Banned { until });
            Ok(())
        })
    }

    /// Lifts a ban; they have to come back by themselves.
    ///
    /// # Errors
    ///
    /// The one who does it may not, or the other is not banned.
    pub fn unban(&self, chat: ChatId, by: UserId, user: UserId) -> Act<()> {
        self.act(|state| {
            need(state, chat, by, AdminRights::RESTRICT_MEMBERS)?;
            if !matches!(state.status(chat, user), Status::Banned { .. }) {
                return Err(Refused::because("they are not banned"));
            }
            state.change_status(chat, user, Status::Left, by, &Entrance::default());
            Ok(())
        })
    }

    /// Restricts somebody to these permissions, until a date in seconds or (0) for ever. All of them lift it.
    ///
    /// # Errors
    ///
    /// The one who does it may not, the other is an administrator, or it is not a supergroup.
    pub fn restrict(&self, chat: ChatId, by: UserId, user: UserId, permissions: Permissions, until: i64) -> Act<()> {
        self.act(|state| {
            if chat_of(state, chat)?.kind != ChatKind::Supergroup {
                return Err(Refused::because("only a supergroup can restrict its members"));
            }
            need(state, chat, by, AdminRights::RESTRICT_MEMBERS)?;
            let old = reachable(state, chat, user)?;
            not_admin(&old)?;
            let new = Status::restricted(permissions, until_date(until, state.now()), old.is_present());
            state.change_status(chat, user, new, by, &Entrance::default());
            Ok(())
        })
    }

    /// Changes what the group allows everybody.
    ///
    /// # Errors
    ///
    /// The one who does it may not.
    pub fn set_permissions(&self, chat: ChatId, by: UserId, permissions: Permissions) -> Act<()> {
        self.act(|state| {
            need(state, chat, by, AdminRights::RESTRICT_MEMBERS)?;
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.permissions = permissions;
            }
            Ok(())
        })
    }
}

fn need(state: &State, chat: ChatId, by: UserId, right: AdminRights) -> Act<()> {
    let may = chat_of(state, chat)?.rights(by, state.now()).has(right);
    if may { Ok(()) } else { Err(Refused::because("they have no right to")) }
}

/// The status of somebody whom others can do something to: anybody but the owner.
fn reachable(state: &State, chat: ChatId, user: UserId) -> Act<Status> {
    match state.status(chat, user) {
        Status::Creator { .. } => Err(Refused::because("nobody can do that to the owner")),
        other => Ok(other),
    }
}

fn not_admin(status: &Status) -> Act<()> {
    if status.is_admin() { Err(Refused::because("they are an administrator")) } else { Ok(()) }
}
