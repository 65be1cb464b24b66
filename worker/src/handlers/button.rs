//! "I have joined": asks Telegram anew, and releases who is found to be subscribed.
//!
//! The button names whom it is for, but the data can be forged and anybody can press: a press is judged on the presser's own record. The
//! answer is an alert in every case.

use std::time::Duration;

use shared::ids::ChatId;

use super::HandlerError;
use crate::{
    enforce::{Enforcer, Released},
    event::{ButtonPressed, Task},
    fence::Fence,
    groups::{Groups, JoinRequests, Mode},
    membership::{Freshness, Membership},
    policy::{self, Muted, Standing},
    store::{Store, join_requests::RequestState, mutes::Mute},
    telegram::{Telegram, budget::Priority, replies::MemberStatus},
    texts::{PressedFor, alert},
};

/// What a press is judged with.
pub(crate) struct Bench<'a> {
    pub groups: &'a Groups,
    pub membership: &'a Membership,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

impl Bench<'_> {
    /// Says what the presser hears.
    ///
    /// # Errors
    /// Something it needs is away; the release is tried again without them.
    pub(crate) async fn judge(
        &self,
        fence: &Fence,
        press: &ButtonPressed,
        whom: PressedFor,
    ) -> Result<String, HandlerError> {
        let user = press.by.id;
        let own = match whom {
            PressedFor::Person(person) => person == user,
            PressedFor::Anybody => true,
            PressedFor::Request(group) => return self.request(group, press).await,
            PressedFor::Mentioned => press.mentioned.contains(&user),
        };
        let open = self.store.open_mutes(press.chat, &[user]).await?.into_iter().next();
        if !own && open.is_none() {
            return Ok(alert::NOT_FOR_YOU.to_owned());
        }
        let Some(rules) = self.groups.rules(press.chat).await? else {
            return self.free(fence, press, open).await;
        };
        let facts = self.membership.facts(user, rules.channel_ids(), Freshness::Anew, Priority::P0).await;
        match policy::judge(rules.settings.require, &facts) {
            Standing::Met => self.free(fence, press, open).await,
            Standing::Missing(_) if rules.allowed.contains(&user.0) || rules.settings.mode == Mode::Observe => {
                self.free(fence, press, open).await
            }
            Standing::Missing(missing) => Ok(alert::missing(&rules, &missing)),
            Standing::Unknown => Ok(alert::UNKNOWN.to_owned()),
        }
    }

    /// Somebody who asks to be let into a group, pressing in private: it is the group's lane that lets them in.
    async fn request(&self, group: ChatId, press: &ButtonPressed) -> Result<String, HandlerError> {
        let user = press.by.id;
        let request = self.store.join_request(group, user).await?;
        if request.is_none_or(|request| request.state != RequestState::Waiting) {
            return Ok(alert::NO_REQUEST.to_owned());
        }
        let rules =
            self.groups.rules(group).await?.filter(|rules| {
                rules.settings.join_requests == JoinRequests::Gate && rules.settings.mode == Mode::Enforce
            });
        let Some(rules) = rules else { return Ok(alert::ADMINS_DECIDE.to_owned()) };
        let facts = self.membership.facts(user, rules.channel_ids(), Freshness::Anew, Priority::P0).await;
        match policy::judge_entry(rules.settings.require, &facts) {
            Standing::Missing(missing) if !rules.allowed.contains(&user.0) => Ok(alert::missing(&rules, &missing)),
            Standing::Met | Standing::Missing(_) => {
                self.enforcer.later(group, &Task::Admit { user }, Duration::ZERO).await?;
                Ok(alert::LETTING_IN.to_owned())
            }
            Standing::Unknown => Ok(alert::UNKNOWN.to_owned()),
        }
    }

    /// They are no offender: whatever of ours keeps them from writing goes.
    async fn free(&self, fence: &Fence, press: &ButtonPressed, open: Option<Mute>) -> Result<String, HandlerError> {
        let Some(mute) = open else {
            self.enforcer.unwarn(fence, press.chat, press.by.id).await?;
            return Ok(self.without_record(press.chat, press).await.to_owned());
        };
        let text = match self.enforcer.release(fence, &mute, Priority::P0).await? {
            Released::Lifted | Released::Closed(Muted::Free | Muted::Admin) => alert::VERIFIED,
            Released::Closed(_) => alert::DECIDED_BY_ADMIN,
            Released::Unknown => alert::UNKNOWN,
        };
        Ok(text.to_owned())
    }

    /// We hold nothing against them; a person may.
    async fn without_record(&self, group: ChatId, press: &ButtonPressed) -> &'static str {
        match self.telegram.member(group, press.by.id, Priority::P0).await.map(|member| member.status) {
            Ok(MemberStatus::Restricted | MemberStatus::Kicked) => alert::DECIDED_BY_ADMIN,
            _ => alert::NOTHING_OPEN,
        }
    }
}
