//! `gmbot demo`: the bot against a make-believe Telegram on loopback, told step by step. Needs no token and no network.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Instant,
};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use shared::{shutdown, telemetry};
use telegram_sim::{
    config::SimConfig,
    floods::FloodLimits,
    rights::AdminRights,
    simulator::Simulator,
    story::{person::Person, place::Place},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Demo},
    standalone::{self, Listeners},
};

/// Tells the story, and stays if asked to.
///
/// # Errors
/// Something in the story did not come to pass.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<()> {
    let sim = Simulator::start(SimConfig { floods: FloodLimits::telegram(), ..SimConfig::default() })
        .await
        .context("starting the make-believe Telegram")?;
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
            stay(&sim, &cast).await?;
        }
        anyhow::Ok(())
    };
    let (bot, told) = tokio::join!(bot, told);
    sim.stop().await;
    told.and(bot)
}

/// Whom the story was about, so that it can go on.
struct Cast {
    corner: Place,
    olga: Person,
    ann: Person,
    cem: Person,
}

async fn tell(sim: &Simulator) -> anyhow::Result<Cast> {
    let story = sim.story();
    let news =
        story.channel("Daily News").public("daily_news").with_bot(AdminRights::INVITE_USERS).person("Ben").open();
    let corner = story.group("Readers' Corner").with_bot(AdminRights::MODERATOR);
    let corner = corner.person("Ben").person("Ann").person("Cem").open();
    let (olga, ben, ann) = (corner.owner(), story.person("Ben"), story.person("Ann"));

    say("A make-believe Telegram runs on this machine, and the bot is in it.\n")?;

    chapter("Olga protects her group \"Readers' Corner\": only readers of the channel \"Daily News\" may write.")?;
    let start = Instant::now();
    olga.says(&corner, "/protect @daily_news")?;
    let reply = corner.bot_says("Done!").await?.stands()?;
    step(start, &format!("the bot answers: {}", reply.text))?;

    chapter("Ben, who is subscribed, writes.")?;
    let start = Instant::now();
    let hello = ben.says(&corner, "Good morning!")?;
    let asked = || (!story.calls().of("getChatMember").about(&ben).is_empty()).then_some(());
    story.until("the bot to look at Ben", asked).await?;
    step(start, "the bot looks whether he is subscribed; his message stands")?;
    hello.stands()?;

    chapter("Ann, who is not, posts.")?;
    let start = Instant::now();
    let hello = ann.says(&corner, "Hello everyone!")?;
    hello.gone().await?;
    step(start, "her message is deleted")?;
    ann.muted_in(&corner).await?;
    step(start, "she is muted, for 24 hours at most")?;
    let warning = corner.bot_mentions(&ann).await?;
    let seen = warning.stands()?;
    let buttons: Vec<String> = seen.buttons.iter().flatten().map(|button| format!("[{}]", button.label)).collect();
    step(start, &format!("she is warned: {}", seen.text))?;
    step(start, &format!("and offered: {}", buttons.join(" ")))?;
    match ann.says(&corner, "Hello?") {
        Err(_) => step(start, "she tries again, and Telegram does not let her")?,
        Ok(_) => bail!("Ann can still write"),
    }

    chapter("Ann has subscribed, and presses \"I have joined\".")?;
    let start = Instant::now();
    ann.joins(&news)?;
    let answer = ann.presses(&warning, "I have joined").await?;
    step(start, &format!("she is shown: {}", answer.text))?;
    ann.free_in(&corner).await?;
    warning.gone().await?;
    step(start, "she is released, and the warning is gone")?;

    chapter("Ann speaks.")?;
    let start = Instant::now();
    let hello = ann.says(&corner, "Hello everyone, at last!")?;
    let before = sim.pending_updates();
    let handled = || (sim.pending_updates() < before.max(1)).then_some(());
    story.until("the message to be handled", handled).await?;
    step(start, "her message stands")?;
    hello.stands()?;
    let cem = story.person("Cem");
    Ok(Cast { corner, olga, ann, cem })
}

/// The group stays protected, and Cem has not subscribed: whoever opens the page can be him.
async fn stay(sim: &Simulator, cast: &Cast) -> anyhow::Result<()> {
    let Cast { corner, olga, ann, cem } = cast;
    let page = |person: &Person| sim.playground_url(person.id, corner.id);
    say(&format!(
        "\nNow it is your turn. Open the playground in a browser, in as many windows as you like, each as somebody else:\n\n  \
           Cem, who is not subscribed:  {}\n  \
           Ann, who is:                 {}\n  \
           Olga, who owns the group:    {}\n\n\
         Ctrl-C ends it.",
        page(cem),
        page(ann),
        page(olga),
    ))?;
    if std::io::stdout().is_terminal() {
        // Where there is no browser, the address above has to do.
        let _no_browser = open::that_detached(page(cem));
    }
    shutdown::on_signal()?.cancelled().await;
    Ok(())
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
