//! Why a Bot API call did not succeed, by what the caller can do about it.

use std::time::Duration;

use shared::ids::ChatId;

/// One variant for each thing that a caller does differently. The texts behind them are Telegram's and not promised by anybody: they are
/// matched by code and by a stable part, ignoring case, and what matches nothing is [`Error::Other`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Telegram, or the bot's own budget, wants the call later. It was not carried out.
    #[error("too many calls: wait {retry_after:?}")]
    FloodWait {
        retry_after: Duration,
        /// Telegram was asked, and has said so. False: it was not the call's turn.
        asked: bool,
    },
    /// No usable answer, after the retries. Calls that end so may be repeated, later.
    #[error("Telegram cannot be reached")]
    Unavailable(#[source] Outage),
    /// The request left and no answer came, so the message may stand in the chat. Only from calls that must not be repeated blindly.
    #[error("it is not known whether the message was sent")]
    OutcomeUnknown(#[source] Outage),
    /// The group has become a supergroup: move what is kept about it, then call again with the new id. Not repeated here, because
    /// message ids start anew there: the same delete would hit another message.
    #[error("the group has become the supergroup {to}")]
    Migrated { to: ChatId },
    /// The token is wrong or revoked. Nothing will work until it is changed.
    #[error("Telegram does not accept the bot's token ({code}: {description})")]
    TokenDead { code: u16, description: String },
    /// The bot cannot see the chat (any more): not a member, not an administrator where it must be one, or there is no such chat.
    #[error("the bot has no access to the chat ({description})")]
    ChatInaccessible { description: String },
    /// The bot is in the chat, but lacks the right for this.
    #[error("the bot lacks a right in the chat ({description})")]
    MissingRight { description: String },
    /// The bot may not write in the chat or topic.
    #[error("the bot cannot write in the chat ({description})")]
    CannotWrite { description: String },
    /// The topic to write in is closed or gone.
    #[error("the topic is closed or gone")]
    TopicGone,
    /// Basic groups cannot mute.
    #[error("only supergroups can do this")]
    OnlySupergroups,
    /// Telegram cannot say anything about this user to this bot. Not a verdict: it also happens for a while to users in good standing.
    #[error("Telegram does not know the user")]
    UserUnknown,
    /// Administrators and owners cannot be restricted.
    #[error("the user is an administrator of the chat")]
    UserIsAdmin,
    /// The account is deleted, has blocked the bot or never wrote to it.
    #[error("the user cannot be written to")]
    UserUnreachable,
    /// There is no such message (any more).
    #[error("the message is gone")]
    MessageGone,
    /// The message is there and cannot be deleted or edited: too old, not of a kind for that, or the right is lacking.
    #[error("the message cannot be deleted or edited")]
    MessageStays,
    /// The message already looks like this.
    #[error("the message is as asked already")]
    NotModified,
    /// The press is more than some 15 seconds old, or was answered before.
    #[error("the button press is too old to be answered")]
    QueryTooOld,
    /// Somebody else has handled the join request, or the user is in the chat.
    #[error("the join request is settled already")]
    RequestSettled,
    #[error("Telegram refused the call ({code}: {description})")]
    Other { code: u16, description: String },
}

/// What stood in the way of an answer. Never holds a body: it may contain members' text.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// Nothing was sent.
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    #[error("no answer in time")]
    TimedOut,
    /// Telegram itself says that it failed.
    #[error("Telegram failed ({status}: {description})")]
    Failed { status: u16, description: String },
    #[error("the reply cannot be read (status {status}, {bytes} bytes)")]
    Unreadable { status: u16, bytes: usize },
}

/// An answer with `ok: false`, as it came.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) migrate_to: Option<ChatId>,
}

/// When Telegram says 429 without saying how long. The server itself uses 5 where it has no number (Bot API server, Query.h).
const UNSAID_RETRY_AFTER: Duration = Duration::from_secs(5);

impl Outage {
    /// Whether the call surely had no effect.
    pub(super) fn had_no_effect(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Failed { .. } => true,
            Self::Broken(_) | Self::TimedOut | Self::Unreadable { .. } => false,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, description, retry_after, migrate_to } = refusal;
        if let Some(to) = migrate_to {
            return Self::Migrated { to };
        }
        match code {
            429 => Self::FloodWait { retry_after: retry_after.unwrap_or(UNSAID_RETRY_AFTER), asked: true },
            500.. => Self::Unavailable(Outage::Failed { status: code, description }),
            401 | 421 => Self::TokenDead { code, description },
            // The front server says it of a token that has not even the shape of one.
            404 if !contains(&description, "method not found") => Self::TokenDead { code, description },
            400 | 403 => by_description(code, description),
            _ => Self::Other { code, description },
        }
    }
}

impl Error {
    /// The label of `api_errors_total`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FloodWait { .. } => "flood_wait",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::Migrated { .. } => "migrated",
            Self::TokenDead { .. } => "token_dead",
            Self::ChatInaccessible { .. } => "chat_inaccessible",
            Self::MissingRight { .. } => "missing_right",
            Self::CannotWrite { .. } => "cannot_write",
            Self::TopicGone => "topic_gone",
            Self::OnlySupergroups => "only_supergroups",
            Self::UserUnknown => "user_unknown",
            Self::UserIsAdmin => "user_is_admin",
            Self::UserUnreachable => "user_unreachable",
            Self::MessageGone => "message_gone",
            Self::MessageStays => "message_stays",
            Self::NotModified => "not_modified",
            Self::QueryTooOld => "query_too_old",
            Self::RequestSettled => "request_settled",
            Self::Other { .. } => "other",
        }
    }

    /// Whether it says that the bot has lost its place in the channel that it asked about, or the channel is gone (telegram.md 3.3): nobody
    /// can be asked about there until somebody mends that.
    pub(crate) fn says_setup_is_broken(&self) -> bool {
        matches!(self, Self::ChatInaccessible { .. } | Self::MissingRight { .. })
    }

    /// Whether this is an ordinary fact of life and not a fault of ours or Telegram's, so that it does not count as an API error.
    pub(super) fn is_expected(&self) -> bool {
        matches!(
            self,
            Self::Migrated { .. }
                | Self::UserUnknown
                | Self::UserUnreachable
                | Self::MessageGone
                | Self::NotModified
                | Self::QueryTooOld
                | Self::RequestSettled
        )
    }
}

/// Makes the error out of the whole description.
type Meaning = fn(String) -> Error;

/// Part of a description, in lower case, and what it means. The first that is found counts, so the narrower stand before the wider.
const MEANINGS: &[(&str, Meaning)] = &[
    ("message is not modified", |_| Error::NotModified),
    ("message_not_modified", |_| Error::NotModified),
    ("message to delete not found", |_| Error::MessageGone),
    ("message to edit not found", |_| Error::MessageGone),
    ("message can't be deleted", |_| Error::MessageStays),
    ("message can't be edited", |_| Error::MessageStays),
    ("message_delete_forbidden", |_| Error::MessageStays),
    ("message_id_invalid", |_| Error::MessageGone),
    ("query is too old", |_| Error::QueryTooOld),
    ("query id is invalid", |_| Error::QueryTooOld),
    ("query_id_invalid", |_| Error::QueryTooOld),
    ("hide_requester_missing", |_| Error::RequestSettled),
    ("user_already_participant", |_| Error::RequestSettled),
    ("message thread not found", |_| Error::TopicGone),
    ("topic_closed", |_| Error::TopicGone),
    ("topic_deleted", |_| Error::TopicGone),
    ("available only for supergroups", |_| Error::OnlySupergroups),
    ("user is an administrator", |_| Error::UserIsAdmin),
    ("can't remove chat owner", |_| Error::UserIsAdmin),
    ("user_admin_invalid", |_| Error::UserIsAdmin),
    ("blocked by the user", |_| Error::UserUnreachable),
    ("user_is_blocked", |_| Error::UserUnreachable),
    ("user is deactivated", |_| Error::UserUnreachable),
    ("input_user_deactivated", |_| Error::UserUnreachable),
    ("can't initiate conversation", |_| Error::UserUnreachable),
    ("private chat not found", |_| Error::UserUnreachable),
    ("member not found", |_| Error::UserUnknown),
    ("user not found", |_| Error::UserUnknown),
    ("invalid user_id", |_| Error::UserUnknown),
    ("participant_id_invalid", |_| Error::UserUnknown),
    ("user_id_invalid", |_| Error::UserUnknown),
    ("rights to send", |description| Error::CannotWrite { description }),
    ("no write access", |description| Error::CannotWrite { description }),
    ("administrator rights in the channel", |description| Error::CannotWrite { description }),
    ("chat_write_forbidden", |description| Error::CannotWrite { description }),
    ("chat_restricted", |description| Error::CannotWrite { description }),
    ("member list is inaccessible", |description| Error::ChatInaccessible { description }),
    ("chat_admin_required", |description| Error::ChatInaccessible { description }),
    ("channel_private", |description| Error::ChatInaccessible { description }),
    ("channel_invalid", |description| Error::ChatInaccessible { description }),
    ("chat_id_invalid", |description| Error::ChatInaccessible { description }),
    ("peer_id_invalid", |description| Error::ChatInaccessible { description }),
    ("chat_forbidden", |description| Error::ChatInaccessible { description }),
    ("chat not found", |description| Error::ChatInaccessible { description }),
    ("bot was kicked", |description| Error::ChatInaccessible { description }),
    ("bot is not a member", |description| Error::ChatInaccessible { description }),
    ("group chat was deleted", |description| Error::ChatInaccessible { description }),
    ("not enough rights", |description| Error::MissingRight { description }),
    ("right_forbidden", |description| Error::MissingRight { description }),
];

fn by_description(code: u16, description: String) -> Error {
    // Said when the bot has logged out of the cloud server (Bot API, logOut).
    if contains(&description, "logged out") {
        return Error::TokenDead { code, description };
    }
    match MEANINGS.iter().find(|(part, _)| contains(&description, part)) {
        Some((_, meaning)) => meaning(description),
        None => Error::Other { code, description },
    }
}

fn contains(description: &str, lower_case_part: &str) -> bool {
    description.to_lowercase().contains(lower_case_part)
}

#[cfg(test)]
mod tests;
