//! `gmbot demo`: the bot against a make-believe Telegram on loopback, told step by step. Needs no token and no network.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use shared::{shutdown, telemetry};
use telegram_sim::{
    config::SimConfig,
    ids::{ChatId, UserId},
    rights::AdminRights,
    simulator::Simulator,
    world::{World, seeing::Seen},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Demo},
    standalone::{self, Listeners},
};

/// No step takes a second; whoever waits for this long should be told what is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells the story, and stays if asked to.
///
/// # Errors
/// Something in the story did not come to pass.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig::default()).await.context("starting the make-believe Telegram")?;
    let folder = tempfile::tempdir().context("making a folder for the demo's database")?;
    let database = folder.path().join("demo.db");
    let args = [
        "gmbot",
        "--bot-token",
        sim.token(),
        "--telegram-api-url",
        &sim.api_url(),
        "--database-url",
        database.to_str().context("the temporary folder has a name that is not text")?,
        "--mode",
        "polling",
        "--host",
        "127.0.0.1",
        "--admin-port",
        "0",
        "--log",
        if demo.verbose { "info" } else { "error" },
        "--log-format",
        "pretty",
    ];
    let config = Config::try_parse_from(args).context("the demo's own settings")?;
    let _telemetry = telemetry::init("gmbot", &config.process)?;
    let source = config.source()?;
    let listeners = Listeners::bind(&config, &source).await?;

    let stop = CancellationToken::new();
    let bot = standalone::run(config, source, listeners, stop.clone());
    let told = async {
        let _stop = stop.clone().drop_guard();
        let cast = tell(&sim).await?;
        if demo.stay {
            stay(&sim.api_url(), &cast).await?;
        }
        anyhow::Ok(())
    };
    let (bot, told) = tokio::join!(bot, told);
    sim.stop().await;
    told.and(bot)
}

/// Whom the story was about, so that it can go on.
struct Cast {
    group: ChatId,
    channel: ChatId,
    ann: UserId,
}

async fn tell(sim: &Simulator) -> anyhow::Result<Cast> {
    let world = sim.world();
    let olga = world.person("Olga");
    let ben = world.person("Ben");
    let ann = world.person("Ann");
    let channel = world.channel("Daily News", Some("daily_news"), olga);
    let group = world.group("Readers' Corner", olga);
    world.add_bot(channel, AdminRights::INVITE_USERS);
    world.add_bot(group, AdminRights::MODERATOR);
    world.join(channel, ben)?;
    world.join(group, ben)?;
    world.join(group, ann)?;
    let story = Story { sim, world, group };

    say("A make-believe Telegram runs on this machine, and the bot is in it.\n")?;

    chapter("Olga protects her group \"Readers' Corner\": only readers of the channel \"Daily News\" may write.")?;
    let start = Instant::now();
    story.says(olga, "/protect @daily_news")?;
    let reply = story.until("a reply", |story| story.written_by_bot("Done!")).await?;
    step(start, &format!("the bot answers: {}", reply.text))?;

    chapter("Ben, who is subscribed, writes.")?;
    let start = Instant::now();
    let hello = story.says(ben, "Good morning!")?;
    story.until("the bot to look at Ben", |story| story.asked_about(ben)).await?;
    step(start, "the bot looks whether he is subscribed; his message stands")?;
    story.stands(hello)?;

    chapter("Ann, who is not, posts.")?;
    let start = Instant::now();
    let hello = story.says(ann, "Hello everyone!")?;
    story.until("the message to be deleted", |story| story.world.message(group, hello).is_none().then_some(())).await?;
    step(start, "her message is deleted")?;
    story.until("Ann to be muted", |story| (!story.world.can_speak(group, ann)).then_some(())).await?;
    step(start, "she is muted, for 24 hours at most")?;
    let warning = story.until("a warning", |story| story.written_by_bot("Ann")).await?;
    let buttons: Vec<String> = warning.buttons.iter().flatten().map(|button| format!("[{}]", button.label)).collect();
    step(start, &format!("she is warned: {}", warning.text))?;
    step(start, &format!("and offered: {}", buttons.join(" ")))?;
    match story.says(ann, "Hello?") {
        Err(refused) => step(start, &format!("she tries again: {refused}"))?,
        Ok(_) => bail!("Ann can still write"),
    }

    chapter("Ann has subscribed, and presses \"I have joined\".")?;
    let start = Instant::now();
    story.world.join(channel, ann)?;
    let press = story.world.press(ann, group, warning.id, "I have joined")?;
    let answer = press.answer(PATIENCE).await?;
    step(start, &format!("she is shown: {}", answer.text))?;
    story.until("Ann to be released", |story| story.world.can_speak(group, ann).then_some(())).await?;
    story.until("the warning to go", |story| story.world.message(group, warning.id).is_none().then_some(())).await?;
    step(start, "she is released, and the warning is gone")?;

    chapter("Ann speaks.")?;
    let start = Instant::now();
    let hello = story.says(ann, "Hello everyone, at last!")?;
    let before = sim.pending_updates();
    story
        .until("the message to be handled", |story| (story.sim.pending_updates() < before.max(1)).then_some(()))
        .await?;
    step(start, "her message stands")?;
    story.stands(hello)?;
    say("\nThat is all there is to it. With a token of your own: BOT_TOKEN=… cargo run --release")?;
    Ok(Cast { group, channel, ann })
}

async fn stay(api: &str, cast: &Cast) -> anyhow::Result<()> {
    let Cast { group, channel, ann } = cast;
    let act = |fields: &str| format!("curl {api}/control/acts -d '{{{fields}}}'");
    say(&format!(
        "\nStaying until Ctrl-C. What people do there is yours to say, for example:\n  \
           Ann leaves the channel:  {}\n  \
           Ann writes:              {}\n  \
           what is in the group:    curl {api}/control/chats/{group}/messages\n\
         {api}/control/chats, …/people and …/calls show the chats, the people and what the bot has called.",
        act(&format!(r#""act": "leave", "chat": {channel}, "user": {ann}"#)),
        act(&format!(r#""act": "say", "chat": {group}, "user": {ann}, "text": "Hello?""#)),
    ))?;
    shutdown::on_signal()?.cancelled().await;
    Ok(())
}

/// The group as the story sees it.
struct Story<'a> {
    sim: &'a Simulator,
    world: World,
    group: ChatId,
}

impl Story<'_> {
    fn says(&self, who: UserId, text: &str) -> Result<telegram_sim::ids::MessageId, telegram_sim::world::Refused> {
        self.world.say(self.group, who, text)
    }

    fn written_by_bot(&self, beginning: &str) -> Option<Seen> {
        self.world.bot_messages(self.group).into_iter().find(|message| message.text.starts_with(beginning))
    }

    fn asked_about(&self, who: UserId) -> Option<()> {
        (!self.sim.calls().of("getChatMember").about(who).is_empty()).then_some(())
    }

    fn stands(&self, message: telegram_sim::ids::MessageId) -> anyhow::Result<()> {
        self.world.message(self.group, message).map(drop).context("a subscriber's message was deleted")
    }

    async fn until<T>(&self, what: &str, found: impl Fn(&Self) -> Option<T>) -> anyhow::Result<T> {
        Ok(self.sim.wait(what, PATIENCE, || found(self)).await?)
    }
}

fn chapter(text: &str) -> anyhow::Result<()> {
    say(&format!("\n{text}"))
}

fn step(start: Instant, text: &str) -> anyhow::Result<()> {
    say(&format!("  {:>5} ms  {text}", start.elapsed().as_millis()))
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
