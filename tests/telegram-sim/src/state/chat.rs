//! A chat with its members, messages, links and requests.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::state::member::Status;
use crate::state::message::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    Private,
    Basic,
    Supergroup,
    Channel,
}

impl ChatKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Basic => "group",
            Self::Supergroup => "supergroup",
            Self::Channel => "channel",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct InviteLink {
    pub(crate) url: String,
    pub(crate) creator: UserId,
    pub(crate) name: Option<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) member_limit: Option<i64>,
    pub(crate) joined: i64,
    pub(crate) creates_join_request: bool,
    pub(crate) is_primary: bool,
    pub(crate) is_revoked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    pub(crate) link: Option<String>,
}

/// A message that was taken away, for people who watch; to the bot it never was.
pub(crate) struct Gone {
    pub(crate) id: MessageId,
    pub(crate) message: Message,
    pub(crate) by: UserId,
}

pub(crate) struct Chat {
    pub(crate) kind: ChatKind,
    pub(crate) title: String,
    pub(crate) username: Option<String>,
    pub(crate) is_forum: bool,
    /// Topics by the id of the message that made them.
    pub(crate) topics: BTreeMap<MessageId, String>,
    /// Those in which only who manages topics may write.
    pub(crate) closed_topics: BTreeSet<MessageId>,
    pub(crate) linked_chat: Option<ChatId>,
    pub(crate) join_by_request: bool,
    pub(crate) has_hidden_members: bool,
    pub(crate) permissions: Permissions,
    /// Who is or was here with a status worth keeping; somebody absent has left.
    pub(crate) members: HashMap<UserId, Status>,
    /// Who restricted or banned somebody last, so that they can be told.
    pub(crate) sanctioned_by: HashMap<UserId, UserId>,
    pub(crate) present: usize,
    pub(crate) messages: BTreeMap<MessageId, Message>,
    /// The last few that were deleted, oldest first.
    pub(crate) gone: VecDeque<Gone>,
    pub(crate) next_message: i64,
    pub(crate) links: Vec<InviteLink>,
    pub(crate) join_requests: BTreeMap<UserId, JoinRequest>,
    pub(crate) migrated_to: Option<ChatId>,
    pub(crate) is_deleted: bool,
    /// The bot was here, or looked the public name up: it may use the id.
    pub(crate) known_to_bot: bool,
    /// The first message after the bot came; earlier ones do not exist for it.
    pub(crate) bot_since: MessageId,
}

/// Older messages of a chat are forgotten above this number, so that a long load run stays small.
const HISTORY: usize = 20_000;
/// A screenful of traces is all that a person looks at.
const TRACES: usize = 30;

impl Chat {
    pub(crate) fn new(kind: ChatKind, title: &str) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            username: None,
            is_forum: false,
            topics: BTreeMap::new(),
            closed_topics: BTreeSet::new(),
            linked_chat: None,
            join_by_request: false,
            has_hidden_members: false,
            permissions: Permissions::new_group(),
            members: HashMap::new(),
            sanctioned_by: HashMap::new(),
            present: 0,
            messages: BTreeMap::new(),
            gone: VecDeque::new(),
            next_message: 1,
            links: Vec::new(),
            join_requests: BTreeMap::new(),
            migrated_to: None,
            is_deleted: false,
            known_to_bot: false,
            bot_since: MessageId(1),
        }
    }

    pub(crate) fn is_channel(&self) -> bool {
        self.kind == ChatKind::Channel
    }

    pub(crate) fn is_group(&self) -> bool {
        matches!(self.kind, ChatKind::Basic | ChatKind::Supergroup)
    }

    pub(crate) fn is_public(&self) -> bool {
        self.username.is_some()
    }

    /// The status now: what ended by its date has ended.
    pub(crate) fn status(&self, user: UserId, now: i64) -> Status {
        self.members.get(&user).map_or(Status::Left, |status| status.at(now))
    }

    /// The only way to write a status: keeps the count of those present, and folds what the chat does not know.
    pub(crate) fn set_status(&mut self, user: UserId, status: Status, now: i64) {
        let status = if self.is_channel() { status.without_restriction() } else { status };
        let was_present = self.status(user, now).is_present();
        match (was_present, status.is_present()) {
            (false, true) => self.present += 1,
            (true, false) => self.present -= 1,
            _ => {}
        }
        if status == Status::Left {
            self.members.remove(&user);
        } else {
            self.members.insert(user, status);
        }
    }

    /// What an administrator may do here; everything for the owner, nothing for others.
    pub(crate) fn rights(&self, user: UserId, now: i64) -> AdminRights {
        match self.status(user, now) {
            Status::Creator { .. } => AdminRights::all().without(AdminRights::ANONYMOUS).fitting(self.is_channel()),
            Status::Administrator { rights, .. } => rights,
            Status::Member | Status::Restricted { .. } | Status::Left | Status::Banned { .. } => AdminRights::none(),
        }
    }

    /// What somebody may do here: their own exception and the chat's defaults.
    pub(crate) fn allowed(&self, user: UserId, now: i64) -> Permissions {
        match self.status(user, now) {
            Status::Creator { .. } | Status::Administrator { .. } => Permissions::all(),
            Status::Member => self.permissions,
            Status::Restricted { permissions, is_member: true, .. } => permissions & self.permissions,
            Status::Restricted { .. } | Status::Left | Status::Banned { .. } => Permissions::none(),
        }
    }

    /// Numbers the message and keeps it.
    pub(crate) fn append(&mut self, message: Message) -> MessageId {
        let id = MessageId(self.next_message);
        self.next_message += 1;
        self.messages.insert(id, message);
        if self.messages.len() > HISTORY {
            self.messages.pop_first();
        }
        id
    }

    /// Takes the message away and keeps its trace; false if there is none.
    pub(crate) fn remove(&mut self, id: MessageId, by: UserId) -> bool {
        let Some(message) = self.messages.remove(&id) else {
            return false;
        };
        if self.gone.len() >= TRACES {
            self.gone.pop_front();
        }
        self.gone.push_back(Gone { id, message, by });
        true
    }

    pub(crate) fn link(&self, url: &str) -> Option<&InviteLink> {
        self.links.iter().find(|link| link.url == url)
    }
}
