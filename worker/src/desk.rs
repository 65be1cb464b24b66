//! Where admins' wishes are heard: who asks, what must be so before a group's set-up changes, and how the answer reaches them.
//!
//! Commands and presses of buttons come to the same desk, so that a press is checked as strictly as the command that offered it.

mod channel;
mod require;

use shared::ids::{BotId, ChannelId, ChatId, UserId};

pub(crate) use channel::{named_chat, username};
pub(crate) use require::Wish;

use crate::{
    enforce::{Enforcer, Reply},
    event::{Author, ButtonPressed, ChatKind, MessagePosted, Person},
    fence::Fence,
    groups::Groups,
    handlers::HandlerError,
    store::Store,
    telegram::{
        Telegram,
        budget::Priority,
        error::Error,
        replies::{Member, MemberStatus},
    },
    texts::{
        Links, Words,
        reply::{self, Reach},
        sentences,
    },
};

/// What admins' wishes are carried out with.
pub(crate) struct Desk<'a> {
    pub bot: BotId,
    pub links: Links<'a>,
    pub groups: &'a Groups,
    pub enforcer: &'a Enforcer,
    pub store: &'a Store,
    pub telegram: &'a Telegram,
}

/// Why a wish was not carried out: something to say, or nothing that can be said.
pub(crate) enum Stop {
    Say(Words),
    Failed(HandlerError),
}

impl<E: Into<HandlerError>> From<E> for Stop {
    fn from(err: E) -> Self {
        Self::Failed(err.into())
    }
}

impl Stop {
    /// Something to say.
    pub(crate) fn say(words: impl Into<Words>) -> Self {
        Self::Say(words.into())
    }
}

impl Desk<'_> {
    /// Says what came of a command, if anything is to be said.
    ///
    /// # Errors
    /// The database is away, or what stopped the command does not pass.
    pub(crate) async fn answer(
        &self,
        fence: &Fence,
        message: &MessagePosted,
        outcome: Result<Option<Words>, Stop>,
    ) -> Result<(), HandlerError> {
        let words = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(words)) | Err(Stop::Say(words)) => words,
            Err(Stop::Failed(HandlerError::Telegram(err @ (Error::FloodWait { .. } | Error::Unavailable(_))))) => {
                tracing::warn!(
                    chat.id = message.chat.id.0,
                    error = &err as &dyn std::error::Error,
                    "a command could not be checked"
                );
                sentences::CHECK_LATER.into()
            }
            Err(Stop::Failed(err)) => return Err(err),
        };
        let answer = Reply {
            text: words.text,
            keyboard: words.keyboard,
            topic: message.topic,
            tidy: vec![message.message],
            ..Reply::default()
        };
        self.enforcer.reply(fence, message.chat.id, answer).await.map(drop)
    }

    /// Shows what came of a press in the message itself, and gives back what the presser hears at once.
    ///
    /// # Errors
    /// The database is away, or the shard is not ours any more.
    pub(crate) async fn show(
        &self,
        fence: &Fence,
        press: &ButtonPressed,
        words: Words,
        heard: &str,
    ) -> Result<String, HandlerError> {
        self.enforcer.show(fence, press.chat, press.message, words.text, words.keyboard).await?;
        Ok(heard.to_owned())
    }

    /// A reply whose button was pressed, by whomever, goes after a while: the bot may not know that it stands there, when Telegram's answer to
    /// it was lost. A press with forged data could take away what is to stay.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn reply_goes(&self, press: &ButtonPressed) -> Result<(), HandlerError> {
        if press.offered { self.enforcer.soon_goes(press.chat, press.message).await } else { Ok(()) }
    }

    /// # Errors
    /// Telegram does not say.
    pub(crate) async fn is_admin(&self, chat: ChatId, author: &Author) -> Result<bool, HandlerError> {
        match author {
            Author::AnonymousAdmin => Ok(true),
            Author::Person(person) => match self.telegram.member(chat, person.id, Priority::P0).await {
                Ok(member) => Ok(is_admin(&member)),
                // Said of people too who have never been there.
                Err(Error::UserUnknown) => Ok(false),
                Err(err) => Err(err.into()),
            },
            Author::Channel(_) | Author::Exempt(_) => Ok(false),
        }
    }

    /// What somebody hears who is no admin and would set the group up: once a minute, and only while it is not protected.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn ask_an_admin(&self, message: &MessagePosted) -> Result<Option<Words>, HandlerError> {
        let group = message.chat.id;
        let is_person = matches!(message.author, Author::Person(_));
        let is_heard = is_person && self.groups.rules(group).await?.is_none() && self.groups.may_answer(group).await;
        Ok(is_heard.then(|| sentences::ASK_AN_ADMIN.into()))
    }

    /// Whether whoever pressed may have what an admin may. Presses come from people, from anonymous admins too.
    ///
    /// # Errors
    /// Telegram does not say.
    pub(crate) async fn may_press(&self, press: &ButtonPressed) -> Result<bool, HandlerError> {
        match press.kind {
            ChatKind::Group | ChatKind::Supergroup => {
                self.is_admin(press.chat, &Author::Person(press.by.clone())).await
            }
            ChatKind::Private | ChatKind::Channel | ChatKind::Unknown => Ok(false),
        }
    }

    /// What the bot may not do in the group though it has to.
    ///
    /// # Errors
    /// Telegram does not say.
    pub(crate) async fn lacking(&self, group: ChatId) -> Result<Vec<&'static str>, Error> {
        let own = self.telegram.member(group, UserId(self.bot.0), Priority::P0).await?;
        Ok(reply::lacking(own.rights))
    }

    /// Whether the bot can see who is subscribed to a channel.
    pub(crate) async fn reach(&self, channel: ChannelId) -> Reach {
        match self.telegram.member(channel.into(), UserId(self.bot.0), Priority::P0).await {
            Ok(own) if is_admin(&own) => Reach::Fine,
            Ok(_) | Err(Error::ChatInaccessible { .. } | Error::MissingRight { .. }) => Reach::NotAdmin,
            Err(_) => Reach::Unknown,
        }
    }

    /// Whom to write to about the group: who asked, or its creator if they did so anonymously.
    async fn owner(&self, group: ChatId, author: &Author) -> Result<(UserId, Option<String>), HandlerError> {
        if let Author::Person(Person { id, username, .. }) = author {
            return Ok((*id, username.clone()));
        }
        let admins = self.telegram.admins(group, Priority::P0).await?;
        let creator = admins.iter().find(|(_, member)| member.status == MemberStatus::Creator);
        Ok((creator.or(admins.first()).map_or(UserId(0), |(user, _)| *user), None))
    }
}

fn is_admin(member: &Member) -> bool {
    matches!(member.status, MemberStatus::Administrator | MemberStatus::Creator)
}
