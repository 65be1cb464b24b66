//! A chat's messages as a page shows them, the last few deleted ones in their places.

use serde::Serialize;

use crate::control::view::may::called;
use crate::control::view::named;
use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::AdminRights;
use crate::state::State;
use crate::state::chat::Chat;
use crate::state::message::{Content, Message, Origin, Sender};
use crate::world::seeing::{Seen, seen};

#[derive(Serialize)]
pub(super) struct Bubble {
    #[serde(flatten)]
    seen: Seen,
    /// Whom it appears to be from: a person's, group's or channel's number.
    from_id: i64,
    mine: bool,
    photo: bool,
    service: Option<Service>,
    forwarded_from: Option<String>,
    reply: Option<Reply>,
    /// Who deleted it; it is only a trace then.
    deleted_by: Option<String>,
    can_edit: bool,
    can_delete: bool,
}

/// "Olga added Ann", in parts, so that names stay apart from words.
#[derive(Debug, PartialEq, Serialize)]
struct Service {
    who: String,
    did: &'static str,
    whom: Vec<String>,
}

#[derive(Serialize)]
struct Reply {
    id: MessageId,
    from: String,
    text: String,
}

/// The last messages, oldest first, and how many earlier ones there are.
pub(super) fn last(state: &State, id: ChatId, chat: &Chat, me: Option<UserId>, most: usize) -> (Vec<Bubble>, usize) {
    let there = chat.messages.iter().rev().take(most);
    let mut shown: Vec<Bubble> = there.map(|(number, message)| bubble(state, id, chat, *number, message, me)).collect();
    let oldest = if shown.len() < most { MessageId(0) } else { shown.last().map_or(MessageId(0), |last| last.seen.id) };
    shown.extend(chat.gone.iter().filter(|gone| gone.id > oldest).map(|gone| Bubble {
        deleted_by: Some(called(state, gone.by)),
        can_edit: false,
        can_delete: false,
        ..bubble(state, id, chat, gone.id, &gone.message, me)
    }));
    shown.sort_by_key(|bubble| bubble.seen.id);
    (shown, chat.messages.len().saturating_sub(most))
}

/// One line of what a message says.
pub(super) fn gist(state: &State, message: &Message) -> String {
    const LONGEST: usize = 80;
    let words: String = message.content.words().chars().take(LONGEST).collect();
    match &message.content {
        Content::Text { .. } => words,
        Content::Photo { .. } if words.is_empty() => "Photo".to_owned(),
        Content::Photo { .. } => format!("Photo, {words}"),
        Content::LiveLocation { .. } => "Live location".to_owned(),
        _ => service(state, message)
            .map(|service| format!("{} {}", service.did, service.whom.join(", ")).trim_end().to_owned())
            .unwrap_or_default(),
    }
}

fn bubble(state: &State, chat_id: ChatId, chat: &Chat, id: MessageId, message: &Message, me: Option<UserId>) -> Bubble {
    let own = me.is_some() && message.sender.person() == me;
    let may_delete =
        own || chat_id.0 > 0 || me.is_some_and(|me| chat.rights(me, state.now()).has(AdminRights::DELETE_MESSAGES));
    let from_id = match message.sender {
        Sender::User(user) => user.0,
        Sender::AnonymousAdmin(_) | Sender::Post { .. } => chat_id.0,
        Sender::AsChannel { channel, .. } | Sender::LinkedChannel(channel) => channel.0,
    };
    let original = message.reply_to.and_then(|original| Some((original, chat.messages.get(&original)?)));
    Bubble {
        seen: seen(state, chat_id, id, message),
        from_id,
        mine: own,
        photo: matches!(message.content, Content::Photo { .. }),
        service: service(state, message),
        forwarded_from: message.origin.as_deref().map(|origin| origin_name(state, origin)),
        reply: original.map(|(original, message)| Reply {
            id: original,
            from: seen(state, chat_id, original, message).from,
            text: gist(state, message),
        }),
        deleted_by: None,
        can_edit: own && !message.content.is_service() && message.origin.is_none(),
        can_delete: may_delete && me.is_some() && !message.content.is_undeletable(),
    }
}

fn origin_name(state: &State, origin: &Origin) -> String {
    match origin {
        Origin::User { user, .. } => named(state, *user).name,
        Origin::Channel { chat, .. } | Origin::Chat { chat, .. } => {
            state.chats.get(chat).map(|chat| chat.title.clone()).unwrap_or_default()
        }
    }
}

fn service(state: &State, message: &Message) -> Option<Service> {
    let actor = message.sender.person();
    let who = actor.map(|user| named(state, user).name).unwrap_or_default();
    let (who, did, whom) = match &message.content {
        Content::Text { .. } | Content::Photo { .. } | Content::LiveLocation { .. } => return None,
        Content::NewMembers(users) if users.iter().all(|user| Some(*user) == actor) => (who, "joined", Vec::new()),
        Content::NewMembers(users) => (who, "added", users.iter().map(|user| named(state, *user).name).collect()),
        Content::LeftMember(user) if Some(*user) == actor => (who, "left", Vec::new()),
        Content::LeftMember(user) => (who, "removed", vec![named(state, *user).name]),
        Content::MigratedTo(_) => (who, "turned this group into a supergroup", Vec::new()),
        Content::MigratedFrom(_) => (who, "made this supergroup of a basic group", Vec::new()),
        Content::TopicCreated(name) => (who, "made the topic", vec![name.clone()]),
        Content::GroupCreated => (who, "created the group", Vec::new()),
    };
    Some(Service { who, did, whom })
}
