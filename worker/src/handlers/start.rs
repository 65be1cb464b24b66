//! In private: the menu, and for somebody who is muted where and why, with buttons that work from here.
//!
//! A group's state changes in the group's own lane only. So a press here judges the presser, tells them at once, and asks that lane to
//! release them.

use std::{sync::Arc, time::Duration};

use shared::ids::{ChatId, UserId};

use super::HandlerError;
use crate::{
    enforce::{Enforcer, Reply, task},
    event::{ButtonPressed, ChatKind, MessagePosted, Person, Task},
    fence::Fence,
    groups::{Groups, Mode, Rules},
    membership::{Freshness, Membership},
    policy::{self, Missing, Standing},
    pressed::MenuPage,
    store::{Store, tasks::NewTask},
    telegram::budget::Priority,
    texts::{
        Links, Named, Words, alert,
        private::{self, Held},
        sentences,
    },
};

/// What holds somebody.
struct Places {
    known: Vec<Place>,
    /// In some groups Telegram does not say whether they miss anything.
    some_unknown: bool,
}

/// Groups that are looked at for one message.
const LOOKED_AT: usize = 20;

/// What private chats are answered with.
pub(crate) struct Porch<'a> {
    pub links: Links<'a>,
    pub groups: &'a Groups,
    pub membership: &'a Membership,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
}

/// A group where they are muted, and what they miss there.
struct Place {
    group: ChatId,
    rules: Arc<Rules>,
    missing: Vec<Missing>,
}

/// What the link "How it works" in the bot's greeting brings with it.
const HOW: &str = "help";

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_start(
    porch: &Porch<'_>,
    fence: &Fence,
    message: &MessagePosted,
    person: &Person,
    payload: &str,
) -> Result<(), HandlerError> {
    let page = if payload == HOW { MenuPage::How } else { MenuPage::Start };
    let places = porch.places(person.id, None, Freshness::Fresh).await?;
    let words = held(person, &places).unwrap_or_else(|| private::page(page, porch.links));
    porch.say(fence, message, words).await
}

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_help(porch: &Porch<'_>, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    porch.say(fence, message, private::page(MenuPage::Commands, porch.links)).await
}

/// Another page of the menu. Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_page(
    porch: &Porch<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    page: MenuPage,
) -> Result<String, HandlerError> {
    if press.kind != ChatKind::Private {
        return Ok(sentences::OLD_BUTTON.to_owned());
    }
    porch.show(fence, press, private::page(page, porch.links)).await?;
    Ok(String::new())
}

/// "I have joined", for this group. Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_joined(
    porch: &Porch<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    group: ChatId,
) -> Result<String, HandlerError> {
    if press.kind != ChatKind::Private {
        return Ok(sentences::OLD_BUTTON.to_owned());
    }
    let user = press.by.id;
    // Anybody can name any group: only those where they are muted are spoken of.
    if porch.store.open_mutes(group, &[user]).await?.is_empty() {
        return Ok(sentences::NOTHING_OPEN.to_owned());
    }
    let standing = porch.standing(user, group, Freshness::Anew).await?;
    let heard = match &standing {
        Some((rules, Standing::Missing(missing))) => return Ok(alert::missing(rules, missing)),
        Some((_, Standing::Unknown)) => return Ok(sentences::UNKNOWN.to_owned()),
        Some((rules, Standing::Met)) => alert::free_soon(&rules.title),
        None => alert::free_soon(""),
    };
    porch.ask([judge(group, user)]).await?;
    let places = porch.places(user, Some(group), Freshness::Fresh).await?;
    let words = held(&press.by, &places).unwrap_or_else(|| sentences::FREED.into());
    porch.show(fence, press, words).await?;
    Ok(heard)
}

/// None: nothing does.
fn held(person: &Person, places: &Places) -> Option<Words> {
    let reader = Named { user: person.id, name: person.name.clone() };
    let known = places.known.iter();
    let held = known.map(|place| Held { group: place.group, rules: &place.rules, missing: place.missing.clone() });
    let held = private::held(&reader, &held.collect::<Vec<_>>());
    held.or_else(|| places.some_unknown.then(|| sentences::HELD_UNKNOWN.into()))
}

fn judge(group: ChatId, user: UserId) -> NewTask {
    task(group, &Task::Judge { user, bulk: false, recheck: false }, Duration::ZERO)
}

impl Porch<'_> {
    /// Where they are muted and miss something. The lanes of the groups where they seem to miss nothing are asked to look again.
    async fn places(&self, user: UserId, except: Option<ChatId>, freshness: Freshness) -> Result<Places, HandlerError> {
        let mutes = self.store.open_mutes_of(user).await?;
        let mut places = Places { known: Vec::new(), some_unknown: false };
        let mut again = Vec::new();
        for mute in mutes.iter().filter(|mute| Some(mute.group) != except).take(LOOKED_AT) {
            match self.standing(user, mute.group, freshness).await? {
                Some((rules, Standing::Missing(missing))) => {
                    places.known.push(Place { group: mute.group, rules, missing });
                }
                // They are not told to join what cannot be asked about now.
                Some((_, Standing::Unknown)) => places.some_unknown = true,
                Some((_, Standing::Met)) | None => again.push(judge(mute.group, user)),
            }
        }
        self.ask(again).await?;
        Ok(places)
    }

    /// None: the group is not protected any more.
    async fn standing(
        &self,
        user: UserId,
        group: ChatId,
        freshness: Freshness,
    ) -> Result<Option<(Arc<Rules>, Standing)>, HandlerError> {
        let Some(rules) = self.groups.rules(group).await? else { return Ok(None) };
        if rules.settings.mode == Mode::Observe || rules.allowed.contains(&user.0) {
            return Ok(Some((rules, Standing::Met)));
        }
        let facts = self.membership.facts(user, rules.channel_ids(), freshness, Priority::P0).await;
        let standing = policy::judge(rules.settings.require, &facts);
        Ok(Some((rules, standing)))
    }

    async fn ask(&self, questions: impl IntoIterator<Item = NewTask>) -> Result<(), HandlerError> {
        let questions: Vec<NewTask> = questions.into_iter().collect();
        let rows = self.store.add_tasks(&questions).await?;
        self.enforcer.bell().ring(rows.iter().map(|row| row.shard));
        Ok(())
    }

    async fn say(&self, fence: &Fence, message: &MessagePosted, words: Words) -> Result<(), HandlerError> {
        let reply = Reply { text: words.text, keyboard: words.keyboard, ..Reply::default() };
        self.enforcer.reply(fence, message.chat.id, reply).await.map(drop)
    }

    async fn show(&self, fence: &Fence, press: &ButtonPressed, words: Words) -> Result<(), HandlerError> {
        self.enforcer.show(fence, press.chat, press.message, words.text, words.keyboard).await
    }
}
