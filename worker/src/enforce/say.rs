//! Replies to commands: said now or when the group's budget allows, changed in place as buttons are pressed, and taken away again.

use std::time::Duration;

use shared::ids::{ChatId, MessageId};

use super::Enforcer;
use crate::{
    event::{Stay, Task},
    fence::Fence,
    handlers::HandlerError,
    telegram::{
        budget::Priority,
        error::Error,
        message::{Keyboard, Outgoing},
        sending::Occasion,
    },
};

/// How long a command and its reply stay (product.md 5).
const TIDY_AFTER: Duration = Duration::from_secs(60);

/// How long a message with buttons stays after the last press (product.md 5).
const FOLD_AFTER: Duration = Duration::from_secs(10 * 60);

/// When something is said once more that Telegram has not taken.
const UNREACHABLE_WAIT: Duration = Duration::from_secs(3);

/// What is said in answer to a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub text: String,
    pub keyboard: Option<Keyboard>,
    /// The forum topic to answer in.
    pub topic: Option<i64>,
    /// The command, or what else has served once this is said.
    pub tidy: Vec<MessageId>,
    pub stay: Stay,
}

impl Enforcer {
    /// A short text without buttons. See [`Self::reply`].
    ///
    /// # Errors
    /// See [`Self::reply`].
    pub(crate) async fn say(
        &self,
        fence: &Fence,
        chat: ChatId,
        text: String,
        topic: Option<i64>,
        tidy: &[MessageId],
    ) -> Result<Option<MessageId>, HandlerError> {
        self.reply(fence, chat, Reply { text, topic, tidy: tidy.to_vec(), ..Reply::default() }).await
    }

    /// Says something to a chat, now, or when its budget allows and Telegram takes it: what was done before is not done again for the reply's
    /// sake, and would be told of otherwise. In a group a command and its reply go again; in private they stay.
    ///
    /// # Errors
    /// The database is away. Repeating may say it twice. Where only the outcome is unknown nothing is repeated: whoever gave the command can,
    /// and a reply that comes again and again is worse than none.
    pub(crate) async fn reply(
        &self,
        fence: &Fence,
        chat: ChatId,
        reply: Reply,
    ) -> Result<Option<MessageId>, HandlerError> {
        fence.check()?;
        let slot = match self.telegram.send_slot(chat, Occasion::Ordinary, Priority::P0).await {
            Ok(slot) => slot,
            Err(wait) => {
                self.later(chat, &saying(reply), wait).await?;
                return Ok(None);
            }
        };
        let Reply { text, keyboard, topic, tidy, stay } = reply;
        let message = Outgoing { text, keyboard, thread: topic, ..Outgoing::default() };
        let sent = match self.telegram.send(slot, &message).await {
            Ok(sent) => Some(sent),
            Err(err @ (Error::FloodWait { .. } | Error::Unavailable(_))) => {
                tracing::warn!(chat.id = chat.0, error = &err as &dyn std::error::Error, "a reply has to wait");
                let wait = if let Error::FloodWait { retry_after, .. } = err { retry_after } else { UNREACHABLE_WAIT };
                let Outgoing { text, keyboard, .. } = message;
                self.later(chat, &saying(Reply { text, keyboard, topic, tidy, stay }), wait).await?;
                return Ok(None);
            }
            Err(err) => {
                tracing::warn!(
                    chat.id = chat.0,
                    error = &err as &dyn std::error::Error,
                    "a reply was not sent, or may not have been"
                );
                None
            }
        };
        self.will_go(chat, stay, tidy, sent).await?;
        Ok(sent)
    }

    async fn will_go(
        &self,
        chat: ChatId,
        stay: Stay,
        mut served: Vec<MessageId>,
        sent: Option<MessageId>,
    ) -> Result<(), HandlerError> {
        // A private chat has its user's id, which is positive.
        match (if chat.0 > 0 { Stay::ForEver } else { stay }, sent) {
            (Stay::ForEver, _) => return Ok(()),
            (Stay::Briefly, _) => served.extend(sent),
            (Stay::WhileUsed, Some(sent)) => self.in_use(chat, sent).await?,
            (Stay::WhileUsed, None) => {}
        }
        if !served.is_empty() {
            self.later(chat, &Task::Tidy { messages: served }, TIDY_AFTER).await?;
        }
        Ok(())
    }

    /// A reply of ours in a group goes after a while, whether or not that was written down when it was sent.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn soon_goes(&self, chat: ChatId, message: MessageId) -> Result<(), HandlerError> {
        self.will_go(chat, Stay::Briefly, Vec::new(), Some(message)).await
    }

    /// A button under this message was pressed: it stays for another while.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn in_use(&self, chat: ChatId, message: MessageId) -> Result<(), HandlerError> {
        self.later(chat, &Task::Fold { message, used_ms: shared::clock::now_ms() }, FOLD_AFTER).await
    }

    /// Removes a message whose buttons nobody has pressed for a while, or says when to look again.
    ///
    /// # Errors
    /// Telegram is away, or the shard is not ours any more.
    pub(crate) async fn fold(
        &self,
        fence: &Fence,
        chat: ChatId,
        message: MessageId,
        used_ms: i64,
    ) -> Result<Option<Duration>, HandlerError> {
        let unused = Duration::from_millis(u64::try_from(shared::clock::now_ms() - used_ms).unwrap_or(0));
        match FOLD_AFTER.checked_sub(unused) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => self.remove(fence, chat, &[message]).await.map(|()| None),
        }
    }

    /// Puts another text and other buttons into a message of ours, now, or when the chat's budget allows and Telegram takes it. That it is gone
    /// is no error.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn show(
        &self,
        fence: &Fence,
        chat: ChatId,
        message: MessageId,
        text: String,
        keyboard: Option<Keyboard>,
    ) -> Result<(), HandlerError> {
        let content = Outgoing { text, keyboard, ..Outgoing::default() };
        let Some(wait) = self.edit(fence, chat, message, &content).await? else {
            // What waits from before must not overwrite it.
            let waiting = Task::Show { message, text: String::new(), buttons: None };
            return Ok(self.store.drop_task(fence.into(), chat, &waiting.key()).await?);
        };
        let buttons = content.keyboard.as_ref().map(written);
        self.later(chat, &Task::Show { message, text: content.text, buttons }, wait).await
    }

    /// The same for what had to wait. Says when to try again, if it has to wait still.
    ///
    /// # Errors
    /// The shard is not ours any more.
    pub(crate) async fn show_at_last(
        &self,
        fence: &Fence,
        chat: ChatId,
        message: MessageId,
        text: &str,
        buttons: Option<&str>,
    ) -> Result<Option<Duration>, HandlerError> {
        let keyboard = buttons.and_then(|buttons| serde_json::from_str(buttons).ok());
        self.edit(fence, chat, message, &Outgoing { text: text.to_owned(), keyboard, ..Outgoing::default() }).await
    }

    /// How long it has to wait, if it has to.
    async fn edit(
        &self,
        fence: &Fence,
        chat: ChatId,
        message: MessageId,
        content: &Outgoing,
    ) -> Result<Option<Duration>, HandlerError> {
        fence.check()?;
        let slot = match self.telegram.send_slot(chat, Occasion::Ordinary, Priority::P0).await {
            Ok(slot) => slot,
            Err(wait) => return Ok(Some(wait)),
        };
        match self.telegram.edit(slot, message, content).await {
            Ok(()) => Ok(None),
            Err(Error::FloodWait { retry_after, .. }) => Ok(Some(retry_after)),
            Err(Error::Unavailable(_)) => Ok(Some(UNREACHABLE_WAIT)),
            Err(err) => {
                tracing::info!(
                    chat.id = chat.0,
                    error = &err as &dyn std::error::Error,
                    "a message could not be changed"
                );
                Ok(None)
            }
        }
    }

    /// Says what had to wait.
    ///
    /// # Errors
    /// See [`Self::reply`].
    pub(crate) async fn say_at_last(
        &self,
        fence: &Fence,
        chat: ChatId,
        reply: Reply,
        buttons: Option<&str>,
    ) -> Result<(), HandlerError> {
        let keyboard = buttons.and_then(|buttons| serde_json::from_str(buttons).ok());
        self.reply(fence, chat, Reply { keyboard, ..reply }).await.map(drop)
    }
}

fn saying(reply: Reply) -> Task {
    let Reply { text, keyboard, topic, tidy, stay } = reply;
    Task::Say { text, topic, tidy, buttons: keyboard.as_ref().map(written), stay }
}

fn written(keyboard: &Keyboard) -> String {
    serde_json::to_string(keyboard).expect("buttons are plain data")
}
