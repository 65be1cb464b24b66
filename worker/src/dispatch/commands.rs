//! The one match from commands, and from texts that answer a prompt, to handlers.

use std::slice;

use super::Dispatch;
use crate::{
    desk::{Desk, Stop},
    event::{Author, ChatKind, Command, MessagePosted, Person, Typed},
    fence::Fence,
    handlers::{
        HandlerError,
        allow::{self, Which},
        help,
        message::Posted,
        protect, settings, setup,
        start::{self, Porch},
        stats, status,
    },
    pressed::Prompt,
    texts::{Links, sentences},
};

/// What a message asks of us.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    Command(&'a Command),
    Answer(&'a Typed, Prompt),
    /// Somebody writes to the bot in private, whatever it is.
    Help(&'a Person),
}

impl<'a> Asked<'a> {
    /// None for almost every message: what only looks like a command is somebody else's.
    pub(super) fn of(message: &'a MessagePosted) -> Option<Self> {
        const COMMANDS: [&str; 10] =
            ["protect", "unprotect", "status", "setup", "settings", "allow", "disallow", "start", "help", "stats"];
        if let Some(command) = &message.command {
            if COMMANDS.contains(&command.name.as_str()) {
                return Some(Self::Command(command));
            }
        } else if let Some(typed) = &message.typed
            && let Some(prompt) = Prompt::read(&typed.buttons)
        {
            return Some(Self::Answer(typed, prompt));
        }
        match &message.author {
            Author::Person(person) if message.chat.kind == ChatKind::Private && !message.edited => {
                Some(Self::Help(person))
            }
            _ => None,
        }
    }

    /// Whether messages after it may have to be judged by other rules than those before it.
    pub(super) fn changes_rules(self) -> bool {
        match self {
            Self::Command(command) => {
                matches!(command.name.as_str(), "protect" | "unprotect" | "allow" | "disallow")
            }
            Self::Answer(_, Prompt::Channel | Prompt::Text(_)) => true,
            Self::Help(_) => false,
        }
    }
}

impl Dispatch {
    /// A command is carried out once: a late repetition would be answered again, and could undo what was said since.
    pub(super) async fn asked(&self, fence: &Fence, posted: &Posted<'_>, asked: Asked<'_>) -> Result<(), HandlerError> {
        let (desk, message) = (self.desk(), posted.message);
        if message.chat.kind.is_group() && !self.groups.serves(message.chat.id).await?
            || !self.store.marked(slice::from_ref(&posted.update)).await?.is_empty()
        {
            return Ok(());
        }
        match asked {
            Asked::Command(command) => self.command(fence, message, command).await?,
            Asked::Help(person) => self.help(fence, message, person).await?,
            Asked::Answer(typed, Prompt::Channel) => setup::on_typed(&desk, fence, message, typed).await?,
            Asked::Answer(typed, Prompt::Text(setting)) => {
                settings::on_typed(&desk, fence, message, typed, setting).await?;
            }
        }
        Ok(self.store.mark(fence.into(), &posted.update, shared::clock::now_ms()).await?)
    }

    async fn command(&self, fence: &Fence, message: &MessagePosted, command: &Command) -> Result<(), HandlerError> {
        let Self { groups, enforcer, .. } = self;
        let (desk, porch) = (self.desk(), self.porch());
        let args = command.args.as_str();
        let in_private = match &message.author {
            Author::Person(person) if message.chat.kind == ChatKind::Private => Some(person),
            _ => None,
        };
        match (command.name.as_str(), in_private) {
            ("protect", _) => protect::on_protect(&desk, fence, message, args).await,
            ("unprotect", _) => protect::on_unprotect(&desk, fence, message, args).await,
            ("setup", _) => setup::on_setup(&desk, fence, message).await,
            ("settings", _) => settings::on_settings(&desk, fence, message).await,
            ("allow", _) => allow::on_command(&desk, fence, message, Which::Allow, args).await,
            ("disallow", _) => allow::on_command(&desk, fence, message, Which::Disallow, args).await,
            ("stats", Some(person)) if self.operators.contains(&person.id) => {
                let (intake, up) = (&self.intake, self.started.elapsed());
                stats::on_stats(enforcer, &self.store, intake, up, fence, message).await
            }
            // To all others it is no command.
            ("stats", Some(person)) => self.help(fence, message, person).await,
            ("start", Some(person)) => start::on_start(&porch, fence, message, person, args).await,
            ("help", Some(_)) => start::on_help(&porch, fence, message).await,
            ("start", None) if desk.is_admin(message.chat.id, &message.author).await? => {
                help::on_start(enforcer, fence, message).await
            }
            // What anybody may ask, once a minute.
            ("status" | "help", None) if !groups.may_ask(message.chat.id, &message.author).await => Ok(()),
            ("help", None) => help::on_help(enforcer, fence, message).await,
            ("status", Some(_)) => desk.answer(fence, message, Err(Stop::say(sentences::ONLY_IN_GROUPS))).await,
            ("status", None) => status::on_status(&desk, fence, message).await,
            _ => Ok(()),
        }
    }

    /// What somebody is shown in private who has said nothing that we know: once a minute, or they could have the bot write without end.
    async fn help(&self, fence: &Fence, message: &MessagePosted, person: &Person) -> Result<(), HandlerError> {
        if !self.groups.may_answer(message.chat.id).await {
            return Ok(());
        }
        start::on_start(&self.porch(), fence, message, person, "").await
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        let Self { bot, reader, groups, enforcer, store, telegram, .. } = self;
        Desk { bot: *bot, links: Links(&reader.username), groups, enforcer, store, telegram }
    }

    pub(super) fn porch(&self) -> Porch<'_> {
        let Self { reader, groups, membership, enforcer, store, .. } = self;
        Porch { links: Links(&reader.username), groups, membership, enforcer, store }
    }
}
