//! The buttons under replies to `/protect`: how a second channel is meant, and "try again". A press is the command once more: everything is
//! checked anew, for whoever presses.

use shared::ids::ChannelId;

use super::HandlerError;
use crate::{
    desk::{Desk, Stop, Wish},
    event::{Author, ButtonPressed},
    fence::Fence,
    pressed::How,
    telegram::chats::ChatRef,
    texts::{alert, sentences},
};

/// Says what the presser hears.
///
/// # Errors
/// Telegram or the database is away.
pub(crate) async fn on_press(
    desk: &Desk<'_>,
    fence: &Fence,
    press: &ButtonPressed,
    how: How,
    channel: ChannelId,
) -> Result<String, HandlerError> {
    desk.reply_goes(press).await?;
    if !desk.may_press(press).await? {
        return Ok(sentences::ADMINS_ONLY.to_owned());
    }
    let wish = Wish {
        group: press.chat,
        group_title: &press.title,
        asker: &Author::Person(press.by.clone()),
        channel: ChatRef::Id(channel.into()),
        named: "",
        how,
    };
    match desk.require(fence, wish).await {
        Ok(words) => {
            let heard = alert::short(&words.text);
            desk.show(fence, press, words, &heard).await
        }
        // Another question, or the same one with something else in the way: it takes the place of this one.
        Err(Stop::Say(words)) => {
            let heard = alert::short(&words.text);
            match words.keyboard {
                Some(_) => desk.show(fence, press, words, &heard).await,
                None => Ok(heard),
            }
        }
        Err(Stop::Failed(err)) => Err(err),
    }
}
