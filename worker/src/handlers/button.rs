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
    ledger::{self, Presence},
    membership::{Freshness, Membership},
    policy::{self, Muted, Standing},
    store::{Store, join_requests::RequestState, mutes::Mute},
    telegram::{Telegram, budget::Priority},
    texts::{PressedFor, alert, sentences},
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
            return Ok(sentences::NOT_FOR_YOU.to_owned());
        }
        let rules = self.groups.rules(press.chat).await?;
        let is_stray = self.is_stray(press).await?;
        if is_stray {
            let ttl = rules.as_ref().map_or(Duration::ZERO, |rules| rules.settings.warning_ttl);
            self.goes(press, ttl).await?;
        }
        let Some(rules) = rules else {
            return self.free(fence, press, open).await;
        };
        let facts = self.membership.facts(user, rules.channel_ids(), Freshness::Anew, Priority::P0).await;
        match policy::judge(rules.settings.require, &facts) {
            Standing::Missing(missing) if !rules.allowed.contains(&user.0) && rules.settings.mode == Mode::Enforce => {
                return Ok(alert::missing(&rules, &missing));
            }
            Standing::Unknown => return Ok(sentences::UNKNOWN.to_owned()),
            Standing::Met | Standing::Missing(_) => {}
        }
        let heard = self.free(fence, press, open).await?;
        if is_stray && heard != sentences::UNKNOWN && press.mentioned.iter().all(|named| *named == user) {
            self.goes(press, Duration::ZERO).await?;
        }
        Ok(heard)
    }

    /// Whether it is under a warning of which no row tells: the old bot's, or one whose sending was never confirmed. Where it stands shows only
    /// by a press of whom it names; what the button says can be forged.
    async fn is_stray(&self, press: &ButtonPressed) -> Result<bool, HandlerError> {
        let is_named = press.kind.is_group() && press.mentioned.contains(&press.by.id);
        Ok(is_named && self.store.warnings_with_message(press.chat, press.message).await?.is_empty())
    }

    async fn goes(&self, press: &ButtonPressed, after: Duration) -> Result<(), HandlerError> {
        self.enforcer.later(press.chat, &Task::Tidy { messages: vec![press.message] }, after).await
    }

    /// Somebody who asks to be let into a group, pressing in private: it is the group's lane that lets them in.
    async fn request(&self, group: ChatId, press: &ButtonPressed) -> Result<String, HandlerError> {
        let user = press.by.id;
        let request = self.store.join_request(group, user).await?;
        if request.is_none_or(|request| request.state != RequestState::Waiting) {
            return Ok(sentences::NO_REQUEST.to_owned());
        }
        let rules = self.groups.rules(group).await?;
        let rules = rules.filter(|rules| rules.settings.join_requests == JoinRequests::Gate && rules.enforces());
        let Some(rules) = rules else { return Ok(sentences::ADMINS_DECIDE.to_owned()) };
        let facts = self.membership.facts(user, rules.channel_ids(), Freshness::Anew, Priority::P0).await;
        match policy::judge_entry(rules.settings.require, &facts) {
            Standing::Missing(missing) if !rules.allowed.contains(&user.0) => Ok(alert::missing(&rules, &missing)),
            Standing::Met | Standing::Missing(_) => {
                self.enforcer.later(group, &Task::Admit { user }, Duration::ZERO).await?;
                Ok(sentences::LETTING_IN.to_owned())
            }
            Standing::Unknown => Ok(sentences::UNKNOWN.to_owned()),
        }
    }

    /// They are no offender: whatever of ours keeps them from writing goes.
    async fn free(&self, fence: &Fence, press: &ButtonPressed, open: Option<Mute>) -> Result<String, HandlerError> {
        let Some(mute) = open else {
            self.enforcer.unwarn(fence, press.chat, press.by.id).await?;
            return Ok(self.without_record(fence, press).await?.to_owned());
        };
        let text = match self.enforcer.release(fence, &mute, Priority::P0).await? {
            Released::Lifted | Released::Closed(Muted::Free | Muted::Admin) => sentences::VERIFIED,
            Released::Closed(_) => sentences::DECIDED_BY_ADMIN,
            Released::Unknown => sentences::UNKNOWN,
        };
        Ok(text.to_owned())
    }

    /// We hold nothing against them. A person may, and a mute of ours may have landed after its end.
    async fn without_record(&self, fence: &Fence, press: &ButtonPressed) -> Result<&'static str, HandlerError> {
        let last = self.store.last_mute(press.chat, press.by.id).await?;
        fence.check()?;
        let member = self.telegram.member(press.chat, press.by.id, Priority::P0).await;
        let presence = ledger::presence(&member, last.as_ref());
        if let Some(mute) = last.filter(|_| presence == Presence::Muted) {
            let is_lifted = self.enforcer.lift_late(fence, &mute, Priority::P0).await?;
            return Ok(if is_lifted { sentences::VERIFIED } else { sentences::UNKNOWN });
        }
        Ok(match presence {
            Presence::RestrictedByPerson | Presence::Banned => sentences::DECIDED_BY_ADMIN,
            Presence::CanSpeak | Presence::Admin => sentences::NOTHING_OPEN,
            Presence::Muted | Presence::Unknown => sentences::UNKNOWN,
        })
    }
}
