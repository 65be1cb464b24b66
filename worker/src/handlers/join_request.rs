//! Somebody asks to be let into a group that lets in subscribers: approved, or told in private what is missing.
//!
//! Nobody is ever declined. Whoever cannot be judged is left to the admins.

use std::time::Duration;

use shared::ids::{ChatId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, task},
    event::{JoinRequested, Task},
    fence::Fence,
    groups::{JoinRequests, Mode, Rules},
    membership::Freshness,
    policy::{self, Missing, Standing},
    store::join_requests::{JoinRequest, NewRequest, RequestEnd, RequestState},
    telegram::{budget::Priority, error::Error, sending::Occasion},
    texts::{self, Named},
    trial::Trial,
};

/// Telegram does not tell when a request is withdrawn or declined, so a request that old is taken for one.
const LIVES_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Telegram lets us write to somebody who asks to join for five minutes.
const MAY_WRITE_FOR: Duration = Duration::from_secs(5 * 60);

/// Telling somebody is repeated once where its outcome is not known: twice is better than not at all, and three times is not.
const TOLD_AT_MOST: i64 = 2;

/// When such an outcome is looked at again.
const UNKNOWN_WAIT: Duration = Duration::from_secs(5);

/// Handles a request, and says what became of it, as metrics name it.
///
/// # Errors
/// Something it needs is away, or the shard is not ours any more. Repeating it is harmless.
pub(crate) async fn on_request(
    trial: &Trial<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    asked: &JoinRequested,
) -> Result<&'static str, HandlerError> {
    let (group, user) = (asked.chat.id, asked.user.id);
    let Some(rules) = trial.groups.rules(group).await?.filter(|rules| is_gate(rules)) else {
        return Ok("not_protected");
    };
    if rules.paused {
        return Ok("paused");
    }
    let standing = match standing(trial, &rules, user, Freshness::Fresh).await {
        Err(err) if err.waits_long() => Standing::Unknown,
        standing => standing?,
    };
    if rules.settings.mode == Mode::Observe {
        tracing::info!(chat.id = group.0, user.id = user.0, ?standing, "a request to join: observed, not handled");
        return Ok("observed");
    }
    if standing == Standing::Unknown {
        return Ok("unknown");
    }
    let request = NewRequest {
        group,
        user,
        user_chat: asked.user_chat,
        name: asked.user.name.clone(),
        requested_ms: asked.date_s.saturating_mul(1000),
    };
    let again = task(group, &Task::Admit { user }, policy::recheck_after(Duration::ZERO));
    trial.store.record_join_request(fence.into(), &request, &[again]).await?;
    let Some(request) = waiting(trial, group, user).await? else { return Ok("settled") };
    match standing {
        Standing::Missing(missing) => {
            tell(trial, enforcer, fence, &rules, &request, &missing).await?;
            Ok("asked_to_subscribe")
        }
        Standing::Met | Standing::Unknown => {
            enforcer.admit(fence, &request).await?;
            Ok("subscribed")
        }
    }
}

/// Asks again whether somebody who waits can be let in; says when to ask once more.
///
/// # Errors
/// Something it needs is away, or the shard is not ours any more.
pub(crate) async fn review(
    trial: &Trial<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    group: ChatId,
    user: UserId,
) -> Result<Option<Duration>, HandlerError> {
    let Some(request) = waiting(trial, group, user).await? else { return Ok(None) };
    let age = Duration::from_millis(u64::try_from(shared::clock::now_ms() - request.requested_ms).unwrap_or(0));
    let rules = trial.groups.rules(group).await?.filter(|rules| is_gate(rules));
    let rules = rules.filter(|rules| rules.settings.mode == Mode::Enforce && age < LIVES_FOR);
    let Some(rules) = rules else {
        // The admins decide about it now.
        enforcer.close_request(fence, &request, RequestEnd::Gone).await?;
        return Ok(None);
    };
    if rules.paused {
        // The admins may decide meanwhile; what is left when the bot has its rights again is its own.
        return Ok(Some(policy::recheck_after(age)));
    }
    match standing(trial, &rules, user, Freshness::Anew).await? {
        Standing::Met => enforcer.admit(fence, &request).await?,
        Standing::Missing(missing) => tell(trial, enforcer, fence, &rules, &request, &missing).await?,
        Standing::Unknown => {}
    }
    Ok(waiting(trial, group, user).await?.map(|_| policy::recheck_after(age)))
}

fn is_gate(rules: &Rules) -> bool {
    rules.settings.join_requests == JoinRequests::Gate
}

/// # Errors
/// A question has to wait for its turn.
async fn standing(
    trial: &Trial<'_>,
    rules: &Rules,
    user: UserId,
    freshness: Freshness,
) -> Result<Standing, HandlerError> {
    if rules.allowed.contains(&user.0) {
        return Ok(Standing::Met);
    }
    let facts = trial.membership.facts(user, rules.channel_ids(), freshness, Priority::P1).await;
    match (policy::judge_entry(rules.settings.require, &facts), policy::not_yet(&facts)) {
        (Standing::Unknown, Some(wait)) => Err(HandlerError::has_to_wait(wait)),
        (standing, _) => Ok(standing),
    }
}

async fn waiting(trial: &Trial<'_>, group: ChatId, user: UserId) -> Result<Option<JoinRequest>, HandlerError> {
    let request = trial.store.join_request(group, user).await?;
    Ok(request.filter(|request| request.state == RequestState::Waiting))
}

/// Writes to them in private, once, while Telegram allows it. That it begins is a row first: whoever comes after a crash finds it there.
async fn tell(
    trial: &Trial<'_>,
    enforcer: &Enforcer,
    fence: &Fence,
    rules: &Rules,
    request: &JoinRequest,
    missing: &[Missing],
) -> Result<(), HandlerError> {
    let (group, user) = (request.group, request.user);
    let age_ms = shared::clock::now_ms() - request.requested_ms;
    let is_told = request.message.is_some() || request.attempts >= TOLD_AT_MOST;
    if is_told || u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > MAY_WRITE_FOR.as_millis()) {
        return Ok(());
    }
    fence.check()?;
    let slot = match trial.telegram.send_slot(request.user_chat, Occasion::Ordinary, Priority::P1).await {
        Ok(slot) => slot,
        Err(wait) => return enforcer.later(group, &Task::Admit { user }, wait).await,
    };
    let who = Named { user, name: request.name.clone() };
    trial.store.join_request_telling(fence.into(), group, user).await?;
    match trial.telegram.send(slot, &texts::join_request(rules, group, &who, missing)).await {
        Ok(message) => Ok(trial.store.join_request_told(fence.into(), group, user, message).await?),
        Err(Error::FloodWait { retry_after, .. }) => {
            trial.store.join_request_untold(fence.into(), group, user).await?;
            enforcer.later(group, &Task::Admit { user }, retry_after).await
        }
        Err(err @ Error::Unavailable(_)) => {
            trial.store.join_request_untold(fence.into(), group, user).await?;
            Err(err.into())
        }
        Err(err) => {
            tracing::info!(
                chat.id = group.0,
                user.id = user.0,
                error = &err as &dyn std::error::Error,
                "somebody who asks to join could not be written to, or may not have been"
            );
            match err {
                Error::OutcomeUnknown(_) => enforcer.later(group, &Task::Admit { user }, UNKNOWN_WAIT).await,
                _ => Ok(()),
            }
        }
    }
}
