//! Comings and goings: changes of somebody's standing, the service messages beside them, and requests to join.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use shared::ids::ChatId;

use super::{
    super::{Before, Chat, ChatKind, Event, JoinRequested, Joined, MemberChanged, OwnChanged, Person, Status},
    RawChat, RawMessage, RawUser,
};

pub(super) fn member_changed(raw: RawMemberChange) -> Event {
    let Some(status) = raw.new_chat_member.status() else {
        return Event::Ignored("a membership of an unknown kind");
    };
    if raw.new_chat_member.user.is_bot {
        return Event::Ignored("a membership of a bot");
    }
    let chat = Chat::from(raw.chat);
    let user = Person::from(raw.new_chat_member.user);
    let before = raw.old_chat_member.and_then(|old| {
        let until_s = old.until_date.filter(|&until| until > 0);
        Some(Before { status: old.status()?, until_s })
    });
    let is_group = matches!(chat.kind, ChatKind::Group | ChatKind::Supergroup);
    let came = before.is_some_and(|before| !before.status.is_in())
        && matches!(status, Status::Member | Status::Restricted { is_member: true });
    if is_group && came {
        return Event::Joined(Box::new(Joined { chat, people: vec![user], date_s: raw.date }));
    }
    Event::Member(Box::new(MemberChanged {
        chat,
        user,
        by: raw.from.id,
        date_s: raw.date,
        before,
        status,
        // Of others it is the end of a restriction or ban.
        until_s: raw.new_chat_member.until_date.filter(|&until| until > 0 && status == Status::Member),
    }))
}

pub(super) fn own_standing(raw: RawOwnChange) -> Event {
    let chat = Chat::from(raw.chat);
    if chat.kind == ChatKind::Private {
        return Event::Ignored("blocked or unblocked by a person");
    }
    let is_in = |member: &RawMember| member.status().is_some_and(Status::is_in);
    Event::OwnStanding(Box::new(OwnChanged {
        was_in: is_in(&raw.old_chat_member),
        is_in: is_in(&raw.new_chat_member),
        date_s: raw.date,
        chat,
    }))
}

/// A service message: of those only comings and goings matter.
pub(super) fn came_or_went(raw: RawMessage) -> Event {
    let people = |users: Vec<RawUser>| users.into_iter().filter(|user| !user.is_bot).map(Person::from);
    if let Some(users) = raw.new_chat_members {
        let people: Vec<Person> = people(users).collect();
        if people.is_empty() {
            return Event::Ignored("a bot came");
        }
        return Event::Joined(Box::new(Joined { chat: raw.chat.into(), people, date_s: raw.date }));
    }
    let (Some(by), Some(user)) = (raw.from, raw.left_chat_member.and_then(|user| people(vec![user]).next())) else {
        return Event::Ignored("a service message");
    };
    Event::Member(Box::new(MemberChanged {
        chat: raw.chat.into(),
        user,
        by: by.id,
        date_s: raw.date,
        before: None,
        status: Status::Left,
        until_s: None,
    }))
}

pub(super) fn join_requested(raw: RawJoinRequest) -> Event {
    Event::JoinRequest(Box::new(JoinRequested {
        // In older versions of the Bot API the private chat was not told; its id is the user's.
        user_chat: raw.user_chat_id.unwrap_or_else(|| raw.from.id.into()),
        chat: raw.chat.into(),
        user: raw.from.into(),
        date_s: raw.date,
    }))
}

#[derive(Deserialize)]
pub(super) struct RawMemberChange {
    chat: RawChat,
    from: RawUser,
    date: i64,
    #[serde(default, deserialize_with = "lenient")]
    old_chat_member: Option<RawMember>,
    new_chat_member: RawMember,
}

#[derive(Deserialize)]
pub(super) struct RawOwnChange {
    chat: RawChat,
    date: i64,
    old_chat_member: RawMember,
    new_chat_member: RawMember,
}

#[derive(Deserialize)]
pub(super) struct RawJoinRequest {
    chat: RawChat,
    from: RawUser,
    user_chat_id: Option<ChatId>,
    date: i64,
}

/// None for what cannot be read: the rest of the update counts all the same.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

#[derive(Deserialize)]
struct RawMember {
    status: String,
    user: RawUser,
    #[serde(default)]
    is_member: bool,
    until_date: Option<i64>,
}

impl RawMember {
    fn status(&self) -> Option<Status> {
        Some(match self.status.as_str() {
            "creator" => Status::Owner,
            "administrator" => Status::Admin,
            "member" => Status::Member,
            "restricted" => Status::Restricted { is_member: self.is_member },
            "left" => Status::Left,
            "kicked" => Status::Banned,
            _ => return None,
        })
    }
}
