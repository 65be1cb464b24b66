//! Pressing the buttons under the bot's messages.

use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::ids::{ChatId, MessageId, UserId};
use crate::state::State;
use crate::state::chat::Chat;
use crate::state::updates::{Kind, QueueId};
use crate::world::{Act, Refused, World};

pub use crate::state::callbacks::CallbackAnswer;

/// An unanswered press's update is worth nothing after this.
const PRESS_LIVES_MS: i64 = 150_000;

/// A press that waits for the bot's answer.
#[derive(Debug)]
pub struct Press {
    answer: oneshot::Receiver<CallbackAnswer>,
}

/// The bot did not answer a press in time.
#[derive(Debug, thiserror::Error)]
#[error("the press was not answered within {0:?}")]
pub struct Unanswered(pub Duration);

impl Press {
    /// What the presser is shown.
    ///
    /// # Errors
    ///
    /// No answer came in time.
    pub async fn answer(self, deadline: Duration) -> Result<CallbackAnswer, Unanswered> {
        match tokio::time::timeout(deadline, self.answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(Unanswered(deadline)),
        }
    }
}

impl World {
    /// Presses the button with this label, or with this callback data.
    ///
    /// # Errors
    ///
    /// There is no such message or button, it is a link, or they cannot see the chat.
    pub fn press(&self, user: UserId, chat: ChatId, message: MessageId, button: &str) -> Act<Press> {
        self.act(|state| {
            let found = state.chats.get(&chat).and_then(|chat| chat.messages.get(&message));
            let found = found.ok_or_else(|| Refused::because("there is no such message"))?;
            let buttons: Vec<&Value> = found
                .keyboard
                .as_ref()
                .and_then(|keyboard| keyboard["inline_keyboard"].as_array())
                .into_iter()
                .flatten()
                .filter_map(Value::as_array)
                .flatten()
                .collect();
            let by = |field: &str| buttons.iter().find(|known| known[field] == button);
            let pressed = by("text").or_else(|| by("callback_data"));
            let pressed = pressed.ok_or_else(|| Refused::because(format!("there is no button {button:?}")))?;
            let data = pressed["callback_data"].as_str().ok_or_else(|| Refused::because("the button is a link"))?;
            let data = data.to_owned();
            press(state, user, chat, message, &data)
        })
    }

    /// Presses with any data, as a modified client can: on any message of the bot that it can see, gone ones too.
    ///
    /// # Errors
    ///
    /// They cannot see the chat.
    pub fn press_forged(&self, user: UserId, chat: ChatId, message: MessageId, data: &str) -> Act<Press> {
        self.act(|state| press(state, user, chat, message, data))
    }
}

/// Anyone who sees a button can press it, the muted too.
fn press(state: &mut State, user: UserId, chat_id: ChatId, message: MessageId, data: &str) -> Act<Press> {
    let can_see = chat_id == ChatId::from(user)
        || state.status(chat_id, user).is_present()
        || state.chats.get(&chat_id).is_some_and(Chat::is_public);
    if !can_see {
        return Err(Refused::because("they cannot see the chat"));
    }
    state.meet(user);
    let id: i64 = state.rng.random_range(1_i64 << 40..i64::MAX);
    let now_ms = state.clock.now_ms();
    let answer = state.callbacks.press(id, user, now_ms);
    let found = state.chats.get(&chat_id).and_then(|chat| chat.messages.get(&message));
    let shown = match found {
        Some(found) => state.message_json(chat_id, message, found),
        None => json!({ "chat": state.chat_json(chat_id), "message_id": message, "date": 0 }),
    };
    let object = json!({
        "id": id.to_string(),
        "from": state.user_json(user),
        "message": shown,
        // Any number that is the same for the chat will do.
        "chat_instance": chat_id.0.wrapping_mul(6_364_136_223_846_793_005).to_string(),
        "data": data,
    });
    state.updates.push(Kind::CallbackQuery, QueueId::Presses(user), now_ms, now_ms + PRESS_LIVES_MS, &object);
    Ok(Press { answer })
}
