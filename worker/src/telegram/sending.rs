//! Messages and their edits, which need a slot, and answers to button presses, which need nothing.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::ids::{ChatId, MessageId};
use teloxide_core::payloads;
use teloxide_core::requests::Payload;
use teloxide_core::types::{CallbackQueryId, Message};
use tokio::time::Instant;

use super::Telegram;
use super::budget::{Ask, Class, Priority};
use super::calls::Terms;
use super::error::Error;
use super::message::{Keyboard, MessageEntity, Outgoing};
use super::replies::read_true;

/// What a message is sent for: a broadcast has a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    Ordinary,
    Broadcast,
}

/// Leave to send or edit one message in one chat, taken out of the budget. Use it at once or drop it.
#[derive(Debug)]
#[must_use = "the budget has been charged for it"]
pub struct SendSlot {
    ask: Ask,
    chat: ChatId,
}

/// Clients show a spinner for about this long and Telegram then refuses the answer (reported; not documented).
const ANSWERABLE_FOR: Duration = Duration::from_secs(15);

#[derive(Debug, Serialize)]
struct SendMessage<'a> {
    chat_id: ChatId,
    #[serde(flatten)]
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_parameters: Option<ReplyParameters>,
}

#[derive(Debug, Serialize)]
struct EditMessageText<'a> {
    chat_id: ChatId,
    message_id: MessageId,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
struct EditMessageReplyMarkup<'a> {
    chat_id: ChatId,
    message_id: MessageId,
    /// Left out, the buttons go.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a Keyboard>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    entities: &'a [MessageEntity],
    link_preview_options: LinkPreviewOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a Keyboard>,
}

#[derive(Debug, Serialize)]
struct LinkPreviewOptions {
    is_disabled: bool,
}

#[derive(Debug, Serialize)]
struct ReplyParameters {
    message_id: MessageId,
    allow_sending_without_reply: bool,
}

impl Payload for SendMessage<'_> {
    type Output = Message;
    const NAME: &'static str = "SendMessage";
}

impl Payload for EditMessageText<'_> {
    type Output = Message;
    const NAME: &'static str = "EditMessageText";
}

impl Payload for EditMessageReplyMarkup<'_> {
    type Output = Message;
    const NAME: &'static str = "EditMessageReplyMarkup";
}

impl Telegram {
    /// Takes leave to send or edit one message in the chat, now. Nobody waits for it: who gets none does something else and comes back.
    ///
    /// # Errors
    /// How long until it is worth asking again.
    pub async fn send_slot(&self, chat: ChatId, occasion: Occasion, priority: Priority) -> Result<SendSlot, Duration> {
        let class = match occasion {
            Occasion::Ordinary => Class::Send,
            Occasion::Broadcast => Class::Broadcast,
        };
        let ask = Ask { class, chat: Some(chat), priority };
        self.0.limiter.try_send(&ask).await?;
        Ok(SendSlot { ask, chat })
    }

    /// Sends a message, without link previews.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: it may have been sent. After [`Error::FloodWait`] and [`Error::Unavailable`] it surely was not.
    pub async fn send(&self, slot: SendSlot, message: &Outgoing) -> Result<MessageId, Error> {
        let payload = SendMessage {
            chat_id: slot.chat,
            content: Content::of(message),
            message_thread_id: message.thread,
            reply_parameters: message
                .reply_to
                .map(|message_id| ReplyParameters { message_id, allow_sending_without_reply: true }),
        };
        let terms = Terms::Slot { ask: slot.ask, twice_is_harmless: false };
        self.call(&payload, terms, read_message_id).await
    }

    /// Puts another text and other buttons into a message of the bot. That it looks so already is a success.
    ///
    /// # Errors
    /// [`Error::MessageGone`], [`Error::MessageStays`].
    pub async fn edit(&self, slot: SendSlot, message: MessageId, content: &Outgoing) -> Result<(), Error> {
        let payload = EditMessageText { chat_id: slot.chat, message_id: message, content: Content::of(content) };
        self.edit_by(&slot, &payload).await
    }

    /// Puts other buttons under a message of the bot, or none.
    ///
    /// # Errors
    /// [`Error::MessageGone`], [`Error::MessageStays`].
    pub async fn edit_keyboard(
        &self,
        slot: SendSlot,
        message: MessageId,
        keyboard: Option<&Keyboard>,
    ) -> Result<(), Error> {
        let payload = EditMessageReplyMarkup { chat_id: slot.chat, message_id: message, reply_markup: keyboard };
        self.edit_by(&slot, &payload).await
    }

    /// Ends the spinner on a pressed button, with a text of at most 200 characters if there is one, as a notice or as an `alert` to close.
    /// Waits behind nothing. Too late is a success: nobody is looking any more. `received` is when the press came to this process.
    ///
    /// # Errors
    /// Telegram cannot be reached, or refused.
    pub async fn answer(
        &self,
        callback_id: &str,
        text: Option<&str>,
        alert: bool,
        received: Instant,
    ) -> Result<(), Error> {
        let worthless_after = received + ANSWERABLE_FOR;
        if Instant::now() >= worthless_after {
            return Ok(());
        }
        let mut payload = payloads::AnswerCallbackQuery::new(CallbackQueryId(callback_id.to_owned()));
        payload.text = text.map(str::to_owned);
        payload.show_alert = Some(alert);
        // Clients would repeat a stored answer without asking, "not subscribed" among them.
        payload.cache_time = Some(0);
        match self.call(&payload, Terms::Unlimited { worthless_after }, read_true).await {
            Err(Error::QueryTooOld) => Ok(()),
            outcome => outcome,
        }
    }

    async fn edit_by<P: Payload + Serialize + Sync>(&self, slot: &SendSlot, payload: &P) -> Result<(), Error> {
        let terms = Terms::Slot { ask: slot.ask, twice_is_harmless: true };
        // The answer is the message, or True for some kinds; either says all that we ask.
        match self.call(payload, terms, |_| Some(())).await {
            Err(Error::NotModified) => Ok(()),
            outcome => outcome,
        }
    }
}

impl<'a> Content<'a> {
    fn of(message: &'a Outgoing) -> Self {
        Self {
            text: &message.text,
            entities: &message.entities,
            link_preview_options: LinkPreviewOptions { is_disabled: true },
            reply_markup: message.keyboard.as_ref(),
        }
    }
}

fn is_empty(entities: &&[MessageEntity]) -> bool {
    entities.is_empty()
}

fn read_message_id(reply: &Value) -> Option<MessageId> {
    reply["message_id"].as_i64().map(MessageId)
}
