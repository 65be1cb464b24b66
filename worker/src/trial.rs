//! Somebody who is in a group and has written nothing: do they meet its rule, and what are they there?

use shared::ids::{ChatId, UserId};

use crate::{
    enforce::Seen,
    fence::Fence,
    groups::{Groups, Rules},
    handlers::HandlerError,
    ledger::{self, Presence},
    membership::{Freshness, Membership},
    policy::{self, Fact, Missing, Standing},
    store::{
        Store,
        mutes::{Mute, MuteState},
    },
    telegram::{Telegram, budget::Priority, error::Error},
};

/// What a trial finds.
pub(crate) enum Found {
    /// They are left alone, and why, as metrics name it.
    Innocent(&'static str),
    /// A member of the group who does not meet its rule, as fresh facts say.
    Guilty(Box<Guilty>),
}

pub(crate) struct Guilty {
    pub missing: Vec<Missing>,
    pub presence: Presence,
    pub seen: Seen,
    /// Their latest mute in the group, open or closed.
    pub last: Option<Mute>,
}

impl Guilty {
    /// The record of a mute that is open.
    pub(crate) fn open(&self) -> Option<&Mute> {
        self.last.as_ref().filter(|mute| mute.state != MuteState::Closed)
    }
}

/// Everything a trial looks at.
pub(crate) struct Trial<'a> {
    pub groups: &'a Groups,
    pub membership: &'a Membership,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

impl Trial<'_> {
    /// # Errors
    /// The database is away, or the shard is not ours any more: then nobody is asked about its groups either. Or a question has to wait for its
    /// turn. That Telegram does not say is a finding: nobody is punished for it.
    pub(crate) async fn hold(
        &self,
        fence: &Fence,
        group: ChatId,
        rules: &Rules,
        user: UserId,
        freshness: Freshness,
    ) -> Result<Found, HandlerError> {
        let facts = self.facts(rules, user, freshness).await;
        match policy::judge(rules.settings.require, &facts) {
            Standing::Met => return Ok(Found::Innocent(policy::met_as(&facts))),
            Standing::Unknown => return unknown(&facts),
            Standing::Missing(_) if rules.allowed.contains(&user.0) => return Ok(Found::Innocent("allowed")),
            Standing::Missing(_) => {}
        }
        fence.check()?;
        match self.groups.admins(group).await {
            Ok(admins) if admins.contains(&user) => return Ok(Found::Innocent("admin")),
            Ok(_) => {}
            Err(err) => {
                return match *err {
                    Error::FloodWait { retry_after, asked: false } => Err(HandlerError::has_to_wait(retry_after)),
                    _ => Ok(Found::Innocent("unknown")),
                };
            }
        }
        let last = self.store.last_mute(group, user).await?;
        fence.check()?;
        let looked = self.telegram.dated_member(group, user, Priority::P1).await;
        let looked_ms = looked.as_ref().map_or(0, |(_, asked_ms)| *asked_ms);
        let member = looked.map(|(member, _)| member);
        if let Err(Error::FloodWait { retry_after, asked: false }) = member {
            return Err(HandlerError::has_to_wait(retry_after));
        }
        // Restricting somebody who is not in the group would leave a restriction behind.
        if let Ok(member) = &member
            && member.is_member != Some(true)
        {
            return Ok(Found::Innocent("not_here"));
        }
        // The looks may have taken their time, and the answers have aged meanwhile.
        let facts = if policy::is_fresh(&facts, shared::clock::now_ms()) {
            facts
        } else {
            self.facts(rules, user, Freshness::Fresh).await
        };
        let missing = match policy::judge(rules.settings.require, &facts) {
            Standing::Met => return Ok(Found::Innocent(policy::met_as(&facts))),
            Standing::Missing(missing) if policy::is_fresh(&facts, shared::clock::now_ms()) => missing,
            Standing::Missing(_) => return Ok(Found::Innocent("unknown")),
            Standing::Unknown => return unknown(&facts),
        };
        let open = last.as_ref().filter(|mute| mute.state != MuteState::Closed);
        Ok(match ledger::presence(&member, open) {
            Presence::Unknown => Found::Innocent("unknown"),
            Presence::Admin => Found::Innocent("admin"),
            presence => {
                let seen = Seen { facts, looked_ms };
                Found::Guilty(Box::new(Guilty { missing, presence, seen, last }))
            }
        })
    }

    async fn facts(&self, rules: &Rules, user: UserId, freshness: Freshness) -> Vec<Fact> {
        self.membership.facts(user, rules.channel_ids(), freshness, Priority::P1).await
    }
}

fn unknown(facts: &[Fact]) -> Result<Found, HandlerError> {
    match policy::not_yet(facts) {
        Some(wait) => Err(HandlerError::has_to_wait(wait)),
        None => Ok(Found::Innocent("unknown")),
    }
}
