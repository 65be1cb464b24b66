//! The stand-alone program as a process, against a simulated Telegram with protected groups in it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};
use telegram_sim::{
    config::SimConfig,
    faults::Fault,
    floods::FloodLimits,
    ids::{ChatId, MessageId, UserId},
    rights::AdminRights,
    simulator::Simulator,
    world::{World, buttons::CallbackAnswer, seeing::Seen},
};
use tempfile::TempDir;

use crate::{
    place::Place,
    process::{Launch, Process, Program},
    wait::PATIENCE,
};

/// A running gmbot and its Telegram. Both end with this value.
pub struct Standalone {
    pub process: Process,
    pub sim: Simulator,
    pub world: World,
    launch: Launch,
    database: PathBuf,
    groups: AtomicUsize,
    _folder: TempDir,
}

impl Standalone {
    /// Starts both and waits until gmbot serves.
    ///
    /// # Errors
    /// gmbot is not built, ends, or is not ready in time.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same, with these variables.
    ///
    /// # Errors
    /// gmbot is not built, ends, or is not ready in time.
    pub async fn start_with(env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::launched(Program::Gmbot.launch(), [], env).await?.ready().await
    }

    /// The same, and its last lines are not shown at its end.
    ///
    /// # Errors
    /// gmbot is not built, ends, or is not ready in time.
    pub async fn start_silent(env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::launched(Program::Gmbot.launch().silent(), [], env).await?.ready().await
    }

    /// Starts gmbot while these faults are in force, and does not wait for it.
    ///
    /// # Errors
    /// gmbot is not built, or cannot be started.
    pub async fn start_under(faults: impl IntoIterator<Item = Fault>) -> anyhow::Result<Self> {
        Self::launched(Program::Gmbot.launch(), faults, &[]).await
    }

    async fn launched(
        gmbot: Launch,
        faults: impl IntoIterator<Item = Fault>,
        env: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        // Telegram's limits are the matter of the tests that set them; the others would only be slowed down.
        let sim = Simulator::start(SimConfig { floods: FloodLimits::off(), ..SimConfig::default() }).await?;
        for fault in faults {
            sim.fault(fault);
        }
        let folder = tempfile::Builder::new().prefix("gmbot-data-").tempdir().context("a folder for the database")?;
        let database = folder.path().join("gmbot.db");
        let launch = gmbot
            .env("BOT_TOKEN", sim.token())
            .env("TELEGRAM_API_URL", sim.api_url())
            .env("DATABASE_URL", &database)
            .env("HOST", "127.0.0.1")
            // People here are quicker than people are, and this Telegram minds less.
            .env("LIMIT_SEND_PER_GROUP_PER_MIN", "600");
        let launch = env.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let process = launch.spawn()?;
        Ok(Self { process, world: sim.world(), sim, launch, database, groups: AtomicUsize::new(0), _folder: folder })
    }

    async fn ready(mut self) -> anyhow::Result<Self> {
        self.process.ready().await?;
        Ok(self)
    }

    /// How gmbot is started.
    pub fn launch(&self) -> Launch {
        self.launch.clone()
    }

    /// A connection to gmbot's own file, to see or set what nobody can by Telegram yet.
    ///
    /// # Errors
    /// There is no such file.
    pub async fn database(&self) -> anyhow::Result<SqliteConnection> {
        let file = SqliteConnectOptions::new().filename(&self.database).busy_timeout(PATIENCE);
        Ok(file.connect().await?)
    }

    /// Starts gmbot again on the same file, after it has ended.
    ///
    /// # Errors
    /// It ends, or is not ready in time.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = self.launch.start().await?;
        Ok(())
    }

    /// A group and a public channel, the bot an admin of both, and protected by its owner.
    ///
    /// # Errors
    /// The owner was not answered as expected.
    pub async fn protected_group(&self) -> anyhow::Result<Place> {
        let number = self.groups.fetch_add(1, Ordering::Relaxed);
        let owner = self.world.person("Olga");
        let name = format!("daily_news_{number}");
        let channel = self.world.channel(&format!("News {number}"), Some(&name), owner);
        let group = self.world.group(&format!("Readers {number}"), owner);
        self.world.add_bot(channel, AdminRights::INVITE_USERS);
        self.world.add_bot(group, AdminRights::MODERATOR);
        let command = format!("/protect @{name}");
        let reply = self.ask(group, owner, &command).await?;
        anyhow::ensure!(reply.text.starts_with("Done!"), "{command} was answered with {:?}", reply.text);
        let greets = |world: &World| world.bot_messages(group).iter().any(|seen| seen.text.starts_with("Hello! "));
        self.until("the greeting to go", |world| (!greets(world)).then_some(())).await?;
        Ok(Place { group, channel, owner })
    }

    /// Says something to which the bot replies, and gives the first thing it says after it that has no buttons, as warnings and greetings have.
    async fn ask(&self, group: ChatId, who: UserId, command: &str) -> anyhow::Result<Seen> {
        let asked = self.world.say(group, who, command)?;
        let is_reply = |seen: &Seen| seen.id > asked && seen.buttons.is_empty();
        let reply = |world: &World| world.bot_messages(group).into_iter().find(is_reply);
        self.until(&format!("a reply to {command:?}"), reply).await
    }

    /// Waits until everything that was said in the group so far is decided: messages of a chat are handled in their order, so the answer to
    /// `/status` comes after them.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn settled(&self, place: &Place) -> anyhow::Result<Seen> {
        self.ask(place.group, place.owner, "/status").await
    }

    /// Waits for a state of the world.
    ///
    /// # Errors
    /// It did not come; the text shows the last calls and gmbot's last lines.
    pub async fn until<T>(&self, what: &str, found: impl Fn(&World) -> Option<T>) -> anyhow::Result<T> {
        Ok(self.sim.wait(what, PATIENCE, || found(&self.world)).await?)
    }

    /// Waits until somebody cannot speak in the group.
    ///
    /// # Errors
    /// They still can.
    pub async fn muted(&self, group: ChatId, who: UserId) -> anyhow::Result<()> {
        self.until(&format!("{who} to be muted"), |world| (!world.can_speak(group, who)).then_some(())).await
    }

    /// Waits until somebody can speak in the group again.
    ///
    /// # Errors
    /// They still cannot.
    pub async fn released(&self, group: ChatId, who: UserId) -> anyhow::Result<()> {
        self.until(&format!("{who} to be released"), |world| world.can_speak(group, who).then_some(())).await
    }

    /// Waits until a message is gone.
    ///
    /// # Errors
    /// It is still there.
    pub async fn deleted(&self, group: ChatId, message: MessageId) -> anyhow::Result<()> {
        let what = format!("message {message} to go");
        self.until(&what, |world| world.message(group, message).is_none().then_some(())).await
    }

    /// The warning that mentions somebody, as soon as it is there.
    ///
    /// # Errors
    /// None came.
    pub async fn warned(&self, group: ChatId, who: UserId) -> anyhow::Result<Seen> {
        self.until(&format!("a warning to {who}"), |world| warning(world, group, who)).await
    }

    /// A stranger says something in the group, and is punished for it: who they are, and the warning.
    ///
    /// # Errors
    /// They were not.
    pub async fn offender(&self, place: &Place, name: &str) -> anyhow::Result<(UserId, Seen)> {
        let who = self.world.person_in(place.group, name);
        let message = self.world.say(place.group, who, "hello")?;
        self.deleted(place.group, message).await?;
        self.muted(place.group, who).await?;
        let warning = self.warned(place.group, who).await?;
        Ok((who, warning))
    }

    /// Presses a button, given by its label or its data, and gives what the presser is shown.
    ///
    /// # Errors
    /// There is no such button, or no answer.
    pub async fn press(
        &self,
        who: UserId,
        group: ChatId,
        warning: MessageId,
        button: &str,
    ) -> anyhow::Result<CallbackAnswer> {
        Ok(self.world.press(who, group, warning, button)?.answer(PATIENCE).await?)
    }
}

/// The warning that mentions somebody, if it is there.
pub fn warning(world: &World, group: ChatId, who: UserId) -> Option<Seen> {
    let mentions = |seen: &Seen| seen.entities.iter().any(|entity| entity["user"]["id"] == who.0);
    world.bot_messages(group).into_iter().find(|seen| !seen.buttons.is_empty() && mentions(seen))
}
