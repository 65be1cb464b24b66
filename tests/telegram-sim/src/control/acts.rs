//! One thing a person does, as JSON, and its way to the handle.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::example;
use crate::ids::{ChatId, MessageId, UserId};
use crate::rights::{AdminRights, Permissions};
use crate::world::talking::Saying;
use crate::world::{Person, Refused, World};

/// How long a press over HTTP waits for the bot.
const PRESS_WAIT: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    Person {
        first_name: String,
        last_name: Option<String>,
        username: Option<String>,
        #[serde(default)]
        is_bot: bool,
    },
    Channel {
        title: String,
        username: Option<String>,
        owner: UserId,
    },
    Group {
        title: String,
        username: Option<String>,
        owner: UserId,
    },
    Forum {
        title: String,
        owner: UserId,
    },
    BasicGroup {
        title: String,
        owner: UserId,
    },
    Topic {
        chat: ChatId,
        user: UserId,
        name: String,
    },
    Link {
        channel: ChatId,
        chat: ChatId,
    },
    AddBot {
        chat: ChatId,
        rights: AdminRights,
    },
    AddBotAsMember {
        chat: ChatId,
    },
    RemoveBot {
        chat: ChatId,
    },
    Join {
        chat: ChatId,
        user: UserId,
        link: Option<String>,
        by: Option<UserId>,
    },
    RequestToJoin {
        chat: ChatId,
        user: UserId,
        link: Option<String>,
    },
    Decline {
        chat: ChatId,
        user: UserId,
    },
    Approve {
        chat: ChatId,
        user: UserId,
    },
    Leave {
        chat: ChatId,
        user: UserId,
    },
    Say {
        chat: ChatId,
        user: UserId,
        text: String,
        topic: Option<MessageId>,
        reply_to: Option<MessageId>,
    },
    SayAnonymously {
        chat: ChatId,
        user: UserId,
        text: String,
        topic: Option<MessageId>,
        reply_to: Option<MessageId>,
    },
    SayAsChannel {
        chat: ChatId,
        channel: ChatId,
        user: UserId,
        text: String,
        topic: Option<MessageId>,
        reply_to: Option<MessageId>,
    },
    Album {
        chat: ChatId,
        user: UserId,
        photos: usize,
        #[serde(default)]
        caption: String,
        topic: Option<MessageId>,
        reply_to: Option<MessageId>,
    },
    Forward {
        chat: ChatId,
        user: UserId,
        from: ChatId,
        message: MessageId,
    },
    ForwardToBot {
        user: UserId,
        from: ChatId,
        message: MessageId,
    },
    Edit {
        chat: ChatId,
        user: UserId,
        message: MessageId,
        text: String,
    },
    Delete {
        chat: ChatId,
        user: UserId,
        message: MessageId,
    },
    Direct {
        user: UserId,
        text: String,
        reply_to: Option<MessageId>,
    },
    BlockBot {
        user: UserId,
    },
    UnblockBot {
        user: UserId,
    },
    Post {
        channel: ChatId,
        text: String,
    },
    Press {
        chat: ChatId,
        user: UserId,
        message: MessageId,
        button: String,
    },
    PressForged {
        chat: ChatId,
        user: UserId,
        message: MessageId,
        data: String,
    },
    Promote {
        chat: ChatId,
        by: UserId,
        user: UserId,
        rights: AdminRights,
    },
    Demote {
        chat: ChatId,
        by: UserId,
        user: UserId,
    },
    Ban {
        chat: ChatId,
        by: UserId,
        user: UserId,
        #[serde(default)]
        until: i64,
    },
    Unban {
        chat: ChatId,
        by: UserId,
        user: UserId,
    },
    Restrict {
        chat: ChatId,
        by: UserId,
        user: UserId,
        permissions: Permissions,
        #[serde(default)]
        until: i64,
    },
    SetPermissions {
        chat: ChatId,
        by: UserId,
        permissions: Permissions,
    },
    SetJoinByRequest {
        chat: ChatId,
        on: bool,
    },
    Upgrade {
        chat: ChatId,
    },
    /// People, a group and a channel to begin with.
    Example,
}

impl Act {
    /// Does it; the result is what the handle gives, the error why Telegram would not let them.
    pub(super) async fn run(self, world: &World) -> Result<Value, String> {
        match self.start(world).map_err(|refused| refused.0)? {
            Started::Done(value) => Ok(value),
            Started::Pressed(press) => match press.answer(PRESS_WAIT).await {
                Ok(answer) => Ok(json!(answer)),
                Err(unanswered) => Err(unanswered.to_string()),
            },
        }
    }

    fn start(self, world: &World) -> Result<Started, Refused> {
        let done = match self {
            Self::Person { first_name, last_name, username, is_bot } => json!(world.person_like(&Person {
                first_name: &first_name,
                last_name: last_name.as_deref(),
                username: username.as_deref(),
                language: None,
                is_bot,
            })),
            Self::Channel { title, username, owner } => json!(world.channel(&title, username.as_deref(), owner)),
            Self::Group { title, username, owner } => {
                let group = world.group(&title, owner);
                world.set_username(group, username.as_deref());
                json!(group)
            }
            Self::Forum { title, owner } => json!(world.forum(&title, owner)),
            Self::BasicGroup { title, owner } => json!(world.basic_group(&title, owner)),
            Self::Topic { chat, user, name } => json!(world.topic(chat, user, &name)?),
            Self::Link { channel, chat } => json!(world.link(channel, chat)),
            Self::AddBot { chat, rights } => json!(world.add_bot(chat, rights)),
            Self::AddBotAsMember { chat } => json!(world.add_bot_as_member(chat)),
            Self::RemoveBot { chat } => json!(world.remove_bot(chat)),
            Self::Join { chat, user, link: Some(link), .. } => json!(world.join_by_link(chat, user, &link)?),
            Self::Join { chat, user, by: Some(by), .. } => json!(world.join_by(chat, user, by)?),
            Self::Join { chat, user, .. } => json!(world.join(chat, user)?),
            Self::RequestToJoin { chat, user, link } => {
                json!(world.request_to_join(chat, user, link.as_deref())?)
            }
            Self::Approve { chat, user } => json!(world.approve(chat, user)?),
            Self::Decline { chat, user } => json!(world.decline(chat, user)?),
            Self::Leave { chat, user } => json!(world.leave(chat, user)?),
            Self::Say { chat, user, text, topic, reply_to } => {
                json!(world.say_there(chat, user, &text, Saying { topic, reply_to })?)
            }
            Self::SayAnonymously { chat, user, text, topic, reply_to } => {
                json!(world.say_anonymously_there(chat, user, &text, Saying { topic, reply_to })?)
            }
            Self::SayAsChannel { chat, channel, user, text, topic, reply_to } => {
                json!(world.say_as_channel_there(chat, channel, user, &text, Saying { topic, reply_to })?)
            }
            Self::Album { chat, user, photos, caption, topic, reply_to } => {
                json!(world.album_there(chat, user, photos, &caption, Saying { topic, reply_to })?)
            }
            Self::Forward { chat, user, from, message } => json!(world.forward(chat, user, from, message)?),
            Self::ForwardToBot { user, from, message } => json!(world.forward_to_bot(user, from, message)?),
            Self::Edit { chat, user, message, text } => json!(world.edit(chat, user, message, &text)?),
            Self::Delete { chat, user, message } => json!(world.delete(chat, user, message)?),
            Self::Direct { user, text, reply_to } => json!(world.direct_reply(user, &text, reply_to)?),
            Self::BlockBot { user } => json!(world.block_bot(user)),
            Self::UnblockBot { user } => json!(world.unblock_bot(user)),
            Self::Post { channel, text } => json!(world.post(channel, &text)?),
            Self::Press { chat, user, message, button } => {
                return Ok(Started::Pressed(world.press(user, chat, message, &button)?));
            }
            Self::PressForged { chat, user, message, data } => {
                return Ok(Started::Pressed(world.press_forged(user, chat, message, &data)?));
            }
            Self::Promote { chat, by, user, rights } => json!(world.promote(chat, by, user, rights)?),
            Self::Demote { chat, by, user } => json!(world.demote(chat, by, user)?),
            Self::Ban { chat, by, user, until } => json!(world.ban(chat, by, user, until)?),
            Self::Unban { chat, by, user } => json!(world.unban(chat, by, user)?),
            Self::Restrict { chat, by, user, permissions, until } => {
                json!(world.restrict(chat, by, user, permissions, until)?)
            }
            Self::SetPermissions { chat, by, permissions } => json!(world.set_permissions(chat, by, permissions)?),
            Self::SetJoinByRequest { chat, on } => json!(world.set_join_by_request(chat, on)),
            Self::Upgrade { chat } => json!(world.upgrade(chat)?),
            Self::Example => json!(example::make(world)),
        };
        Ok(Started::Done(done))
    }
}

enum Started {
    Done(Value),
    /// The answer is still to come.
    Pressed(crate::world::buttons::Press),
}
