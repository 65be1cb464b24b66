//! Compares what Telegram shows of a person with what our own record says we did to them.

use crate::{
    policy::Muted,
    store::mutes::Mute,
    telegram::{
        error::Error,
        permissions::Permissions,
        replies::{Member, MemberStatus},
    },
};

pub(crate) use crate::policy::Presence;

/// What the author of a message is in the group now. A restriction that our open record explains is ours.
pub(crate) fn presence(member: &Result<Member, Error>, open: Option<&Mute>) -> Presence {
    let member = match member {
        Ok(member) => member,
        Err(err) => {
            tracing::warn!(error = err as &dyn std::error::Error, "standing in the group unknown: the message stands");
            return Presence::Unknown;
        }
    };
    match member.status {
        MemberStatus::Creator | MemberStatus::Administrator => Presence::Admin,
        MemberStatus::Member | MemberStatus::Left => Presence::CanSpeak,
        MemberStatus::Kicked => Presence::Banned,
        MemberStatus::Restricted if open.is_some_and(|mute| is_ours(member, mute)) => Presence::Muted,
        MemberStatus::Restricted => Presence::RestrictedByPerson,
        MemberStatus::Other => Presence::Unknown,
    }
}

/// What has become of a mute of ours.
pub(crate) fn muted(member: &Member, mute: &Mute) -> Muted {
    match member.status {
        MemberStatus::Creator | MemberStatus::Administrator => Muted::Admin,
        MemberStatus::Member | MemberStatus::Left => Muted::Free,
        MemberStatus::Kicked => Muted::Banned,
        MemberStatus::Restricted if is_ours(member, mute) => Muted::ByUs,
        MemberStatus::Restricted => Muted::Otherwise,
        MemberStatus::Other => Muted::Unknown,
    }
}

/// Our mutes take every permission and end at a second that the record knows; whatever differs was set by a person since.
fn is_ours(member: &Member, mute: &Mute) -> bool {
    member.permissions == Some(Permissions::NONE) && member.until == Some(mute.until_s)
}
