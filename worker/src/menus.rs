//! The lists of commands that clients offer: set when the program starts, if Telegram has others.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    telegram::{Telegram, chats::CommandScope, error::Error},
    texts::menu,
};

/// When Telegram could not be asked. Nobody waits for it.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Sets what differs. Failing stops nothing; it is tried until it works or the program ends.
pub(crate) async fn set(telegram: Telegram, stop: CancellationToken) {
    while let Err(err) = try_set(&telegram).await {
        tracing::info!(error = &err as &dyn std::error::Error, "the command menus could not be set; trying again");
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn try_set(telegram: &Telegram) -> Result<(), Error> {
    let menus = [
        (CommandScope::AllPrivateChats, menu::IN_PRIVATE),
        (CommandScope::AllGroupChats, menu::IN_GROUPS),
        (CommandScope::AllChatAdministrators, menu::FOR_ADMINS),
    ];
    for (scope, commands) in menus {
        let set = telegram.my_commands(scope).await?;
        let same = set.iter().map(|(name, what)| (name.as_str(), what.as_str())).eq(commands.iter().copied());
        if !same {
            telegram.set_my_commands(scope, None, commands).await?;
        }
    }
    Ok(())
}
