//! What somebody is in a chat.

use crate::ids::UserId;
use crate::rights::{AdminRights, Permissions};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    Creator {
        is_member: bool,
        is_anonymous: bool,
    },
    Administrator {
        rights: AdminRights,
        promoted_by: UserId,
    },
    Member,
    /// `until` in seconds, 0 for ever. Stays when the person leaves and comes back.
    Restricted {
        permissions: Permissions,
        until: i64,
        is_member: bool,
    },
    Left,
    Banned {
        until: i64,
    },
}

const DAY_S: i64 = 86_400;

impl Status {
    /// A restriction to these permissions. With all of them it is none: plain member, or gone.
    pub(crate) fn restricted(permissions: Permissions, until: i64, is_member: bool) -> Self {
        match (permissions == Permissions::all(), is_member) {
            (true, true) => Self::Member,
            (true, false) => Self::Left,
            (false, _) => Self::Restricted { permissions, until, is_member },
        }
    }

    /// The same at a time: restrictions and bans end by their date.
    pub(crate) fn at(&self, now: i64) -> Self {
        let ended = |until: i64| until != 0 && until <= now;
        match *self {
            Self::Restricted { until, is_member, .. } if ended(until) => {
                if is_member {
                    Self::Member
                } else {
                    Self::Left
                }
            }
            Self::Banned { until } if ended(until) => Self::Left,
            _ => self.clone(),
        }
    }

    /// A channel knows no restricted members.
    pub(crate) fn without_restriction(self) -> Self {
        match self {
            Self::Restricted { is_member: true, .. } => Self::Member,
            Self::Restricted { is_member: false, .. } => Self::Left,
            other => other,
        }
    }

    pub(crate) const fn is_present(&self) -> bool {
        match self {
            Self::Creator { is_member, .. } | Self::Restricted { is_member, .. } => *is_member,
            Self::Administrator { .. } | Self::Member => true,
            Self::Left | Self::Banned { .. } => false,
        }
    }

    pub(crate) const fn is_admin(&self) -> bool {
        matches!(self, Self::Creator { .. } | Self::Administrator { .. })
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Creator { .. } => "creator",
            Self::Administrator { .. } => "administrator",
            Self::Member => "member",
            Self::Restricted { .. } => "restricted",
            Self::Left => "left",
            Self::Banned { .. } => "kicked",
        }
    }

    /// What becomes of it when the person comes in. A ban does not let them.
    pub(crate) fn joined(self) -> Option<Self> {
        match self {
            Self::Creator { is_anonymous, .. } => Some(Self::Creator { is_member: true, is_anonymous }),
            Self::Restricted { permissions, until, .. } => {
                Some(Self::Restricted { permissions, until, is_member: true })
            }
            Self::Left | Self::Member => Some(Self::Member),
            Self::Administrator { .. } => Some(self),
            Self::Banned { .. } => None,
        }
    }

    /// What becomes of it when the person goes.
    pub(crate) fn left(self) -> Self {
        match self {
            Self::Creator { is_anonymous, .. } => Self::Creator { is_member: false, is_anonymous },
            Self::Restricted { permissions, until, .. } => Self::Restricted { permissions, until, is_member: false },
            Self::Banned { until } => Self::Banned { until },
            Self::Administrator { .. } | Self::Member | Self::Left => Self::Left,
        }
    }
}

/// The end of a restriction as Telegram keeps it: nearer than 30 s or further than 366 days is for ever (0).
pub(crate) const fn until_date(asked: i64, now: i64) -> i64 {
    if asked < now + 30 || asked > now + 366 * DAY_S { 0 } else { asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_permissions_fold_to_a_plain_member() {
        assert_eq!(Status::restricted(Permissions::all(), 5, true), Status::Member);
        assert_eq!(Status::restricted(Permissions::all(), 5, false), Status::Left);
        let nearly = Permissions::all().without(Permissions::PIN_MESSAGES);
        assert_eq!(Status::restricted(nearly, 5, true).name(), "restricted");
    }

    #[test]
    fn an_end_too_near_or_too_far_is_for_ever() {
        let now = 1_000_000;
        for (asked, kept) in [
            (0, 0),
            (now + 29, 0),
            (now + 30, now + 30),
            (now + 366 * DAY_S, now + 366 * DAY_S),
            (now + 366 * DAY_S + 1, 0),
        ] {
            assert_eq!(until_date(asked, now), kept, "{asked}");
        }
    }

    #[test]
    fn a_restriction_survives_leaving_and_coming_back_and_ends_by_its_date() {
        let muted = Status::restricted(Permissions::none(), 100, true);
        let away = muted.clone().left();
        assert_eq!(away, Status::Restricted { permissions: Permissions::none(), until: 100, is_member: false });
        assert_eq!(away.clone().joined(), Some(muted.clone()));
        assert_eq!(muted.at(100), Status::Member);
        assert_eq!(away.at(100), Status::Left);
        assert_eq!(Status::Banned { until: 100 }.at(99).joined(), None);
        assert_eq!(Status::Banned { until: 100 }.at(100).joined(), Some(Status::Member));
    }

    #[test]
    fn a_channel_never_has_restricted_members() {
        assert_eq!(Status::restricted(Permissions::none(), 0, true).without_restriction(), Status::Member);
        assert_eq!(Status::restricted(Permissions::none(), 0, false).without_restriction(), Status::Left);
    }
}
