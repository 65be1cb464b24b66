//! `/settings`: an admin looks at the group's settings and changes them, by buttons or by typing a text in reply.

use std::sync::Arc;

use shared::ids::{ChatId, UserId};

use super::HandlerError;
use crate::{
    desk::{Desk, Stop},
    enforce::Reply,
    event::{Author, ButtonPressed, ChatKind, MessagePosted, Stay, Typed},
    fence::Fence,
    groups::{JoinRequests, Rules, Setting, changed},
    pressed::SettingsStep,
    telegram::budget::Priority,
    texts::{Words, sentences, settings},
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_settings(desk: &Desk<'_>, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    let group = message.chat.id;
    match message.chat.kind {
        ChatKind::Group | ChatKind::Supergroup if !desk.is_admin(group, &message.author).await? => return Ok(()),
        ChatKind::Group | ChatKind::Supergroup => {}
        ChatKind::Private => return desk.answer(fence, message, Err(Stop::say(sentences::ONLY_IN_GROUPS))).await,
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    }
    let Some(rules) = desk.groups.rules(group).await? else {
        return desk.answer(fence, message, Err(Stop::say(sentences::NOT_PROTECTED))).await;
    };
    let Words { text, keyboard } = settings::list(&rules);
    let tidy = vec![message.message];
    let shown = Reply { text, keyboard, topic: message.topic, tidy, stay: Stay::WhileUsed };
    desk.enforcer.reply(fence, group, shown).await.map(drop)
}

/// Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_press(
    desk: &Desk<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    step: &SettingsStep,
) -> Result<String, HandlerError> {
    if !desk.may_press(press).await? {
        return Ok(sentences::ADMINS_ONLY.to_owned());
    }
    if *step == SettingsStep::Done {
        desk.enforcer.remove(fence, press.chat, &[press.message]).await?;
        return Ok(String::new());
    }
    let group = press.chat;
    desk.enforcer.in_use(group, press.message).await?;
    let Some(rules) = desk.groups.rules(group).await? else { return Ok(sentences::STOPPED.to_owned()) };
    let reader = &press.by.name;
    match step {
        SettingsStep::Done | SettingsStep::List => desk.show(fence, press, settings::list(&rules), "").await,
        SettingsStep::Page(setting) => {
            desk.show(fence, press, settings::page(*setting, &rules, reader, false), "").await
        }
        SettingsStep::Reset(setting) => match change(desk, fence, group, *setting, None).await? {
            Some(rules) => {
                desk.show(fence, press, settings::page(*setting, &rules, reader, true), sentences::SAVED).await
            }
            None => Ok(sentences::NOT_A_VALUE.to_owned()),
        },
        SettingsStep::Set(setting, value) => match change(desk, fence, group, *setting, Some(value)).await? {
            Some(rules) => {
                let heard = saved(desk, group, *setting, &rules).await;
                desk.show(fence, press, settings::list(&rules), heard).await
            }
            None => Ok(sentences::NOT_A_VALUE.to_owned()),
        },
    }
}

/// A text was typed in reply to the page of a setting.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_typed(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    typed: &Typed,
    setting: Setting,
) -> Result<(), HandlerError> {
    let group = message.chat.id;
    if !desk.is_admin(group, &message.author).await? {
        return Ok(());
    }
    desk.enforcer.in_use(group, typed.to).await?;
    let answer = match change(desk, fence, group, setting, Some(&typed.text)).await? {
        Some(rules) => {
            let reader = if let Author::Person(person) = &message.author { &person.name } else { sentences::SOMEBODY };
            let Words { text, keyboard } = settings::page(setting, &rules, reader, true);
            desk.enforcer.show(fence, group, typed.to, text, keyboard).await?;
            sentences::SAVED
        }
        None if desk.groups.rules(group).await?.is_none() => sentences::NOT_PROTECTED,
        None => sentences::TOO_LONG,
    };
    desk.answer(fence, message, Ok(Some(answer.into()))).await
}

/// Writes it, and who is no offender any more is judged again. None: it cannot have that value, or there is nothing to set.
async fn change(
    desk: &Desk<'_>,
    fence: &Fence,
    group: ChatId,
    setting: Setting,
    value: Option<&str>,
) -> Result<Option<Arc<Rules>>, HandlerError> {
    let Some(row) = desk.store.group(group).await? else { return Ok(None) };
    let Some(params) = changed(&row.params, setting, value) else { return Ok(None) };
    let frees = match (setting, value) {
        (Setting::Mode, Some("observe")) | (Setting::Require, Some("any")) => desk.enforcer.judge_all(group).await?,
        _ => Vec::new(),
    };
    fence.check()?;
    desk.store.set_params(fence.into(), group, &params, &frees).await?;
    desk.groups.forget(group).await;
    desk.enforcer.bell().ring([fence.shard]);
    tracing::info!(chat.id = group.0, setting = setting.key(), "setting changed");
    Ok(desk.groups.rules(group).await?)
}

/// What is heard when a value is set: some need more than the setting.
async fn saved(desk: &Desk<'_>, group: ChatId, setting: Setting, rules: &Rules) -> &'static str {
    if setting == Setting::JoinRequests && rules.settings.join_requests == JoinRequests::Gate {
        let own = UserId(desk.bot.0);
        let own = desk.telegram.member(group, own, Priority::P0).await;
        if own.is_ok_and(|own| !own.rights.can_invite_users) {
            return sentences::NEEDS_INVITING;
        }
    }
    sentences::SAVED
}
