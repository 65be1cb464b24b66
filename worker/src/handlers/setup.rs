//! `/setup`: what is done and what is missing, looked up anew at each press and shown in place.

use futures::future::join_all;
use shared::ids::{ChannelId, ChatId, MessageId};

use super::HandlerError;
use crate::{
    desk::{Desk, Stop, Wish},
    enforce::Reply,
    event::{Author, ButtonPressed, ChatKind, MessagePosted, Stay, Typed},
    fence::Fence,
    groups::Mode,
    pressed::{How, SetupStep},
    telegram::chats::ChatRef,
    texts::{
        Words, alert, sentences,
        setup::{self, Checked, Linked},
    },
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_setup(desk: &Desk<'_>, fence: &Fence, message: &MessagePosted) -> Result<(), HandlerError> {
    let group = &message.chat;
    let words = match group.kind {
        ChatKind::Group | ChatKind::Supergroup => {
            if !desk.is_admin(group.id, &message.author).await? {
                let told = desk.ask_an_admin(message).await?;
                return desk.answer(fence, message, Ok(told)).await;
            }
            checklist(desk, group.id, group.kind, &group.title).await?
        }
        ChatKind::Private => setup::in_private(desk.links),
        ChatKind::Channel | ChatKind::Unknown => return Ok(()),
    };
    open(desk, fence, group.id, words, message.topic, vec![message.message]).await
}

/// In a message of its own, which stays while it is used.
async fn open(
    desk: &Desk<'_>,
    fence: &Fence,
    chat: ChatId,
    words: Words,
    topic: Option<i64>,
    tidy: Vec<MessageId>,
) -> Result<(), HandlerError> {
    let shown = Reply { text: words.text, keyboard: words.keyboard, topic, tidy, stay: Stay::WhileUsed };
    desk.enforcer.reply(fence, chat, shown).await.map(drop)
}

/// A channel was named in reply to the page that asks for it.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_typed(
    desk: &Desk<'_>,
    fence: &Fence,
    message: &MessagePosted,
    typed: &Typed,
) -> Result<(), HandlerError> {
    let group = &message.chat;
    let outcome = desk.protect(fence, message, &typed.text).await;
    if let Ok(Some(_)) = &outcome {
        let Words { text, keyboard } = checklist(desk, group.id, group.kind, &group.title).await?;
        desk.enforcer.show(fence, group.id, typed.to, text, keyboard).await?;
        desk.enforcer.in_use(group.id, typed.to).await?;
    }
    desk.answer(fence, message, outcome).await
}

/// Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_press(
    desk: &Desk<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    step: SetupStep,
) -> Result<String, HandlerError> {
    if !desk.may_press(press).await? {
        return Ok(sentences::ADMINS_ONLY.to_owned());
    }
    match step {
        // Before the list is sent: a press is repeated while the database is away, and each time would send another list.
        SetupStep::Open => desk.enforcer.meet_greeting(fence, press.chat, press.message).await?,
        _ => desk.enforcer.in_use(press.chat, press.message).await?,
    }
    let (words, heard) = match step {
        SetupStep::Choose => (setup::choose(desk.links), String::new()),
        SetupStep::Open => {
            let list = checklist(desk, press.chat, press.kind, &press.title).await?;
            return open(desk, fence, press.chat, list, None, Vec::new()).await.map(|()| String::new());
        }
        SetupStep::Check | SetupStep::Back => {
            (checklist(desk, press.chat, press.kind, &press.title).await?, String::new())
        }
        SetupStep::Require(channel) => match require(desk, fence, press, channel).await {
            Ok(words) | Err(Stop::Say(words)) => {
                (checklist(desk, press.chat, press.kind, &press.title).await?, alert::short(&words.text))
            }
            Err(Stop::Failed(err)) => return Err(err),
        },
    };
    desk.show(fence, press, words, &heard).await
}

async fn require(desk: &Desk<'_>, fence: &Fence, press: &ButtonPressed, channel: ChannelId) -> Result<Words, Stop> {
    if press.kind != ChatKind::Supergroup {
        return Err(Stop::say(sentences::BASIC_GROUP));
    }
    let wish = Wish {
        group: press.chat,
        group_title: &press.title,
        asker: &Author::Person(press.by.clone()),
        channel: ChatRef::Id(channel.into()),
        named: "",
        how: How::Ask,
    };
    desk.require(fence, wish).await
}

async fn checklist(desk: &Desk<'_>, group: ChatId, kind: ChatKind, title: &str) -> Result<Words, HandlerError> {
    let rules = desk.groups.rules(group).await?;
    let channels = rules.as_ref().map_or(&[][..], |rules| rules.channels.as_slice());
    let looks = channels.iter().map(async |channel| (channel, desk.reach(channel.id).await));
    let (required, lacking) = tokio::join!(join_all(looks), desk.lacking(group));
    let checked = Checked {
        group: title,
        is_supergroup: kind == ChatKind::Supergroup,
        lacking: lacking.ok(),
        mode: rules.as_ref().map_or(Mode::Enforce, |rules| rules.settings.mode),
        linked: if required.is_empty() { linked(desk, group).await } else { None },
        required,
    };
    Ok(setup::checklist(&checked, desk.links))
}

/// The channel whose discussion group this is: the one that is most likely meant. Unknown is none.
async fn linked(desk: &Desk<'_>, group: ChatId) -> Option<Linked> {
    let channel = desk.telegram.chat(ChatRef::Id(group)).await.ok()?.linked_chat_id?;
    let chat = desk.telegram.chat(ChatRef::Id(channel)).await.ok()?;
    let channel = ChannelId(channel.0);
    Some(Linked { channel, title: chat.title.unwrap_or_default(), reach: desk.reach(channel).await })
}
