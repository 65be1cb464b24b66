//! `/stats`: numbers for those who run the bot.

use std::time::Duration;

use super::HandlerError;
use crate::{
    enforce::Enforcer,
    event::MessagePosted,
    fence::Fence,
    metrics::IntakeMetrics,
    store::Store,
    texts::own::{self, Stats},
};

/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_stats(
    enforcer: &Enforcer,
    store: &Store,
    intake: &IntakeMetrics,
    up: Duration,
    fence: &Fence,
    message: &MessagePosted,
) -> Result<(), HandlerError> {
    let counts = store.counts().await?;
    let stats = Stats { counts, dead_letters: intake.buried.get(), lag: intake.backlog.get(), up };
    enforcer.say(fence, message.chat.id, own::stats(&stats), None, &[]).await.map(drop)
}
