//! A text with or without buttons, and the links by which the bot is added to groups and channels.

use crate::{
    pressed::Pressed,
    telegram::message::{Button, Keyboard, Press},
};

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub text: String,
    pub keyboard: Option<Keyboard>,
}

impl Words {
    /// A button that comes back to us.
    pub(crate) fn button(text: impl Into<String>, pressed: &Pressed) -> Button {
        Button { text: text.into(), press: Press::Callback(pressed.data()) }
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self { text, keyboard: None }
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Links to this bot, by its username.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<'a>(pub &'a str);

/// What the bot has to be able to do in a group: not more, and above all not to appoint admins, which would let a release demote one.
const GROUP_RIGHTS: &str = "delete_messages+restrict_members";

/// Any right lets it see who is subscribed; this one also lets it make an invite link where the channel is private.
const CHANNEL_RIGHTS: &str = "invite_users";

impl Links<'_> {
    /// A button that adds the bot to a group, or asks for the rights it lacks in one: opens Telegram's own dialogue with them ticked
    /// (telegram.md 7.6).
    pub(crate) fn to_group(self, text: &str) -> Button {
        self.button(text, "startgroup", GROUP_RIGHTS)
    }

    /// A button that adds the bot to a channel.
    pub(crate) fn to_channel(self, text: &str) -> Button {
        self.button(text, "startchannel", CHANNEL_RIGHTS)
    }

    fn button(self, text: &str, to: &str, rights: &str) -> Button {
        let link = format!("https://t.me/{}?{to}&admin={rights}", self.0);
        Button { text: text.to_owned(), press: Press::Open(link.parse().expect("usernames are letters and digits")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_ask_for_the_rights_that_are_needed() {
        let url = |button: Button| match button.press {
            Press::Open(url) => url.to_string(),
            Press::Callback(data) => panic!("{data} is no link"),
        };
        let links = Links("gate_bot");
        let group = "https://t.me/gate_bot?startgroup&admin=delete_messages+restrict_members";
        assert_eq!(url(links.to_group("Add me")), group);
        assert_eq!(url(links.to_channel("Add me")), "https://t.me/gate_bot?startchannel&admin=invite_users");
    }
}
