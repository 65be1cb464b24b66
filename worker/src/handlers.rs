//! One file a feature. A handler gathers facts, decides, acts; it names just what it uses, knows no other handler, and is safe to run twice.

pub(crate) mod allow;
pub(crate) mod bot_rights;
pub(crate) mod breaker;
pub(crate) mod button;
pub(crate) mod choices;
pub(crate) mod help;
pub(crate) mod join;
pub(crate) mod join_request;
pub(crate) mod leaving;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod migration;
pub(crate) mod protect;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod tasks;

use std::time::Duration;

use crate::{fence, policy, store::error::StoreError, telegram};

/// Why a handler did not finish. What a person should hear is a reply, not an error.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    #[error("the database did not do its part")]
    Store(#[from] StoreError),
    #[error("Telegram did not do its part")]
    Telegram(#[from] telegram::error::Error),
    #[error(transparent)]
    Fenced(#[from] fence::Broken),
}

impl HandlerError {
    /// A question has to wait for its turn: nobody was asked.
    pub(crate) fn has_to_wait(retry_after: Duration) -> Self {
        Self::Telegram(telegram::error::Error::FloodWait { retry_after, asked: false })
    }

    /// So long that the chat must not be held up for it.
    pub(crate) fn waits_long(&self) -> bool {
        match self {
            Self::Telegram(telegram::error::Error::FloodWait { retry_after, asked: false }) => {
                !policy::is_soon(*retry_after)
            }
            _ => false,
        }
    }
}
