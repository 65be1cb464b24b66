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

/// What somebody is in the group now. A restriction that our record explains is ours.
pub(crate) fn presence(member: &Result<Member, Error>, record: Option<&Mute>) -> Presence {
    let member = match member {
        Ok(member) => member,
        Err(err) => {
            tracing::warn!(
                error = err as &dyn std::error::Error,
                "standing in the group unknown: nobody is punished for it"
            );
            return Presence::Unknown;
        }
    };
    match member.status {
        MemberStatus::Creator | MemberStatus::Administrator => Presence::Admin,
        MemberStatus::Member | MemberStatus::Left => Presence::CanSpeak,
        MemberStatus::Kicked => Presence::Banned,
        MemberStatus::Restricted if record.is_some_and(|mute| is_ours(member, mute)) => Presence::Muted,
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

/// Our mutes take every permission and end at a second that the record knows; whatever differs was set by a person since. The call of the
/// mute before this one may have landed late, and then shows in its place.
fn is_ours(member: &Member, mute: &Mute) -> bool {
    let ends = [Some(mute.until_s), mute.earlier_until_s];
    member.permissions == Some(Permissions::NONE) && member.until.is_some() && ends.contains(&member.until)
}

#[cfg(test)]
mod tests {
    use shared::ids::{ChatId, UserId};

    use super::*;
    use crate::{store::mutes::MuteState, telegram::replies::AdminRights};

    const UNTIL_S: i64 = 1_790_000_000;

    fn mute() -> Mute {
        Mute {
            id: 1,
            group: ChatId(-100),
            user: UserId(7),
            name: "Ann".to_owned(),
            state: MuteState::Active,
            until_s: UNTIL_S,
            earlier_until_s: None,
            before: None,
            created_ms: 0,
            closed_ms: None,
            closed_why: None,
        }
    }

    fn member(status: MemberStatus, permissions: Option<Permissions>, until: Option<i64>) -> Member {
        let rights = AdminRights::default();
        Member { status, is_member: Some(true), permissions, until, rights, is_anonymous: false }
    }

    #[test]
    fn only_a_restriction_exactly_as_recorded_is_ours() {
        use MemberStatus::{Administrator, Creator, Kicked, Left, Other, Restricted};
        let partly = Permissions { can_send_messages: true, ..Permissions::NONE };
        let cases = [
            (Creator, None, None, Presence::Admin, Muted::Admin),
            (Administrator, None, None, Presence::Admin, Muted::Admin),
            (MemberStatus::Member, None, None, Presence::CanSpeak, Muted::Free),
            (Left, None, None, Presence::CanSpeak, Muted::Free),
            (Kicked, None, Some(UNTIL_S), Presence::Banned, Muted::Banned),
            (Other, None, None, Presence::Unknown, Muted::Unknown),
            (Restricted, Some(Permissions::NONE), Some(UNTIL_S), Presence::Muted, Muted::ByUs),
            (Restricted, Some(Permissions::NONE), Some(UNTIL_S + 1), Presence::RestrictedByPerson, Muted::Otherwise),
            (Restricted, Some(Permissions::NONE), None, Presence::RestrictedByPerson, Muted::Otherwise),
            (Restricted, Some(partly), Some(UNTIL_S), Presence::RestrictedByPerson, Muted::Otherwise),
            (Restricted, None, Some(UNTIL_S), Presence::RestrictedByPerson, Muted::Otherwise),
        ];
        for (status, permissions, until, expected_presence, expected_muted) in cases {
            let member = member(status, permissions, until);
            assert_eq!(muted(&member, &mute()), expected_muted, "{member:?}");
            let shown = Ok(member);
            assert_eq!(presence(&shown, Some(&mute())), expected_presence, "{shown:?}");
            let without =
                if expected_presence == Presence::Muted { Presence::RestrictedByPerson } else { expected_presence };
            assert_eq!(presence(&shown, None), without, "{shown:?} without a record");
        }
        let again = Mute { until_s: UNTIL_S + 60, earlier_until_s: Some(UNTIL_S), ..mute() };
        for (until_s, expected) in
            [(UNTIL_S + 60, Muted::ByUs), (UNTIL_S, Muted::ByUs), (UNTIL_S - 60, Muted::Otherwise)]
        {
            let member = member(Restricted, Some(Permissions::NONE), Some(until_s));
            assert_eq!(muted(&member, &again), expected, "the mute, or the call of the one before it: {until_s}");
        }
        assert_eq!(presence(&Err(Error::UserUnknown), Some(&mute())), Presence::Unknown);
    }
}
