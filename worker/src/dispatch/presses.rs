//! The one match from pressed buttons to handlers. Every press is answered, whatever came of it: the presser sees a spinner until then.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatch;
use crate::{
    event::ButtonPressed,
    fence::Fence,
    handlers::{HandlerError, allow, button::Bench, choices, settings, setup, start},
    pressed::Pressed,
    store::error::StoreError,
    texts::sentences,
};

impl Dispatch {
    /// Handles a press that reached us `age` ago.
    ///
    /// # Errors
    /// Something it needs is away; the presser is told to try again, and what can be finished without them is.
    pub(super) async fn press(&self, fence: &Fence, press: &ButtonPressed, age: Duration) -> Result<(), HandlerError> {
        let received = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        let outcome = self.carry_out(fence, press).await;
        let text = match &outcome {
            Ok(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            // Only the shard's next owner may answer: a press can be answered once.
            Err(HandlerError::Fenced(_) | HandlerError::Store(StoreError::Fenced)) => return outcome.map(drop),
            Err(_) => Some(sentences::UNKNOWN),
        };
        // What one can see in the message itself needs no dialogue to close.
        let is_alert = text.is_some_and(|text| text != sentences::SAVED);
        if let Err(err) = self.telegram.answer(&press.query, text, is_alert, received).await {
            tracing::info!(error = &err as &dyn std::error::Error, "a press could not be answered");
        }
        outcome.map(drop)
    }

    /// Says what the presser hears; nothing ends the spinner and no more.
    async fn carry_out(&self, fence: &Fence, press: &ButtonPressed) -> Result<String, HandlerError> {
        let Some(pressed) = Pressed::read(&press.data) else { return Ok(sentences::OLD_BUTTON.to_owned()) };
        let (desk, porch) = (self.desk(), self.porch());
        match pressed {
            Pressed::Joined(whom) => self.bench().judge(fence, press, whom).await,
            Pressed::JoinedIn(group) => start::on_joined(&porch, fence, press, group).await,
            Pressed::Require { how, channel } => choices::on_press(&desk, fence, press, how, channel).await,
            Pressed::Setup(step) => setup::on_press(&desk, fence, press, step).await,
            Pressed::Settings(step) => settings::on_press(&desk, fence, press, &step).await,
            Pressed::Allow(user) => allow::on_press(&desk, fence, press, user).await,
            Pressed::Menu(page) => start::on_page(&porch, fence, press, page).await,
        }
    }

    fn bench(&self) -> Bench<'_> {
        let Self { groups, membership, enforcer, store, telegram, .. } = self;
        Bench { groups, membership, enforcer, store, telegram }
    }
}
